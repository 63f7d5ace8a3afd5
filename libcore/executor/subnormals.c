/* subnormals.c - see subnormals.h. */
#include "subnormals.h"

#if defined __x86_64__
#define FLUSH 0x8040ul /* MXCSR: results (FZ) and operands (DAZ) */

static cnn_float_state get(void)
{
	return __builtin_ia32_stmxcsr();
}

static void set(cnn_float_state state)
{
	__builtin_ia32_ldmxcsr((unsigned)state);
}
#elif defined __aarch64__
#define FLUSH (1ul << 24) /* FPCR.FZ: both */

static cnn_float_state get(void)
{
	cnn_float_state state;

	__asm__ volatile("mrs %0, fpcr" : "=r"(state));
	return state;
}

static void set(cnn_float_state state)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(state));
}
#else
#define FLUSH 0ul

static cnn_float_state get(void)
{
	return 0;
}

static void set(cnn_float_state state)
{
	(void)state;
}
#endif

cnn_float_state cnn_subnormals_flush(void)
{
	const cnn_float_state before = get();

	set(before | FLUSH);
	return before;
}

cnn_float_state cnn_subnormals_keep(void)
{
	const cnn_float_state before = get();

	set(before & ~FLUSH);
	return before;
}

void cnn_subnormals_restore(cnn_float_state state)
{
	set(state);
}
