/* format.h - codecs, which convert the bytes of a file format to arrays and back.
 *
 * A codec decodes one array from an input, or encodes one to an output. It is selected
 * by the content of a file, never by its name. Arrays are read in rows along axis 0
 * (the samples), so that no array has to be held in memory as a whole.
 */
#ifndef FORMATS_FORMAT_H
#define FORMATS_FORMAT_H

#include "base/error.h"
#include "stream/io.h"
#include "base/tensor.h"

/* An array being read. Owns the input that it was opened with. */
struct cnn_array {
	struct cnn_tensor shape; /* data is NULL; rank >= 1; native order */
	/* Reads the next `rows` rows into buf, converted to little-endian C order. The
	 * caller must not ask for more rows than are left. An early end, or bytes after
	 * the last row, is CNN_EDATA. */
	int (*read)(struct cnn_array *, size_t rows, void *buf, struct cnn_error *);
	void (*close)(struct cnn_array *);
	/* NULL, or the array must be in memory as a whole before its first row can be
	 * read. read() fetches it then. A caller that limits memory may do so before,
	 * part by part: sets *got to the bytes fetched, 0 if there are no more. */
	int (*fetch)(struct cnn_array *, size_t *got, struct cnn_error *);
};

struct cnn_codec {
	const char *name;   /* "idx": for --to idx and messages */
	const char *suffix; /* ".idx": for messages, never for decisions */
	bool picture;	    /* a file is one sample, usually of a set of files */
	size_t probe_bytes; /* bytes that probe() needs */
	bool (*probe)(const unsigned char *, size_t have);
	/* Takes ownership of the input, also on failure. */
	int (*open)(struct cnn_array **, struct cnn_input *, struct cnn_error *);
	/* Writes the whole tensor as one file. NULL: writing is not supported. */
	int (
	    *write)(const struct cnn_tensor *, struct cnn_output *, struct cnn_error *);
};

extern const struct cnn_codec cnn_codec_idx, cnn_codec_npy, cnn_codec_png;
extern const struct cnn_codec *const cnn_codecs[]; /* terminated by NULL */

/* The codec with that name, or NULL. */
const struct cnn_codec *cnn_codec_find(const char *name);
/* "FIRST|idx|npy|png": `first` and the codecs that can write, as the choices of an
 * option. */
const char *cnn_codec_choices(const char *first);
/* Sets *codec to the one whose probe accepts the first bytes of the input, or to
 * NULL. */
int cnn_codec_sniff(struct cnn_input *, const struct cnn_codec **, struct cnn_error *);

/* --- archives and compression (libarchive) ---------------------------------------- */

struct cnn_archive;

/* Whether the first bytes look like an archive or a compressed file (gzip, xz, zstd,
 * bzip2, zip, tar, 7z …). */
int cnn_archive_sniff(struct cnn_input *, bool *is_archive, struct cnn_error *);
/* Takes ownership of the input. A compressed file that is not an archive is treated as
 * an archive with one unnamed member. */
int cnn_archive_open(struct cnn_archive **, struct cnn_input *, struct cnn_error *);
/* Gets the name ("" if unnamed) and contents of the next regular file. The member is
 * read in place: close it before the next call. Devices and folders are skipped; links,
 * absolute names and ".." are CNN_EDATA, and so are two members of one name; but in a
 * zip that can seek, the last of them counts. CNN_END after the last. */
int cnn_archive_next(struct cnn_archive *, const char **name, struct cnn_input **member,
    struct cnn_error *);
/* From now on, links and members whose name leads out of the archive are skipped rather
 * than refused. */
void cnn_archive_pass_over(struct cnn_archive *);
void cnn_archive_close(struct cnn_archive *);

#endif
