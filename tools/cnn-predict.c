/* cnn-predict - adds a model's predictions to the data. */
#include "formats/operand/load.h"
#include "cnn-predict/queue.h"
#include "compute.h"
#include "formats/history.h"

#include "executor/amp.h"
#include "train/evaluate.h"

static const char *image = "image", *label = "label", *output;
static struct cnn_infer_options infer = { .amp = "off", .batch = 256 };
static struct compute compute = { .device = "auto", .max_mib = MAX_MEMORY_DEFAULT };
static bool tsv;

#define MOST_LOGITS ((size_t)8 << 20)

static const struct cnn_option options[] = {
	{ "tsv", 0, CNN_OPT_FLAG, &tsv, NULL,
	    "print index, class, probability and label, one line per sample" },
	{ "image", 0, CNN_OPT_STR, &image, "NAME", "field of the images",
	    CNN_OPT_RESULT },
	{ "label", 0, CNN_OPT_STR, &label, "NAME", "field of the labels, if any" },
	{ "amp", 0, CNN_OPT_CHOICE, &infer.amp, "TYPE", "mixed precision",
	    CNN_OPT_RESULT, .choices = CNN_AMP_CHOICES },
	{ "batch", 'b', CNN_OPT_UINT, &infer.batch, "N", "samples in a batch",
	    CNN_OPT_RESULT, 1, 65536 },
	COMPUTE_OPTIONS(compute),
	COMPUTE_THREADS(compute),
	{ "output", 'o', CNN_OPT_STR, &output, "FILE",
	    "write to FILE instead of standard output" },
	{ NULL },
};

static const struct cnn_program program = {
	"cnn-predict",
	"[MODEL] [DATA ...]",
	"Adds a model's predictions to data",
	options,
	0,
	-1,
};

struct prediction {
	struct cnn_load load;
	struct cnn_dataset *data; /* samples not yet predicted */
	struct cnn_executor *ex;
	struct cnn_output *out;
	struct cnn_writer *writer;
	struct queue queue;
	size_t index; /* of the first sample in data */
};

/* Writes the data's header with the two new fields, and with this run in its
 * history. */
static int write_header(struct prediction *run, const struct cnn_header *data,
    struct cnn_error *e)
{
	struct cnn_header *h = cnn_header_copy(data);
	struct cnn_field *class = NULL;
	int r;

	if (cnn_header_find(data, "logits") || cnn_header_find(data, "class")) {
		cnn_header_free(h);
		return cnn_fail(e, CNN_EDATA,
		    "%s: already contains predictions "
		    "(remove them with tensor-cat --fields)",
		    cnn_operands_name(run->load.in));
	}
	if (h && cnn_header_add(h, "logits", CNN_F32, 1, &run->queue.classes))
		class = cnn_header_add(h, "class", CNN_I32, 0, NULL);
	if (class && run->load.model->classes)
		class->classes = cnn_value_copy(run->load.model->classes);
	if (!class || (run->load.model->classes && !class->classes))
		r = cnn_fail(e, CNN_ENOMEM, "out of memory, or too many fields");
	else if ((r = history_add(h->history, &program, e)) == CNN_OK)
		r = cnn_writer_header(run->writer, h, e);
	cnn_header_free(h);
	return r;
}

static int print_rows(struct prediction *run, const float *logits, size_t count,
    struct cnn_error *e)
{
	const struct cnn_dataset *d = run->data;
	const struct cnn_model *m = run->load.model;
	size_t classes = run->queue.classes;
	char a[32], b[32];
	double p;
	int r = CNN_OK;

	for (size_t i = 0; r == CNN_OK && i < count; i++) {
		size_t c = cnn_best_class(logits + i * classes, classes, &p);
		int32_t truth = cnn_dataset_label(d, i);

		r = cnn_output_printf(run->out, e, "%zu\t%s\t%.6f\t%s\n",
		    run->index + i, cnn_model_class(m, c, a), p,
		    truth >= 0 ? cnn_model_class(m, (size_t)truth, b) : "-");
	}
	return r;
}

/* Predicts the first `count` samples. */
static int predict_slice(struct prediction *run, size_t count, struct cnn_error *e)
{
	float *logits = queue_room(&run->queue, count, e);
	int r = e->code;

	if (logits &&
	    (r = cnn_predict(run->ex, run->load.model, run->data, count, infer.batch,
		 logits, e)) < 0)
		cnn_dataset_blame(run->data, run->data->dropped, e);
	if (r == CNN_OK)
		r = tsv ? print_rows(run, logits, count, e) :
			  queue_known(&run->queue, count, run->writer, e);
	run->index += count;
	cnn_dataset_drop(run->data, count);
	return r;
}

/* The same, in slices of whole batches whose logits take at most MOST_LOGITS bytes, or of
 * one batch. */
static int predict_some(struct prediction *run, size_t count, struct cnn_error *e)
{
	size_t row = run->queue.classes * sizeof(float);
	size_t batches = MOST_LOGITS / row / infer.batch;
	size_t most = (batches ? batches : 1) * infer.batch, n;
	int r;

	do {
		n = count < most ? count : most;
		r = predict_slice(run, n, e);
		count -= n;
	} while (r == CNN_OK && count > 0);
	return r;
}

/* Predicts the segment in whole batches across its records, so that record boundaries
 * do not affect any bit of the result. */
static int predict_segment(struct prediction *run, struct cnn_error *e)
{
	struct cnn_record rec;
	int r, end = CNN_OK;

	while (end == CNN_OK) {
		size_t count;

		if ((end = cnn_operands_record(run->load.in, &rec, e)) < 0)
			return end;
		r = end == CNN_OK ? cnn_dataset_append(run->data, &rec, e) : CNN_OK;
		if (r < 0)
			cnn_error_prefix(e, "%s", cnn_operands_name(run->load.in));
		else if (end == CNN_OK && !tsv)
			r = queue_put(&run->queue, &rec, e);
		count = end == CNN_END ?
		    run->data->samples :
		    run->data->samples - run->data->samples % infer.batch;
		if (r == CNN_OK && (count > 0 || end == CNN_END))
			r = predict_some(run, count, e);
		if (r < 0)
			return r;
	}
	return CNN_OK;
}

static int predict(struct prediction *run, struct cnn_error *e)
{
	const struct cnn_header *header;
	size_t classes = 0;
	int r = cnn_load_model(&run->load, &header, e);

	if (r == CNN_OK)
		r = cnn_dataset_use(run->data, run->load.model->graph, false, e);
	if (r == CNN_OK &&
	    (r = cnn_infer_open(&run->ex, run->load.model, &infer, e)) == CNN_OK && tsv)
		r = cnn_output_printf(run->out, e,
		    "index\tclass\tprobability\tlabel\n");
	if (r == CNN_OK)
		run->queue.classes = classes = cnn_class_count(run->load.model->graph);
	while (r == CNN_OK) {
		r = cnn_load_segment(&run->load, header, run->data, false, e);
		if (r == CNN_OK && !tsv &&
		    (r = queue_begin(&run->queue, header, classes, e)) == CNN_OK)
			r = write_header(run, header, e);
		if (r == CNN_OK && (r = predict_segment(run, e)) == CNN_OK &&
		    (tsv || (r = cnn_writer_end(run->writer, NULL, e)) == CNN_OK))
			r = cnn_load_next(&run->load, &header, e);
	}
	return r == CNN_END ? CNN_OK : r;
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct cnn_plugins *plugins = NULL;
	struct prediction run = { 0 };
	int first = cnn_options_parse(&program, argc, argv), r;

	if ((r = compute_open(&compute, &plugins, &e)) < 0 ||
	    (r = cnn_dataset_new(&run.data, image, label, &e)) < 0 ||
	    (r = cnn_load_open(&run.load, (const char *const *)argv + first,
		 (size_t)(argc - first), plugins, &e)) < 0 ||
	    (r = cnn_output_open(&run.out, output, !tsv, &e)) < 0 ||
	    (r = cnn_writer_open(&run.writer, run.out, &e)) < 0)
		goto out;
	infer.on = compute.on;
	run.load.max_memory = compute.max_memory;
	if ((r = predict(&run, &e)) == CNN_OK) {
		cnn_output_commit(run.out, &e);
		run.out = NULL;
	}
out:
	cnn_writer_close(run.writer);
	cnn_output_abort(run.out);
	cnn_executor_close(run.ex);
	cnn_dataset_free(run.data);
	cnn_load_close(&run.load);
	queue_free(&run.queue);
	cnn_plugins_close(plugins);
	return cnn_finish(&program, &e);
}
