/* conv-level.h - the kernels of conv.h for one level: TEMPLATE of levels.h. */
#include "conv-image.h"
#include "conv-sparse.h"
#include "conv-backward.h"
#include "conv-narrow.h"
#include "conv-winograd.h"
#if DOT
#include "conv-narrow-dot.h"
#include "conv-dot.h"
#endif

static const struct conv_kernels NAME(narrow_kernels) = {
	LANES, NAME(narrow_packed), NAME(narrow_forward_scratch),
	NAME(narrow_backward_scratch), NAME(narrow_pack), NAME(narrow_forward),
	NAME(narrow_backward),
};

static const struct conv_kernels NAME(wide_kernels) = {
	LANES, NAME(winograd_packed), NAME(winograd_scratch),
	NAME(wide_backward_scratch), NAME(winograd_pack), NAME(winograd_forward),
	NAME(wide_backward),
};

#if DOT
static const struct conv_kernels NAME(dot_kernels) = {
	LANES, NAME(dot_packed), NAME(half_scratch), NAME(wide_backward_scratch),
	NAME(dot_pack), NAME(dot_forward), NAME(wide_backward),
};

static const struct conv_kernels NAME(narrow_dot_kernels) = {
	LANES, NAME(narrow_dot_packed), NAME(half_scratch),
	NAME(narrow_backward_scratch), NAME(narrow_dot_pack), NAME(narrow_dot_forward),
	NAME(narrow_backward),
};
#endif
