/* elementwise.c - relu: out = max(in, 0), elementwise, in any layout. Forward and
 * backward work in place. */
#include "onednn.h"
#include "bits.h"

struct relu {
	const struct cnn_host *host;
	struct cnn_shape shape;
	uint32_t dtype, layout;
};

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const double ns = run->training ? 0.5 : 0.15; /* per element, f32 */

	(void)kernel;
	if (!od_supports(host, run->dtype))
		return 0;
	plan->inputs[0].dtype = plan->output.dtype = run->dtype;
	return 0.2 +
	    1e-3 * ns * (run->dtype == CNN_BF16 ? 0.5 : 1) *
	    (double)cnn_layout_count(&run->output, plan->output.layout, run->batch);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct relu *r = host->alloc(host, sizeof *r);

	(void)kernel;
	if (!r)
		return CNN_ENOMEM;
	*r = (struct relu){
		.host = host,
		.shape = run->output,
		.dtype = run->dtype,
		.layout = plan->inputs[0].layout,
	};
	plan->flags = CNN_KEEP_OUTPUT | CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD;
	plan->inputs[0].dtype = plan->output.dtype = run->dtype;
	*instance = r;
	return CNN_OK;
}

static void destroy(void *instance)
{
	struct relu *r = instance;

	if (r)
		r->host->free(r->host, r);
}

static int forward(void *instance, const struct cnn_call *c)
{
	const struct relu *r = instance;

	od_relu(r->dtype, cnn_layout_count(&r->shape, r->layout, c->samples), c->in[0],
	    c->out);
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *c)
{
	const struct relu *r = instance;

	if (c->grad_in && c->grad_in[0])
		od_relu_mask(r->dtype,
		    cnn_layout_count(&r->shape, r->layout, c->samples), c->out,
		    c->grad_out, c->grad_in[0]);
	return CNN_OK;
}

static const struct cnn_kernel kernels[] = { {
    .size = sizeof(struct cnn_kernel),
    .run = "relu",
    .cost = cost,
    .create = create,
    .destroy = destroy,
    .forward = forward,
    .backward = backward,
} };

OD_PLUGIN("elementwise", CNN_KERNELS(kernels));
