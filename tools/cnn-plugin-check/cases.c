/* cases.c - what is tried of built-in types, and how near is near enough. */
#include "cases.h"
#include "chain.h"
#include <string.h>

const struct test_case test_cases[] = {
	/* net, inputs, samples, samples of a microbatch, values */
	{ "conv2d out=1 kernel=1", "1x1x1", 1, 1, DISTINCT },
	{ "conv2d out=32 kernel=3", "1x28x28", 5, 4, DISTINCT },
	{ "conv2d out=16 kernel=3", "16x9x9", 3, 2, DISTINCT },
	{ "conv2d out=64 kernel=3", "32x7x7", 2, 2, DISTINCT },
	{ "conv2d out=5 kernel=3 bias=false", "3x8x7", 3, 2, DISTINCT },
	{ "conv2d out=7 kernel=3x2 stride=2x3 padding=1x0", "3x9x11", 3, 3, DISTINCT },
	{ "conv2d out=4 kernel=3 padding=2 dilation=2", "2x7x6", 2, 2, DISTINCT },
	{ "conv2d out=6 kernel=2x3 dilation=3x2 stride=2", "3x10x9", 2, 2, DISTINCT },
	{ "conv2d out=6 kernel=3 groups=3 padding=1", "3x6x5", 3, 2, DISTINCT },
	{ "conv2d out=8 kernel=3 groups=2", "4x5x5", 2, 2, DISTINCT },
	{ "conv2d out=16 kernel=3 groups=16 padding=1", "16x6x6", 2, 2, DISTINCT },
	{ "conv2d out=3 kernel=5 padding=4", "2x3x3", 2, 2, DISTINCT },
	{ "conv2d out=20 kernel=1 stride=2", "17x5x4", 2, 2, DISTINCT },
	{ "conv2d out=10 kernel=5x4", "3x5x4", 3, 2, DISTINCT },

	/* First layers, of few channels */
	{ "conv2d out=16 kernel=5 stride=2", "1x28x28", 3, 2, DISTINCT },
	{ "conv2d out=48 kernel=7x4 stride=3x2 padding=3x1", "3x17x30", 3, 2,
	    DISTINCT },
	{ "conv2d out=16 kernel=2x3 stride=1x2 dilation=3x2 bias=false", "4x9x8", 2, 2,
	    DISTINCT },
	{ "conv2d out=32 kernel=3 padding=1", "2x40x37", 2, 2, DISTINCT },

	{ "linear out=10", "7", 5, 2, DISTINCT },
	{ "linear out=1", "1", 1, 1, DISTINCT },
	{ "linear out=33 bias=false", "65", 3, 3, DISTINCT },
	{ "linear out=128", "160", 9, 4, DISTINCT },

	{ "relu", "3x5x4", 3, 2, DISTINCT },
	{ "relu", "19", 2, 2, TIES },
	{ "relu", "16x4x4", 2, 2, NEGATIVE },
	{ "relu", "5x7x3", 3, 2, WIDE },

	{ "normalize mean=0.25 std=0.5", "3x5x4", 3, 2, DISTINCT },
	{ "normalize mean=0.1307 std=0.3081", "19", 2, 2, NEGATIVE },

	{ "maxpool2d kernel=2", "3x6x6", 3, 2, DISTINCT },
	{ "maxpool2d kernel=2", "5x7x5", 2, 2, TIES },
	{ "maxpool2d kernel=3x2 stride=1x2 padding=1x0", "4x5x6", 2, 2, DISTINCT },
	{ "maxpool2d kernel=3 stride=2 padding=1", "17x7x8", 2, 2, NEGATIVE },
	{ "maxpool2d kernel=3 stride=2 padding=1", "16x8x7", 2, 2, TIES },
	{ "maxpool2d kernel=2x3", "1x2x3", 1, 1, DISTINCT },
	{ "maxpool2d kernel=15x17", "16x15x18", 2, 2, DISTINCT },
	{ "maxpool2d kernel=16", "5x17x33", 2, 2, DISTINCT },
	{ "maxpool2d kernel=1x256", "17x2x257", 2, 2, TIES },

	{ "avgpool2d kernel=2", "3x6x6", 3, 2, DISTINCT },
	{ "avgpool2d kernel=3x2 stride=1x2 padding=1", "4x5x7", 2, 2, DISTINCT },
	{ "avgpool2d kernel=5", "17x5x5", 2, 2, DISTINCT },

	{ "flatten", "3x4x5", 3, 2, DISTINCT },
	{ "flatten", "17x3x2", 2, 2, DISTINCT },
	{ "flatten", "7", 2, 2, DISTINCT },

	{ "dropout", "3x5x4", 5, 2, DISTINCT },
	{ "dropout p=0.1", "1031", 3, 2, DISTINCT },
	{ "dropout p=0.25", "17x6x5", 3, 2, DISTINCT },
	{ "dropout p=0.7", "32x5x3", 5, 2, DISTINCT },
	{ "dropout p=0", "9", 2, 2, DISTINCT },
	{ "dropout p=1", "9", 2, 2, DISTINCT },

	{ "add", "3x4x5 3x4x5", 3, 2, DISTINCT },
	{ "add", "17x3x3 17x3x3 17x3x3", 2, 2, DISTINCT },
	{ "add", "11 11 11 11", 2, 1, DISTINCT },

	{ "batchnorm2d", "3x5x4", 5, 2, DISTINCT },
	{ "batchnorm2d eps=0.01 momentum=0.3", "17x3x3", 4, 2, DISTINCT },
	{ "batchnorm2d", "1x1x1", 3, 2, DISTINCT },
	{ "batchnorm2d", "16x4x4", 3, 3, DISTINCT },

	{ "cross_entropy", "10", 5, 2, DISTINCT },
	{ "cross_entropy", "1", 2, 2, DISTINCT },
	{ "cross_entropy", "3", 4, 4, TIES },

	/* Runs. */
	{ "relu | maxpool2d kernel=2", "3x6x6", 3, 2, DISTINCT },
	{ "relu | maxpool2d kernel=2", "16x7x5", 2, 2, TIES },
	{ "relu | maxpool2d kernel=3 stride=2 padding=1", "5x7x7", 3, 2, TIES },
	{ "relu | maxpool2d kernel=2", "4x6x6", 2, 2, NEGATIVE },
	{ "relu | maxpool2d kernel=17", "16x18x17", 2, 2, DISTINCT },
	{ "maxpool2d kernel=2 | relu", "16x7x5", 2, 2, TIES },
	{ "maxpool2d kernel=3 stride=2 padding=1 | relu", "3x7x7", 2, 2, DISTINCT },
	{ "conv2d out=8 kernel=3 | relu", "3x6x6", 3, 2, DISTINCT },
	{ "conv2d out=32 kernel=3 padding=1 | relu", "1x8x8", 3, 2, DISTINCT },
	{ "conv2d out=64 kernel=5 stride=2 padding=2 | relu", "3x33x32", 3, 2,
	    DISTINCT },
	{ "conv2d out=16 kernel=6x5 stride=2 bias=false | relu", "1x12x21", 2, 2,
	    TIES },
	{ "conv2d out=16 kernel=3 stride=2 | relu", "16x8x7", 2, 2, TIES },
	{ "conv2d out=16 kernel=3 bias=false | relu", "16x8x7", 3, 2, DISTINCT },
	{ "conv2d out=8 kernel=3 padding=1 | relu | conv2d out=5 kernel=3", "3x7x6", 5,
	    4, DISTINCT },
	{ "conv2d out=16 kernel=3 padding=1 bias=false | relu | conv2d out=8 "
	  "kernel=3x2 stride=2",
	    "16x7x6", 3, 2, DISTINCT },
	{ "conv2d out=16 kernel=3 padding=1 | relu | conv2d out=8 kernel=3 bias=false "
	  "groups=2",
	    "8x7x6", 3, 2, DISTINCT },
	{ "conv2d out=8 kernel=3 | relu | maxpool2d kernel=2", "3x8x9", 3, 2,
	    DISTINCT },
	{ "conv2d out=32 kernel=3 | relu | maxpool2d kernel=2", "1x28x28", 5, 4,
	    DISTINCT },
	{ "conv2d out=64 kernel=3 | relu | maxpool2d kernel=2", "32x13x13", 3, 2,
	    DISTINCT },
	{ "conv2d out=64 kernel=3 | relu | maxpool2d kernel=2", "32x13x13", 2, 2,
	    TIES },
	{ "conv2d out=16 kernel=3 padding=1 | relu | maxpool2d kernel=2", "16x7x6", 2,
	    2, TIES },
	{ "conv2d out=20 kernel=3x2 stride=1x2 | relu | maxpool2d kernel=3 stride=2 "
	  "padding=1",
	    "5x9x12", 2, 2, TIES },
	{ "conv2d out=17 kernel=2 bias=false | relu | maxpool2d kernel=2", "2x7x7", 3,
	    2, NEGATIVE },
	{ "conv2d out=8 kernel=3 | maxpool2d kernel=2", "3x8x8", 3, 2, DISTINCT },
	{ "conv2d out=8 kernel=3 | maxpool2d kernel=2 | relu", "3x8x8", 3, 2,
	    DISTINCT },
	{ "linear out=12 | relu", "33", 5, 2, DISTINCT },
	{ "linear out=128 | relu", "160", 5, 4, DISTINCT },
	{ "linear out=16 bias=false | relu", "16", 3, 2, TIES },
	{ "flatten | linear out=10", "3x4x5", 3, 2, DISTINCT },
	{ "flatten | linear out=16", "16x3x3", 3, 2, DISTINCT },
	{ "flatten | linear out=33 bias=false", "17x2x3", 2, 2, DISTINCT },
	{ "flatten | linear out=128 | relu", "64x5x5", 5, 4, DISTINCT },
	{ "flatten | linear out=10 | relu", "3x3x2", 3, 2, TIES },
	{ "linear out=10 | cross_entropy", "33", 5, 2, DISTINCT },
	{ "linear out=24 | relu | linear out=10", "33", 5, 2, DISTINCT },
	{ "linear out=24 | relu | linear out=10 | cross_entropy", "33", 5, 2,
	    DISTINCT },
	{ "flatten | linear out=24 | relu | linear out=10 | cross_entropy", "16x3x3", 5,
	    2, DISTINCT },
	{ "conv2d out=8 kernel=3 | batchnorm2d", "3x6x6", 3, 2, DISTINCT },
	{ "batchnorm2d | relu", "17x5x5", 4, 2, DISTINCT },
	{ "conv2d out=8 kernel=3 | batchnorm2d | relu", "3x6x6", 3, 2, DISTINCT },
	{ "add | relu", "5x4x4 5x4x4", 3, 2, DISTINCT },
	{ "add | relu", "16x4x4 16x4x4", 3, 2, TIES },
	{ "relu | dropout", "33", 5, 2, DISTINCT },
	{ "linear out=32 | relu | dropout", "33", 5, 2, DISTINCT },

	/* Shapes at which a GPU's kernels cut, split and pad their products. */
	{ "conv2d out=40 kernel=3 padding=1", "24x9x8", 3, 2, DISTINCT },
	{ "conv2d out=24 kernel=3x5 stride=3x2 padding=2 dilation=2x1", "16x13x11", 3,
	    2, DISTINCT },
	{ "conv2d out=24 kernel=2 groups=2 stride=2", "20x7x6", 3, 2, TIES },
	{ "conv2d out=20 kernel=5 padding=2", "1x9x8", 5, 4, DISTINCT },
	{ "conv2d out=40 kernel=3 stride=2 padding=1", "3x11x12", 5, 4, DISTINCT },
	{ "conv2d out=16 kernel=3 padding=3", "16x20x19", 3, 2, DISTINCT },
	{ "conv2d out=48 kernel=3x2 padding=1x0 dilation=2x1", "16x9x8", 3, 2,
	    DISTINCT },
	{ "conv2d out=8 kernel=3 padding=1", "8x20x20", 3, 2, DISTINCT },
	{ "linear out=1000", "9", 5, 4, DISTINCT },
	{ "linear out=5", "1600", 9, 8, DISTINCT },
	{ "linear out=200", "136", 70, 67, DISTINCT },
	{ "conv2d out=12 kernel=3 padding=1 | relu", "3x8x9", 5, 4, TIES },
	{ "conv2d out=40 kernel=3 groups=2 padding=1 stride=2 | relu", "48x9x8", 3, 2,
	    DISTINCT },
	{ "conv2d out=16 kernel=3 padding=1 | relu", "16x9x8", 3, 2, TIES },
	{ "conv2d out=33 kernel=5 | relu | maxpool2d kernel=2", "1x12x13", 5, 4,
	    DISTINCT },
	{ "conv2d out=16 kernel=3 padding=1 | relu | maxpool2d "
	  "kernel=2 padding=1",
	    "3x8x9", 5, 4, TIES },
	{ "conv2d out=8 kernel=3 | relu | maxpool2d kernel=4x1 stride=4x2", "1x12x13",
	    5, 4, NEGATIVE },
	{ "conv2d out=16 kernel=3 padding=1 | relu | maxpool2d "
	  "kernel=2 stride=3",
	    "8x9x10", 3, 2, DISTINCT },
	{ "conv2d out=9 kernel=2 stride=2 groups=3 | relu | maxpool2d "
	  "kernel=3x2",
	    "6x13x14", 3, 2, DISTINCT },
	{ "conv2d out=16 kernel=3 dilation=2 groups=2 | relu | "
	  "maxpool2d kernel=2x3",
	    "32x9x11", 3, 2, TIES },
	{ "conv2d out=32 kernel=3 padding=1 | relu | maxpool2d "
	  "kernel=2 padding=1",
	    "16x9x8", 3, 2, DISTINCT },
	{ "conv2d out=32 kernel=3 padding=2 | relu | maxpool2d "
	  "kernel=2 stride=3",
	    "32x7x8", 3, 2, TIES },
	{ "conv2d out=40 kernel=1 | relu | maxpool2d kernel=1 stride=2", "8x9x11", 3, 2,
	    DISTINCT },
	{ "conv2d out=8 kernel=3 | relu | maxpool2d kernel=8", "3x18x19", 3, 2,
	    DISTINCT },

	/* Shapes at which a CPU's kernels change their way, or end within a vector. */
	{ "conv2d out=8 kernel=3 padding=1 | relu | maxpool2d kernel=2", "2x6x7", 3, 2,
	    TIES },
	{ "conv2d out=8 kernel=3 padding=4 | relu | maxpool2d kernel=2", "1x5x6", 3, 2,
	    DISTINCT },
	{ "conv2d out=40 kernel=3 | relu | maxpool2d kernel=2", "1x12x15", 3, 2,
	    NEGATIVE },
	{ "conv2d out=48 kernel=3 bias=false stride=2 | relu | maxpool2d kernel=2",
	    "20x9x8", 3, 2, DISTINCT },
	{ "conv2d out=80 kernel=3 padding=1 | relu | maxpool2d kernel=2", "24x6x6", 3,
	    2, DISTINCT },
	{ "conv2d out=17 kernel=3 padding=2 | relu | maxpool2d kernel=2", "5x25x23", 3,
	    2, DISTINCT },
	{ "conv2d out=16 kernel=3 | relu | maxpool2d kernel=2", "16x6x206", 2, 2,
	    DISTINCT },
	{ "conv2d out=16 kernel=3 padding=1 | relu | maxpool2d kernel=2", "1x4x210", 2,
	    2, TIES },
	{ "conv2d out=6 kernel=5 | relu | avgpool2d kernel=2", "3x13x14", 19, 18,
	    DISTINCT },
	{ "conv2d out=7 kernel=3 stride=2 padding=1 dilation=2 | relu | maxpool2d "
	  "kernel=3x2",
	    "5x23x20", 19, 18, TIES },
	{ "conv2d out=10 kernel=4x3 stride=1x3 padding=3x2 groups=2", "6x7x11", 35, 34,
	    DISTINCT },
	{ "conv2d out=20 kernel=5 | maxpool2d kernel=2", "1x13x14", 19, 18, TIES },
	{ "conv2d out=20 kernel=5 padding=1 | maxpool2d kernel=2", "3x13x14", 19, 18,
	    DISTINCT },
	{ "conv2d out=50 kernel=5 | maxpool2d kernel=2", "20x12x12", 9, 8, DISTINCT },
	{ "conv2d out=40 kernel=5 padding=2 bias=false | maxpool2d kernel=2", "17x9x8",
	    5, 4, TIES },
	{ "conv2d out=72 kernel=5 padding=2 | relu | maxpool2d kernel=2", "33x7x10", 5,
	    4, DISTINCT },
	{ "conv2d out=16 kernel=5 | relu | maxpool2d kernel=2", "16x6x206", 2, 2,
	    TIES },
	{ "conv2d out=80 kernel=5 padding=4 | relu | maxpool2d kernel=2", "2x7x6", 5, 4,
	    NEGATIVE },
	{ "conv2d out=40 kernel=3 padding=1 | maxpool2d kernel=2", "24x9x7", 5, 4,
	    DISTINCT },
	{ "conv2d out=7 kernel=3 | avgpool2d kernel=2x3", "20x9x11", 5, 4, DISTINCT },
	{ "conv2d out=24 kernel=3 padding=2x0", "17x9x10", 5, 4, DISTINCT },
	{ "conv2d out=9 kernel=3 padding=1x2 bias=false", "40x13x6", 19, 18, DISTINCT },
	{ "conv2d out=48 kernel=3 padding=1 | relu", "33x11x7", 5, 4, TIES },
	{ "linear out=40 | relu", "37", 19, 18, DISTINCT },
	{ "flatten | linear out=20 | relu", "17x3x2", 5, 4, DISTINCT },

	/* What is not a number, or not finite. */
	{ "relu", "3x5x4", 3, 2, NOT_FINITE },
	{ "relu", "16x5x4", 3, 2, NOT_FINITE },
	{ "maxpool2d kernel=2", "3x6x6", 3, 2, NOT_FINITE },
	{ "maxpool2d kernel=3 stride=2 padding=1", "17x8x7", 3, 2, NOT_FINITE },
	{ "avgpool2d kernel=3x2 stride=1x2 padding=1", "4x5x7", 3, 2, NOT_FINITE },
	{ "flatten", "17x3x2", 3, 2, NOT_FINITE },
	{ "dropout p=0.25", "17x6x5", 3, 2, NOT_FINITE },
	{ "add", "17x3x3 17x3x3", 3, 2, NOT_FINITE },
	{ "batchnorm2d", "17x4x4", 3, 2, NOT_FINITE },
	{ "cross_entropy", "10", 5, 2, NOT_FINITE },
	{ "conv2d out=8 kernel=3 padding=1", "5x6x6", 3, 2, NOT_FINITE },
	{ "linear out=33", "65", 3, 2, NOT_FINITE },
	{ "relu | maxpool2d kernel=2", "16x7x5", 3, 2, NOT_FINITE },
	{ "maxpool2d kernel=2 | relu", "16x7x5", 3, 2, NOT_FINITE },
	{ "conv2d out=8 kernel=3 | relu", "3x6x6", 3, 2, NOT_FINITE },
	{ "conv2d out=16 kernel=5 stride=2 | relu", "1x12x13", 3, 2, NOT_FINITE },
	{ "conv2d out=32 kernel=4x3 stride=2 padding=1", "3x13x12", 2, 2, NOT_FINITE },
	{ "conv2d out=16 kernel=3 stride=2 | relu", "16x8x7", 3, 2, NOT_FINITE },
	{ "conv2d out=8 kernel=3 padding=1 | relu | conv2d out=5 kernel=3", "3x7x6", 3,
	    2, NOT_FINITE },
	{ "conv2d out=8 kernel=3 | relu | maxpool2d kernel=2", "3x8x9", 3, 2,
	    NOT_FINITE },
	{ "conv2d out=16 kernel=3 padding=1", "16x9x10", 3, 2, NOT_FINITE },
	{ "conv2d out=17 kernel=3 | relu", "20x12x7", 3, 2, NOT_FINITE },
	{ "conv2d out=6 kernel=5 | relu | maxpool2d kernel=2", "3x9x10", 3, 2,
	    NOT_FINITE },
	{ "conv2d out=6 kernel=5 | relu | avgpool2d kernel=2", "3x9x10", 3, 2,
	    NOT_FINITE },
	{ "conv2d out=6 kernel=5 | maxpool2d kernel=2", "3x9x10", 3, 2, NOT_FINITE },
	{ "conv2d out=50 kernel=5 | maxpool2d kernel=2", "20x12x12", 3, 2, NOT_FINITE },
	{ "conv2d out=32 kernel=3 | relu | maxpool2d kernel=2", "1x12x12", 3, 2,
	    NOT_FINITE },
	{ "conv2d out=64 kernel=3 | relu | maxpool2d kernel=2", "32x13x13", 3, 2,
	    NOT_FINITE },
	{ "linear out=12 | relu", "33", 5, 2, NOT_FINITE },
	{ "flatten | linear out=16", "16x3x3", 3, 2, NOT_FINITE },
	{ "flatten | linear out=128 | relu", "64x5x5", 5, 4, NOT_FINITE },
};

const size_t test_case_count = sizeof(test_cases) / sizeof(test_cases[0]);

/* Rounding to bfloat16 is off by at most u = 2^-8 of a number, and where errors
 * are spread evenly by u^2/3 in the mean square: ONCE. Weights that are rounded
 * first, and what is kept in bfloat16 on the way, add about as much each. In
 * half u is 2^-11, and all of this 64 times smaller. */
#define ONCE 6e-6
#define THRICE 2e-5

static const struct {
	const char *type;
	struct bounds bf16;
} half_bounds[] = {
	{ "conv2d", { THRICE, THRICE } },
	{ "linear", { THRICE, THRICE } },
	{ "relu", { 0, 0 } }, /* nothing is rounded */
	{ "normalize", { ONCE, ONCE } },
	/* Overlapping windows add up. */
	{ "maxpool2d", { 0, ONCE } },
	{ "avgpool2d", { ONCE, 1e-5 } },
	{ "flatten", { 0, 0 } },
	{ "dropout", { ONCE, ONCE } },
	{ "add", { ONCE, 0 } },
	{ "batchnorm2d", { THRICE, THRICE } },
};

struct bounds case_bounds(const struct layer_chain *c, uint32_t dtype)
{
	struct bounds b = { 0, 0 };
	bool rounded = false; /* what a later node chooses by */

	if (dtype == CNN_F32)
		return (struct bounds){ 1e-10, 1e-10 };
	for (uint32_t i = 0; i < c->node_count; i++) {
		const char *type = c->types[i];
		bool chooses = strcmp(type, "relu") == 0 ||
		    strcmp(type, "maxpool2d") == 0;

		for (size_t k = 0; k < sizeof(half_bounds) / sizeof(half_bounds[0]);
		     k++)
			if (strcmp(half_bounds[k].type, type) == 0) {
				b.forward += half_bounds[k].bf16.forward;
				b.backward += half_bounds[k].bf16.backward;
			}
		/* Where rounding makes another element the largest, or moves one over
		 * zero, its gradient goes elsewhere. */
		if (chooses && rounded)
			b.backward += 0.02;
		rounded |= strcmp(type, "conv2d") == 0 || strcmp(type, "linear") == 0 ||
		    strcmp(type, "batchnorm2d") == 0 || strcmp(type, "add") == 0 ||
		    strcmp(type, "normalize") == 0;
	}
	if (dtype == CNN_F16) {
		b.forward /= 64;
		b.backward /= b.backward > 0.01 ? 8 : 64;
	}
	return b;
}
