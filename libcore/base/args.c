/* args.c - see args.h. */
#include "args.h"

#include "choice.h"
#include "nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cnn_args_default(const struct cnn_arg *args, uint32_t count,
    struct cnn_arg_value *values)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct cnn_arg *a = &args[i];

		values[i] = (struct cnn_arg_value){ .f = a->initial };
		if (a->type != CNN_ARG_FLOAT)
			values[i].i = values[i].j = (int64_t)a->initial;
	}
}

uint32_t cnn_arg_index(const struct cnn_arg *args, uint32_t count, const char *name)
{
	uint32_t i = 0;

	while (i < count && strcmp(args[i].name, name) != 0)
		i++;
	return i;
}

int cnn_arg_unknown(const struct cnn_arg *args, uint32_t count, const char *name,
    struct cnn_error *e)
{
	char known[600] = "";
	struct cnn_nearest near;
	size_t used = 0;

	cnn_nearest_init(&near, name);
	for (uint32_t i = 0; i < count; i++)
		cnn_nearest_offer(&near, args[i].name);
	for (uint32_t i = 0; i < count && used < sizeof known; i++)
		used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
		    i ? ", " : "", args[i].name);
	return cnn_fail(e, CNN_EDATA, "%s=: unknown argument%s (known: %s)", name,
	    cnn_nearest_hint(&near, ""), count ? known : "none");
}

/* --- one value -------------------------------------------------------------------- */

static int bad_value(const struct cnn_arg *a, const char *text, struct cnn_error *e)
{
	static const char *const what[] = {
		[CNN_ARG_INT] = "a whole number",
		[CNN_ARG_PAIR] = "N or HxW",
		[CNN_ARG_FLOAT] = "a number",
		[CNN_ARG_LIST] = "N or N,N,... with numbers",
	};

	struct cnn_nearest near;

	if (a->type == CNN_ARG_BOOL)
		return cnn_fail(e, CNN_EDATA, "%s=%s: must be true or false", a->name,
		    text);
	if (a->type == CNN_ARG_CHOICE) {
		cnn_nearest_init(&near, text);
		cnn_nearest_offer_choices(&near, a->choices);
		return cnn_fail(e, CNN_EDATA, "%s=%s: must be one of %s%s", a->name,
		    text, a->choices, cnn_nearest_hint(&near, ""));
	}
	return cnn_fail(e, CNN_EDATA, "%s=%s: must be %s from %.10g to %.10g", a->name,
	    text, what[a->type], a->min, a->max);
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
		*s += v->count > 0; /* the comma */
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
	case CNN_ARG_LIST: good = list(a, &s, v); break;
	}
	return good && !*s ? CNN_OK : bad_value(a, text, e);
}

/* --- all arguments ---------------------------------------------------------------- */

int cnn_args_complete(const struct cnn_arg *args, uint32_t count,
    struct cnn_arg_value *values, struct cnn_error *e)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct cnn_arg *a = &args[i];
		uint32_t like;

		if (values[i].given)
			continue;
		if (a->required)
			return cnn_fail(e, CNN_EDATA, "%s= is missing", a->name);
		if (a->like && (like = cnn_arg_index(args, count, a->like)) < count) {
			values[i] = values[like];
			values[i].given = 0;
		}
	}
	return CNN_OK;
}

bool cnn_arg_equal(const struct cnn_arg *a, const struct cnn_arg_value *x,
    const struct cnn_arg_value *y)
{
	switch (a->type) {
	case CNN_ARG_FLOAT: return x->f == y->f;
	case CNN_ARG_PAIR: return x->i == y->i && x->j == y->j;
	case CNN_ARG_LIST:
		return x->count == y->count &&
		    (x->count == 0 ||
			memcmp(x->list, y->list, x->count * sizeof *x->list) == 0);
	default: return x->i == y->i;
	}
}
