/* optimizers.cu - adam and sgd, elementwise; for update number t = 1, 2, ... and
 * g = grad * grad_scale + weight_decay * param:
 *   adam: m = beta1 m + (1 - beta1) g
 *         v = beta2 v + (1 - beta2) g^2
 *         param -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *   sgd:  m = momentum m + g
 *         param -= lr m; without momentum param -= lr g, and m is not changed
 * If state->bad is set, nothing is changed. One pass, with 16 bytes per thread and pass
 * if all arrays are aligned for it. Arguments are numbered as in the definitions.
 */
#include "gpu.h"
#include "kernels.h"
#include <math.h>

#define BLOCK 256

typedef pack<float, 4> four;

/* The number of packs of four, or 0 if an array is not aligned for them. */
static size_t packs_of(const struct cnn_update *u, int moments)
{
	bool aligned = is_aligned(u->params) && is_aligned(u->grads);

	for (int m = 0; m < moments; m++)
		aligned = aligned && is_aligned(u->moments[m]);
	return aligned ? u->count / 4 : 0;
}

/* --- adam ------------------------------------------------------------------------- */

struct adam {
	float b1, c1, b2, c2; /* beta, 1 - beta */
	float eps, decay;
	double log_beta1, log_beta2;
};

/* The values that are the same for all elements of a step. */
struct adam_step {
	float step, root, scale;
};

static __device__ void adam_one(float *param, float *m, float *v, float grad,
    const struct adam *a, const struct adam_step *s)
{
	const float g = grad * s->scale + a->decay * *param;

	*m = a->b1 * *m + a->c1 * g;
	*v = a->b2 * *v + a->c2 * g * g;
	*param -= s->step * (*m / (sqrtf(*v) / s->root + a->eps));
}

/* Computed by two threads of each block, in double. 1 - beta^t is written so that it
 * keeps its precision if beta^t is nearly 1. The logarithm of a beta of 0 is -inf,
 * which gives 1 - beta^t = 1. */
static __device__ struct adam_step adam_begin(const struct cnn_state *state,
    const struct adam *a, float *shared)
{
	const double t = (double)(state->updates + 1);

	if (threadIdx.x < 2) {
		const double rest = -expm1(
		    t * (threadIdx.x ? a->log_beta2 : a->log_beta1));

		shared[threadIdx.x] =
		    (float)(threadIdx.x ? sqrt(rest) : state->lr / rest);
	}
	__syncthreads();
	return adam_step{ shared[0], shared[1], state->grad_scale };
}

static __global__ void adam(float *params, float *m, float *v, const float *grads,
    const struct cnn_state *state, struct adam a, size_t count, size_t packs)
{
	extern __shared__ __align__(16) unsigned char shared[];
	struct adam_step s;

	if (state->bad)
		return;
	s = adam_begin(state, &a, (float *)shared);
	for (size_t i = first_item(); i < packs; i += item_step()) {
		const four g = ((const four *)grads)[i];
		four p = ((four *)params)[i], pm = ((four *)m)[i], pv = ((four *)v)[i];

		for (int k = 0; k < 4; k++)
			adam_one(&p.x[k], &pm.x[k], &pv.x[k], g.x[k], &a, &s);
		((four *)params)[i] = p;
		((four *)m)[i] = pm;
		((four *)v)[i] = pv;
	}
	for (size_t i = packs * 4 + first_item(); i < count; i += item_step())
		adam_one(&params[i], &m[i], &v[i], grads[i], &a, &s);
}

enum { BETA1, BETA2, EPS, ADAM_DECAY };

extern "C" int native_adam(const struct cnn_update *u)
{
	const double beta1 = u->args[BETA1].f, beta2 = u->args[BETA2].f;
	const struct adam a = { (float)beta1, (float)(1 - beta1), (float)beta2,
		(float)(1 - beta2), (float)u->args[EPS].f, (float)u->args[ADAM_DECAY].f,
		log(beta1), log(beta2) };
	const size_t packs = packs_of(u, 2);

	if (u->count == 0)
		return cudaSuccess;
	return LAUNCH(adam, blocks_of(packs ? packs : u->count, BLOCK), BLOCK,
	    2 * sizeof(float), u->queue, u->params, u->moments[0], u->moments[1],
	    u->grads, u->state, a, u->count, packs);
}

/* --- sgd -------------------------------------------------------------------------- */

struct sgd {
	float momentum, decay;
};

/* m: NULL without momentum. */
static __device__ void sgd_one(float *param, float *m, float grad, const struct sgd *s,
    float lr, float scale)
{
	float g = grad * scale + s->decay * *param;

	if (m)
		g = *m = s->momentum * *m + g;
	*param -= lr * g;
}

static __global__ void sgd(float *params, float *m, const float *grads,
    const struct cnn_state *state, struct sgd s, size_t count, size_t packs)
{
	const float lr = (float)state->lr, scale = state->grad_scale;

	if (state->bad)
		return;
	for (size_t i = first_item(); i < packs; i += item_step()) {
		const four g = ((const four *)grads)[i];
		four p = ((four *)params)[i], pm = { { 0 } };

		if (m)
			pm = ((four *)m)[i];
		for (int k = 0; k < 4; k++)
			sgd_one(&p.x[k], m ? &pm.x[k] : NULL, g.x[k], &s, lr, scale);
		((four *)params)[i] = p;
		if (m)
			((four *)m)[i] = pm;
	}
	for (size_t i = packs * 4 + first_item(); i < count; i += item_step())
		sgd_one(&params[i], m ? &m[i] : NULL, grads[i], &s, lr, scale);
}

enum { MOMENTUM, SGD_DECAY };

extern "C" int native_sgd(const struct cnn_update *u)
{
	const struct sgd s = { (float)u->args[MOMENTUM].f,
		(float)u->args[SGD_DECAY].f };
	float *m = s.momentum == 0 ? NULL : u->moments[0];
	const size_t packs = packs_of(u, m ? 1 : 0);

	if (u->count == 0)
		return cudaSuccess;
	return LAUNCH(sgd, blocks_of(packs ? packs : u->count, BLOCK), BLOCK, 0,
	    u->queue, u->params, m, u->grads, u->state, s, u->count, packs);
}
