/* cnn-eval - evaluates a model on labelled data. */
#include "formats/operand/load.h"
#include "compute.h"

#include "cnn-eval/report.h"
#include "executor/amp.h"

#define CHUNK 1024 /* approximate number of samples held at a time */

static const char *image = "image", *label = "label", *output;
static struct cnn_infer_options infer = { .amp = "off", .batch = 256 };
static struct compute compute = { .device = "auto" };
static bool tsv, json;

static const struct cnn_option options[] = {
	{ "tsv", 0, CNN_OPT_FLAG, &tsv, NULL,
	    "print keys and a value per line, with tabs between them" },
	{ "json", 0, CNN_OPT_FLAG, &json, NULL, "print one JSON object" },
	{ "image", 0, CNN_OPT_STR, &image, "NAME", "field of the images" },
	{ "label", 0, CNN_OPT_STR, &label, "NAME", "field of the labels" },
	{ "amp", 0, CNN_OPT_CHOICE, &infer.amp, "TYPE", "mixed precision", 0,
	    .choices = CNN_AMP_CHOICES },
	{ "batch", 'b', CNN_OPT_UINT, &infer.batch, "N", "samples in a batch", 0, 1,
	    65536 },
	COMPUTE_OPTIONS(compute),
	COMPUTE_THREADS(compute),
	{ "output", 'o', CNN_OPT_STR, &output, "FILE",
	    "write to FILE instead of standard output" },
	{ NULL },
};

static const struct cnn_program program = {
	"cnn-eval",
	"[MODEL] [DATA ...]",
	"Evaluates a model on labelled data",
	options,
	0,
	-1,
};

/* Evaluates the segment in whole batches across its records, so that record boundaries
 * do not affect any digit of the result. */
static int evaluate_segment(struct cnn_load *load, struct cnn_executor *ex,
    struct cnn_dataset *data, struct cnn_evaluation *v, struct cnn_error *e)
{
	struct cnn_record rec;
	int r, end = CNN_OK;

	while (end == CNN_OK) {
		size_t count;

		if ((end = cnn_operands_record(load->in, &rec, e)) < 0)
			return end;
		r = end == CNN_OK ? cnn_dataset_append(data, &rec, e) : CNN_OK;
		count = end == CNN_END ? data->samples :
					 data->samples - data->samples % infer.batch;
		if (r == CNN_OK && (end == CNN_END || count >= CHUNK) &&
		    (r = cnn_evaluate(ex, load->model, data, count, infer.batch, v,
			 e)) == CNN_OK)
			cnn_dataset_drop(data, count);
		if (r < 0) {
			cnn_error_prefix(e, "%s", cnn_operands_name(load->in));
			return r;
		}
	}
	return CNN_OK;
}

static int evaluate(struct cnn_load *load, struct cnn_dataset *data,
    struct cnn_evaluation *v, struct cnn_error *e)
{
	const struct cnn_header *header;
	struct cnn_executor *ex = NULL;
	int r = cnn_load_model(load, &header, e);

	if (r == CNN_OK &&
	    (r = cnn_dataset_use(data, load->model->graph, true, e)) == CNN_OK)
		r = cnn_infer_open(&ex, load->model, &infer, e);
	while (r == CNN_OK) {
		if ((r = cnn_dataset_segment(data, header, true, e)) < 0)
			cnn_error_prefix(e, "%s", cnn_operands_name(load->in));
		else if ((r = evaluate_segment(load, ex, data, v, e)) == CNN_OK)
			r = cnn_load_next(load, &header, e);
	}
	if (r == CNN_END && v->samples == 0)
		r = cnn_fail(e, CNN_EDATA, "the data contain no samples");
	cnn_executor_close(ex);
	return r == CNN_END ? CNN_OK : r;
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct cnn_plugins *plugins = NULL;
	struct cnn_load load = { 0 };
	struct cnn_dataset *data = NULL;
	struct cnn_evaluation v = { 0 };
	struct cnn_output *out = NULL;
	int first = cnn_options_parse(&program, argc, argv), r;

	if (tsv && json)
		cnn_usage(&program, "--tsv and --json are mutually exclusive");
	if ((r = cnn_output_check(output, false, &e)) < 0 ||
	    (r = compute_open(&compute, &plugins, &e)) < 0 ||
	    (r = cnn_dataset_new(&data, image, label, &e)) < 0 ||
	    (r = cnn_load_open(&load, (const char *const *)argv + first,
		 (size_t)(argc - first), plugins, &e)) < 0)
		goto out;
	infer.on = compute.on;
	load.max_memory = (size_t)compute.on.max_memory;
	if ((r = evaluate(&load, data, &v, &e)) == CNN_OK &&
	    (r = cnn_output_open(&out, output, false, &e)) == CNN_OK &&
	    (r = cnn_print_evaluation(out, &v, load.model,
		 tsv	  ? CNN_PRINT_TSV :
		     json ? CNN_PRINT_JSON :
			    CNN_PRINT_TABLE,
		 &e)) == CNN_OK) {
		cnn_output_commit(out, &e);
		out = NULL;
	}
out:
	cnn_output_abort(out);
	cnn_evaluation_free(&v);
	cnn_dataset_free(data);
	cnn_load_close(&load);
	cnn_plugins_close(plugins);
	return cnn_finish(&program, &e);
}
