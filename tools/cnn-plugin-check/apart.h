/* apart.h - the cases of one kernel, in a process of their own: a plugin that crashes,
 * hangs or ends the program is reported like any other failure. */
#ifndef APART_H
#define APART_H

#include "base/error.h"
#include "plugin/loader.h"

#define APART_NETS 64 /* nets of the author */

/* What is checked. */
struct apart {
	struct cnn_plugins *plugins, *oracle;
	const struct cnn_plugin *plugin;
	const char *isa; /* constant text */
	bool no_gradients;
	bool verbose; /* also list the cases that are right */
	const char *const *nets,
	    *const *inputs; /* the author's; inputs[i] may be NULL */
	size_t net_count;
	bool net_used[APART_NETS];	 /* some kernel has computed it */
	char net_error[APART_NETS][200]; /* why none could; "" */
};

struct verdict {
	unsigned cases, failures;
	char *details; /* lines; the caller's to free */
};

/* kernel: of the plugin. NULL: the definition of `type`. An error says that there is no
 * verdict: the device cannot be opened, a process or thread not be started, or memory
 * ran out. */
int check_apart(struct apart *, const struct cnn_kernel *kernel, const char *type,
    struct verdict *, struct cnn_error *);

#endif
