/* train-names.c - --optimizer and --schedule: names with arguments. */
#include "train-options-private.h"

#include "base/nearest.h"
#include "optimizers/builtin.h"
#include "plugin/loader.h"

#include <stdio.h>
#include <string.h>

_Static_assert(CNN_MAX_OPTIMIZER_ARGS <= CNN_SPEC_ARGS, "too many arguments");

/* --- short forms ------------------------------------------------------------------ */

/* Returns the index of the argument that the row is a short form of, or arg_count if
 * the optimizer has no such argument. */
static uint32_t argument_of(const struct cnn_optimizer_def *d,
    const struct cnn_train_row *r)
{
	char key[32];
	const uint32_t k = cnn_arg_index(d->args, d->arg_count, cnn_row_key(r, key));

	return k < d->arg_count && d->args[k].type == CNN_ARG_FLOAT ? k : d->arg_count;
}

/* Returns the value of the argument that the row is a short form of, or the row's
 * default if the optimizer has no such argument. */
static union cnn_train_value short_value(const struct cnn_optimizer_def *d,
    const struct cnn_arg_value *values, const struct cnn_train_row *r)
{
	const uint32_t k = argument_of(d, r);
	union cnn_train_value v = cnn_row_initial(r);

	if (k < d->arg_count)
		v.f = values[k].f;
	return v;
}

static bool is_short(const char *argument)
{
	char key[32];

	for (const struct cnn_train_row *r = cnn_train_rows; r->name; r++)
		if (r->flags & SHORT && strcmp(cnn_row_key(r, key), argument) == 0)
			return true;
	return false;
}

void cnn_train_names_settle(struct cnn_train_options *o)
{
	const struct cnn_optimizer_def *d = o->optimizer_def;
	const struct cnn_schedule *s = o->schedule_def;
	struct cnn_arg_value rest[CNN_SPEC_ARGS];
	char text[CNN_SPEC_TEXT];

	for (const struct cnn_train_row *r = cnn_train_rows; r->name; r++)
		if (r->flags & SHORT)
			cnn_row_set(o, r, short_value(d, o->optimizer_args, r));
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

/* --- the command line ------------------------------------------------------------- */

/* Turns an error in --optimizer or --schedule into a usage error. */
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
		   o->optimizer_args, e) < 0 ?
	    misuse(where, e) :
	    CNN_OK;
}

static int unknown_schedule(const char *name, struct cnn_error *e)
{
	const struct cnn_schedule *s;
	struct cnn_known known = { 0 };
	struct cnn_nearest near;

	cnn_nearest_init(&near, name);
	for (size_t i = 0; (s = cnn_schedule_at(i)); i++) {
		cnn_known_add(&known, "%s", s->name);
		cnn_nearest_offer(&near, s->name);
	}
	return cnn_fail(e, CNN_EUSAGE, "--schedule: %s: no such schedule%s; known: %s",
	    name, cnn_nearest_hint(&near, ""), cnn_known_text(&known));
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
	/* auto: if --epochs fixes the length of the run, a rate that decreases to 0
	 * gives a better model. A chain of runs with --steps has no known end. */
	if (!s->factor) {
		s = cnn_schedule_find(
		    o->stream || o->epochs == UINT64_MAX ? "constant" : "linear");
		cnn_args_default(s->args, s->arg_count, o->schedule_args);
	}
	if (o->stream && s->needs_end)
		return cnn_fail(e, CNN_EUSAGE,
		    "--schedule: %s: can't be combined with "
		    "--stream: the length of the run is unknown",
		    name);
	o->schedule_def = s;
	return CNN_OK;
}

/* The built-in optimizers that have the argument: "adam, sgd". */
static void list_having(const struct cnn_train_row *r, char list[200])
{
	const struct cnn_optimizer_def *d;

	*list = '\0';
	for (size_t i = 0; (d = cnn_builtin_optimizers[i]); i++)
		if (argument_of(d, r) < d->arg_count)
			snprintf(list + strlen(list), 200 - strlen(list), "%s%s",
			    *list ? ", " : "", d->name);
}

/* Sets the optimizer's arguments from their short forms. On a resume the optimizer
 * comes from the checkpoint, and cnn_train_names_load() compares them. */
static int join_short_forms(struct cnn_train_options *o, struct cnn_error *e)
{
	const struct cnn_optimizer_def *d = o->optimizer_def;

	for (const struct cnn_train_row *r = cnn_train_rows; r->name; r++) {
		const uint32_t k = r->flags & SHORT ? argument_of(d, r) : 0;
		double x;
		char list[200];

		if (!(r->flags & SHORT))
			continue;
		x = cnn_row_get(o, r).f;
		if (cnn_row_given(o, r) && k < d->arg_count &&
		    o->optimizer_args[k].given)
			return cnn_fail(e, CNN_EUSAGE,
			    "--%s: is also given in --optimizer: %s", r->name,
			    o->optimizer);
		if (o->resume || (!cnn_row_given(o, r) && x == r->number))
			continue;
		if (k < d->arg_count && (x < d->args[k].min || x > d->args[k].max))
			return cnn_fail(e, CNN_EUSAGE,
			    "--%s: %g: must be from %g to %g for %s", r->name, x,
			    d->args[k].min, d->args[k].max, d->name);
		if (k < d->arg_count) {
			o->optimizer_args[k].f = x;
		} else if (x != r->number) {
			list_having(r, list);
			return cnn_fail(e, CNN_EUSAGE,
			    "--%s: does not apply to %s, only to %s", r->name, d->name,
			    list);
		}
	}
	return CNN_OK;
}

int cnn_train_options_resolve(struct cnn_train_options *o, struct cnn_plugins *plugins,
    struct cnn_error *e)
{
	int r;

	if ((r = parse_optimizer(o, plugins, e)) < 0 ||
	    (r = parse_schedule(o, e)) < 0 || (r = join_short_forms(o, e)) < 0)
		return r;
	/* On a resume, keep the given options to compare them with the checkpoint. */
	if (!o->resume)
		cnn_train_names_settle(o);
	return CNN_OK;
}

/* --- checkpoints ------------------------------------------------------------------ */

/* Saves a name and all of its arguments, because defaults may change. */
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

bool cnn_train_names_save(const struct cnn_train_options *o,
    const struct cnn_train_row *r, struct cnn_value *map)
{
	const struct cnn_optimizer_def *d = o->optimizer_def;
	const struct cnn_schedule *s = o->schedule_def;

	if (r->offset == AT(optimizer))
		return save_named(map, r->name, d->name, d->args, d->arg_count,
		    o->optimizer_args);
	return save_named(map, r->name, s->name, s->args, s->arg_count,
	    o->schedule_args);
}

/* Reads the arguments of a name. If the entry is missing, they get their defaults. */
static int load_args(const struct cnn_value *map, const char *key,
    const struct cnn_arg *args, uint32_t count, struct cnn_arg_value *values,
    struct cnn_error *e)
{
	const char *text = NULL;

	if (cnn_value_get(map, key) && !cnn_value_get_str(map, key, &text))
		return cnn_row_invalid(key, e);
	if (cnn_spec_parse(args, count, text, values, e) == CNN_OK)
		return CNN_OK;
	cnn_error_prefix(e, "the checkpoint's %s", key);
	return e->code;
}

/* Whether the values that were given on the command line equal those of a
 * checkpoint. */
static bool agree(const struct cnn_arg *args, uint32_t count,
    const struct cnn_arg_value *mine, const struct cnn_arg_value *kept)
{
	for (uint32_t i = 0; i < count; i++)
		if (mine[i].given && !cnn_arg_equal(&args[i], &mine[i], &kept[i]))
			return false;
	return true;
}

/* Checkpoints of versions before 0.2 have these entries instead of optimizer_args. */
static int load_old_args(const struct cnn_value *map, const struct cnn_optimizer_def *d,
    struct cnn_arg_value *values, struct cnn_error *e)
{
	for (const struct cnn_train_row *r = cnn_train_rows; r->name; r++) {
		union cnn_train_value v = { 0 };
		char key[32];

		if (!(r->flags & SHORT))
			continue;
		if (!cnn_row_load(r, map, cnn_row_key(r, key), &v) ||
		    !cnn_row_fits(r, v))
			return cnn_row_invalid(key, e);
		if (argument_of(d, r) < d->arg_count)
			values[argument_of(d, r)].f = v.f;
	}
	return CNN_OK;
}

static int load_optimizer(struct cnn_train_options *o, const struct cnn_train_row *row,
    const struct cnn_value *map, struct cnn_plugins *plugins, struct cnn_error *e)
{
	struct cnn_arg_value values[CNN_SPEC_ARGS] = { 0 };
	const struct cnn_optimizer_def *d;
	const char *name;
	int r;

	if (!cnn_value_get_str(map, "optimizer", &name))
		return cnn_row_invalid("optimizer", e);
	if ((r = cnn_optimizer_definition(plugins, name, &d, e)) < 0) {
		cnn_error_prefix(e, "the checkpoint's optimizer");
		return r;
	}
	if ((r = load_args(map, "optimizer_args", d->args, d->arg_count, values, e)) <
		0 ||
	    (!cnn_value_get(map, "optimizer_args") &&
		(r = load_old_args(map, d, values, e)) < 0))
		return r;
	if (cnn_row_given(o, row) &&
	    (strcmp(d->name, o->optimizer_def->name) != 0 ||
		!agree(d->args, d->arg_count, o->optimizer_args, values)))
		return cnn_row_conflict(row, e);
	for (const struct cnn_train_row *k = cnn_train_rows; k->name; k++)
		if (k->flags & SHORT && cnn_row_given(o, k) &&
		    !cnn_row_same(k, cnn_row_get(o, k), short_value(d, values, k)))
			return cnn_row_conflict(k, e);
	o->optimizer_def = d;
	memcpy(o->optimizer_args, values, sizeof values);
	return CNN_OK;
}

static int load_schedule(struct cnn_train_options *o, const struct cnn_train_row *row,
    const struct cnn_value *map, struct cnn_error *e)
{
	struct cnn_arg_value values[CNN_SPEC_ARGS] = { 0 };
	const struct cnn_schedule *s = NULL;
	const char *name;
	int r;

	if (cnn_value_get_str(map, "schedule", &name))
		s = cnn_schedule_find(name);
	if (!s || !s->factor)
		return cnn_row_invalid("schedule", e);
	if ((r = load_args(map, "schedule_args", s->args, s->arg_count, values, e)) < 0)
		return r;
	if (cnn_row_given(o, row) &&
	    (s != o->schedule_def ||
		!agree(s->args, s->arg_count, o->schedule_args, values)))
		return cnn_row_conflict(row, e);
	o->schedule_def = s;
	memcpy(o->schedule_args, values, sizeof values);
	return CNN_OK;
}

int cnn_train_names_load(struct cnn_train_options *o, const struct cnn_train_row *r,
    const struct cnn_value *map, struct cnn_plugins *plugins, struct cnn_error *e)
{
	return r->offset == AT(optimizer) ? load_optimizer(o, r, map, plugins, e) :
					    load_schedule(o, r, map, e);
}
