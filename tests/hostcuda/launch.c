/* launch.c - a launch: its limits, its arguments, and its blocks one after another. */
#include "private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARGUMENTS_MAX 4096
#define SHUFFLED 65536 /* largest number of blocks that are shuffled */

/* The limits set by cudaFuncSetAttribute. */
static struct limit {
	const void *function;
	size_t shared_bytes;
} * limits;
static size_t limit_count;

static struct limit *find_limit(const void *function)
{
	for (size_t i = 0; i < limit_count; i++)
		if (limits[i].function == function)
			return &limits[i];
	return NULL;
}

static cudaError_t set_limit(const void *function, int value)
{
	struct limit *l = find_limit(function);

	if (value < 0 || (size_t)value > hc_shared_limit(hc_config()->sm)) {
		hc_report("%d bytes of shared memory, but the device has %zu", value,
		    hc_shared_limit(hc_config()->sm));
		return cudaErrorInvalidValue;
	}
	if (!l) {
		struct limit *more =
		    realloc(limits, (limit_count + 1) * sizeof *limits);

		if (!more)
			return cudaErrorMemoryAllocation;
		limits = more;
		l = &limits[limit_count++];
		l->function = function;
	}
	l->shared_bytes = (size_t)value;
	return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute which,
    int value)
{
	cudaError_t error = hc_enter("cudaFuncSetAttribute");

	if (!error && !function)
		error = cudaErrorInvalidDeviceFunction;
	if (!error && which == cudaFuncAttributeMaxDynamicSharedMemorySize)
		error = set_limit(function, value);
	else if (!error && which != cudaFuncAttributePreferredSharedMemoryCarveout)
		error = cudaErrorInvalidValue;
	return hc_leave(error);
}

/* --- limits ----------------------------------------------------------------------- */

static cudaError_t check_shared(const struct hostcuda_launch *l)
{
	size_t most = hc_shared_limit(hc_config()->sm);
	const struct limit *asked = find_limit(l->function);
	size_t allowed = asked ? asked->shared_bytes : 0;

	if (allowed < HC_SHARED_DEFAULT)
		allowed = HC_SHARED_DEFAULT;
	if (l->shared_bytes <= allowed)
		return cudaSuccess;
	if (l->shared_bytes > most)
		hc_report_call(l->kernel,
		    "%zu bytes of shared memory, but the device has %zu",
		    l->shared_bytes, most);
	else
		hc_report_call(l->kernel,
		    "%zu bytes of shared memory, but cudaFuncSetAttribute allowed %zu",
		    l->shared_bytes, allowed);
	return cudaErrorInvalidValue;
}

cudaError_t hc_launch_check(const struct hostcuda_launch *l)
{
	dim3 b = l->block, g = l->grid;
	uint64_t threads = (uint64_t)b.x * b.y * b.z;

	if (!b.x || !b.y || !b.z || !g.x || !g.y || !g.z) {
		hc_report_call(l->kernel,
		    "a grid of (%u,%u,%u) blocks of (%u,%u,%u) threads is empty", g.x,
		    g.y, g.z, b.x, b.y, b.z);
		return cudaErrorInvalidConfiguration;
	}
	if (b.x > 1024 || b.y > 1024 || b.z > 64 || threads > HC_MAX_THREADS) {
		hc_report_call(l->kernel,
		    "a block of (%u,%u,%u) threads; the limit is 1024 in total "
		    "and 64 along z",
		    b.x, b.y, b.z);
		return cudaErrorInvalidConfiguration;
	}
	if (g.x > 0x7fffffff || g.y > 65535 || g.z > 65535) {
		hc_report_call(l->kernel,
		    "a grid of (%u,%u,%u) blocks; the limit is 2^31 - 1 along x, "
		    "65535 along y and z",
		    g.x, g.y, g.z);
		return cudaErrorInvalidConfiguration;
	}
	if (l->argument_bytes > ARGUMENTS_MAX) {
		hc_report_call(l->kernel, "%zu bytes of arguments; the limit is %d",
		    l->argument_bytes, ARGUMENTS_MAX);
		return cudaErrorInvalidValue;
	}
	return check_shared(l);
}

/* --- pointers --------------------------------------------------------------------- */

/* True if a word of a struct is a pointer into memory of the program. The word may also
 * be two numbers, which are rarely mistaken for one: the upper number would have to be
 * the upper half of an address. Only AddressSanitizer uses lower addresses. */
static bool points_somewhere(uintptr_t word)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	if (word >> 44 == 0 || word >> 48)
		return false;
	return msync((void *)(word / page * page), page, MS_ASYNC) == 0;
}

/* Describes what is wrong with a kernel's pointer. NULL: nothing. */
static const char *complaint(const void *pointer, int device)
{
	const struct hc_allocation *a = hc_allocation_near(pointer);

	if (!pointer)
		return NULL;
	if (!hc_in_arena(pointer))
		return "host memory";
	if (!a)
		return "unallocated memory";
	if (a->freed)
		return "memory that was freed";
	if ((const unsigned char *)pointer < a->start ||
	    (const unsigned char *)pointer > a->start + a->bytes)
		/* The end itself is allowed: the array may be empty */
		return "unallocated memory";
	if (a->device >= 0 && a->device != device)
		return "another device's memory";
	return NULL;
}

static bool check_struct(const struct hostcuda_launch *l, size_t i, int device)
{
	const struct hostcuda_argument *a = &l->arguments[i];

	for (size_t at = 0; at + sizeof(void *) <= a->bytes; at += sizeof(void *)) {
		const char *what;
		void *pointer;

		memcpy(&pointer, (const char *)l->closure + a->offset + at,
		    sizeof pointer);
		if (!hc_in_arena(pointer) && !points_somewhere((uintptr_t)pointer))
			continue;
		what = complaint(pointer, device);
		if (what) {
			hc_report_call(l->kernel,
			    "argument %zu holds a pointer to %s, at its byte %zu",
			    i + 1, what, at);
			return false;
		}
	}
	return true;
}

static bool check_pointers(const struct hostcuda_launch *l, int device)
{
	for (size_t i = 0; i < l->argument_count; i++) {
		const struct hostcuda_argument *a = &l->arguments[i];
		const char *what;
		void *pointer;

		if (a->kind == HOSTCUDA_STRUCT && !check_struct(l, i, device))
			return false;
		if (a->kind != HOSTCUDA_POINTER)
			continue;
		memcpy(&pointer, (const char *)l->closure + a->offset, sizeof pointer);
		what = complaint(pointer, device);
		if (what) {
			hc_report_call(l->kernel, "argument %zu points to %s", i + 1,
			    what);
			return false;
		}
	}
	return true;
}

/* --- running ---------------------------------------------------------------------- */

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

static void open_arguments(const struct hostcuda_launch *l)
{
	for (size_t i = 0; i < l->argument_count; i++) {
		struct hc_allocation *a;
		void *pointer;

		if (l->arguments[i].kind != HOSTCUDA_POINTER)
			continue;
		memcpy(&pointer, (const char *)l->closure + l->arguments[i].offset,
		    sizeof pointer);
		a = hc_allocation_of(pointer);
		if (a)
			hc_open(a);
	}
}

/* Reports bytes that a block wrote outside an allocation. Only a traced build knows the
 * thread. */
static void check_borders(void)
{
	struct hc_allocation *a;
	char where[256];
	long offset;

	if (hc_border_broken(&a, &offset)) {
		hc_describe(a->start + offset, where, sizeof where);
		hc_fault_here("out of bounds: it wrote to %s", where);
		return;
	}
	offset = hc_shared_broken();
	if (offset >= 0)
		hc_fault_here(
		    "out of bounds: it wrote to byte %ld of shared memory, but the launch "
		    "has %zu",
		    offset, hc_run.launch->shared_bytes);
}

static bool run_block(uint64_t number, dim3 g)
{
	hostcuda_index.block = (uint3){ (unsigned)(number % g.x),
		(unsigned)(number / g.x % g.y), (unsigned)(number / g.x / g.y) };
	hc_shared_poison();
	hc_trace_block();
	if (hc_block_run())
		check_borders();
	return !hc_run.failed;
}

/* Few blocks: random order. */
static void run_shuffled(uint64_t n, dim3 g)
{
	static uint16_t order[SHUFFLED];

	for (uint64_t i = 0; i < n; i++) {
		uint64_t j = hc_random(&hc_run.random) % (i + 1);

		order[i] = order[j];
		order[j] = (uint16_t)i;
	}
	for (uint64_t i = 0; i < n; i++)
		if (!run_block(order[i], g))
			return;
}

/* Many blocks: in steps of a number that is coprime to their count. */
static void run_blocks(dim3 g)
{
	uint64_t n = (uint64_t)g.x * g.y * g.z, step = 1, at = 0;

	if (hc_config()->seed && n <= SHUFFLED) {
		run_shuffled(n, g);
		return;
	}
	if (hc_config()->seed) {
		at = hc_random(&hc_run.random) % n;
		do
			step = hc_random(&hc_run.random) % (n - 1) + 1;
		while (gcd(step, n) != 1);
	}
	for (uint64_t i = 0; i < n; i++, at = (at + step) % n)
		if (!run_block(at, g))
			return;
}

cudaError_t hc_launch_run(const struct hostcuda_launch *l)
{
	static uint64_t launches;
	const char *function = hc_function;

	hc_fault_install();
	launches++;
	if (!check_pointers(l, hc_device)) {
		if (!hc_config()->error_mode)
			abort();
		hc_lose(cudaErrorLaunchFailure);
		return cudaErrorLaunchFailure;
	}
	hc_function = NULL;
	hc_run = (struct hc_run){
		.launch = l,
		.runner = pthread_self(),
		.random = hc_config()->seed * 0x9e3779b97f4a7c15u + launches,
	};
	hostcuda_index.block_dim = l->block;
	hostcuda_index.grid_dim = l->grid;
	hc_shared_size(l->shared_bytes);
	open_arguments(l);
	hc_block_prepare();
	hc_trace_launch();
	run_blocks(l->grid);
	hc_block_leave();
	hc_close_all();
	hc_run.launch = NULL;
	hc_function = function;
	if (!hc_run.failed)
		return cudaSuccess;
	hc_lose(cudaErrorLaunchFailure);
	return cudaErrorLaunchFailure;
}

void hostcuda_launch(const struct hostcuda_launch *l)
{
	cudaError_t error = hc_enter(l->kernel);
	hc_work w = { .kind = HC_LAUNCH, .device = hc_device, .launch = *l };

	if (!error)
		error = hc_launch_check(l);
	if (!error)
		error = hc_submit(l->stream, &w, l->kernel);
	hc_leave(error);
}
