/* conv2d relu maxpool2d: neither of the larger tensors is ever stored, see conv.h;
 * for pools whose windows don't overlap and have at most 64 pixels. */
#include "conv-plugin.h"

CONV_PLUGIN("conv2d+relu+maxpool2d", "conv2d relu maxpool2d");
