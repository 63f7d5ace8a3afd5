/* compute.c - writes, prints, runs and trains a hostile net that was accepted. */
#include "fuzz.h"

#include "train/describe.h"
#include "train/trainer.h"

#include <stdlib.h>
#include <string.h>

#define MOST_FLOPS 3e5 /* per sample; a larger net is only prepared */
#define SAMPLES 3

struct cnn_plugins *fuzz_plugins(void)
{
	static struct cnn_plugins *plugins;
	struct cnn_error e = { 0 };

	if (!plugins)
		fuzz_check(cnn_plugins_open(&plugins, NULL, 0, &e) == CNN_OK, "%s",
		    e.text);
	return plugins;
}

static bool is_small(const struct cnn_graph *g)
{
	double flops = 0;

	for (size_t i = 0; i < g->node_count; i++)
		flops += cnn_graph_flops(g, i) +
		    (double)cnn_graph_shape_count(&g->nodes[i].node.output);
	return flops <= MOST_FLOPS;
}

/* Samples that fit the net's inputs. */
static struct cnn_dataset *make_data(const struct cnn_graph *g)
{
	struct cnn_dataset *d = calloc(1, sizeof *d);

	fuzz_check(d, "no memory");
	d->image = "image";
	d->label = "label";
	d->graph = g;
	d->begun = true;
	d->samples = d->room = SAMPLES;
	d->columns = calloc(g->input_count, sizeof *d->columns);
	fuzz_check(d->columns, "no memory");
	for (uint32_t i = 0; i < g->input_count; i++) {
		const struct cnn_graph_node *input = &g->nodes[g->inputs[i]];
		const struct cnn_shape *s = &input->node.output;
		struct cnn_column *c = &d->columns[i];
		size_t count = cnn_graph_shape_count(s);

		c->name = strdup(input->field);
		c->dtype = s->rank == 0 ? CNN_I32 : CNN_U8;
		c->rank = (int)s->rank;
		memcpy(c->shape, s->dims, s->rank * sizeof *s->dims);
		c->sample_bytes = count * cnn_dtype_size(c->dtype);
		c->data = calloc(SAMPLES, c->sample_bytes);
		c->scale = 1.0 / 255;
		fuzz_check(c->name && c->data, "no memory");
		for (size_t k = 0; !input->index && k < SAMPLES * c->sample_bytes; k++)
			c->data[k] = (unsigned char)(k * 37);
		d->column_count++;
	}
	return d;
}

/* For calls that may fail but must do no harm. */
static struct cnn_error *any(struct cnn_error *e)
{
	*e = (struct cnn_error){ 0 };
	return e;
}

static void infer(const struct cnn_model *m, const struct cnn_dataset *d)
{
	const struct cnn_infer_options o = { .amp = "off",
		.batch = 2,
		.on = { .device = "cpu", .threads = 1, .max_memory = FUZZ_ARENAS } };
	struct cnn_evaluation v = { 0 };
	struct cnn_executor *ex = NULL;
	struct cnn_output *out = fuzz_output();
	struct cnn_error e;

	if (cnn_infer_open(&ex, m, &o, any(&e)) == CNN_OK) {
		fuzz_check(cnn_executor_memory(ex) <= FUZZ_ARENAS,
		    "%zu bytes of arenas", cnn_executor_memory(ex));
		if (d && cnn_class_count(m->graph) <= 64)
			cnn_evaluate(ex, m, d, d->samples, o.batch, &v, any(&e));
	}
	cnn_executor_close(ex);
	cnn_evaluation_free(&v);
	cnn_print_model(out, m, &o, false, any(&e));
	cnn_print_model(out, m, &o, true, any(&e));
	cnn_output_abort(out);
}

/* Trains on these data, whatever data the checkpoint names. */
static void train(struct cnn_model *m, const struct cnn_dataset *d, bool resume)
{
	struct cnn_train_options o = { .epochs = 1,
		.batch = 2,
		.microbatch_size = 1,
		.lr = 0.1,
		.optimizer = "sgd:momentum=0.5",
		.schedule = "linear",
		.amp = "off",
		.isa = "native",
		.resume = resume,
		.on = { .device = "cpu", .threads = 1, .max_memory = FUZZ_ARENAS } };
	struct cnn_trainer *t = NULL;
	struct cnn_train_status s;
	struct cnn_error e;
	char digest[17];

	if (resume && d) {
		cnn_dataset_digest(d, m->graph, digest);
		cnn_value_set(m->training, "digest", cnn_value_str(digest));
		cnn_value_set(m->training, "samples", cnn_value_uint(d->samples));
	}
	if (cnn_train_options_resolve(&o, NULL, any(&e)) < 0 ||
	    (resume && cnn_train_resume(m, &o, any(&e)) < 0))
		return;
	if (o.epochs > 3)
		o.epochs = 3;
	if (cnn_trainer_open(&t, m, d, &o, any(&e)) == CNN_OK) {
		for (int i = 0; i < 3 && d; i++)
			if (cnn_trainer_step(t, &s, any(&e)) != CNN_OK)
				break;
		if (d)
			cnn_trainer_save(t, any(&e));
	}
	cnn_trainer_close(t);
}

static void write_model(const struct cnn_model *m)
{
	struct cnn_output *out = fuzz_output();
	struct cnn_error e = { 0 };

	if (cnn_model_write(m, out, false, &e) == CNN_OK)
		cnn_output_commit(out, &e);
	else
		cnn_output_abort(out);
}

void fuzz_model(struct cnn_model *m)
{
	struct cnn_dataset *d = is_small(m->graph) ? make_data(m->graph) : NULL;

	write_model(m);
	infer(m, d);
	train(m, d, false);
	if (m->training && m->training->type == CNN_MAP)
		train(m, d, true);
	write_model(m);
	cnn_dataset_free(d);
}
