/* spec.c - see spec.h. */
#include "spec.h"

#include "value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ---------------------------------------------------------------------- */

const char *cnn_spec_name(const char *spec, char name[CNN_SPEC_NAME])
{
	const char *colon = strchr(spec, ':');

	snprintf(name, CNN_SPEC_NAME, "%.*s", (int)strcspn(spec, ":"), spec);
	return colon ? colon + 1 : NULL;
}

/* The length of the value at the start of the text. */
static size_t value_length(const struct cnn_arg *a, const char *text)
{
	size_t n = strcspn(text, ",");

	while (a->type == CNN_ARG_LIST && text[n] == ',') {
		size_t more = strcspn(text + n + 1, ",=");

		if (text[n + 1 + more] == '=')
			break;
		n += 1 + more;
	}
	return n;
}

/* Parses KEY=VALUE at *at, and moves *at past it and its comma: NULL at the end. */
static int parse_pair(const struct cnn_arg *args, uint32_t count, char **at,
    struct cnn_arg_value *values, struct cnn_error *e)
{
	char *key = *at, *value = key + strcspn(key, ",=");
	uint32_t i;
	size_t n;

	if (!*key || *key == ',')
		return cnn_fail(e, CNN_EDATA, "an empty argument: must be KEY=VALUE");
	if (*value != '=' || value == key)
		return cnn_fail(e, CNN_EDATA, "%.*s: must be KEY=VALUE",
		    (int)strcspn(key, ","), key);
	*value++ = '\0';
	if ((i = cnn_arg_index(args, count, key)) == count)
		return cnn_arg_unknown(args, count, key, e);
	if (values[i].given)
		return cnn_fail(e, CNN_EDATA, "%s= is given twice", key);
	n = value_length(&args[i], value);
	*at = value[n] ? value + n + 1 : NULL;
	value[n] = '\0';
	return cnn_arg_parse(&args[i], value, &values[i], e);
}

int cnn_spec_parse(const struct cnn_arg *args, uint32_t count, const char *text,
    struct cnn_arg_value *values, struct cnn_error *e)
{
	char *copy = strdup(text ? text : ""), *at = text ? copy : NULL;
	int r = copy ? CNN_OK : cnn_fail(e, CNN_ENOMEM, "out of memory");

	cnn_args_default(args, count, values);
	while (r == CNN_OK && at)
		r = parse_pair(args, count, &at, values, e);
	free(copy);
	return r < 0 ? r : cnn_args_complete(args, count, values, e);
}

/* --- writing ---------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void add(char text[CNN_SPEC_TEXT],
    const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, CNN_SPEC_TEXT - used, fmt, ap);
	va_end(ap);
}

static void add_value(char text[CNN_SPEC_TEXT], const struct cnn_arg *a,
    const struct cnn_arg_value *v)
{
	const char *word = a->choices;
	char number[CNN_FLOAT_TEXT];

	switch (a->type) {
	case CNN_ARG_INT: add(text, "%lld", (long long)v->i); break;
	case CNN_ARG_PAIR:
		add(text, "%lldx%lld", (long long)v->i, (long long)v->j);
		break;
	case CNN_ARG_FLOAT:
		cnn_float_text(v->f, number);
		add(text, "%s", number);
		break;
	case CNN_ARG_BOOL: add(text, v->i ? "true" : "false"); break;
	case CNN_ARG_CHOICE:
		for (int64_t n = 0; n < v->i; n++)
			word += strcspn(word, "|") + 1;
		add(text, "%.*s", (int)strcspn(word, "|"), word);
		break;
	case CNN_ARG_LIST:
		for (uint32_t n = 0; n < v->count; n++)
			add(text, "%s%lld", n ? "," : "", (long long)v->list[n]);
		break;
	}
}

/* Whether an argument has its default value. */
static bool is_default(const struct cnn_arg *args, uint32_t count,
    const struct cnn_arg_value *values, uint32_t i)
{
	struct cnn_arg_value initial;

	cnn_args_default(&args[i], 1, &initial);
	if (args[i].like)
		initial = values[cnn_arg_index(args, count, args[i].like)];
	return cnn_arg_equal(&args[i], &values[i], &initial);
}

void cnn_spec_print(const struct cnn_arg *args, uint32_t count,
    const struct cnn_arg_value *values, bool all, char text[CNN_SPEC_TEXT])
{
	*text = '\0';
	for (uint32_t i = 0; i < count; i++) {
		/* An empty list has no text, so leave it out. */
		if (args[i].type == CNN_ARG_LIST && values[i].count == 0)
			continue;
		if (!all && !args[i].required && is_default(args, count, values, i))
			continue;
		add(text, "%s%s=", *text ? "," : "", args[i].name);
		add_value(text, &args[i], &values[i]);
	}
}
