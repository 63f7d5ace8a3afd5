/* check.h - one case of one provider against the chain of reference layers. */
#ifndef CHECK_H
#define CHECK_H

#include "cases.h"
#include "runner.h"

#define MAX_RESULTS (1 + CNN_MAX_INPUTS + CNN_MAX_PARAMS)

/* What a forward and a backward pass give, NCHW and PyTorch's order. */
struct results {
	size_t count;
	struct {
		char name[48];
		double *x;
		size_t n;
		bool forward; /* else a gradient */
	} of[MAX_RESULTS];
};

/* The numbers a case is run on. */
struct data {
	double *in[CNN_MAX_INPUTS], *params[CNN_MAX_PARAMS], *grad_out;
};

/* Numbers that `dtype` holds exactly (parameters: float's, or all of double's). */
int data_make(struct data *, const struct subject *, const struct layer_chain *,
    const struct test_case *, uint32_t dtype, struct cnn_error *);
void data_free(struct data *); /* also after an error */

/* The results are the caller's to free, also after an error, when some may be missing. */

/* The whole run by one provider; *complaint (may be NULL): a broken promise. */
int results_of_run(struct results *, const struct subject *, const struct layer_chain *,
    const struct settings *, const struct data *, const char **complaint,
    struct cnn_error *);
/* Layer by layer, by the reference's in double: find(context, type, subject)
 * gives them. */
typedef int find_layer(void *context, const char *type, struct subject *,
    struct cnn_error *);
int results_of_chain(struct results *, find_layer *, void *context,
    const struct layer_chain *, const struct settings *, const struct data *,
    struct cnn_error *);
void results_free(struct results *);

/* sum (x - y)^2 / sum y^2; the numerator itself where y is 0. */
double nmse(const double *x, const double *y, size_t n);
/* Is each number of the output NaN or infinite where the reference's is, and nowhere
 * else, and within the bound (absolute below 1, relative above) where that is finite? A
 * run that `spreads` may have NaNs elsewhere: a transform's sums hold several
 * elements. */
bool results_as_odd(const struct results *, const struct results *reference,
    double bound, bool spreads, char *where, size_t size);
/* Whether every result is as near as `bounds` says; *worst, *name: the one that
 * is furthest beyond (or below) its bound. */
bool results_near(const struct results *, const struct results *reference,
    struct bounds, double *worst, const char **name);
/* A NaN equals a NaN. */
bool results_equal(const struct results *, const struct results *);

#endif
