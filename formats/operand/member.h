/* member.h - the arrays and streams at a path, one after another, however they are
 * packed.
 */
#ifndef FORMATS_MEMBER_H
#define FORMATS_MEMBER_H

#include "formats/format.h"

/* One file or archive member whose format has been detected. */
struct cnn_member {
	struct cnn_input *in;	       /* at its first byte; the caller owns it */
	const struct cnn_codec *codec; /* NULL: a tensor stream */
	char field[256];	       /* its name in an npz, or "" */
	/* The only member of its path, so it can be read alongside other paths. If
	 * false, read it before requesting the next. */
	bool alone;
};

struct cnn_members;

/* Opens a path; "-" is standard input. */
int cnn_members_open(struct cnn_members **, const char *path, struct cnn_error *);
/* Close the inputs of archive members first: they read from it. */
void cnn_members_close(struct cnn_members *);
/* Gets the next member; CNN_END after the last. A path without members, or with an
 * unknown format, is CNN_EDATA. */
int cnn_members_next(struct cnn_members *, struct cnn_member *, struct cnn_error *);
/* Number of bytes read from the path itself, before unpacking. Valid only while the
 * last member returned is being read. */
unsigned long long cnn_members_consumed(const struct cnn_members *);

#endif
