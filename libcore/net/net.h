/* net.h - the net language, cnn-net(5), as text.
 *
 *     [name:] type [key=value ...] [from=NAME[,NAME]]     # comment
 *
 * This header knows lines, not layers: what a type means is net/graph.h's.
 */
#ifndef CNN_NET_H
#define CNN_NET_H

#include "base/error.h"
#include <stddef.h>

#define CNN_MAX_NET ((size_t)64 << 10)       /* bytes of a net's text */
#define CNN_MAX_NODES 1024

struct cnn_net_pair { char *key, *value; };  /* key "" : a bare word */

struct cnn_net_line {
	unsigned number;                     /* in the text, from 1 */
	char *name;                          /* given or made: "conv2d1" */
	char *type;
	struct cnn_net_pair *pairs;          /* as written, without from= */
	size_t pair_count;
	size_t *from;                        /* lines that feed this one */
	size_t from_count;                   /* 0: this is the input */
};

struct cnn_net {
	struct cnn_net_line *lines;
	size_t count;
};

/* Parses `size` bytes of text; `where` (a file's name) begins each message,
 * followed by the line's number. */
int cnn_net_parse(struct cnn_net **, const char *where, const char *text,
	size_t size, struct cnn_error *);
void cnn_net_free(struct cnn_net *);

#endif
