/* net.h - the text form of the net language, cnn-net(5).
 *
 *     [name:] type [key=value ...] [from=NAME[,NAME]]     # comment
 *
 * This parser knows lines, not layers: net/graph.h gives types their meaning.
 */
#ifndef CNN_NET_H
#define CNN_NET_H

#include "base/error.h"
#include <stddef.h>

#define CNN_MAX_NET ((size_t)64 << 10) /* maximum size in bytes */
#define CNN_MAX_NODES 1024

/* key "": a bare word */
struct cnn_net_pair {
	char *key, *value;
};

struct cnn_net_line {
	unsigned number; /* in the text, starting at 1 */
	char *name;	 /* given or generated: "conv2d1" */
	char *type;
	struct cnn_net_pair *pairs; /* as written, without from= */
	size_t pair_count;
	size_t *from;	   /* indices of its input lines */
	size_t from_count; /* 0: this is the input */
};

struct cnn_net {
	struct cnn_net_line *lines;
	size_t count;
};

/* Removes from the text, in place, what some editors add: a UTF-8 byte-order mark at its
 * start, and each carriage return at the end of a line. Returns the new size. A model
 * keeps its net's text, so clean it before the model is made. */
size_t cnn_net_clean(char *text, size_t size);
/* Parses `size` bytes of text. Each message starts with `where` (a file's name) and the
 * line number. */
int cnn_net_parse(struct cnn_net **, const char *where, const char *text, size_t size,
    struct cnn_error *);
void cnn_net_free(struct cnn_net *);

#endif
