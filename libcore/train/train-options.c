/* train-options.c - the command line's options, and those of a checkpoint. */
#include "train-options-private.h"

#include <string.h>

/* --- the command line ----------------------------------------------------- */

void cnn_train_options_init(struct cnn_train_options *o)
{
	*o = (struct cnn_train_options){ 0 };
	for (size_t i = 0; cnn_train_rows[i].name; i++)
		cnn_row_set(o, &cnn_train_rows[i], cnn_row_initial(&cnn_train_rows[i]));
}

size_t cnn_train_options_rows(struct cnn_train_options *o, struct cnn_option *rows)
{
	size_t i = 0;

	for (; cnn_train_rows[i].name; i++) {
		const struct cnn_train_row *r = &cnn_train_rows[i];

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
	return i;
}

bool cnn_train_options_given(const struct cnn_train_options *o, const char *name)
{
	for (size_t i = 0; cnn_train_rows[i].name; i++)
		if (strcmp(cnn_train_rows[i].name, name) == 0)
			return o->given[i];
	return false;
}

/* --- checkpoints ---------------------------------------------------------- */

bool cnn_train_options_save(const struct cnn_train_options *o, struct cnn_value *map)
{
	for (size_t i = 0; cnn_train_rows[i].name; i++) {
		const struct cnn_train_row *r = &cnn_train_rows[i];
		const union cnn_train_value v = cnn_row_get(o, r);
		struct cnn_value *kept;
		char key[32];

		if (r->flags & NAMED && !cnn_train_names_save(o, r, map))
			return false;
		if (!(r->flags & KEPT) || (r->flags & MAY_CHANGE && !cnn_row_fits(r, v)))
			continue;
		kept = r->type == CNN_OPT_UINT ? cnn_value_uint(v.u) :
			r->type == CNN_OPT_FLOAT ? cnn_value_float(v.f) :
			r->type == CNN_OPT_FLAG ? cnn_value_bool(v.flag) : cnn_value_str(v.text);
		if (!cnn_value_set(map, cnn_row_key(r, key), kept))
			return false;
	}
	return true;
}

int cnn_train_options_load(struct cnn_train_options *o, const struct cnn_value *map,
	struct cnn_plugins *plugins, struct cnn_error *e)
{
	int code;

	for (size_t i = 0; cnn_train_rows[i].name; i++) {
		const struct cnn_train_row *r = &cnn_train_rows[i];
		union cnn_train_value v = { 0 };
		char key[32];

		if (r->flags & NAMED &&
		    (code = cnn_train_names_load(o, r, map, plugins, e)) < 0)
			return code;
		if (!(r->flags & KEPT) || (r->flags & MAY_CHANGE &&
		    (o->given[i] || !cnn_value_get(map, cnn_row_key(r, key)))))
			continue;
		if (!cnn_row_load(r, map, cnn_row_key(r, key), &v) || !cnn_row_fits(r, v))
			return cnn_row_invalid(key, e);
		if (o->given[i] && !cnn_row_same(r, v, cnn_row_get(o, r)))
			return cnn_row_conflict(r, e);
		cnn_row_set(o, r, v);
	}
	cnn_train_names_settle(o);
	return CNN_OK;
}
