/* conv2d relu: applies ReLU to the sums before they are stored. Backward reads out
 * again to see where ReLU passes the gradient. */
#include "conv-plugin.h"

CONV_PLUGIN("conv2d+relu", "conv2d relu");
