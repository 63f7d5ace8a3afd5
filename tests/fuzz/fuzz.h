/* fuzz.h - what the fuzz targets share.
 *
 * A target hands the bytes it is given to a reader, several times over: whole,
 * in short pieces, and sometimes skipping what it need not look at. However it
 * was read, the outcome must be the same: what was in it, or the same message.
 * Meanwhile memory is counted. Nothing may take more than
 *
 *     64 MiB + 4 n + 1 MiB
 *
 * for n bytes of input, bytes that come out of a decompressor counted as input
 * too: 64 MiB for one sample or tensor, of which a compressed picture may make
 * its length up; the last one for buffers that are there whatever comes. (What
 * libarchive reserves by the word of a header is left out: see fuzz.c.) What
 * would go beyond ends the program where it is allocated, as a crash does. So
 * do five seconds of the processor's time.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/error.h"
#include "stream/io.h"
#include "stream/stream.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);
size_t LLVMFuzzerMutate(uint8_t *, size_t, size_t);

/* Ends the program unless the condition holds. */
#define fuzz_check(condition, ...) \
	((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, __VA_ARGS__))
_Noreturn void fuzz_broken(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* --- memory ------------------------------------------------------------------ */

/* From here to fuzz_end, memory and time are counted: at most `fixed` bytes and
 * 4 n more. */
#define FUZZ_FIXED ((size_t)65 << 20)
void fuzz_begin(size_t n, size_t fixed);
void fuzz_end(void);

/* --- reading ----------------------------------------------------------------- */

struct fuzz_result {
	struct cnn_error e;
	int code;                    /* what the reader ended with */
	uint64_t digest;             /* of all that it gave */
	unsigned flavour;            /* a reader with several ways to go: which */
	bool loose;                  /* of two things wrong, the way decides which is
	                              * told of: only that something is, must agree */
};

/* Reads to the end, and closes the input. */
typedef void fuzz_reader(struct cnn_input *, struct fuzz_result *);

/* Lets it read the bytes whole, and in pieces; the results must agree. */
void fuzz_read(const uint8_t *, size_t, fuzz_reader *);
/* Do two results agree? The digests count where nothing failed. */
void fuzz_agree(const struct fuzz_result *, const struct fuzz_result *,
	const char *how);

/* Adds to the digest, which looks at every byte. */
void fuzz_add(struct fuzz_result *, const void *, size_t);
void fuzz_add_text(struct fuzz_result *, const char *);
void fuzz_add_header(struct fuzz_result *, const struct cnn_header *);
/* However the samples are cut into records: a digest a field, by its name. */
void fuzz_add_record(struct fuzz_result *, const struct cnn_record *);

/* Adds all that follows in an input. */
int fuzz_drain(struct cnn_input *, struct fuzz_result *);

struct cnn_codec;
/* Reads an array with the codec, a few rows at a time, and writes it again. */
void fuzz_codec(const struct cnn_codec *, struct cnn_input *, struct fuzz_result *);

/* Where what is printed and written goes: nowhere. */
FILE *fuzz_nowhere(void);
struct cnn_output *fuzz_output(void);

/* --- models ------------------------------------------------------------------ */

#define FUZZ_MODEL ((size_t)1 << 20)         /* bytes of parameters that are let in */
#define FUZZ_ARENAS ((size_t)4 << 20)        /* and of an executor */
/* What a model, its executor and all that describes them may take. */
#define FUZZ_COMPUTE ((size_t)24 << 20)

struct cnn_plugins *fuzz_plugins(void);
struct cnn_model;
/* Writes, prints, runs and trains a model that was let in, if it is small. */
void fuzz_model(struct cnn_model *);

/* --- mutations ----------------------------------------------------------------- */

/* Puts right the checksums in the bytes, so that what stands behind them is
 * reached: of PNG, gzip, tar and 7z, and the digest of a tensor stream. */
void fuzz_mend(uint8_t *, size_t);
/* A mutation that is mended most of the time. */
size_t fuzz_mutate(uint8_t *, size_t, size_t, unsigned);

#endif
