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

#define ROW(TYPE, MEMBER, NAME, LETTER, ARG, HELP, FLAGS, ...) \
	{ .name = (NAME), \
		.letter = (LETTER), \
		.type = CNN_OPT_##TYPE, \
		.offset = AT(MEMBER), \
		.arg = (ARG), \
		.help = (HELP), \
		.flags = (FLAGS), \
		__VA_ARGS__ },

const struct cnn_train_row cnn_train_rows[] = {
#include "train-options.def"
	{ .name = NULL },
};
#undef ROW

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
	return cnn_fail(e, CNN_EUSAGE,
	    "--%s: conflicts with the checkpoint (omit it to "
	    "use the checkpoint's value)",
	    r->name);
}
