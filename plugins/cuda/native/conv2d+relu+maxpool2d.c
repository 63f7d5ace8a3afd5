/* conv2d relu maxpool2d: neither of the larger tensors is ever stored, see conv.h. For
 * pools whose windows do not overlap and have at most 64 pixels. */
#include "conv-plugin.h"

CONV_PLUGIN("conv2d+relu+maxpool2d", "conv2d relu maxpool2d");
