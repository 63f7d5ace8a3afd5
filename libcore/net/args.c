/* args.c - see args.h. */
#include "args.h"

#include "base/choice.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void cnn_args_default(const struct cnn_layer_def *def, struct cnn_arg_value *values)
{
	for (uint32_t i = 0; i < def->arg_count; i++) {
		const struct cnn_arg *a = &def->args[i];

		values[i] = (struct cnn_arg_value){ .f = a->initial };
		if (a->type != CNN_ARG_FLOAT)
			values[i].i = values[i].j = (int64_t)a->initial;
	}
}

/* --- one value ------------------------------------------------------------------------- */

static int bad_value(const struct cnn_arg *a, const char *text, struct cnn_error *e)
{
	static const char *const what[] = {
		[CNN_ARG_INT] = "a whole number",
		[CNN_ARG_PAIR] = "N or HxW",
		[CNN_ARG_FLOAT] = "a number",
		[CNN_ARG_LIST] = "N or N,N,... with numbers",
	};

	if (a->type == CNN_ARG_BOOL)
		return cnn_fail(e, CNN_EDATA, "%s=%s: must be true or false", a->name, text);
	if (a->type == CNN_ARG_CHOICE)
		return cnn_fail(e, CNN_EDATA, "%s=%s: must be one of %s", a->name, text,
			a->choices);
	return cnn_fail(e, CNN_EDATA, "%s=%s: must be %s from %.10g to %.10g", a->name, text,
		what[a->type], a->min, a->max);
}

/* Parses a whole number at *s within the argument's range, and moves *s past it. */
static bool whole(const struct cnn_arg *a, const char **s, int64_t *value)
{
	char *end;
	long long n;

	if (!isdigit((unsigned char)**s) && **s != '-')
		return false;
	n = strtoll(*s, &end, 10);
	*s = end;
	*value = n;
	return (double)n >= a->min && (double)n <= a->max;
}

static bool list(const struct cnn_arg *a, const char **s, struct cnn_arg_value *v)
{
	v->count = 0;
	do {
		*s += v->count > 0;          /* the comma */
		if (v->count == CNN_MAX_LIST || !whole(a, s, &v->list[v->count]))
			return false;
		v->count++;
	} while (**s == ',');
	return true;
}

int cnn_arg_parse(const struct cnn_arg *a, const char *text, struct cnn_arg_value *v,
	struct cnn_error *e)
{
	const char *s = text;
	char *end;
	bool good = true;

	v->given = 1;
	switch (a->type) {
	case CNN_ARG_INT:
	case CNN_ARG_PAIR:
		good = whole(a, &s, &v->i);
		v->j = v->i;
		if (good && a->type == CNN_ARG_PAIR && *s == 'x') {
			s++;
			good = whole(a, &s, &v->j);
		}
		v->f = (double)v->i;
		break;
	case CNN_ARG_FLOAT:
		v->f = strtod(s, &end);
		good = end != s && v->f >= a->min && v->f <= a->max;
		s = end;
		break;
	case CNN_ARG_BOOL:
		v->i = strcmp(text, "true") == 0;
		good = v->i || strcmp(text, "false") == 0;
		s += strlen(s);
		break;
	case CNN_ARG_CHOICE:
		v->i = cnn_choice_find(a->choices, text);
		good = v->i >= 0;
		s += strlen(s);
		break;
	case CNN_ARG_LIST:
		good = list(a, &s, v);
		break;
	}
	return good && !*s ? CNN_OK : bad_value(a, text, e);
}

/* --- all of them ------------------------------------------------------------------------ */

int cnn_args_complete(const struct cnn_layer_def *def, struct cnn_arg_value *values,
	struct cnn_error *e)
{
	for (uint32_t i = 0; i < def->arg_count; i++) {
		const struct cnn_arg *a = &def->args[i];

		if (values[i].given)
			continue;
		if (a->required)
			return cnn_fail(e, CNN_EDATA, "%s= is missing", a->name);
		for (uint32_t k = 0; a->like && k < def->arg_count; k++)
			if (strcmp(def->args[k].name, a->like) == 0) {
				values[i] = values[k];
				values[i].given = 0;
			}
	}
	return CNN_OK;
}
