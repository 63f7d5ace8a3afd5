/* flatten linear: the elements of an image stay in the order in which they lie, and
 * the weights are brought into that order instead. */
#include "conv-plugin.h"

CONV_PLUGIN("flatten+linear", "flatten linear");
