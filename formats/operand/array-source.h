/* array-source.h - an array that becomes part of a segment. */
#ifndef FORMATS_ARRAY_SOURCE_H
#define FORMATS_ARRAY_SOURCE_H

#include "member.h"

struct cnn_array_source {
	char *name; /* origin, for messages */
	char *field;
	struct cnn_tensor shape; /* as in a segment: images have a channel axis */
	size_t row;		 /* bytes per sample */
	size_t first;		 /* number of its first sample in its column (join.c) */
	size_t done;		 /* samples read */
	struct cnn_array *array; /* NULL: not open */
	struct cnn_members *members; /* owner of `array`'s input, or NULL */
	char *path;		     /* path for opening it again, or NULL */
	unsigned char *held;	     /* its elements, if read ahead */
	bool picture;		     /* see struct cnn_codec */
	/* Why a picture is not a sample of its set, or NULL. Such a source counts one
	 * sample, which can't be read. */
	char *bad;
	size_t held_bytes; /* counted for --max-memory */
	/* Bytes of its path that were read until it was closed; those of one that was
	 * read ahead have been compared with what they became */
	unsigned long long consumed;
};

/* Opens a member's array and determines its field: `field` if not NULL, else the name
 * in an npz, else by shape. Takes ownership of member->in, also on failure. The caller
 * keeps the members until it stores them in the source. A damaged picture is no error:
 * its source is bad.
 *
 * An N x 1 array of integers is `label` too, and then has the shape N. `tables`: so is an
 * N x K array of integers, which keeps its shape. */
int cnn_array_source_open(struct cnn_array_source *, struct cnn_member *,
    const char *field, bool tables, struct cnn_error *);
void cnn_array_source_free(struct cnn_array_source *);

/* Reads all elements into memory, so that the next member of the archive can be read.
 * Adds their bytes to *held, the total of this path. CNN_EDATA if the total is above 256
 * MiB and more than 100 times the bytes read from the path. A damaged picture is no
 * error, as above. */
int cnn_array_source_hold(struct cnn_array_source *, const struct cnn_members *,
    unsigned long long *held, struct cnn_error *);
/* Fails with CNN_EDATA if `held` bytes come from so few of a path that it must be
 * suspected to fill the memory: see cnn_array_source_hold(). */
int cnn_held_check(const char *name, unsigned long long held,
    unsigned long long consumed, struct cnn_error *);
/* The bytes of its path that have been read. */
unsigned long long cnn_array_source_consumed(const struct cnn_array_source *);
/* Closes the array. The next read opens it again at `path`. Takes ownership of `path`,
 * which malloc allocated. */
void cnn_array_source_park(struct cnn_array_source *, char *path);

/* Reads the next n samples into buf; there must be that many. On reading the last one,
 * and for an empty array with n = 0, also checks that the array ends there. */
int cnn_array_source_read(struct cnn_array_source *, size_t n, void *buf,
    struct cnn_error *);

#endif
