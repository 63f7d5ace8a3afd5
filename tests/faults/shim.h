/* shim.h - the shim's report to the program that runs the tools. */
#ifndef SHIM_H
#define SHIM_H

#include <stdatomic.h>

/* Shared, so that it survives a tool that is killed. */
struct report {
	atomic_ulong seen;   /* calls of the kind in total */
	atomic_ulong failed; /* calls that were made to fail */
};

#define SHIM_BROKEN 99 /* exit status: the shim itself failed */

#endif
