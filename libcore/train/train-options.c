/* train-options.c - the option table and the functions that use it. */
#include "train-options.h"

#include "base/choice.h"
#include "executor/amp.h"
#include "optimizers/builtin.h"
#include "plugin/loader.h"

#include <stdio.h>
#include <string.h>

enum flags {
	RESULT = 1,          /* changes the result: recorded in the history */
	KEPT = 2,            /* saved in a checkpoint, restored on a resume */
	MAY_CHANGE = 4,      /* kept, but a resume may change it; absent if not set */
	OPEN = 8,            /* other code adds choices: checked where it is used */
	LATER = 16,          /* kept, but absent in checkpoints of older versions; they
	                      * get the default */
	NAMED = 32,          /* a name with arguments, kept as two entries */
	SHORT = 64,          /* short form of an argument of --optimizer, and kept as that */
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
	const char *text;                /* default of a CHOICE, STR */
	bool (*names)(size_t i, struct cnn_spec_entry *);    /* of a NAMED one */
};

static bool optimizer_names(size_t i, struct cnn_spec_entry *s)
{
	const struct cnn_optimizer_def *d = cnn_builtin_optimizers[i];

	if (d)
		*s = (struct cnn_spec_entry){ d->name, d->summary, d->args, d->arg_count };
	return d != NULL;
}

static bool schedule_names(size_t i, struct cnn_spec_entry *s)
{
	const struct cnn_schedule *d = cnn_schedule_at(i);

	if (d)
		*s = (struct cnn_spec_entry){ d->name, d->summary, d->args, d->arg_count };
	return d != NULL;
}

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
	{ "optimizer", 0, CNN_OPT_STR, AT(optimizer), "SPEC",
		"optimizer: NAME or NAME:KEY=VALUE,...", RESULT | NAMED, .text = "adam",
		.names = optimizer_names },
	{ "momentum", 0, CNN_OPT_FLOAT, AT(momentum), "X",
		"momentum= of the optimizer", RESULT | SHORT, 0, 1 },
	{ "weight-decay", 0, CNN_OPT_FLOAT, AT(weight_decay), "X",
		"weight_decay= of the optimizer: L2 penalty, added to the gradient",
		RESULT | SHORT, 0, 1e6 },
	{ "grad-clip", 0, CNN_OPT_FLOAT, AT(grad_clip), "X",
		"clip gradients to a norm of at most X; 0: do not clip",
		RESULT | KEPT | LATER, 0, 1e30 },
	{ "schedule", 0, CNN_OPT_STR, AT(schedule), "SPEC",
		"learning-rate schedule: NAME or NAME:KEY=VALUE,...", RESULT | NAMED,
		.text = "auto", .names = schedule_names },
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
_Static_assert(CNN_MAX_OPTIMIZER_ARGS <= CNN_SPEC_ARGS, "room for an optimizer's arguments");

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
	else if (r->type == CNN_OPT_CHOICE || r->type == CNN_OPT_STR)
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
			.choices = r->choices, .names = r->names, .given = &o->given[i],
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

static bool given(const struct cnn_train_options *o, const struct row *r)
{
	return o->given[r - table];
}

/* --- names with arguments ------------------------------------------------- */

/* The option's key in a checkpoint, for example weight_decay. It is also the name of the
 * argument of which the option is a short form. */
static const char *key_of(const struct row *r, char key[32])
{
	size_t n = 0;

	for (; n < 31 && r->name[n]; n++)
		key[n] = r->name[n] == '-' ? '_' : r->name[n];
	key[n] = '\0';
	return key;
}

/* The index of the optimizer's argument of which the row is a short form, or the number
 * of arguments if it has none. */
static uint32_t argument_of(const struct cnn_optimizer_def *d, const struct row *r)
{
	char key[32];
	const uint32_t k = cnn_arg_index(d->args, d->arg_count, key_of(r, key));

	return k < d->arg_count && d->args[k].type == CNN_ARG_FLOAT ? k : d->arg_count;
}

/* The value of a short form: its argument's. */
static union value short_value(const struct cnn_optimizer_def *d,
	const struct cnn_arg_value *values, const struct row *r)
{
	const uint32_t k = argument_of(d, r);
	union value v = initial(r);

	if (k < d->arg_count)
		v.f = values[k].f;
	return v;
}

static bool is_short(const char *argument)
{
	char key[32];

	for (size_t i = 0; i < ROWS; i++)
		if (table[i].flags & SHORT && strcmp(key_of(&table[i], key), argument) == 0)
			return true;
	return false;
}

/* Sets the short forms to the values of the arguments, and the texts of --optimizer and
 * --schedule to what the short forms do not say. */
static void settle(struct cnn_train_options *o)
{
	const struct cnn_optimizer_def *d = o->optimizer_def;
	const struct cnn_schedule *s = o->schedule_def;
	struct cnn_arg_value rest[CNN_SPEC_ARGS];
	char text[CNN_SPEC_TEXT];

	for (size_t i = 0; i < ROWS; i++)
		if (table[i].flags & SHORT)
			set(o, &table[i], short_value(d, o->optimizer_args, &table[i]));
	memcpy(rest, o->optimizer_args, sizeof rest);
	for (uint32_t k = 0; k < d->arg_count; k++)
		if (is_short(d->args[k].name))
			cnn_args_default(&d->args[k], 1, &rest[k]);
	cnn_spec_print(d->args, d->arg_count, rest, false, text);
	snprintf(o->optimizer_text, sizeof o->optimizer_text, "%s%s%s", d->name,
		*text ? ":" : "", text);
	cnn_spec_print(s->args, s->arg_count, o->schedule_args, false, text);
	snprintf(o->schedule_text, sizeof o->schedule_text, "%s%s%s", s->name,
		*text ? ":" : "", text);
	o->optimizer = o->optimizer_text;
	o->schedule = o->schedule_text;
}

/* An error of --optimizer or --schedule on the command line. */
static int misuse(const char *where, struct cnn_error *e)
{
	cnn_error_prefix(e, "%s", where);
	if (e->code != CNN_ENOMEM)
		e->code = CNN_EUSAGE;
	return e->code;
}

static int parse_optimizer(struct cnn_train_options *o, struct cnn_plugins *plugins,
	struct cnn_error *e)
{
	char name[CNN_SPEC_NAME], where[64];
	const char *text = cnn_spec_name(o->optimizer, name);

	if (cnn_optimizer_definition(plugins, name, &o->optimizer_def, e) < 0)
		return misuse("--optimizer", e);
	snprintf(where, sizeof where, "--optimizer: %s", name);
	return cnn_spec_parse(o->optimizer_def->args, o->optimizer_def->arg_count, text,
		o->optimizer_args, e) < 0 ? misuse(where, e) : CNN_OK;
}

static int unknown_schedule(const char *name, struct cnn_error *e)
{
	const struct cnn_schedule *s;
	char known[200] = "";

	for (size_t i = 0; (s = cnn_schedule_at(i)); i++)
		snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
			i ? ", " : "", s->name);
	return cnn_fail(e, CNN_EUSAGE, "--schedule: %s: no such schedule; known: %s", name,
		known);
}

static int parse_schedule(struct cnn_train_options *o, struct cnn_error *e)
{
	char name[CNN_SPEC_NAME], where[64];
	const char *text = cnn_spec_name(o->schedule, name);
	const struct cnn_schedule *s = cnn_schedule_find(name);

	if (!s)
		return unknown_schedule(name, e);
	snprintf(where, sizeof where, "--schedule: %s", name);
	if (cnn_spec_parse(s->args, s->arg_count, text, o->schedule_args, e) < 0)
		return misuse(where, e);
	/* If --epochs fixes the length of the run, decreasing the rate to zero is worth
	 * two tenths of a per cent; a chain of runs with --steps has no known end. */
	if (!s->factor) {
		s = cnn_schedule_find(o->stream || o->epochs == UINT64_MAX ? "constant" :
			"linear");
		cnn_args_default(s->args, s->arg_count, o->schedule_args);
	}
	if (o->stream && s->needs_end)
		return cnn_fail(e, CNN_EUSAGE, "--schedule: %s: can't be combined with "
			"--stream: the length of the run is unknown", name);
	o->schedule_def = s;
	return CNN_OK;
}

/* The built-in optimizers that have the argument: "adam, sgd". */
static void list_having(const struct row *r, char list[200])
{
	const struct cnn_optimizer_def *d;

	*list = '\0';
	for (size_t i = 0; (d = cnn_builtin_optimizers[i]); i++)
		if (argument_of(d, r) < d->arg_count)
			snprintf(list + strlen(list), 200 - strlen(list), "%s%s",
				*list ? ", " : "", d->name);
}

/* Sets the optimizer's arguments from their short forms. On a resume, the checkpoint
 * decides whether they fit. */
static int join_short_forms(struct cnn_train_options *o, struct cnn_error *e)
{
	const struct cnn_optimizer_def *d = o->optimizer_def;

	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &table[i];
		const uint32_t k = r->flags & SHORT ? argument_of(d, r) : 0;
		double x;
		char list[200];

		if (!(r->flags & SHORT))
			continue;
		x = get(o, r).f;
		if (given(o, r) && k < d->arg_count && o->optimizer_args[k].given)
			return cnn_fail(e, CNN_EUSAGE, "--%s: is given in --optimizer too: %s",
				r->name, o->optimizer);
		if (o->resume || (!given(o, r) && x == r->number))
			continue;
		if (k < d->arg_count && (x < d->args[k].min || x > d->args[k].max))
			return cnn_fail(e, CNN_EUSAGE, "--%s: %g: must be from %g to %g for %s",
				r->name, x, d->args[k].min, d->args[k].max, d->name);
		if (k < d->arg_count) {
			o->optimizer_args[k].f = x;
		} else if (x != r->number) {
			list_having(r, list);
			return cnn_fail(e, CNN_EUSAGE, "--%s: does not apply to %s, only to "
				"%s", r->name, d->name, list);
		}
	}
	return CNN_OK;
}

int cnn_train_options_resolve(struct cnn_train_options *o, struct cnn_plugins *plugins,
	struct cnn_error *e)
{
	int r;

	if ((r = parse_optimizer(o, plugins, e)) < 0 || (r = parse_schedule(o, e)) < 0 ||
	    (r = join_short_forms(o, e)) < 0)
		return r;
	/* A resume still compares what was given with the checkpoint. */
	if (!o->resume)
		settle(o);
	return CNN_OK;
}

/* --- checkpoints ---------------------------------------------------------- */

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

/* Keeps a name and its arguments, all of them: defaults may change. */
static bool save_named(struct cnn_value *map, const char *key, const char *name,
	const struct cnn_arg *args, uint32_t count, const struct cnn_arg_value *values)
{
	char text[CNN_SPEC_TEXT], args_key[40];

	if (!cnn_value_set(map, key, cnn_value_str(name)))
		return false;
	if (count == 0)
		return true;
	snprintf(args_key, sizeof args_key, "%s_args", key);
	cnn_spec_print(args, count, values, true, text);
	return cnn_value_set(map, args_key, cnn_value_str(text));
}

bool cnn_train_options_save(const struct cnn_train_options *o, struct cnn_value *map)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &table[i];
		const union value v = get(o, r);
		struct cnn_value *kept;
		char key[32];

		if (r->offset == AT(optimizer) && !save_named(map, key_of(r, key),
			o->optimizer_def->name, o->optimizer_def->args,
			o->optimizer_def->arg_count, o->optimizer_args))
			return false;
		if (r->offset == AT(schedule) && !save_named(map, key_of(r, key),
			o->schedule_def->name, o->schedule_def->args,
			o->schedule_def->arg_count, o->schedule_args))
			return false;
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

static int invalid(const char *key, struct cnn_error *e)
{
	return cnn_fail(e, CNN_EDATA, "the checkpoint's %s is missing or invalid", key);
}

static int conflict(const struct row *r, struct cnn_error *e)
{
	return cnn_fail(e, CNN_EUSAGE, "--%s: conflicts with the checkpoint", r->name);
}

/* Reads the arguments of a name; without an entry they have their defaults. */
static int load_args(const struct cnn_value *map, const char *key,
	const struct cnn_arg *args, uint32_t count, struct cnn_arg_value *values,
	struct cnn_error *e)
{
	const char *text = NULL;

	if (cnn_value_get(map, key) && !cnn_value_get_str(map, key, &text))
		return invalid(key, e);
	if (cnn_spec_parse(args, count, text, values, e) == CNN_OK)
		return CNN_OK;
	cnn_error_prefix(e, "the checkpoint's %s", key);
	return e->code;
}

/* Whether the values that were given on the command line equal those of a checkpoint. */
static bool agree(const struct cnn_arg *args, uint32_t count,
	const struct cnn_arg_value *mine, const struct cnn_arg_value *kept)
{
	for (uint32_t i = 0; i < count; i++)
		if (mine[i].given && !cnn_arg_equal(&args[i], &mine[i], &kept[i]))
			return false;
	return true;
}

/* Versions before 0.2 had no optimizer_args, but these entries. */
static int load_old_args(const struct cnn_value *map, const struct cnn_optimizer_def *d,
	struct cnn_arg_value *values, struct cnn_error *e)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &table[i];
		union value v = { 0 };
		char key[32];

		if (!(r->flags & SHORT))
			continue;
		if (!load(r, map, key_of(r, key), &v) || !fits(r, v))
			return invalid(key, e);
		if (argument_of(d, r) < d->arg_count)
			values[argument_of(d, r)].f = v.f;
	}
	return CNN_OK;
}

static int load_optimizer(struct cnn_train_options *o, const struct row *row,
	const struct cnn_value *map, struct cnn_plugins *plugins, struct cnn_error *e)
{
	struct cnn_arg_value values[CNN_SPEC_ARGS] = { 0 };
	const struct cnn_optimizer_def *d;
	const char *name;
	int r;

	if (!cnn_value_get_str(map, "optimizer", &name))
		return invalid("optimizer", e);
	if ((r = cnn_optimizer_definition(plugins, name, &d, e)) < 0) {
		cnn_error_prefix(e, "the checkpoint's optimizer");
		return r;
	}
	if ((r = load_args(map, "optimizer_args", d->args, d->arg_count, values, e)) < 0 ||
	    (!cnn_value_get(map, "optimizer_args") &&
	     (r = load_old_args(map, d, values, e)) < 0))
		return r;
	if (given(o, row) && (strcmp(d->name, o->optimizer_def->name) != 0 ||
	    !agree(d->args, d->arg_count, o->optimizer_args, values)))
		return conflict(row, e);
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].flags & SHORT && given(o, &table[i]) &&
		    !same(&table[i], get(o, &table[i]), short_value(d, values, &table[i])))
			return conflict(&table[i], e);
	o->optimizer_def = d;
	memcpy(o->optimizer_args, values, sizeof values);
	return CNN_OK;
}

static int load_schedule(struct cnn_train_options *o, const struct row *row,
	const struct cnn_value *map, struct cnn_error *e)
{
	struct cnn_arg_value values[CNN_SPEC_ARGS] = { 0 };
	const struct cnn_schedule *s = NULL;
	const char *name;
	int r;

	if (cnn_value_get_str(map, "schedule", &name))
		s = cnn_schedule_find(name);
	if (!s || !s->factor)
		return invalid("schedule", e);
	if ((r = load_args(map, "schedule_args", s->args, s->arg_count, values, e)) < 0)
		return r;
	if (given(o, row) && (s != o->schedule_def ||
	    !agree(s->args, s->arg_count, o->schedule_args, values)))
		return conflict(row, e);
	o->schedule_def = s;
	memcpy(o->schedule_args, values, sizeof values);
	return CNN_OK;
}

int cnn_train_options_load(struct cnn_train_options *o, const struct cnn_value *map,
	struct cnn_plugins *plugins, struct cnn_error *e)
{
	int code = CNN_OK;

	for (size_t i = 0; code == CNN_OK && i < ROWS; i++) {
		const struct row *r = &table[i];
		union value v = { 0 };
		char key[32];

		if (r->offset == AT(optimizer))
			code = load_optimizer(o, r, map, plugins, e);
		if (r->offset == AT(schedule))
			code = load_schedule(o, r, map, e);
		if (!(r->flags & KEPT) || (r->flags & MAY_CHANGE &&
		    (o->given[i] || !cnn_value_get(map, key_of(r, key)))))
			continue;
		if (!load(r, map, key_of(r, key), &v) || !fits(r, v))
			return invalid(key, e);
		if (o->given[i] && !same(r, v, get(o, r)))
			return conflict(r, e);
		set(o, r, v);
	}
	if (code == CNN_OK)
		settle(o);
	return code;
}
