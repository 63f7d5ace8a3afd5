/* weighted.c - see weighted.h. */
#include "weighted-private.h"
#include "bits.h"

#include <string.h>

/* The primitives for one number of samples. */
struct sized {
	struct sized *next;
	uint32_t samples;
	struct od_op forward, backward_data, backward_weights;
};

/* --- primitives ------------------------------------------------------------------- */

static dnnl_status_t sized_open(struct weighted *w, struct sized *s, uint32_t samples,
    enum od_scratch scratch)
{
	static const int forward[] = {
		DNNL_ARG_SRC,
		DNNL_ARG_WEIGHTS,
		DNNL_ARG_DST,
		DNNL_ARG_BIAS,
	};
	static const int backward_data[] = {
		DNNL_ARG_DIFF_DST,
		DNNL_ARG_WEIGHTS,
		DNNL_ARG_DIFF_SRC,
	};
	static const int backward_weights[] = {
		DNNL_ARG_SRC,
		DNNL_ARG_DIFF_DST,
		DNNL_ARG_DIFF_WEIGHTS,
		DNNL_ARG_DIFF_BIAS,
	};
	dnnl_primitive_desc_t pd;
	dnnl_status_t status;

	s->samples = samples;
	status = weighted_describe(w, FORWARD, samples, w->forward.desc, NULL, &pd);
	if (status == dnnl_success)
		status = od_op_create(&w->od, &s->forward, "forward", pd, forward,
		    3 + w->has_bias, scratch);
	if (status != dnnl_success || !w->training)
		return status;
	status = weighted_describe(w, BACKWARD_WEIGHTS, samples, w->arena,
	    s->forward.pd, &pd);
	if (status == dnnl_success)
		status = od_op_create(&w->od, &s->backward_weights,
		    "gradient of the weights", pd, backward_weights, 3 + w->has_bias,
		    scratch);
	if (status != dnnl_success || !w->wants_gradient)
		return status;
	status = weighted_describe(w, BACKWARD_DATA, samples, w->backward.desc,
	    s->forward.pd, &pd);
	if (status == dnnl_success)
		status = od_op_create(&w->od, &s->backward_data,
		    "gradient of the input", pd, backward_data, 3, scratch);
	return status;
}

static void sized_close(const struct weighted *w, struct sized *s)
{
	od_op_destroy(&w->od, &s->forward);
	od_op_destroy(&w->od, &s->backward_data);
	od_op_destroy(&w->od, &s->backward_weights);
	w->od.host->free(w->od.host, s);
}

static dnnl_status_t add_size(struct weighted *w, uint32_t samples,
    enum od_scratch scratch)
{
	struct sized *s = od_alloc(&w->od, sizeof *s);
	dnnl_status_t status;

	if (!s)
		return dnnl_out_of_memory;
	status = sized_open(w, s, samples, scratch);
	if (status != dnnl_success) {
		sized_close(w, s);
		return status;
	}
	s->next = w->sizes;
	w->sizes = s;
	return dnnl_success;
}

static const struct sized *find_size(const struct weighted *w, uint32_t samples)
{
	const struct sized *s = w->sizes;

	while (s && s->samples != samples)
		s = s->next;
	return s;
}

static dnnl_status_t view_open(struct weighted *w, struct view *view, const char *what,
    size_t *packed_bytes)
{
	if (!view->desc || !view->packed)
		return dnnl_success;
	if (view != &w->forward && w->forward.packed &&
	    od_dnnl.memory_desc_equal(view->desc, w->forward.desc)) {
		view->offset = w->forward.offset;
		return dnnl_success;
	}
	view->offset = *packed_bytes;
	*packed_bytes += (od_dnnl.memory_desc_get_size(view->desc) + 63) / 64 * 64;
	return od_reorder_create(&w->od, &view->reorder, what, w->arena, view->desc);
}

static dnnl_status_t build(struct weighted *w, uint32_t samples, size_t *packed_bytes)
{
	dnnl_status_t status = add_size(w, samples, OD_SCRATCH_PLANNED);

	if (status == dnnl_success)
		status = od_reorder_create(&w->od, &w->import, "import of the weights",
		    w->plain, w->arena);
	if (status == dnnl_success)
		status = od_reorder_create(&w->od, &w->export, "export of the weights",
		    w->arena, w->plain);
	if (status == dnnl_success)
		status = view_open(w, &w->forward, "packing for forward", packed_bytes);
	if (status == dnnl_success)
		status =
		    view_open(w, &w->backward, "packing for backward", packed_bytes);
	return status;
}

/* --- the provider's functions ----------------------------------------------------- */

/* Sets what follows from the run alone, before any layout is chosen. */
static dnnl_status_t weighted_open(struct weighted *w, const struct cnn_host *host,
    const struct cnn_run *run, const struct weighted_def *def, uint32_t workers)
{
	memset(w, 0, sizeof *w);
	w->def = *def;
	w->in = def->in;
	w->out = run->output;
	w->dtype = run->dtype;
	w->has_bias = run->param_count > BIAS;
	w->training = run->training;
	w->wants_gradient = run->inputs[0].wants_gradient;
	return od_open(&w->od, host, run->nodes[run->node_count - 1 - def->relu].name,
	    def->type, workers);
}

static void view_close(const struct weighted *w, struct view *view)
{
	od_op_destroy(&w->od, &view->reorder);
	od_desc_destroy(view->desc);
}

static void weighted_close(struct weighted *w)
{
	struct sized *s;

	while ((s = w->sizes)) {
		w->sizes = s->next;
		sized_close(w, s);
	}
	od_op_destroy(&w->od, &w->import);
	od_op_destroy(&w->od, &w->export);
	view_close(w, &w->forward);
	view_close(w, &w->backward);
	od_desc_destroy(w->plain);
	od_desc_destroy(w->arena);
	od_desc_destroy(w->bias);
	od_close(&w->od);
}

/* Is a pass left to oneDNN's reference implementation? */
static bool has_slow_pass(const struct weighted *w)
{
	const struct sized *s = w->sizes;

	return od_is_slow(s->forward.pd) ||
	    (s->backward_weights.pd && od_is_slow(s->backward_weights.pd)) ||
	    (s->backward_data.pd && od_is_slow(s->backward_data.pd));
}

int weighted_create(const struct cnn_host *host, const struct cnn_run *run,
    const struct weighted_def *def, struct cnn_plan *plan, void **instance)
{
	struct weighted *w = host->alloc(host, sizeof *w);
	dnnl_status_t status;

	if (!w)
		return CNN_ENOMEM;
	if (!od_library_open(host)) {
		host->free(host, w);
		return CNN_END;
	}
	od_one_thread();
	status = weighted_open(w, host, run, def, run->workers);
	if (status == dnnl_success)
		status = weighted_choose(w, run->batch, run->inputs[0].format.layout);
	if (status == dnnl_success)
		status = build(w, run->batch, &plan->packed_bytes);
	if (status != dnnl_success) {
		int r = od_fail(&w->od, "create", status);

		weighted_destroy(w);
		return r;
	}
	/* It is a thousand times slower than any other provider. */
	if (def->convolution && has_slow_pass(w)) {
		weighted_destroy(w);
		return CNN_END;
	}
	if (def->relu && run->training)
		w->mask_bytes = (cnn_layout_count(&w->out, w->out_layout, run->batch) *
					od_dtype_size(w->dtype) +
				    63) /
		    64 * 64;
	plan->flags = CNN_KEEP_INPUT | (def->relu ? CNN_KEEP_OUTPUT : 0);
	plan->inputs[0] = (struct cnn_format){ w->dtype, w->in_layout };
	plan->output = (struct cnn_format){ w->dtype, w->out_layout };
	plan->scratch_bytes = w->mask_bytes + w->od.scratch_bytes;
	plan->param_counts[WEIGHT] = od_dnnl.memory_desc_get_size(w->arena) /
	    sizeof(float);
	*instance = w;
	return CNN_OK;
}

void weighted_destroy(void *instance)
{
	struct weighted *w = instance;
	const struct cnn_host *host;

	if (!w)
		return;
	host = w->od.host;
	weighted_close(w);
	host->free(host, w);
}

int weighted_prepare(void *instance, uint32_t samples)
{
	struct weighted *w = instance;
	dnnl_status_t status;

	od_one_thread();
	if (find_size(w, samples))
		return CNN_OK;
	status = add_size(w, samples, OD_SCRATCH_CALL);
	return status == dnnl_success ? CNN_OK : od_fail(&w->od, "prepare", status);
}

int weighted_param_import(void *instance, void *queue, uint32_t index,
    const float *plain, float *native)
{
	struct weighted *w = instance;

	(void)queue;
	od_one_thread();
	if (index == WEIGHT)
		return od_op_run(&w->od, &w->import, 0, NULL,
		    (const void *[]){ plain, native });
	memcpy(native, plain, w->out.dims[0] * sizeof(float));
	return CNN_OK;
}

int weighted_param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	struct weighted *w = instance;

	(void)queue;
	od_one_thread();
	if (index == WEIGHT)
		return od_op_run(&w->od, &w->export, 0, NULL,
		    (const void *[]){ native, plain });
	memcpy(plain, native, w->out.dims[0] * sizeof(float));
	return CNN_OK;
}

static int view_pack(const struct weighted *w, const struct view *view,
    const void *weights, void *packed)
{
	if (!view->reorder.primitive)
		return CNN_OK;
	return od_op_run(&w->od, &view->reorder, 0, NULL,
	    (const void *[]){ weights, (char *)packed + view->offset });
}

int weighted_pack(void *instance, void *queue, void *const *params, void *packed)
{
	struct weighted *w = instance;
	int r;

	(void)queue;
	od_one_thread();
	r = view_pack(w, &w->forward, params[WEIGHT], packed);
	return r == CNN_OK ? view_pack(w, &w->backward, params[WEIGHT], packed) : r;
}

static const void *view_of(const struct view *view, const struct cnn_call *c)
{
	return view->packed ? (const char *)c->packed + view->offset :
			      c->params[WEIGHT];
}

/* oneDNN's part of a call's scratch memory. */
static void *scratch_of(const struct weighted *w, const struct cnn_call *c)
{
	return w->mask_bytes ? (char *)c->scratch + w->mask_bytes : c->scratch;
}

static int not_prepared(const struct weighted *w, uint32_t samples)
{
	return w->od.host->fail(w->od.host, CNN_EUSAGE,
	    "cpu/onednn: %s: not prepared for %u samples", w->od.name, samples);
}

int weighted_forward(void *instance, const struct cnn_call *c)
{
	const struct weighted *w = instance;
	const struct sized *s = find_size(w, c->samples);
	int r;

	if (!s)
		return not_prepared(w, c->samples);
	od_one_thread();
	r = od_op_run(&w->od, &s->forward, c->worker, scratch_of(w, c),
	    (const void *[]){ c->in[0], view_of(&w->forward, c), c->out,
		w->has_bias ? c->params[BIAS] : NULL });
	/* oneDNN's own ReLU would turn NaN into 0. */
	if (r == CNN_OK && w->def.relu)
		od_relu(w->dtype, cnn_layout_count(&w->out, w->out_layout, c->samples),
		    c->out, c->out);
	return r;
}

int weighted_backward(void *instance, const struct cnn_call *c)
{
	const struct weighted *w = instance;
	const struct sized *s = find_size(w, c->samples);
	const void *grad_out = c->grad_out;
	int r;

	if (!s)
		return not_prepared(w, c->samples);
	od_one_thread();
	if (w->def.relu) {
		od_relu_mask(w->dtype,
		    cnn_layout_count(&w->out, w->out_layout, c->samples), c->out,
		    c->grad_out, c->scratch);
		grad_out = c->scratch;
	}
	r = od_op_run(&w->od, &s->backward_weights, c->worker, scratch_of(w, c),
	    (const void *[]){ c->in[0], grad_out, c->grad_params[WEIGHT],
		w->has_bias ? c->grad_params[BIAS] : NULL });
	if (r != CNN_OK || !w->wants_gradient || !c->grad_in || !c->grad_in[0])
		return r;
	return od_op_run(&w->od, &s->backward_data, c->worker, scratch_of(w, c),
	    (const void *[]){ grad_out, view_of(&w->backward, c), c->grad_in[0] });
}
