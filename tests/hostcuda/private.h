/* private.h - what the library's own files share. */
#ifndef PRIVATE_H
#define PRIVATE_H

#include "include/hostcuda.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#if defined __SANITIZE_ADDRESS__
#define HC_ASAN 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define HC_ASAN 1
#endif
#endif
#ifdef HC_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define HC_ASAN 0
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_STACK_REGISTER(from, to) 0u
#define VALGRIND_MAKE_MEM_UNDEFINED(address, bytes) ((void)(address), (void)(bytes))
#define VALGRIND_MAKE_MEM_NOACCESS(address, bytes) ((void)(address), (void)(bytes))
#endif

#define HC_POISON 0xff /* NaN in every float type, -1 in integers */
#define HC_WARP 32
#define HC_MAX_THREADS 1024
#define HC_SHARED_DEFAULT (48u << 10)
#define HC_SHARED_MAX (227u << 10)

/* --- config.c: the environment, read once ------------------------------------------- */

struct hc_config {
	uint64_t seed;
	int sm, devices, driver;
	size_t memory, addresses;
	uint64_t lost; /* 0: never */
	uint64_t graphs; /* at once */
	bool error_mode, stats, late, ignore_uninitialised;
};
const struct hc_config *hc_config(void);

/* splitmix64: the next of a sequence. */
uint64_t hc_random(uint64_t *state);

/* --- fiber.c: stacks and the switch between them -------------------------------------- */

struct hc_fiber;
/* Runs `fiber`'s thread until it yields; from the scheduler only. */
void hc_fiber_resume(struct hc_fiber *fiber);
/* Back to the scheduler; from a fiber only. */
void hc_fiber_yield(void);
/* Back to the scheduler for good: the stack will be used afresh. */
_Noreturn void hc_fiber_abandon(void);
struct hc_fiber *hc_fiber_get(void); /* NULL: no memory */
void hc_fiber_put(struct hc_fiber *fiber);
/* Makes a stack that was left in the middle usable again. */
void hc_fiber_reset(struct hc_fiber *fiber);
/* Whether the address is in the guard below a fiber's stack. */
bool hc_fiber_overflow(const void *address);
/* What a fiber runs, again and again; in block.c. */
void hc_thread_main(void);

/* --- block.c, warp.c, wmma.c: one block ------------------------------------------------- */

enum hc_state { HC_NEW, HC_READY, HC_WAITING, HC_DONE };

struct hc_thread {
	struct hc_fiber *fiber;
	uint3 index;
	enum hc_state state;
	/* The meeting it waits at, or was at last. */
	enum hostcuda_kind kind;
	int line, lane, width;
	unsigned mask;
	const char *file;
	uint64_t value, result;
	const void *operand;
	/* Asynchronous copies under way, and the groups of them so far. */
	struct hc_copy *copy;
	unsigned copies, copy_capacity, groups;
};

/* The block that runs. */
struct hc_run {
	const struct hostcuda_launch *launch; /* NULL: none */
	pthread_t runner;
	bool failed;   /* a fault was reported: the launch is over */
	bool released; /* a barrier was passed: a new order is due */
	unsigned threads, done, at_barrier; /* how many there are, have ended, wait */
	/* By warp, a bit a lane: those that have ended or never were, those that wait
	 * at a meeting of lanes. */
	uint32_t ended[HC_MAX_THREADS / HC_WARP], waiting[HC_MAX_THREADS / HC_WARP];
	struct hc_thread *thread; /* all of the block */
	struct hc_thread *current; /* NULL: the scheduler */
	uint64_t random;
	uint64_t atomics; /* since a thread ended or a barrier was passed */
};
extern struct hc_run hc_run;

void hc_block_prepare(void); /* once a launch */
/* False where a fault was reported. */
bool hc_block_run(void);
void hc_block_leave(void); /* once a launch; also after a fault */
/* Waits in the scheduler; the caller has filled in the meeting. */
void hc_thread_wait(void);
static inline unsigned hc_thread_number(const struct hc_thread *t)
{
	return (unsigned)(t - hc_run.thread);
}
const char *hc_kind_name(enum hostcuda_kind kind);
/* Before a block: which lanes there are. */
void hc_warp_prepare(void);
/* A thread has ended: perhaps the others of its warp need not wait longer. */
void hc_warp_ended(const struct hc_thread *t);
/* Joins a meeting of the lanes in `mask`. True in the last to arrive, with all
 * the others waiting: it sets their results, then calls hc_warp_release. */
bool hc_warp_arrive(enum hostcuda_kind kind, unsigned mask, const char *file, int line);
void hc_warp_wait(void);
void hc_warp_release(unsigned mask);
void hc_wmma_init(uint64_t seed);
/* The threads of the running thread's warp, by lane. */
struct hc_thread *hc_warp_lanes(void);

/* --- report.c -------------------------------------------------------------------------- */

/* "hostcuda: KERNEL: block (x,y,z) thread (x,y,z): ..." on stderr, as far as these
 * are known. */
__attribute__((format(printf, 1, 2)))
void hc_report(const char *fmt, ...);
/* The same for an API function or a launch that isn't running. */
__attribute__((format(printf, 2, 3)))
void hc_report_call(const char *function, const char *fmt, ...);
/* A report that ends the launch: aborts, or notes the failure for
 * HOSTCUDA_ON_ERROR=error. hc_fault then leaves the fiber; hc_fault_here returns
 * and is for the scheduler. */
__attribute__((format(printf, 1, 2)))
_Noreturn void hc_fault(const char *fmt, ...);
__attribute__((format(printf, 1, 2)))
void hc_fault_here(const char *fmt, ...);
/* "(x,y,z)" */
const char *hc_place(const struct hc_thread *t, char text[48]);

/* --- memory.c: device and pinned memory -------------------------------------------------- */

struct hc_allocation {
	unsigned char *start;
	size_t bytes;
	unsigned char *pages; /* from here, page_bytes; guards on both sides */
	size_t page_bytes;
	int device; /* -1: pinned host memory */
	bool freed, open;
	bool initialised; /* by the host, all of it */
	struct hc_allocation *next_open;
	void *shadow; /* trace.c's; may be NULL */
};

/* The allocation whose pages, or whose following guard, hold the address; NULL
 * where there is none. Freed ones are found too. */
struct hc_allocation *hc_allocation_near(const void *address);
/* The live one that holds it. */
struct hc_allocation *hc_allocation_of(const void *address);
bool hc_in_arena(const void *address);
/* Device memory may be touched while it is open; what is open is listed. */
void hc_open(struct hc_allocation *a);
void hc_close_all(void);
/* Looks at the bytes just around what is open; true where one was overwritten. */
bool hc_border_broken(struct hc_allocation **which, long *offset);
/* Where an address is, in words: "4 bytes past the end of ..." */
void hc_describe(const void *address, char *text, size_t bytes);
cudaError_t hc_allocate(void **pointer, size_t bytes, int device);
cudaError_t hc_release(void *pointer, bool pinned, const char *function);
size_t hc_memory_used(int device);
size_t hc_memory_peak(void);

/* --- shared.c: the array `shared` ---------------------------------------------------------- */

/* The first `bytes` bytes are usable; what follows is closed. */
void hc_shared_size(size_t bytes);
void hc_shared_poison(void); /* before each block */
/* The first byte past the end that was written to; -1: none. */
long hc_shared_broken(void);
/* The address's offset in the array or in its guards; false: not there. */
bool hc_shared_offset(const void *address, long *offset);

/* --- fault.c --------------------------------------------------------------------------------- */

void hc_fault_install(void); /* the handlers; the thread's own signal stack */
/* What code built with -fsanitize=alignment found. */
_Noreturn void hc_misaligned(const void *address, const char *type, unsigned alignment,
	const char *file, unsigned line);

/* --- api.c: entering and leaving an API call ------------------------------------------------- */

/* Takes the lock. Fails without a device, with an old driver, after a lost one. */
cudaError_t hc_enter(const char *function);
/* hc_enter for what may not be called during a capture. */
cudaError_t hc_enter_unsafe(const char *function);
cudaError_t hc_leave(cudaError_t error);
/* For launches, whose error is only kept. */
void hc_set_error(cudaError_t error);
/* From now on every call gives this. */
void hc_lose(cudaError_t error);
cudaError_t hc_lost(void);
extern _Thread_local int hc_device;
extern const char *hc_function; /* the API call that runs, or NULL */

/* --- work.c: launches, copies and fills, done now or later ------------------------------------ */

enum hc_work_kind { HC_LAUNCH, HC_COPY, HC_FILL };

struct CUgraphNode_st {
	enum hc_work_kind kind;
	int device;
	struct hostcuda_launch launch; /* with its own closure and arguments */
	void *to;
	const void *from;
	size_t bytes;
	int value;
	enum cudaMemcpyKind direction;
};
typedef struct CUgraphNode_st hc_work;

/* Does it at once. */
cudaError_t hc_work_do(const hc_work *w);
/* A copy that owns what it points to; NULL: no memory. */
hc_work *hc_work_copy(const hc_work *w);
void hc_work_free(hc_work *w);
/* Where work of a stream goes: a capture, the queue, or done at once. */
cudaError_t hc_submit(cudaStream_t stream, const hc_work *w, const char *function);
/* Does what waits in the queue. */
cudaError_t hc_flush(void);
/* True where there was something to do. */
bool hc_pending(void);
void hc_queue(hc_work *w); /* takes it */
/* Counts a launch or a replay; the device may be lost at it. */
cudaError_t hc_count(bool replay);
void hc_note_graph(size_t nodes);

/* --- launch.c, copy.c ---------------------------------------------------------------------------- */

cudaError_t hc_launch_check(const struct hostcuda_launch *l);
cudaError_t hc_launch_run(const struct hostcuda_launch *l);
size_t hc_shared_limit(int sm);
cudaError_t hc_copy_run(const hc_work *w);
cudaError_t hc_fill_run(const hc_work *w);

/* --- stream.c, graph.c ---------------------------------------------------------------------------- */

/* Handles that are alive: the first member of what they point to. */
struct hc_handle {
	struct hc_handle *next;
};
void hc_handle_add(struct hc_handle **list, struct hc_handle *h);
bool hc_handle_remove(struct hc_handle **list, struct hc_handle *h);
bool hc_handle_in(struct hc_handle *list, const struct hc_handle *h);

struct CUstream_st {
	struct hc_handle handle;
	int device;
	unsigned flags;
	struct hc_capture *capture; /* NULL: none */
	bool joined; /* the capture's first stream waits for it */
};
extern struct hc_handle *hc_streams;
bool hc_stream_default(cudaStream_t stream);
/* Alive, and the current device's. */
cudaError_t hc_stream_check(cudaStream_t stream);

struct hc_capture {
	struct hc_handle handle;
	cudaGraph_t graph;
	cudaStream_t stream; /* where it began */
	enum cudaStreamCaptureMode mode;
	pthread_t thread;
	bool invalid;
};
/* Whether the calling thread may not make unsafe calls now; spoils such captures. */
bool hc_capture_forbids(void);
/* The graph that records a stream; NULL: none. */
cudaError_t hc_capture_of(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t hc_graph_add(cudaGraph_t graph, const hc_work *w);

/* --- trace.c: every access of code built with -fsanitize=thread -------------------------------------- */

extern bool hc_tracing;
void hc_trace_launch(void);
void hc_trace_block(void);
void hc_trace_barrier(void);
void hc_trace_warp(unsigned warp, unsigned mask);
void hc_trace_access(const void *address, size_t bytes, bool write);
void hc_trace_atomic(const void *address, size_t bytes);
void hc_trace_fence(void);
void hc_trace_allocated(struct hc_allocation *a);
void hc_trace_freed(struct hc_allocation *a);
/* The host wrote: these bytes have a value now; or took that of others. */
void hc_trace_written(struct hc_allocation *a, const void *address, size_t bytes);
void hc_trace_copied(struct hc_allocation *to, const void *at, struct hc_allocation *from,
	const void *source, size_t bytes);

#endif
