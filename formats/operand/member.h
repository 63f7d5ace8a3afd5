/* member.h - what a path holds, one array or stream after another,
 * whatever it is wrapped in.
 */
#ifndef FORMATS_MEMBER_H
#define FORMATS_MEMBER_H

#include "formats/format.h"

/* One file, or one member of an archive, that has been looked at. */
struct cnn_member {
	struct cnn_input *in;            /* at its first byte; the taker's */
	const struct cnn_codec *codec;   /* NULL: a tensor stream */
	char field[256];                 /* the name an npz gives it, or "" */
	bool alone;                      /* nothing else can follow from its path, so
	                                  * others may be read beside it; if not, it
	                                  * must be read before the next is asked for */
};

struct cnn_members;

int cnn_members_open(struct cnn_members **, const char *path, struct cnn_error *);
/* The inputs of archive members end too: they are read from it. */
void cnn_members_close(struct cnn_members *);
/* The next member, CNN_END after the last. A path that holds none, or something
 * in no known format, is CNN_EDATA. */
int cnn_members_next(struct cnn_members *, struct cnn_member *, struct cnn_error *);
/* Bytes that have been read at the path itself, before they were unpacked.
 * While the last member given is being read. */
unsigned long long cnn_members_consumed(const struct cnn_members *);

#endif
