/* wmma.c - a warp's matrix product, and the checks of loads and stores. */
#include "include/hostcuda-half.h"
#include "private.h"

#define FULL 0xffffffffu
#define TILE 512 /* elements of the largest tile */

/* The operands of a load or store, per lane. */
struct transfer {
	const void *pointer;
	unsigned ldm;
	size_t element_bytes;
	int layout;
};

struct hostcuda_scatter hostcuda_scatter[3];

void hc_wmma_init(uint64_t seed)
{
	/* A permutation, because count is a power of two and mul is odd. */
	for (int i = 0; i < 3; i++) {
		uint64_t r = hc_random(&seed);

		hostcuda_scatter[i].mul = (unsigned)r | 1;
		hostcuda_scatter[i].add = (unsigned)(r >> 32);
	}
}

/* Joins all 32 lanes; returns true in the last of them. */
static bool arrive(enum hostcuda_kind kind, const void *operand, const char *file,
    int line)
{
	unsigned first = hc_thread_number(hc_run.current) / HC_WARP * HC_WARP;
	uint32_t ended = hc_run.ended[first / HC_WARP];

	if (first + HC_WARP > hc_run.threads)
		hc_fault("%s (%s:%d): the warp has %u of 32 lanes", hc_kind_name(kind),
		    file, line, hc_run.threads - first);
	if (ended)
		hc_fault("%s (%s:%d): lane %d has ended", hc_kind_name(kind), file,
		    line, __builtin_ctz(ended));
	hc_run.current->operand = operand;
	if (hc_warp_arrive(kind, FULL, file, line))
		return true;
	hc_warp_wait();
	return false;
}

/* --- load and store --------------------------------------------------------------- */

static void check_transfer(enum hostcuda_kind kind, const struct transfer *t,
    const char *file, int line)
{
	unsigned multiple = 16 / (unsigned)t->element_bytes;

	if ((uintptr_t)t->pointer % 32)
		hc_fault("%s (%s:%d): the pointer %p is not aligned to 32 bytes",
		    hc_kind_name(kind), file, line, t->pointer);
	if (t->ldm % multiple)
		hc_fault("%s (%s:%d): the leading dimension %u is not a multiple of %u",
		    hc_kind_name(kind), file, line, t->ldm, multiple);
}

void hostcuda_wmma_transfer(enum hostcuda_kind kind, const void *pointer, unsigned ldm,
    size_t element_bytes, int layout, const char *file, int line)
{
	struct transfer mine = { pointer, ldm, element_bytes, layout };
	struct hc_thread *lanes;

	check_transfer(kind, &mine, file, line);
	if (!arrive(kind, &mine, file, line))
		return;
	lanes = hc_warp_lanes();
	for (unsigned i = 0; i < HC_WARP; i++) {
		const struct transfer *t = lanes[i].operand;

		if (t->pointer != pointer || t->ldm != ldm || t->layout != layout)
			hc_fault(
			    "%s (%s:%d): lanes disagree: %p with leading dimension %u, "
			    "lane %u %p with %u",
			    hc_kind_name(kind), file, line, pointer, ldm, i, t->pointer,
			    t->ldm);
	}
	hc_warp_release(FULL);
}

/* --- the product ------------------------------------------------------------------ */

static float element(const struct hostcuda_part *p, int i)
{
	switch (p->type) {
	case HOSTCUDA_HALF: return hostcuda_half_to_float(((const uint16_t *)p->x)[i]);
	case HOSTCUDA_BFLOAT16:
		return hostcuda_bfloat16_to_float(((const uint16_t *)p->x)[i]);
	default: return ((const float *)p->x)[i];
	}
}

/* True if it still holds the constructor's poison, or that of new memory. */
static bool poisoned(const struct hostcuda_part *p)
{
	const unsigned char *x = p->x;
	size_t n = (size_t)p->elements * (p->type == HOSTCUDA_FLOAT ? 4 : 2);

	for (size_t i = 0; i < n; i++)
		if (x[i] != HC_POISON)
			return false;
	return true;
}

static const struct hostcuda_part *part(const struct hc_thread *lane, int use)
{
	const struct hostcuda_product *p = lane->operand;

	return use == HOSTCUDA_A ? &p->a : use == HOSTCUDA_B ? &p->b : &p->c;
}

/* Collects a tile, row major, from the parts of all lanes. */
static void gather(const struct hc_thread *lanes, int use, unsigned count, float *tile)
{
	struct hostcuda_scatter s = hostcuda_scatter[use];

	for (unsigned lane = 0; lane < HC_WARP; lane++) {
		const struct hostcuda_part *p = part(&lanes[lane], use);
		unsigned slot = lane * (unsigned)p->elements;

		for (int i = 0; i < p->elements; i++, slot++)
			tile[(slot * s.mul + s.add) % count] = element(p, i);
	}
}

static void scatter(const struct hc_thread *lanes, unsigned count, const float *tile)
{
	struct hostcuda_scatter s = hostcuda_scatter[HOSTCUDA_ACCUMULATOR];

	for (unsigned lane = 0; lane < HC_WARP; lane++) {
		const struct hostcuda_product *p = lanes[lane].operand;
		unsigned slot = lane * (unsigned)p->d.elements;

		for (int i = 0; i < p->d.elements; i++, slot++) {
			float f = tile[(slot * s.mul + s.add) % count];

			if (p->d.type == HOSTCUDA_HALF)
				((uint16_t *)p->d.x)[i] = hostcuda_float_to_half(f);
			else
				((float *)p->d.x)[i] = f;
		}
	}
}

/* d (m,n) += a (m,k) b (k,n), in the order of k. */
static void multiply(int m, int n, int k, const float *a, const float *b, float *d)
{
	for (int i = 0; i < m; i++)
		for (int l = 0; l < k; l++)
			for (int j = 0; j < n; j++)
				d[i * n + j] += a[i * k + l] * b[l * n + j];
}

void hostcuda_wmma_product(const struct hostcuda_product *p, const char *file, int line)
{
	static const char *const names[] = { "a", "b", "the accumulator" };
	float a[TILE], b[TILE], d[TILE];
	int m = p->m, n = p->n, k = p->k;
	struct hc_thread *lanes;

	if (p->a.type == HOSTCUDA_BFLOAT16 && hc_config()->sm < 80)
		hc_fault(
		    "mma_sync (%s:%d): bfloat16 needs compute capability 8.0 or later",
		    file, line);
	for (int use = 0; use < 3; use++) {
		const struct hostcuda_part *q = use == HOSTCUDA_A ? &p->a :
		    use == HOSTCUDA_B				  ? &p->b :
								    &p->c;

		if (poisoned(q))
			hc_fault(
			    "mma_sync (%s:%d): the fragment of %s was never loaded or filled, "
			    "or was loaded from uninitialised memory",
			    file, line, names[use]);
	}
	if (!arrive(HOSTCUDA_WMMA_MMA, p, file, line))
		return;
	lanes = hc_warp_lanes();
	gather(lanes, HOSTCUDA_A, (unsigned)(m * k), a);
	gather(lanes, HOSTCUDA_B, (unsigned)(k * n), b);
	gather(lanes, HOSTCUDA_ACCUMULATOR, (unsigned)(m * n), d);
	multiply(m, n, k, a, b, d);
	scatter(lanes, (unsigned)(m * n), d);
	hc_warp_release(FULL);
}
