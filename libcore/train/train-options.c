/* train-options.c - the option table and the functions that use it. */
#include "train-options.h"

#include "base/choice.h"
#include "executor/amp.h"
#include "plugin/loader.h"

#include <string.h>

enum flags {
	RESULT = 1,          /* changes the result: recorded in the history */
	KEPT = 2,            /* saved in a checkpoint, restored on a resume */
	MAY_CHANGE = 4,      /* kept, but a resume may change it; absent if not set */
	OPEN = 8,            /* other code adds choices: checked where it is used */
	LATER = 16,          /* kept, but absent in checkpoints of older versions; they
	                      * get the default */
};

struct row {
	const char *name;
	char letter;
	enum cnn_option_type type;
	size_t offset;                   /* in struct cnn_train_options */
	const char *arg, *help;
	unsigned flags;
	double min, max;                 /* as in struct cnn_option; UINT, FLOAT */
	const char *choices;             /* of a CHOICE */
	const char *stand_in;            /* a choice that is resolved to another before
	                                  * use, so it is never kept */
	double number;                   /* default of UINT, FLOAT */
	const char *text;                /* default of a CHOICE */
};

#define AT(member) offsetof(struct cnn_train_options, member)
static const struct row table[] = {
	{ "epochs", 'e', CNN_OPT_UINT, AT(epochs), "N", "train for N epochs in total",
		KEPT | MAY_CHANGE, 1, CNN_MAX_EPOCHS, .number = 1 },
	{ "steps", 'n', CNN_OPT_UINT, AT(steps), "N", "stop this run after N batches", 0,
		1, UINT32_MAX },
	{ "batch", 'b', CNN_OPT_UINT, AT(batch), "N", "samples in a batch",
		RESULT | KEPT, 1, 65536, .number = 64 },
	{ "lr", 'l', CNN_OPT_FLOAT, AT(lr), "X", "learning rate", RESULT | KEPT, 0, 1e6,
		.number = 0.001 },
	{ "optimizer", 0, CNN_OPT_CHOICE, AT(optimizer), "NAME", "optimizer",
		RESULT | KEPT | OPEN, .choices = "adam|sgd", .text = "adam" },
	{ "momentum", 0, CNN_OPT_FLOAT, AT(momentum), "X", "momentum of sgd",
		RESULT | KEPT, 0, 1 },
	{ "weight-decay", 0, CNN_OPT_FLOAT, AT(weight_decay), "X",
		"L2 penalty, added to the gradient", RESULT | KEPT, 0, 1e6 },
	{ "grad-clip", 0, CNN_OPT_FLOAT, AT(grad_clip), "X",
		"clip gradients to a norm of at most X; 0: do not clip",
		RESULT | KEPT | LATER, 0, 1e30 },
	{ "schedule", 0, CNN_OPT_CHOICE, AT(schedule), "NAME", "learning-rate schedule",
		RESULT | KEPT, .choices = "auto|constant|linear|cosine",
		.stand_in = "auto", .text = "auto" },
	{ "amp", 0, CNN_OPT_CHOICE, AT(amp), "TYPE", "mixed precision", RESULT | KEPT,
		.choices = CNN_AMP_CHOICES, .text = "off" },
	{ "shard-size", 0, CNN_OPT_UINT, AT(shard_size), "N",
		"samples that a CPU thread processes at a time", RESULT | KEPT, 1, 65536,
		.number = CNN_SHARD_SIZE },
	{ "seed", 's', CNN_OPT_UINT, AT(seed), "N", "seed of shuffling and dropout",
		RESULT | KEPT },
	{ "no-shuffle", 0, CNN_OPT_FLAG, AT(no_shuffle), NULL,
		"use the samples in the order in which they arrive", RESULT | KEPT },
	{ "stream", 0, CNN_OPT_FLAG, AT(stream), NULL,
		"train as the data arrive: one epoch, no shuffling", RESULT },
	{ "isa", 0, CNN_OPT_CHOICE, AT(isa), "NAME", "highest instruction set to use",
		RESULT | KEPT | OPEN, .choices = CNN_ISA_CHOICES, .stand_in = "native",
		.text = "native" },
	{ "tune", 0, CNN_OPT_FLAG, AT(tune), NULL,
		"time the algorithms of a GPU library and use the fastest",
		RESULT | KEPT },
	{ "fast", 0, CNN_OPT_FLAG, AT(fast), NULL,
		"allow nondeterministic algorithms on a GPU", RESULT | KEPT },
	{ "tf32", 0, CNN_OPT_FLAG, AT(tf32), NULL,
		"allow a GPU to round the factors of float products to TF32", RESULT | KEPT },
	{ "resume", 'r', CNN_OPT_FLAG, AT(resume), NULL,
		"continue the training of the model" },
	{ "time-epochs", 0, CNN_OPT_FLAG, AT(time_epochs), NULL,
		"print the time of each epoch" },
};
#define ROWS (sizeof table / sizeof *table)
_Static_assert(ROWS <= CNN_TRAIN_OPTIONS_MAX, "more rows than CNN_TRAIN_OPTIONS_MAX");

/* An option's value; the type is in its row. */
union value { uint64_t u; double f; const char *text; bool flag; };

static union value get(const struct cnn_train_options *o, const struct row *r)
{
	const void *at = (const char *)o + r->offset;
	union value v = { 0 };

	switch (r->type) {
	case CNN_OPT_UINT: v.u = *(const uint64_t *)at; break;
	case CNN_OPT_FLOAT: v.f = *(const double *)at; break;
	case CNN_OPT_FLAG: v.flag = *(const bool *)at; break;
	default: v.text = *(const char *const *)at;
	}
	return v;
}

static void set(struct cnn_train_options *o, const struct row *r, union value v)
{
	void *at = (char *)o + r->offset;

	switch (r->type) {
	case CNN_OPT_UINT: *(uint64_t *)at = v.u; break;
	case CNN_OPT_FLOAT: *(double *)at = v.f; break;
	case CNN_OPT_FLAG: *(bool *)at = v.flag; break;
	default: *(const char **)at = v.text;
	}
}

static union value initial(const struct row *r)
{
	union value v = { 0 };

	if (r->type == CNN_OPT_UINT)
		v.u = (uint64_t)r->number;
	else if (r->type == CNN_OPT_FLOAT)
		v.f = r->number;
	else if (r->type == CNN_OPT_CHOICE)
		v.text = r->text;
	return v;
}

/* --- the command line ----------------------------------------------------- */

void cnn_train_options_init(struct cnn_train_options *o)
{
	*o = (struct cnn_train_options){ 0 };
	for (size_t i = 0; i < ROWS; i++)
		set(o, &table[i], initial(&table[i]));
}

size_t cnn_train_options_rows(struct cnn_train_options *o, struct cnn_option *rows)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &table[i];

		rows[i] = (struct cnn_option){
			.name = r->name, .letter = r->letter, .type = r->type,
			.value = (char *)o + r->offset, .arg = r->arg, .help = r->help,
			.flags = r->flags & RESULT ? CNN_OPT_RESULT : 0,
			.choices = r->choices, .given = &o->given[i],
		};
		if (r->type == CNN_OPT_UINT) {
			rows[i].min = (uint64_t)r->min;
			rows[i].max = (uint64_t)r->max;
		} else if (r->type == CNN_OPT_FLOAT) {
			rows[i].fmin = r->min;
			rows[i].fmax = r->max;
		}
	}
	return ROWS;
}

bool cnn_train_options_given(const struct cnn_train_options *o, const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(table[i].name, name) == 0)
			return o->given[i];
	return false;
}

/* --- checkpoints ---------------------------------------------------------- */

/* The option's key in the map, for example weight_decay. */
static const char *key_of(const struct row *r, char key[32])
{
	size_t n = 0;

	for (; n < 31 && r->name[n]; n++)
		key[n] = r->name[n] == '-' ? '_' : r->name[n];
	key[n] = '\0';
	return key;
}

/* Whether the command line would accept the value and a checkpoint may hold it. */
static bool fits(const struct row *r, union value v)
{
	switch (r->type) {
	case CNN_OPT_UINT:
		return (double)v.u >= r->min && (r->max == 0 || (double)v.u <= r->max);
	case CNN_OPT_FLOAT:
		return v.f >= r->min && v.f <= r->max;
	case CNN_OPT_CHOICE:
		if (r->stand_in && strcmp(v.text, r->stand_in) == 0)
			return false;
		return r->flags & OPEN || cnn_choice_find(r->choices, v.text) >= 0;
	default:
		return true;
	}
}

static bool same(const struct row *r, union value a, union value b)
{
	switch (r->type) {
	case CNN_OPT_UINT: return a.u == b.u;
	case CNN_OPT_FLOAT: return a.f == b.f;
	case CNN_OPT_FLAG: return a.flag == b.flag;
	default: return strcmp(a.text, b.text) == 0;
	}
}

bool cnn_train_options_save(const struct cnn_train_options *o, struct cnn_value *map)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &table[i];
		const union value v = get(o, r);
		struct cnn_value *kept;
		char key[32];

		if (!(r->flags & KEPT) || (r->flags & MAY_CHANGE && !fits(r, v)))
			continue;
		kept = r->type == CNN_OPT_UINT ? cnn_value_uint(v.u) :
			r->type == CNN_OPT_FLOAT ? cnn_value_float(v.f) :
			r->type == CNN_OPT_FLAG ? cnn_value_bool(v.flag) : cnn_value_str(v.text);
		if (!cnn_value_set(map, key_of(r, key), kept))
			return false;
	}
	return true;
}

static bool load(const struct row *r, const struct cnn_value *map, const char *key,
	union value *v)
{
	*v = initial(r);
	if (r->flags & LATER && !cnn_value_get(map, key))
		return true;
	switch (r->type) {
	case CNN_OPT_UINT: return cnn_value_get_uint(map, key, &v->u);
	case CNN_OPT_FLOAT: return cnn_value_get_float(map, key, &v->f);
	case CNN_OPT_FLAG: return cnn_value_get_bool(map, key, &v->flag);
	default: return cnn_value_get_str(map, key, &v->text);
	}
}

int cnn_train_options_load(struct cnn_train_options *o, const struct cnn_value *map,
	struct cnn_error *e)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &table[i];
		union value v = { 0 };
		char key[32];

		if (!(r->flags & KEPT) || (r->flags & MAY_CHANGE &&
		    (o->given[i] || !cnn_value_get(map, key_of(r, key)))))
			continue;
		if (!load(r, map, key_of(r, key), &v) || !fits(r, v))
			return cnn_fail(e, CNN_EDATA, "the checkpoint's %s is missing "
				"or invalid", key);
		if (o->given[i] && !same(r, v, get(o, r)))
			return cnn_fail(e, CNN_EUSAGE, "--%s: conflicts with the "
				"checkpoint", r->name);
		set(o, r, v);
	}
	return CNN_OK;
}
