/* array-source.h - an array on its way into a segment. */
#ifndef FORMATS_PIECE_H
#define FORMATS_PIECE_H

#include "member.h"

struct cnn_piece {
	char *name;                  /* where it came from, for messages */
	char *field;
	struct cnn_tensor shape;     /* as in a segment: images have channels */
	size_t row;                  /* bytes of a sample */
	size_t done;                 /* samples read */
	struct cnn_array *array;     /* NULL: not open */
	struct cnn_source *source;   /* what `array` is read from */
	char *path;                  /* where to open it again, or NULL */
	unsigned char *held;         /* its elements, if read ahead */
};

/* Opens a unit's array and names its field: `field` if not NULL, else the name
 * that an npz gave, else by shape. Takes unit->in over, also on failure; the
 * source stays the caller's until it is set in the piece. */
int cnn_piece_open(struct cnn_piece *, struct cnn_unit *, const char *field,
	struct cnn_error *);
void cnn_piece_free(struct cnn_piece *);

/* Reads all elements now, because the source must go on. *held counts the bytes
 * so taken from this source: beyond a size, they must stand in proportion to
 * what has been read. */
int cnn_piece_hold(struct cnn_piece *, const struct cnn_source *,
	unsigned long long *held, struct cnn_error *);
/* Closes it; it is opened again, at path, when it is read. */
void cnn_piece_park(struct cnn_piece *, char *path);

/* Reads the next n samples into buf; there are so many. With the last, and for
 * an empty array with n = 0, the array's end is checked. */
int cnn_piece_read(struct cnn_piece *, size_t n, void *buf, struct cnn_error *);

#endif
