/* train-options.c - the command line's options, and those of a checkpoint. */
#include "train-options-private.h"

#include <string.h>

/* --- the command line ------------------------------------------------------------- */

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
		const struct cnn_train_row *row = &cnn_train_rows[i];

		rows[i] = (struct cnn_option){
			.name = row->name,
			.letter = row->letter,
			.type = row->type,
			.value = (char *)o + row->offset,
			.arg = row->arg,
			.help = row->help,
			.flags = row->flags & RESULT ? CNN_OPT_RESULT : 0,
			.choices = row->choices,
			.names = row->names,
			.given = &o->given[i],
		};
		if (row->type == CNN_OPT_UINT) {
			rows[i].min = (uint64_t)row->min;
			rows[i].max = (uint64_t)row->max;
		} else if (row->type == CNN_OPT_FLOAT) {
			rows[i].fmin = row->min;
			rows[i].fmax = row->max;
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

/* --- checkpoints ------------------------------------------------------------------ */

bool cnn_train_options_save(const struct cnn_train_options *o, struct cnn_value *map)
{
	for (size_t i = 0; cnn_train_rows[i].name; i++) {
		const struct cnn_train_row *row = &cnn_train_rows[i];
		const union cnn_train_value v = cnn_row_get(o, row);
		struct cnn_value *kept;
		char key[32];

		if (row->flags & NAMED && !cnn_train_names_save(o, row, map))
			return false;
		if (!(row->flags & KEPT) ||
		    (row->flags & MAY_CHANGE && !cnn_row_fits(row, v)))
			continue;
		kept = row->type == CNN_OPT_UINT ? cnn_value_uint(v.u) :
		    row->type == CNN_OPT_FLOAT	 ? cnn_value_float(v.f) :
		    row->type == CNN_OPT_FLAG	 ? cnn_value_bool(v.flag) :
						   cnn_value_str(v.text);
		if (!cnn_value_set(map, cnn_row_key(row, key), kept))
			return false;
	}
	return true;
}

int cnn_train_options_load(struct cnn_train_options *o, const struct cnn_value *map,
    struct cnn_plugins *plugins, struct cnn_error *e)
{
	int r;

	for (size_t i = 0; cnn_train_rows[i].name; i++) {
		const struct cnn_train_row *row = &cnn_train_rows[i];
		union cnn_train_value v = { 0 };
		char key[32];

		if (row->flags & NAMED &&
		    (r = cnn_train_names_load(o, row, map, plugins, e)) < 0)
			return r;
		if (!(row->flags & KEPT) ||
		    (row->flags & MAY_CHANGE &&
			(o->given[i] || !cnn_value_get(map, cnn_row_key(row, key)))))
			continue;
		if (!cnn_row_load(row, map, cnn_row_key(row, key), &v) ||
		    !cnn_row_fits(row, v))
			return cnn_row_invalid(key, e);
		if (o->given[i] && !cnn_row_same(row, v, cnn_row_get(o, row)))
			return cnn_row_conflict(row, e);
		cnn_row_set(o, row, v);
	}
	cnn_train_names_settle(o);
	return CNN_OK;
}
