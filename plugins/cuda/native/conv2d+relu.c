/* conv2d relu: ReLU on the sums, before they are stored; backward reads out again
 * to see where it let the gradient through. */
#include "conv-plugin.h"

CONV_PLUGIN("conv2d+relu", "conv2d relu");
