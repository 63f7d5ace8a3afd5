/* cnn-eval - evaluates a model on labelled data. */
#include "formats/operand/load.h"
#include "compute.h"

#include "cnn-eval/report.h"
#include "executor/amp.h"

#include <stdlib.h>
#include <string.h>

#define HELD_BYTES ((size_t)8 << 20) /* of samples, before they are evaluated */

static const char *image = "image", *label = "label", *output;
static struct cnn_infer_options infer = { .amp = "off", .batch = 256 };
static struct compute compute = { .device = "auto", .max_mib = MAX_MEMORY_DEFAULT };
static bool tsv, json, strict;

static const struct cnn_option options[] = {
	{ "tsv", 0, CNN_OPT_FLAG, &tsv, NULL,
	    "print keys and a value per line, with tabs between them" },
	{ "json", 0, CNN_OPT_FLAG, &json, NULL, "print one JSON object" },
	{ "strict", 0, CNN_OPT_FLAG, &strict, NULL,
	    "fail if any logits are not finite" },
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

struct eval_job {
	struct cnn_load load;
	struct cnn_dataset *data; /* samples not yet evaluated */
	struct cnn_executor *ex;
	struct cnn_evaluation v;
	char *not_finite; /* name of the first operand with such logits, or NULL */
};

/* Evaluates the first `count` samples. */
static int evaluate_some(struct eval_job *job, size_t count, struct cnn_error *e)
{
	int r = cnn_evaluate(job->ex, job->load.model, job->data, count, infer.batch,
	    &job->v, e);

	if (r < 0)
		return r;
	cnn_dataset_drop(job->data, count);
	if (job->v.not_finite > 0 && !job->not_finite &&
	    !(job->not_finite = strdup(cnn_operands_name(job->load.in))))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	return CNN_OK;
}

static size_t held_bytes(const struct cnn_dataset *data)
{
	size_t bytes = 0; /* cannot overflow: the samples are in memory */

	for (size_t i = 0; i < data->column_count; i++)
		bytes += data->samples * data->columns[i].sample_bytes;
	return bytes;
}

/* Evaluates the segment in whole batches across its records, so that record boundaries
 * do not affect any digit of the result. */
static int evaluate_segment(struct eval_job *job, struct cnn_error *e)
{
	const struct cnn_dataset *data = job->data;
	struct cnn_record rec;
	int r, end = CNN_OK;

	while (end == CNN_OK) {
		size_t count;

		if ((end = cnn_operands_record(job->load.in, &rec, e)) < 0)
			return end;
		r = end == CNN_OK ? cnn_dataset_append(job->data, &rec, e) : CNN_OK;
		count = end == CNN_END ? data->samples :
					 data->samples - data->samples % infer.batch;
		if (r == CNN_OK &&
		    (end == CNN_END || (count > 0 && held_bytes(data) >= HELD_BYTES)))
			r = evaluate_some(job, count, e);
		if (r < 0) {
			cnn_dataset_blame(job->data, job->data->dropped, e);
			return r;
		}
	}
	return CNN_OK;
}

static int evaluate(struct eval_job *job, struct cnn_error *e)
{
	const struct cnn_header *header;
	int r = cnn_load_model(&job->load, &header, e);

	if (r == CNN_OK &&
	    (r = cnn_dataset_use(job->data, job->load.model->graph, true, e)) == CNN_OK)
		r = cnn_infer_open(&job->ex, job->load.model, &infer, e);
	while (r == CNN_OK) {
		if ((r = cnn_load_segment(&job->load, header, job->data, true, e)) ==
			CNN_OK &&
		    (r = evaluate_segment(job, e)) == CNN_OK)
			r = cnn_load_next(&job->load, &header, e);
	}
	if (r == CNN_END && job->v.samples == 0)
		r = cnn_fail(e, CNN_EDATA, "the data contain no samples");
	return r == CNN_END ? CNN_OK : r;
}

/* Prints the result, and commits it before any complaint about it. */
static int print(const struct eval_job *job, struct cnn_error *e)
{
	enum cnn_print how = tsv ? CNN_PRINT_TSV :
	    json		 ? CNN_PRINT_JSON :
				   CNN_PRINT_TABLE;
	struct cnn_output *out = NULL;
	int r = cnn_output_open(&out, output, false, e);

	if (r < 0)
		return r;
	if ((r = cnn_print_evaluation(out, &job->v, job->load.model, how, e)) < 0) {
		cnn_output_abort(out);
		return r;
	}
	return cnn_output_commit(out, e);
}

/* Says how many samples have no meaningful prediction; an error with --strict. */
static void check_finite(const struct eval_job *job, struct cnn_error *e)
{
	char text[sizeof e->text];

	if (job->v.not_finite == 0)
		return;
	snprintf(text, sizeof text,
	    "%llu of %llu samples have logits that are not finite, the first in %s: do "
	    "the model or the data contain NaN or infinity? (tensor-stat counts them)",
	    (unsigned long long)job->v.not_finite, (unsigned long long)job->v.samples,
	    job->not_finite);
	if (strict)
		cnn_fail(e, CNN_EDATA, "%s", text);
	else
		cnn_message(&program, 1, "%s", text);
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct cnn_plugins *plugins = NULL;
	struct eval_job job = { 0 };
	int first = cnn_options_parse(&program, argc, argv), r;

	if (tsv && json)
		cnn_usage(&program, "--tsv and --json are mutually exclusive");
	if ((r = cnn_output_check(output, false, &e)) < 0 ||
	    (r = compute_open(&compute, &plugins, &e)) < 0 ||
	    (r = cnn_dataset_new(&job.data, image, label, &e)) < 0 ||
	    (r = cnn_load_open(&job.load, (const char *const *)argv + first,
		 (size_t)(argc - first), plugins, &e)) < 0)
		goto out;
	infer.on = compute.on;
	job.load.max_memory = compute.max_memory;
	if ((r = evaluate(&job, &e)) == CNN_OK && (r = print(&job, &e)) == CNN_OK)
		check_finite(&job, &e);
out:
	cnn_executor_close(job.ex);
	cnn_evaluation_free(&job.v);
	cnn_dataset_free(job.data);
	cnn_load_close(&job.load);
	cnn_plugins_close(plugins);
	free(job.not_finite);
	return cnn_finish(&program, &e);
}
