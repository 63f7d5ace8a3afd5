/* train-rows.c - the table of the training options, and the value of a row. */
#include "train-options-private.h"

#include "base/choice.h"
#include "executor/amp.h"
#include "optimizers/builtin.h"
#include "plugin/loader.h"

#include <string.h>

static bool optimizer_names(size_t i, struct cnn_spec_entry *s)
{
	const struct cnn_optimizer_def *d = cnn_builtin_optimizers[i];

	if (d)
		*s = (struct cnn_spec_entry){ d->name, d->summary, d->args,
			d->arg_count };
	return d != NULL;
}

static bool schedule_names(size_t i, struct cnn_spec_entry *s)
{
	const struct cnn_schedule *d = cnn_schedule_at(i);

	if (d)
		*s = (struct cnn_spec_entry){ d->name, d->summary, d->args,
			d->arg_count };
	return d != NULL;
}

const struct cnn_train_row cnn_train_rows[] = {
	{ "epochs", 'e', CNN_OPT_UINT, AT(epochs), "N", "train for N epochs in total",
	    KEPT | MAY_CHANGE, 1, CNN_MAX_EPOCHS, .number = 1 },
	{ "steps", 'n', CNN_OPT_UINT, AT(steps), "N",
	    "stop this run after N steps (batches)", 0, 1, UINT32_MAX },
	{ "batch", 'b', CNN_OPT_UINT, AT(batch), "N", "samples in a batch",
	    RESULT | KEPT, 1, 65536, .number = 64 },
	{ "lr", 'l', CNN_OPT_FLOAT, AT(lr), "X", "learning rate", RESULT | KEPT, 0, 1e6,
	    .number = 0.001 },
	{ "optimizer", 0, CNN_OPT_STR, AT(optimizer), "SPEC",
	    "optimizer: NAME or NAME:KEY=VALUE,...", RESULT | NAMED, .text = "adam",
	    .names = optimizer_names },
	{ "momentum", 0, CNN_OPT_FLOAT, AT(momentum), "X",
	    "short for momentum= of the optimizer", RESULT | SHORT, 0, 1 },
	{ "weight-decay", 0, CNN_OPT_FLOAT, AT(weight_decay), "X",
	    "short for weight_decay= of the optimizer (L2 penalty)", RESULT | SHORT, 0,
	    1e6 },
	{ "grad-clip", 0, CNN_OPT_FLOAT, AT(grad_clip), "X",
	    "clip the gradient norm to X; 0: do not clip", RESULT | KEPT | LATER, 0,
	    1e30 },
	{ "schedule", 0, CNN_OPT_STR, AT(schedule), "SPEC",
	    "learning-rate schedule: NAME or NAME:KEY=VALUE,...", RESULT | NAMED,
	    .text = "auto", .names = schedule_names },
	{ "amp", 0, CNN_OPT_CHOICE, AT(amp), "TYPE", "mixed precision", RESULT | KEPT,
	    .choices = CNN_AMP_CHOICES, .text = "off" },
	{ "shard-size", 0, CNN_OPT_UINT, AT(microbatch_size), "N",
	    "samples that a CPU thread processes at a time", RESULT | KEPT, 1, 65536,
	    .number = CNN_MICROBATCH_SIZE },
	{ "seed", 's', CNN_OPT_UINT, AT(seed), "N", "seed of shuffling and dropout",
	    RESULT | KEPT },
	{ "no-shuffle", 0, CNN_OPT_FLAG, AT(no_shuffle), NULL,
	    "do not shuffle the samples", RESULT | KEPT },
	{ "stream", 0, CNN_OPT_FLAG, AT(stream), NULL,
	    "train as the data arrive: one epoch, no shuffling", RESULT },
	{ "isa", 0, CNN_OPT_CHOICE, AT(isa), "NAME",
	    "highest instruction set that plugins may use", RESULT | KEPT | OPEN,
	    .choices = CNN_ISA_CHOICES, .stand_in = "native", .text = "native" },
	{ "tune", 0, CNN_OPT_FLAG, AT(tune), NULL,
	    "time the algorithms of a GPU library and use the fastest", RESULT | KEPT },
	{ "fast", 0, CNN_OPT_FLAG, AT(fast), NULL,
	    "allow nondeterministic algorithms on a GPU", RESULT | KEPT },
	{ "tf32", 0, CNN_OPT_FLAG, AT(tf32), NULL, "allow TF32 arithmetic on a GPU",
	    RESULT | KEPT },
	{ "resume", 'r', CNN_OPT_FLAG, AT(resume), NULL,
	    "continue the training of a checkpoint" },
	{ "time-epochs", 0, CNN_OPT_FLAG, AT(time_epochs), NULL,
	    "print the time of each epoch" },
	{ .name = NULL },
};
_Static_assert(sizeof cnn_train_rows / sizeof *cnn_train_rows <=
	CNN_TRAIN_OPTIONS_MAX + 1,
    "more rows than CNN_TRAIN_OPTIONS_MAX");

union cnn_train_value cnn_row_get(const struct cnn_train_options *o,
    const struct cnn_train_row *r)
{
	const void *at = (const char *)o + r->offset;
	union cnn_train_value v = { 0 };

	switch (r->type) {
	case CNN_OPT_UINT: v.u = *(const uint64_t *)at; break;
	case CNN_OPT_FLOAT: v.f = *(const double *)at; break;
	case CNN_OPT_FLAG: v.flag = *(const bool *)at; break;
	default: v.text = *(const char *const *)at;
	}
	return v;
}

void cnn_row_set(struct cnn_train_options *o, const struct cnn_train_row *r,
    union cnn_train_value v)
{
	void *at = (char *)o + r->offset;

	switch (r->type) {
	case CNN_OPT_UINT: *(uint64_t *)at = v.u; break;
	case CNN_OPT_FLOAT: *(double *)at = v.f; break;
	case CNN_OPT_FLAG: *(bool *)at = v.flag; break;
	default: *(const char **)at = v.text;
	}
}

union cnn_train_value cnn_row_initial(const struct cnn_train_row *r)
{
	union cnn_train_value v = { 0 };

	if (r->type == CNN_OPT_UINT)
		v.u = (uint64_t)r->number;
	else if (r->type == CNN_OPT_FLOAT)
		v.f = r->number;
	else if (r->type == CNN_OPT_CHOICE || r->type == CNN_OPT_STR)
		v.text = r->text;
	return v;
}

bool cnn_row_given(const struct cnn_train_options *o, const struct cnn_train_row *r)
{
	return o->given[r - cnn_train_rows];
}

const char *cnn_row_key(const struct cnn_train_row *r, char key[32])
{
	size_t n = 0;

	for (; n < 31 && r->name[n]; n++)
		key[n] = r->name[n] == '-' ? '_' : r->name[n];
	key[n] = '\0';
	return key;
}

bool cnn_row_fits(const struct cnn_train_row *r, union cnn_train_value v)
{
	switch (r->type) {
	case CNN_OPT_UINT:
		return (double)v.u >= r->min && (r->max == 0 || (double)v.u <= r->max);
	case CNN_OPT_FLOAT: return v.f >= r->min && v.f <= r->max;
	case CNN_OPT_CHOICE:
		if (r->stand_in && strcmp(v.text, r->stand_in) == 0)
			return false;
		return r->flags & OPEN || cnn_choice_find(r->choices, v.text) >= 0;
	default: return true;
	}
}

bool cnn_row_same(const struct cnn_train_row *r, union cnn_train_value a,
    union cnn_train_value b)
{
	switch (r->type) {
	case CNN_OPT_UINT: return a.u == b.u;
	case CNN_OPT_FLOAT: return a.f == b.f;
	case CNN_OPT_FLAG: return a.flag == b.flag;
	default: return strcmp(a.text, b.text) == 0;
	}
}

bool cnn_row_load(const struct cnn_train_row *r, const struct cnn_value *map,
    const char *key, union cnn_train_value *v)
{
	*v = cnn_row_initial(r);
	if (r->flags & LATER && !cnn_value_get(map, key))
		return true;
	switch (r->type) {
	case CNN_OPT_UINT: return cnn_value_get_uint(map, key, &v->u);
	case CNN_OPT_FLOAT: return cnn_value_get_float(map, key, &v->f);
	case CNN_OPT_FLAG: return cnn_value_get_bool(map, key, &v->flag);
	default: return cnn_value_get_str(map, key, &v->text);
	}
}

int cnn_row_invalid(const char *key, struct cnn_error *e)
{
	return cnn_fail(e, CNN_EDATA, "the checkpoint's %s is missing or invalid", key);
}

int cnn_row_conflict(const struct cnn_train_row *r, struct cnn_error *e)
{
	return cnn_fail(e, CNN_EUSAGE, "--%s: conflicts with the checkpoint", r->name);
}
