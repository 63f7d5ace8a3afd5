/* flatten linear: the elements of an image keep their order in memory; the weights are
 * put into that order instead. */
#include "conv-plugin.h"

CONV_PLUGIN("flatten+linear", "flatten linear");
