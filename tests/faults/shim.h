/* shim.h - what the shim tells the program that runs the tools. */
#ifndef SHIM_H
#define SHIM_H

#include <stdatomic.h>

/* Shared, so that it is there also of a tool that was killed. */
struct report {
	atomic_ulong seen;           /* calls of the kind, in all */
	atomic_ulong failed;         /* those that were made to fail */
};

#define SHIM_BROKEN 99               /* exit status: the shim itself failed */

#endif
