/* format.h - codecs: the bytes of a file format to arrays and back.
 *
 * A codec decodes one array from an input, or writes one to an output. It is
 * found by the content, never by the name. Arrays are read in rows along axis
 * 0 (the samples), so that nothing is held whole that need not be.
 */
#ifndef FORMATS_FORMAT_H
#define FORMATS_FORMAT_H

#include "base/error.h"
#include "stream/io.h"
#include "base/tensor.h"

/* An array being read. Owns the input it was opened with. */
struct cnn_array {
	struct cnn_tensor shape;     /* data is NULL; rank >= 1; native order */
	/* Reads the next `rows` rows (they are there: the caller counts) into buf,
	 * converted to little-endian C order. An early end, or bytes behind the
	 * last row, is CNN_EDATA. */
	int (*read)(struct cnn_array *, size_t rows, void *buf, struct cnn_error *);
	void (*close)(struct cnn_array *);
};

struct cnn_codec {
	const char *name;            /* "idx": as in --to idx and in messages */
	const char *suffix;          /* ".idx": for people, never for decisions */
	size_t probe_bytes;          /* how many first bytes probe() wants */
	bool (*probe)(const unsigned char *, size_t have);
	/* Takes the input over, also on failure. */
	int (*open)(struct cnn_array **, struct cnn_input *, struct cnn_error *);
	/* Writes the whole tensor as one file; NULL: can't be written. */
	int (*write)(const struct cnn_tensor *, struct cnn_output *, struct cnn_error *);
};

extern const struct cnn_codec cnn_codec_idx, cnn_codec_npy, cnn_codec_png;
extern const struct cnn_codec *const cnn_codecs[];    /* NULL ends */

/* The codec of that name; NULL if there is none. */
const struct cnn_codec *cnn_codec_find(const char *name);
/* "FIRST|idx|npy|png": first, and the codecs that can write, as choices of an option. */
const char *cnn_codec_choices(const char *first);
/* *codec = the one whose probe takes the input's first bytes, or NULL. */
int cnn_codec_sniff(struct cnn_input *, const struct cnn_codec **, struct cnn_error *);

/* --- archives and compression, through libarchive ------------------------- */

struct cnn_archive;

/* Do the first bytes look like an archive or a compressed file (gzip, xz,
 * zstd, bzip2, zip, tar, 7z …)? */
int cnn_archive_sniff(struct cnn_input *, bool *is_archive, struct cnn_error *);
/* Takes the input over. A compressed file that is no archive is an archive of
 * one nameless member. */
int cnn_archive_open(struct cnn_archive **, struct cnn_input *, struct cnn_error *);
/* The next regular file's name ("" if nameless) and contents; the member is
 * read in place: close it before asking for the next one. Links, devices and
 * folders are passed over; absolute names and ".." are CNN_EDATA. CNN_END
 * after the last. */
int cnn_archive_next(struct cnn_archive *, const char **name,
	struct cnn_input **member, struct cnn_error *);
/* From now on links, and members whose name leads out, are passed over, not refused. */
void cnn_archive_pass_over(struct cnn_archive *);
void cnn_archive_close(struct cnn_archive *);

#endif
