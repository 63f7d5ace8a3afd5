/* join.h - joins arrays into a segment: different fields side by side, arrays of the
 * same field one after another.
 *
 * A column is a field: consecutive arrays of the same name, type and sample shape. A
 * group is a set of columns of equal length.
 *
 * Consecutive pictures (struct cnn_codec) of a field are one set. A damaged picture, and
 * one whose shape differs from the first good one, are bad. They are an error, or their
 * samples are left out of all fields.
 */
#ifndef FORMATS_JOIN_H
#define FORMATS_JOIN_H

#include "array-source.h"

#include "stream/stream.h"

#include <stdbool.h>

struct cnn_group;

/* Bad pictures that were left out. */
struct cnn_skipped {
	size_t count;
	char first[1000]; /* the message about the first one */
};

/* Bad pictures are counted in `skipped`, which outlives the group; NULL: they are
 * CNN_EDATA. Returns NULL if memory runs out. */
struct cnn_group *cnn_group_new(struct cnn_skipped *skipped);
void cnn_group_free(struct cnn_group *);
/* Takes ownership of the source if it belongs to the group (CNN_OK). If it starts
 * another group (CNN_END), or on an error, the caller keeps it. */
int cnn_group_add(struct cnn_group *, struct cnn_array_source *, struct cnn_error *);
/* Completes the group, so no source may follow, and gets the header of its segment. The
 * group owns the header. */
int cnn_group_header(struct cnn_group *, const struct cnn_header **,
    struct cnn_error *);
/* Reads the next record; CNN_END after the last. Valid until the next call. */
int cnn_group_record(struct cnn_group *, struct cnn_record *, struct cnn_error *);
/* Number i of its arrays: its name and field, and the number of its first sample. False
 * past the last. */
bool cnn_group_array(const struct cnn_group *, size_t i, const char **name,
    const char **field, size_t *first);
/* The number of its samples, as the arrays' shapes claim. */
size_t cnn_group_samples(const struct cnn_group *);
/* The bytes that have been read of its paths. */
unsigned long long cnn_group_consumed(const struct cnn_group *);
/* The name of its first good array, for messages. */
const char *cnn_group_name(const struct cnn_group *);

#endif
