/* flatten linear relu: see flatten+linear.c and conv2d+relu.c. */
#include "conv-plugin.h"

CONV_PLUGIN("flatten+linear+relu", "flatten linear relu");
