/* hostcuda.h - the library's functions for these headers; not a part of CUDA.
 *
 * Code under test uses only CUDA's names. Everything here except hostcuda_launch is
 * called from device code, on the fiber of a CUDA thread. */
#ifndef HOSTCUDA_H
#define HOSTCUDA_H

#include "cuda_runtime_api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The running thread's indices, which threadIdx and the like read. */
struct hostcuda_index {
	uint3 thread, block;
	dim3 block_dim, grid_dim;
};
extern struct hostcuda_index hostcuda_index;

/* A meeting of a block's or a warp's threads. All participants pass the same kind, mask
 * and place in the source. */
enum hostcuda_kind {
	HOSTCUDA_SYNCTHREADS = 1,
	HOSTCUDA_SYNCTHREADS_OR,
	HOSTCUDA_SYNCTHREADS_AND,
	HOSTCUDA_SYNCTHREADS_COUNT,
	HOSTCUDA_SYNCWARP, /* from here on: of a warp */
	HOSTCUDA_SHFL,
	HOSTCUDA_SHFL_UP,
	HOSTCUDA_SHFL_DOWN,
	HOSTCUDA_SHFL_XOR,
	HOSTCUDA_BALLOT,
	HOSTCUDA_ANY,
	HOSTCUDA_ALL,
	HOSTCUDA_WMMA_LOAD,
	HOSTCUDA_WMMA_STORE,
	HOSTCUDA_WMMA_MMA
};

/* The meeting of a block. `predicate` is used by or, and, count. */
int hostcuda_block_meeting(enum hostcuda_kind kind, int predicate, const char *file,
    int line);

/* The meeting of the lanes in `mask`. `value` is the value that a shuffle passes on or
 * the predicate of a vote; `lane` and `width` are the shuffle's operands. Returns the
 * shuffled value or the vote. */
uint64_t hostcuda_warp_meeting(enum hostcuda_kind kind, unsigned mask, uint64_t value,
    int lane, int width, const char *file, int line);

/* Called before an atomic operation on `bytes` bytes at `address`. It may let other
 * threads run first. */
void hostcuda_atomic(const void *address, size_t bytes);
void hostcuda_fence(void);

/* PTX's cp.async.ca.shared.global of 4, 8 or 16 bytes (zeros if `there` is false),
 * .commit_group and .wait_group. The copy is done at the wait. */
void hostcuda_copy_async(void *shared, const void *from, size_t bytes, bool there);
void hostcuda_copies_commit(void);
void hostcuda_copies_wait(unsigned under_way);

/* --- WMMA ------------------------------------------------------------------------- */

enum hostcuda_use { HOSTCUDA_A, HOSTCUDA_B, HOSTCUDA_ACCUMULATOR };
enum hostcuda_type { HOSTCUDA_HALF, HOSTCUDA_BFLOAT16, HOSTCUDA_FLOAT };

/* Slot s (lane * elements of a lane + element) of a fragment of n elements, n a power
 * of two, holds the tile's element (s * mul + add) % n. The mapping depends on the
 * seed, since CUDA does not specify it. */
struct hostcuda_scatter {
	unsigned mul, add;
};
extern struct hostcuda_scatter hostcuda_scatter[3];

/* One lane's part of a fragment. */
struct hostcuda_part {
	void *x;
	int elements;
	enum hostcuda_type type;
};

/* d = a * b + c, all row major inside the fragments. */
struct hostcuda_product {
	int m, n, k;
	struct hostcuda_part a, b, c, d;
};

/* A warp agrees on the operands of a load or store, which are checked. */
void hostcuda_wmma_transfer(enum hostcuda_kind kind, const void *pointer, unsigned ldm,
    size_t element_bytes, int layout, const char *file, int line);
void hostcuda_wmma_product(const struct hostcuda_product *p, const char *file,
    int line);

/* --- launches --------------------------------------------------------------------- */

enum hostcuda_argument_kind { HOSTCUDA_PLAIN, HOSTCUDA_POINTER, HOSTCUDA_STRUCT };

/* One argument, inside the closure. */
struct hostcuda_argument {
	enum hostcuda_argument_kind kind;
	size_t offset, bytes;
};

/* A launch. The closure holds the kernel and the arguments by value; run(closure) is
 * one thread. The library copies what it keeps. */
struct hostcuda_launch {
	const char *kernel; /* its name in the source */
	const void *function;
	void (*run)(const void *closure);
	const void *closure;
	size_t closure_bytes;
	const struct hostcuda_argument *arguments;
	size_t argument_count, argument_bytes;
	dim3 grid, block;
	size_t shared_bytes;
	cudaStream_t stream;
};

/* Like <<<>>>: cudaGetLastError() returns the error. */
void hostcuda_launch(const struct hostcuda_launch *launch);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
