/* hooks.c - the functions that code built with -fsanitize=thread and
 * -fsanitize=alignment calls. Such code is linked with this library instead of the
 * sanitizers' own. Compile this file without -fsanitize. */
#include "private.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* --- -fsanitize=thread ------------------------------------------------------------ */

#define HOOK(name, parameters, ...) \
	EXPORT void name parameters; \
	void name parameters \
	{ \
		__VA_ARGS__; \
	}

#define HOOKS(n) \
	HOOK(__tsan_read##n, (const void *at), hc_trace_access(at, n, false)) \
	HOOK(__tsan_write##n, (const void *at), hc_trace_access(at, n, true))
#define UNALIGNED(n) \
	HOOK(__tsan_unaligned_read##n, (const void *at), \
	    hc_trace_access(at, n, false)) \
	HOOK(__tsan_unaligned_write##n, (const void *at), hc_trace_access(at, n, true))

HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)
HOOK(__tsan_read_range, (const void *at, unsigned long n),
    hc_trace_access(at, n, false))
HOOK(__tsan_write_range, (const void *at, unsigned long n),
    hc_trace_access(at, n, true))

HOOK(__tsan_init, (void), hc_tracing = true)
HOOK(__tsan_func_entry, (const void *caller), (void)caller)
HOOK(__tsan_func_exit, (void), )
HOOK(__tsan_vptr_update, (const void *at, const void *value), (void)at, (void)value)
HOOK(__tsan_vptr_read, (const void *at), (void)at)

/* clang's functions for copying and filling. */
#define COPY(name, function) \
	EXPORT void *name(void *to, const void *from, size_t n); \
	void *name(void *to, const void *from, size_t n) \
	{ \
		hc_trace_access(from, n, false); \
		hc_trace_access(to, n, true); \
		return function(to, from, n); \
	}
COPY(__tsan_memcpy, memcpy)
COPY(__tsan_memmove, memmove)

EXPORT void *__tsan_memset(void *to, int value, size_t n);
void *__tsan_memset(void *to, int value, size_t n)
{
	hc_trace_access(to, n, true);
	return memset(to, value, n);
}

/* --- -fsanitize=alignment --------------------------------------------------------- */

/* The place in the source, the type and its alignment. */
struct mismatch {
	const char *file;
	uint32_t line, column;
	const struct {
		uint16_t kind, info;
		char name[];
	} * type;
	unsigned char log_alignment, access;
};

#define MISMATCH(function) \
	EXPORT void function(const struct mismatch *m, const void *address); \
	void function(const struct mismatch *m, const void *address) \
	{ \
		hc_misaligned(address, m->type->name, 1u << m->log_alignment, m->file, \
		    m->line); \
	}
MISMATCH(__ubsan_handle_type_mismatch_v1)
MISMATCH(__ubsan_handle_type_mismatch_v1_abort)
