/* runner.h - drives one kernel's instance of a run as the executor would, but
 * with every care taken to catch it out: whatever it must write was poisoned
 * before, whatever it may not read in backward is poisoned then, buffers end in
 * a guard, and outside the border all numbers are double.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include "chain.h"

#define MAX_MICROBATCHES 8

/* Whose functions are driven, and the device plugins: its own, whose memory the
 * buffers are in, and the CPU's, which reorders. */
struct subject {
	struct cnn_plugin_host *host;
	const struct cnn_kernel *kernel;
	const struct cnn_device *device, *cpu;
	void *device_handle, *cpu_handle, *queue;
	/* (optional) Is set to the name of the kernel's function that is called, for
	 * the report of a crash. */
	const char *volatile *doing;
};

/* What is zeroed instead of poisoned, to find out what a run depends on. */
enum spared {
	SPARED_INPUT = 1,   /* left as it is: in[] before backward */
	SPARED_OUTPUT = 2,  /* left as it is: out before backward */
	SPARED_RESULTS = 4, /* what a call must overwrite */
	SPARED_MEMORY = 8,  /* scratch, saved, packed, partial */
	SPARED_ALL = 15,
	MARKED_RESULTS = 16, /* what a call must overwrite holds a number */
};

struct settings {
	uint32_t dtype;
	uint32_t layout;	      /* that images are offered in */
	uint32_t samples, microbatch; /* of the batch, of a microbatch */
	bool training;
	bool in_place; /* where the plan allows it */
	bool no_input_gradient;
	bool other_thread; /* each call from a new thread */
	bool again;	   /* the results of a second time */
	uint32_t spared;   /* enum spared */
};

struct buffer {
	void *data, *base; /* base: the guard before it */
	size_t bytes;
	const char *overrun; /* the complaint about a write outside of it */
};

struct part {
	uint32_t first, samples;
	struct buffer in[CNN_MAX_INPUTS], out, grad_out, grad_in[CNN_MAX_INPUTS];
	struct buffer saved, grad_params[CNN_MAX_PARAMS];
};

struct runner {
	const struct subject *subject;
	const struct layer_chain *chain;
	struct settings settings;
	struct cnn_edge edges[CNN_MAX_INPUTS];
	struct cnn_plan plan;
	void *instance;
	struct buffer params[CNN_MAX_PARAMS], packed, scratch;
	struct buffer partial, reduced, reduced_backward, state;
	bool in_place_forward, in_place_backward;
	uint32_t microbatch_count;
	struct part microbatches[MAX_MICROBATCHES];
	const char *complaint; /* a promise that was broken */
};

/* Does the kernel compute the run? It may find out only when it is created. CNN_END: it
 * does not. CNN_ENOMEM, with the text in *e: memory ran out. Any other error of create()
 * is left to runner_open(). *layout = that which it wants for the first input. */
int runner_offers(const struct subject *, const struct layer_chain *,
    const struct settings *, uint32_t *layout, struct cnn_error *e);

/* The functions return CNN_OK, or a code with the text in *e. CNN_ENOMEM says that
 * memory or threads ran out, and nothing about the kernel. Tensors are NCHW
 * over the whole batch, parameters as PyTorch lays them out. */
int runner_open(struct runner *, const struct subject *, const struct layer_chain *,
    const struct settings *, double *const *params, struct cnn_error *e);
void runner_close(struct runner *);
int runner_set_params(struct runner *, double *const *params, struct cnn_error *e);
int runner_get_params(struct runner *, double *const *params, struct cnn_error *e);
int runner_forward(struct runner *, double *const *in, double *out,
    struct cnn_error *e);
/* grad_params: the microbatches' sum; NULL for those of buffers. */
int runner_backward(struct runner *, const double *grad_out, double *const *grad_in,
    double *const *grad_params, struct cnn_error *e);

#endif
