/* peak - how many multiply-adds a second this machine can do
 *
 *   cc -O2 -o peak tests/bench/peak.c -pthread
 *   ./peak f32|bf16 THREADS            prints GFLOP/s and the instruction used
 *
 * The instruction alone, on registers: a ceiling that no kernel reaches, and what
 * `make bench` gives shares of. A multiply-add is two operations. Of many short
 * windows in which all threads were at it the best counts, since what the machine
 * can do is wanted, not what others left of it. Exits 3 without bf16.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

#define MAX_THREADS 256
#define WINDOWS 100
#define SECONDS 0.002 /* of a window: less than a scheduler's slice */
#define TURNS 2000    /* of a loop, between looks at the clock */

struct kernel {
	const char *name;
	double flops; /* of a turn */
	float (*run)(int turns);
};

/* One turn: each accumulator gets a product more, and no chain of them waits for
 * another. They are variables with names, which a compiler keeps in registers.
 * The empty asm keeps it from seeing that factors of 0 make the loop idle. */
#define EACH(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11)
#define ACCUMULATORS 12 /* two units, latency 4 or 5: more than ten */
#define ZERO(i) c##i = { 0 },
#define KERNEL(name, attribute, vector, pack, fma, first) \
	attribute static float name(int turns) \
	{ \
		vector EACH(ZERO) sum = { 0 }; \
		pack a = { 0 }, b = { 0 }; \
		HIDE(a) \
		HIDE(b) \
		for (; turns > 0; turns--) { \
			EACH(fma) \
		} \
		EACH(ADD) return first(sum); \
	}
#define ADD(i) sum += c##i;

#if defined __x86_64__
#define HIDE(v) __asm__("" : "+v"(v));
#define FMA512(i) \
	c##i = _mm512_fmadd_ps(a, b, c##i); \
	HIDE(c##i)
#define FMA256(i) \
	c##i = _mm256_fmadd_ps(a, b, c##i); \
	HIDE(c##i)
#define DOT512(i) \
	c##i = _mm512_dpbf16_ps(c##i, (__m512bh)a, (__m512bh)b); \
	HIDE(c##i)
KERNEL(avx512, __attribute__((target("avx512f"))), __m512, __m512, FMA512,
    _mm512_cvtss_f32)
KERNEL(avx2, __attribute__((target("avx2,fma"))), __m256, __m256, FMA256,
    _mm256_cvtss_f32)
KERNEL(bf16, __attribute__((target("avx512f,avx512bf16"))), __m512, __m512i, DOT512,
    _mm512_cvtss_f32)
#elif defined __aarch64__
#define HIDE(v) __asm__("" : "+w"(v));
#define FMA128(i) \
	c##i = vfmaq_f32(c##i, a, b); \
	HIDE(c##i)
#define LANE0(v) vgetq_lane_f32(v, 0)
KERNEL(neon, , float32x4_t, float32x4_t, FMA128, LANE0)
#endif

/* Where none of these is known: what the compiler makes of plain C. */
#define PLAIN_LANES 64

static float plain(int turns)
{
	static _Thread_local float acc[PLAIN_LANES];
	volatile float start = 0;
	const float a = start, b = start;
	float sum = 0;

	for (; turns > 0; turns--)
		for (int i = 0; i < PLAIN_LANES; i++)
			acc[i] = acc[i] * a + b;
	for (int i = 0; i < PLAIN_LANES; i++)
		sum += acc[i];
	return sum;
}

static bool choose(const char *type, struct kernel *k)
{
#if defined __x86_64__
	__builtin_cpu_init();
	if (strcmp(type, "bf16") == 0) {
		*k = (struct kernel){ "vdpbf16ps, 512 bits", ACCUMULATORS * 64, bf16 };
		return __builtin_cpu_supports("avx512bf16");
	}
	if (__builtin_cpu_supports("avx512f"))
		*k = (struct kernel){ "AVX-512 FMA", ACCUMULATORS * 32, avx512 };
	else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		*k = (struct kernel){ "AVX2 FMA", ACCUMULATORS * 16, avx2 };
	else
		*k = (struct kernel){ "plain C", PLAIN_LANES * 2, plain };
	return true;
#elif defined __aarch64__
	*k = (struct kernel){ "NEON FMA", ACCUMULATORS * 8, neon };
	return strcmp(type, "bf16") != 0;
#else
	*k = (struct kernel){ "plain C", PLAIN_LANES * 2, plain };
	return strcmp(type, "bf16") != 0;
#endif
}

/* --- the threads ------------------------------------------------------------------ */

static struct kernel kernel;
static int threads;
static pthread_barrier_t barrier;
static double rates[MAX_THREADS][WINDOWS]; /* turns a second */
static volatile float sink;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *work(void *number)
{
	double *rate = number;

	for (int w = 0; w < WINDOWS; w++) {
		double start, seconds, turns = 0;

		pthread_barrier_wait(&barrier);
		start = now();
		do {
			sink = kernel.run(TURNS);
			turns += TURNS;
		} while ((seconds = now() - start) < SECONDS);
		rate[w] = turns / seconds;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t ids[MAX_THREADS];
	double best = 0;

	threads = argc == 3 ? atoi(argv[2]) : 0;
	if (threads < 1 || threads > MAX_THREADS ||
	    (strcmp(argv[1], "f32") != 0 && strcmp(argv[1], "bf16") != 0)) {
		fputs("usage: peak f32|bf16 THREADS\n", stderr);
		return 2;
	}
	if (!choose(argv[1], &kernel))
		return 3;
	pthread_barrier_init(&barrier, NULL, (unsigned)threads);
	for (int t = 0; t < threads; t++)
		if (pthread_create(&ids[t], NULL, work, rates[t]) != 0) {
			fputs("peak: no thread\n", stderr);
			return 1;
		}
	for (int t = 0; t < threads; t++)
		pthread_join(ids[t], NULL);
	for (int w = 0; w < WINDOWS; w++) {
		double sum = 0;

		for (int t = 0; t < threads; t++)
			sum += rates[t][w];
		best = sum > best ? sum : best;
	}
	printf("%.1f\t%s\n", best * kernel.flops * 1e-9, kernel.name);
	return 0;
}
