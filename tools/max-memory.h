/* max-memory.h - the option --max-memory of every tool that holds data or a net. */
#ifndef TOOLS_MAX_MEMORY_H
#define TOOLS_MAX_MEMORY_H

#include "base/memory.h"
#include "cli/option.h"

#define MAX_MEMORY_DEFAULT UINT64_MAX /* the value if the option is not given */

/* An entry for an option table; V is a static uint64_t, MAX_MEMORY_DEFAULT at first. */
#define MAX_MEMORY_OPTION(V) \
	{ \
		"max-memory", 0, CNN_OPT_UINT, &(V), "MIB", \
		    "hold at most MIB MiB; 0: no limit [half of the memory]", 0, \
		    .max = 1 << 30 \
	}

/* Sets the limit of this process. Returns it, in bytes; 0: none. */
static inline size_t max_memory_set(uint64_t mib)
{
	const bool by_default = mib == MAX_MEMORY_DEFAULT;
	const size_t bytes = by_default ? cnn_memory_half("") : (size_t)mib << 20;

	cnn_memory_limit(bytes, by_default);
	return bytes;
}

#endif
