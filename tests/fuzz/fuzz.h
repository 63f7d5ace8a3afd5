/* fuzz.h - shared by the fuzz targets.
 *
 * A target passes its bytes to a reader several times: whole, in short pieces, and
 * sometimes skipping optional parts. The outcome must always be the same: the same
 * content, or the same message. Meanwhile memory is counted. The limit is
 *
 *     64 MiB + 4 n + 1 MiB
 *
 * for n bytes of input; the output of a decompressor counts as input too. 64 MiB are
 * for one sample or tensor, whose length a compressed picture may invent; the last MiB
 * is for fixed buffers. (What libarchive reserves because of a header is not counted:
 * see fuzz.c.) An allocation beyond the limit ends the program where it is made, like a
 * crash does. So do ten seconds of CPU time.
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

/* --- memory ----------------------------------------------------------------------- */

/* From here to fuzz_end, memory and time are limited: `fixed` + 4 n bytes. */
#define FUZZ_FIXED ((size_t)65 << 20)
void fuzz_begin(size_t n, size_t fixed);
void fuzz_end(void);

/* --- reading ---------------------------------------------------------------------- */

struct fuzz_result {
	struct cnn_error e;
	int code;	  /* the reader's last result */
	uint64_t digest;  /* of all data that it gave */
	unsigned flavour; /* variant of the reader, if it has several */
	/* If two things are wrong, the variant decides which is reported: results only
	 * have to agree that there is an error */
	bool loose;
};

/* Reads to the end and closes the input. */
typedef void fuzz_reader(struct cnn_input *, struct fuzz_result *);

/* Reads the bytes whole and in pieces; the results must agree. */
void fuzz_read(const uint8_t *, size_t, fuzz_reader *);
/* Checks that two results agree. Digests are compared if nothing failed. */
void fuzz_agree(const struct fuzz_result *, const struct fuzz_result *,
    const char *how);

/* Adds to the digest, which depends on every byte. */
void fuzz_add(struct fuzz_result *, const void *, size_t);
void fuzz_add_text(struct fuzz_result *, const char *);
void fuzz_add_header(struct fuzz_result *, const struct cnn_header *);
/* One digest per field, by its name: independent of how samples are cut into
 * records. */
void fuzz_add_record(struct fuzz_result *, const struct cnn_record *);

/* Adds the rest of an input. */
int fuzz_drain(struct cnn_input *, struct fuzz_result *);

struct cnn_codec;
/* Reads an array with the codec, a few rows at a time, and writes it again. */
void fuzz_codec(const struct cnn_codec *, struct cnn_input *, struct fuzz_result *);

/* Outputs that discard everything. */
FILE *fuzz_nowhere(void);
struct cnn_output *fuzz_output(void);

/* --- models ----------------------------------------------------------------------- */

/* largest accepted size of parameters, bytes */
#define FUZZ_MODEL ((size_t)1 << 20)
#define FUZZ_ARENAS ((size_t)4 << 20) /* and of an executor's arenas */
/* Limit of a model, its executor and their descriptions. */
#define FUZZ_COMPUTE ((size_t)24 << 20)

struct cnn_plugins *fuzz_plugins(void);
struct cnn_model;
/* Writes, prints, runs and trains an accepted model, if it is small. */
void fuzz_model(struct cnn_model *);

/* --- mutations -------------------------------------------------------------------- */

/* Corrects the checksums in the bytes, so that the code behind the checks is reached:
 * of PNG, gzip, tar and 7z, and the digest of a tensor stream. */
void fuzz_mend(uint8_t *, size_t);
/* A mutation, usually followed by fuzz_mend(). */
size_t fuzz_mutate(uint8_t *, size_t, size_t, unsigned);

#endif
