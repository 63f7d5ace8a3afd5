/* option-range.c - checks whether a value is valid for its option. */
#include "option-private.h"

#include <math.h>

bool cnn_option_uint_fits(const struct cnn_option *o, uint64_t u)
{
	return u >= o->min && (o->max == 0 || u <= o->max);
}

bool cnn_option_float_fits(const struct cnn_option *o, double f)
{
	return isfinite(f) &&
	    ((o->fmin == 0 && o->fmax == 0) || (f >= o->fmin && f <= o->fmax));
}
