/* conv2d: see conv.h. */
#include "conv-plugin.h"

CONV_PLUGIN("conv2d", "conv2d");
