/* pooled-kernels.c - the kernels of pooled.h for one level. */
#include "pooled.h"

#include "simd.h"

#include <math.h>

/* The parts; each uses those before it. */
#include "pooled-image.h"
#include "pooled-sparse.h"
#include "pooled-backward.h"
#include "pooled-narrow.h"
#include "pooled-winograd.h"
#if DOT
#include "pooled-narrow-dot.h"
#include "pooled-dot.h"
#endif

static const struct conv_kernels narrow_kernels = {
	LANES,
	narrow_packed,
	narrow_forward_scratch,
	narrow_backward_scratch,
	narrow_pack,
	narrow_forward,
	narrow_backward,
};

static const struct conv_kernels wide_kernels = {
	LANES,
	winograd_packed,
	winograd_scratch,
	wide_backward_scratch,
	winograd_pack,
	winograd_forward,
	wide_backward,
};

#if DOT
static const struct conv_kernels dot_kernels = {
	LANES,
	dot_packed,
	half_scratch,
	wide_backward_scratch,
	dot_pack,
	dot_forward,
	wide_backward,
};

static const struct conv_kernels narrow_dot_kernels = {
	LANES,
	narrow_dot_packed,
	half_scratch,
	narrow_backward_scratch,
	narrow_dot_pack,
	narrow_dot_forward,
	narrow_backward,
};
#else
#define dot_kernels wide_kernels
#define narrow_dot_kernels narrow_kernels
#endif

const struct conv_level LEVEL_NAME(conv_level) = {
	.narrow = { &narrow_kernels, &narrow_dot_kernels },
	.wide = { &wide_kernels, &dot_kernels },
};
