/* formats/join.h - arrays side by side and one behind the other: one segment.
 *
 * A column is a field: arrays of the same name, type and sample shape that
 * follow one another. A group is columns of equal length.
 */
#ifndef FORMATS_JOIN_H
#define FORMATS_JOIN_H

#include "unit.h"

#include <cnn/stream.h>

struct cnn_group;

/* An array that has been opened, on its way into a group. */
struct cnn_piece {
	char *name;                  /* where it came from, for messages */
	char *field;
	struct cnn_tensor shape;
	struct cnn_array *array;     /* NULL while closed, or held */
	struct cnn_source *source;   /* what array is read from, if it is its own */
	char *path;                  /* where it can be opened again, or NULL */
	unsigned char *held;         /* its elements, if they had to be read ahead */
};

/* Opens a unit's array and names its field: `field` if not NULL, else by its
 * shape. Takes unit->in over, also on failure. */
int cnn_piece_open(struct cnn_piece *, struct cnn_unit *, const char *field,
	struct cnn_error *);
/* Reads all elements, so that the unit's source can go on. `limit` refuses
 * what is larger; see there. */
int cnn_piece_hold(struct cnn_piece *, struct cnn_source *,
	unsigned long long *held, struct cnn_error *);
/* Closes what can be opened again when its turn comes (few files may be open
 * at a time). */
void cnn_piece_park(struct cnn_piece *);
void cnn_piece_free(struct cnn_piece *);

struct cnn_group *cnn_group_new(void);    /* NULL: out of memory */
void cnn_group_free(struct cnn_group *);
/* Takes the piece over if it belongs to the group (CNN_OK); CNN_END if it
 * begins another one, and stays the caller's, as after an error. */
int cnn_group_add(struct cnn_group *, struct cnn_piece *, struct cnn_error *);
/* No piece follows: are the columns of equal length? */
int cnn_group_header(struct cnn_group *, const struct cnn_header **,
	struct cnn_error *);
/* Its next record, CNN_END after the last; lives until the next call. */
int cnn_group_record(struct cnn_group *, struct cnn_record *, struct cnn_error *);
/* Where its first array came from. */
const char *cnn_group_name(const struct cnn_group *);

#endif
