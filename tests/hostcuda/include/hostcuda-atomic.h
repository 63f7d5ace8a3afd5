/* hostcuda-atomic.h - atomic operations and fences.
 *
 * All threads are fibers of one thread, so a plain read and write is atomic. The
 * library is called first, and may switch to another fiber. The functions are neither
 * inlined nor traced: to the tracer they are not ordinary accesses. */
#ifndef HOSTCUDA_ATOMIC_H
#define HOSTCUDA_ATOMIC_H

#include "hostcuda.h"

#define HOSTCUDA_ATOMIC __attribute__((noinline, unused, no_sanitize("thread")))

/* old is the previous value; `next` is the expression of the new one. */
#define HOSTCUDA_ATOMIC_OP(name, type, next) \
	HOSTCUDA_ATOMIC static type name(type *address, type value) \
	{ \
		hostcuda_atomic(address, sizeof *address); \
		type old = *address; \
		*address = next; \
		return old; \
	}

#define HOSTCUDA_ATOMIC_CAS(type) \
	HOSTCUDA_ATOMIC static type atomicCAS(type *address, type compare, type value) \
	{ \
		hostcuda_atomic(address, sizeof *address); \
		type old = *address; \
		*address = old == compare ? value : old; \
		return old; \
	}

#define HOSTCUDA_ATOMIC_INTEGER(type) \
	HOSTCUDA_ATOMIC_OP(atomicAdd, type, old + value) \
	HOSTCUDA_ATOMIC_OP(atomicExch, type, value) \
	HOSTCUDA_ATOMIC_OP(atomicMax, type, old < value ? value : old) \
	HOSTCUDA_ATOMIC_OP(atomicMin, type, value < old ? value : old) \
	HOSTCUDA_ATOMIC_OP(atomicAnd, type, old &value) \
	HOSTCUDA_ATOMIC_OP(atomicOr, type, old | value) \
	HOSTCUDA_ATOMIC_OP(atomicXor, type, old ^ value) \
	HOSTCUDA_ATOMIC_CAS(type)

HOSTCUDA_ATOMIC_INTEGER(int)
HOSTCUDA_ATOMIC_INTEGER(unsigned int)
HOSTCUDA_ATOMIC_INTEGER(unsigned long long)
HOSTCUDA_ATOMIC_OP(atomicSub, int, old - value)
HOSTCUDA_ATOMIC_OP(atomicSub, unsigned int, old - value)
HOSTCUDA_ATOMIC_OP(atomicAdd, float, old + value)
HOSTCUDA_ATOMIC_OP(atomicAdd, double, old + value)
HOSTCUDA_ATOMIC_OP(atomicExch, float, value)

static inline void __threadfence()
{
	hostcuda_fence();
}

static inline void __threadfence_block()
{
}

template <class T> inline T __ldg(const T *address)
{
	return *address;
}

#endif
