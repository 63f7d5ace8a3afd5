/* hostcuda-warp.h - barriers, shuffles and votes. Default arguments pass the place in
 * the source, so that two barriers in two branches can be distinguished. */
#ifndef HOSTCUDA_WARP_H
#define HOSTCUDA_WARP_H

#include "hostcuda.h"

#include <string.h>

#define HOSTCUDA_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

static inline void __syncthreads(HOSTCUDA_HERE)
{
	hostcuda_block_meeting(HOSTCUDA_SYNCTHREADS, 0, file, line);
}

static inline int __syncthreads_or(int predicate, HOSTCUDA_HERE)
{
	return hostcuda_block_meeting(HOSTCUDA_SYNCTHREADS_OR, predicate, file, line);
}

static inline int __syncthreads_and(int predicate, HOSTCUDA_HERE)
{
	return hostcuda_block_meeting(HOSTCUDA_SYNCTHREADS_AND, predicate, file, line);
}

static inline int __syncthreads_count(int predicate, HOSTCUDA_HERE)
{
	return hostcuda_block_meeting(HOSTCUDA_SYNCTHREADS_COUNT, predicate, file,
	    line);
}

static inline void __syncwarp(unsigned mask = 0xffffffffu, HOSTCUDA_HERE)
{
	hostcuda_warp_meeting(HOSTCUDA_SYNCWARP, mask, 0, 0, 32, file, line);
}

static inline unsigned __ballot_sync(unsigned mask, int predicate, HOSTCUDA_HERE)
{
	return (unsigned)hostcuda_warp_meeting(HOSTCUDA_BALLOT, mask, predicate != 0, 0,
	    32, file, line);
}

static inline int __any_sync(unsigned mask, int predicate, HOSTCUDA_HERE)
{
	return (int)hostcuda_warp_meeting(HOSTCUDA_ANY, mask, predicate != 0, 0, 32,
	    file, line);
}

static inline int __all_sync(unsigned mask, int predicate, HOSTCUDA_HERE)
{
	return (int)hostcuda_warp_meeting(HOSTCUDA_ALL, mask, predicate != 0, 0, 32,
	    file, line);
}

namespace hostcuda
{

template <class T>
inline T shuffle(enum hostcuda_kind kind, unsigned mask, T value, int lane, int width,
    const char *file, int line)
{
	static_assert(__is_trivially_copyable(T) && sizeof(T) <= 8,
	    "not a type to shuffle");
	uint64_t bits = 0;
	T result;

	memcpy(&bits, (const void *)&value, sizeof value);
	bits = hostcuda_warp_meeting(kind, mask, bits, lane, width, file, line);
	memcpy((void *)&result, &bits, sizeof result);
	return result;
}

} // namespace hostcuda

template <class T>
inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32, HOSTCUDA_HERE)
{
	return hostcuda::shuffle(HOSTCUDA_SHFL, mask, value, lane, width, file, line);
}

template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
    HOSTCUDA_HERE)
{
	return hostcuda::shuffle(HOSTCUDA_SHFL_UP, mask, value, (int)delta, width, file,
	    line);
}

template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
    HOSTCUDA_HERE)
{
	return hostcuda::shuffle(HOSTCUDA_SHFL_DOWN, mask, value, (int)delta, width,
	    file, line);
}

template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
    HOSTCUDA_HERE)
{
	return hostcuda::shuffle(HOSTCUDA_SHFL_XOR, mask, value, lanes, width, file,
	    line);
}

#endif
