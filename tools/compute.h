/* compute.h - the options of every tool that runs a net: devices, providers, plugins,
 * memory and threads. */
#ifndef TOOLS_COMPUTE_H
#define TOOLS_COMPUTE_H

#include "executor/executor.h"
#include "cli/option.h"
#include "max-memory.h"

struct compute {
	const char *device; /* as given with --device */
	uint64_t max_mib;   /* MAX_MEMORY_DEFAULT at first */
	size_t max_memory;  /* the resulting limit of this process */
	struct cnn_list plugin_dirs, providers;
	struct cnn_compute on; /* the resulting settings */
};

/* Entries for an option table; C is a struct compute with static storage. */
#define COMPUTE_OPTIONS(C) \
	{ "device", 'd', CNN_OPT_STR, &(C).device, "auto|cpu|cuda[:N]", \
		"device to compute on" }, \
	    { "provider", 'p', CNN_OPT_LIST, &(C).providers, "TYPE=NAME", \
		    "use provider NAME for layers of TYPE" }, \
	    { "no-fuse", 0, CNN_OPT_FLAG, &(C).on.no_fuse, NULL, \
		    "do not fuse layers" }, \
	    { "plugin-dir", 0, CNN_OPT_LIST, &(C).plugin_dirs, "DIR", \
		    "look for plugins in DIR first" }, \
	    MAX_MEMORY_OPTION((C).max_mib)
#define COMPUTE_THREADS(C) \
	{ \
		"threads", 't', CNN_OPT_UINT, &(C).on.threads, "N", \
		    "CPU threads; 0: one per core", 0, .max = 1024 \
	}

/* Finds the plugins and the device. */
static inline int compute_open(struct compute *c, struct cnn_plugins **plugins,
    struct cnn_error *e)
{
	int r =
	    cnn_plugins_open(plugins, c->plugin_dirs.items, c->plugin_dirs.count, e);

	c->on.providers = c->providers.items;
	c->on.provider_count = c->providers.count;
	c->max_memory = max_memory_set(c->max_mib);
	/* The default is about this process's memory, and a GPU has its own. */
	if (c->max_mib != MAX_MEMORY_DEFAULT)
		c->on.max_memory = c->max_memory;
	return r < 0 ?
	    r :
	    cnn_device_choose(*plugins, c->device, &c->on.device, &c->on.ordinal, e);
}

#endif
