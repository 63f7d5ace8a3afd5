/* member.h - what a path holds, one array or stream after another,
 * whatever it is wrapped in.
 */
#ifndef FORMATS_UNIT_H
#define FORMATS_UNIT_H

#include "formats/format.h"

/* One file, or one member of an archive, that has been looked at. */
struct cnn_unit {
	struct cnn_input *in;            /* at its first byte; the taker's */
	const struct cnn_codec *codec;   /* NULL: a tensor stream */
	char field[256];                 /* the name an npz gives it, or "" */
	bool alone;                      /* nothing else can follow from its path, so
	                                  * others may be read beside it; if not, it
	                                  * must be read before the next is asked for */
};

struct cnn_source;

int cnn_source_open(struct cnn_source **, const char *path, struct cnn_error *);
/* Ends the inputs of units, too: those that are members are read from it. */
void cnn_source_close(struct cnn_source *);
/* The next unit, CNN_END after the last. A path that holds none, or something
 * in no known format, is CNN_EDATA. */
int cnn_source_next(struct cnn_source *, struct cnn_unit *, struct cnn_error *);
/* Bytes that have been read at the path itself, before they were unpacked.
 * While the last unit given is being read. */
unsigned long long cnn_source_consumed(const struct cnn_source *);

#endif
