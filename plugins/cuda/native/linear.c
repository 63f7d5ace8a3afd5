/* linear: a convolution of 1x1 images, see conv.h. */
#include "conv-plugin.h"

CONV_PLUGIN("linear", "linear");
