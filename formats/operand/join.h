/* join.h - arrays side by side and one behind the other: one segment.
 *
 * A column is a field: arrays of the same name, type and sample shape that
 * follow one another. A group is columns of equal length.
 */
#ifndef FORMATS_JOIN_H
#define FORMATS_JOIN_H

#include "array-source.h"

#include "stream/stream.h"

struct cnn_group;

struct cnn_group *cnn_group_new(void);    /* NULL: out of memory */
void cnn_group_free(struct cnn_group *);
/* Takes the source over if it belongs to the group (CNN_OK). If it begins
 * another one (CNN_END) or can't be taken, it stays the caller's. */
int cnn_group_add(struct cnn_group *, struct cnn_array_source *, struct cnn_error *);
/* No source follows: the segment that the group is. The header is the group's. */
int cnn_group_header(struct cnn_group *, const struct cnn_header **,
	struct cnn_error *);
/* Its next record, CNN_END after the last; lives until the next call. */
int cnn_group_record(struct cnn_group *, struct cnn_record *, struct cnn_error *);
/* Where its first array came from. */
const char *cnn_group_name(const struct cnn_group *);

#endif
