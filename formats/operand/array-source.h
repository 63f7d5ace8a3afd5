/* array-source.h - an array on its way into a segment. */
#ifndef FORMATS_ARRAY_SOURCE_H
#define FORMATS_ARRAY_SOURCE_H

#include "member.h"

struct cnn_array_source {
	char *name;                  /* where it came from, for messages */
	char *field;
	struct cnn_tensor shape;     /* as in a segment: images have channels */
	size_t row;                  /* bytes of a sample */
	size_t done;                 /* samples read */
	struct cnn_array *array;     /* NULL: not open */
	struct cnn_members *members;   /* what `array` is read from */
	char *path;                  /* where to open it again, or NULL */
	unsigned char *held;         /* its elements, if read ahead */
};

/* Opens a member's array and names its field: `field` if not NULL, else the name
 * that an npz gave, else by shape. Takes member->in over, also on failure; the
 * members stay the caller's until they are set in the source. */
int cnn_array_source_open(struct cnn_array_source *, struct cnn_member *, const char *field,
	struct cnn_error *);
void cnn_array_source_free(struct cnn_array_source *);

/* Reads all elements now, because the source must go on. *held counts the bytes
 * so taken from this source: beyond a size, they must stand in proportion to
 * what has been read. */
int cnn_array_source_hold(struct cnn_array_source *, const struct cnn_members *,
	unsigned long long *held, struct cnn_error *);
/* Closes it; it is opened again, at path, when it is read. */
void cnn_array_source_park(struct cnn_array_source *, char *path);

/* Reads the next n samples into buf; there are so many. With the last, and for
 * an empty array with n = 0, the array's end is checked. */
int cnn_array_source_read(struct cnn_array_source *, size_t n, void *buf, struct cnn_error *);

#endif
