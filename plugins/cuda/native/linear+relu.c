/* linear relu: see conv2d+relu.c. */
#include "conv-plugin.h"

CONV_PLUGIN("linear+relu", "linear relu");
