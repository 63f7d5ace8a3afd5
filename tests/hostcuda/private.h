/* private.h - shared by the files of the library. */
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

/* --- config.c: the environment, read once ----------------------------------------- */

struct hc_config {
	uint64_t seed;
	int sm, devices, driver;
	size_t memory, addresses;
	uint64_t lost;	 /* 0: never */
	uint64_t graphs; /* at once */
	bool error_mode, stats, late, ignore_uninitialised;
};
const struct hc_config *hc_config(void);

/* splitmix64: the next of a sequence. */
uint64_t hc_random(uint64_t *state);

/* --- fiber.c: stacks and the switch between them ---------------------------------- */

struct hc_fiber;
/* Runs `fiber`'s thread until it yields. Call from the scheduler only. */
void hc_fiber_resume(struct hc_fiber *fiber);
/* Switches to the scheduler. Call from a fiber only. */
void hc_fiber_yield(void);
/* Switches to the scheduler for good: the stack will be reused from its start. */
_Noreturn void hc_fiber_abandon(void);
struct hc_fiber *hc_fiber_get(void); /* NULL: no memory */
void hc_fiber_put(struct hc_fiber *fiber);
/* Makes a stack usable again that was abandoned in use. */
void hc_fiber_reset(struct hc_fiber *fiber);
/* True if the address is in the guard page below a fiber's stack. */
bool hc_fiber_overflow(const void *address);
/* The function that a fiber runs repeatedly; in block.c. */
void hc_thread_main(void);

/* --- block.c, warp.c, wmma.c: one block ------------------------------------------- */

enum hc_state { HC_NEW, HC_READY, HC_WAITING, HC_DONE };

struct hc_thread {
	struct hc_fiber *fiber;
	uint3 index;
	enum hc_state state;
	/* The meeting at which it waits, or waited last. */
	enum hostcuda_kind kind;
	int line, lane, width;
	unsigned mask;
	const char *file;
	uint64_t value, result;
	const void *operand;
	/* Asynchronous copies in flight, and the number of groups so far. */
	struct hc_copy *copy;
	unsigned copies, copy_capacity, groups;
};

/* The running block. */
struct hc_run {
	const struct hostcuda_launch *launch; /* NULL: none */
	pthread_t runner;
	bool failed;			    /* a fault was reported: the launch ends */
	bool released;			    /* a barrier was passed: shuffle again */
	unsigned threads, done, at_barrier; /* threads in total, ended, waiting */
	/* Per warp, one bit per lane: lanes that have ended or do not exist; lanes that
	 * wait at a meeting of lanes. */
	uint32_t ended[HC_MAX_THREADS / HC_WARP], waiting[HC_MAX_THREADS / HC_WARP];
	struct hc_thread *thread;  /* all threads of the block */
	struct hc_thread *current; /* NULL: the scheduler */
	uint64_t random;
	uint64_t atomics; /* since a thread ended or passed a barrier */
};
extern struct hc_run hc_run;

void hc_block_prepare(void); /* once per launch */
/* Returns false if a fault was reported. */
bool hc_block_run(void);
void hc_block_leave(void); /* once per launch; also after a fault */
/* Waits in the scheduler. The caller has set the meeting. */
void hc_thread_wait(void);
static inline unsigned hc_thread_number(const struct hc_thread *t)
{
	return (unsigned)(t - hc_run.thread);
}
const char *hc_kind_name(enum hostcuda_kind kind);
/* Sets the existing lanes before a block. */
void hc_warp_prepare(void);
/* Called when a thread has ended: the others of its warp may no longer have to wait. */
void hc_warp_ended(const struct hc_thread *t);
/* Joins a meeting of the lanes in `mask`. Returns true in the last to arrive, while all
 * others wait: it sets their results, then calls hc_warp_release. */
bool hc_warp_arrive(enum hostcuda_kind kind, unsigned mask, const char *file, int line);
void hc_warp_wait(void);
void hc_warp_release(unsigned mask);
void hc_wmma_init(uint64_t seed);
/* The threads of the running thread's warp, by lane. */
struct hc_thread *hc_warp_lanes(void);

/* --- report.c --------------------------------------------------------------------- */

/* Writes "hostcuda: KERNEL: block (x,y,z) thread (x,y,z): ..." to stderr, as far as
 * these are known. */
__attribute__((format(printf, 1, 2))) void hc_report(const char *fmt, ...);
/* The same for an API function or for a launch that is not running. */
__attribute__((format(printf, 2, 3))) void hc_report_call(const char *function,
    const char *fmt, ...);
/* A report that ends the launch: aborts, or with HOSTCUDA_ON_ERROR=error notes the
 * failure. hc_fault then leaves the fiber. hc_fault_here returns, and is for the
 * scheduler. */
__attribute__((format(printf, 1, 2))) _Noreturn void hc_fault(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void hc_fault_here(const char *fmt, ...);
/* "(x,y,z)" */
const char *hc_place(const struct hc_thread *t, char text[48]);

/* --- memory.c: device and pinned memory ------------------------------------------- */

struct hc_allocation {
	unsigned char *start;
	size_t bytes;
	unsigned char *pages; /* page_bytes from here; guard pages on both sides */
	size_t page_bytes;
	int device; /* -1: pinned host memory */
	bool freed, open;
	bool initialised; /* completely, by the host */
	struct hc_allocation *next_open;
	void *shadow; /* trace.c's cells; may be NULL */
};

/* The allocation whose pages, or whose following guard page, contain the address; NULL
 * if there is none. Also finds freed ones. */
struct hc_allocation *hc_allocation_near(const void *address);
/* The live allocation that contains it. */
struct hc_allocation *hc_allocation_of(const void *address);
bool hc_in_arena(const void *address);
/* Opens device memory for access. Open allocations are in a list. */
void hc_open(struct hc_allocation *a);
void hc_close_all(void);
/* Checks the bytes around open allocations; returns true if one was overwritten. */
bool hc_border_broken(struct hc_allocation **which, long *offset);
/* Describes an address: "4 bytes past the end of ..." */
void hc_describe(const void *address, char *text, size_t bytes);
cudaError_t hc_allocate(void **pointer, size_t bytes, int device);
cudaError_t hc_release(void *pointer, bool pinned, const char *function);
size_t hc_memory_used(int device);
size_t hc_memory_peak(void);

/* --- shared.c: the array `shared` ------------------------------------------------- */

/* Makes the first `bytes` bytes usable and closes the rest. */
void hc_shared_size(size_t bytes);
void hc_shared_poison(void); /* before each block */
/* The offset of the first overwritten byte past the end; -1: none. */
long hc_shared_broken(void);
/* The address's offset in the array or its guards; returns false outside of them. */
bool hc_shared_offset(const void *address, long *offset);

/* --- fault.c ---------------------------------------------------------------------- */

void hc_fault_install(void); /* the handlers, and the thread's signal stack */
/* Reports a fault found by code built with -fsanitize=alignment. */
_Noreturn void hc_misaligned(const void *address, const char *type, unsigned alignment,
    const char *file, unsigned line);

/* --- api.c: entering and leaving an API call -------------------------------------- */

/* Takes the lock. Fails without a device, with an old driver, or if the device is
 * lost. */
cudaError_t hc_enter(const char *function);
/* hc_enter for functions that are not allowed during a capture. */
cudaError_t hc_enter_unsafe(const char *function);
cudaError_t hc_leave(cudaError_t error);
/* For launches: only keeps the error. */
void hc_set_error(cudaError_t error);
/* Makes every later call return this error. */
void hc_lose(cudaError_t error);
cudaError_t hc_lost(void);
extern _Thread_local int hc_device;
extern const char *hc_function; /* the running API call, or NULL */

/* --- work.c: launches, copies and fills, done now or later ------------------------ */

enum hc_work_kind { HC_LAUNCH, HC_COPY, HC_FILL };

struct CUgraphNode_st {
	enum hc_work_kind kind;
	int device;
	struct hostcuda_launch launch; /* with its own copy of closure and arguments */
	void *to;
	const void *from;
	size_t bytes;
	int value;
	enum cudaMemcpyKind direction;
};
typedef struct CUgraphNode_st hc_work;

/* Does it at once. */
cudaError_t hc_work_do(const hc_work *w);
/* A copy that owns its closure and arguments; NULL: no memory. */
hc_work *hc_work_copy(const hc_work *w);
void hc_work_free(hc_work *w);
/* Submits work of a stream: to a capture, to the queue, or at once. */
cudaError_t hc_submit(cudaStream_t stream, const hc_work *w, const char *function);
/* Does the work in the queue. */
cudaError_t hc_flush(void);
/* True if the queue has work. */
bool hc_pending(void);
void hc_queue(hc_work *w); /* takes ownership */
/* Counts a launch or a replay, at which the device may be lost. */
cudaError_t hc_count(bool replay);
void hc_note_graph(size_t nodes);

/* --- launch.c, copy.c ------------------------------------------------------------- */

cudaError_t hc_launch_check(const struct hostcuda_launch *l);
cudaError_t hc_launch_run(const struct hostcuda_launch *l);
size_t hc_shared_limit(int sm);
cudaError_t hc_copy_run(const hc_work *w);
cudaError_t hc_fill_run(const hc_work *w);

/* --- stream.c, graph.c ------------------------------------------------------------ */

/* Live handles: the first member of the struct they point to. */
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
	bool joined;		    /* the capture's first stream waits for it */
};
extern struct hc_handle *hc_streams;
bool hc_stream_default(cudaStream_t stream);
/* Checks that it is alive and belongs to the current device. */
cudaError_t hc_stream_check(cudaStream_t stream);

struct hc_capture {
	struct hc_handle handle;
	cudaGraph_t graph;
	cudaStream_t stream; /* where the capture began */
	enum cudaStreamCaptureMode mode;
	pthread_t thread;
	bool invalid;
};
/* True if the calling thread may not make unsafe calls now; invalidates such
 * captures. */
bool hc_capture_forbids(void);
/* The graph that records the stream; NULL: none. */
cudaError_t hc_capture_of(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t hc_graph_add(cudaGraph_t graph, const hc_work *w);

/* --- trace.c: every access of code built with -fsanitize=thread ------------------- */

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
/* written: the host wrote these bytes, so they are initialised. copied: they take over
 * the state of others. */
void hc_trace_written(struct hc_allocation *a, const void *address, size_t bytes);
void hc_trace_copied(struct hc_allocation *to, const void *at,
    struct hc_allocation *from, const void *source, size_t bytes);

#endif
