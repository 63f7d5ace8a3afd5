/* option.c - the parser and the history entry, both driven by the option table. */
#include "option-private.h"

#include "base/choice.h"
#include "base/nearest.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_ONLY 256 /* getopt_long returns this + the index in the table */

_Noreturn static void no_memory(const struct cnn_program *program)
{
	cnn_complain(program, "options: %s", strerror(ENOMEM));
	exit(cnn_exit_status(CNN_ENOMEM));
}

/* --- values ----------------------------------------------------------------------- */

static void set_uint(const struct cnn_program *program, const struct cnn_option *o,
    const char *text)
{
	unsigned long long u;
	char *end;

	/* Check the digits ourselves: strtoull accepts blanks and a sign, and wraps
	 * negatives. */
	errno = 0;
	u = strtoull(text, &end, 10);
	if (*text != '\0' && text[strspn(text, "0123456789")] == '\0' && errno == 0 &&
	    cnn_option_uint_fits(o, u))
		*(uint64_t *)o->value = u;
	else if (o->max != 0)
		cnn_usage(program, "--%s: %s: must be from %llu to %llu", o->name, text,
		    (unsigned long long)o->min, (unsigned long long)o->max);
	else if (o->min != 0)
		cnn_usage(program, "--%s: %s: must be a whole number, at least %llu",
		    o->name, text, (unsigned long long)o->min);
	else
		cnn_usage(program, "--%s: %s: must be a whole number below 2^64",
		    o->name, text);
}

static void set_float(const struct cnn_program *program, const struct cnn_option *o,
    const char *text)
{
	double f;
	char *end;

	/* Decimal numbers only: no blanks, no hexadecimal, no inf, no nan. */
	f = strtod(text, &end);
	if (end != text && *end == '\0' &&
	    text[strspn(text, "0123456789.eE+-")] == '\0' &&
	    cnn_option_float_fits(o, f))
		*(double *)o->value = f;
	else if (o->fmin == 0 && o->fmax == 0)
		cnn_usage(program, "--%s: %s: must be a number", o->name, text);
	else if (isinf(o->fmax))
		cnn_usage(program, "--%s: %s: must be a number, at least %g", o->name,
		    text, o->fmin);
	else
		cnn_usage(program, "--%s: %s: must be from %g to %g", o->name, text,
		    o->fmin, o->fmax);
}

static void set_choice(const struct cnn_program *program, const struct cnn_option *o,
    const char *text)
{
	struct cnn_nearest near;

	cnn_nearest_init(&near, text);
	cnn_nearest_offer_choices(&near, o->choices);
	if (cnn_choice_find(o->choices, text) < 0)
		cnn_usage(program, "--%s: %s: must be one of %s%s", o->name, text,
		    o->choices, cnn_nearest_hint(&near, ""));
	*(const char **)o->value = text;
}

static void set_value(const struct cnn_program *program, const struct cnn_option *o,
    const char *text)
{
	struct cnn_list *list;

	switch (o->type) {
	case CNN_OPT_FLAG: *(bool *)o->value = true; break;
	case CNN_OPT_UINT: set_uint(program, o, text); break;
	case CNN_OPT_FLOAT: set_float(program, o, text); break;
	case CNN_OPT_STR: *(const char **)o->value = text; break;
	case CNN_OPT_CHOICE: set_choice(program, o, text); break;
	case CNN_OPT_LIST: /* command_line_init() made room for all items */
		list = o->value;
		list->items[list->count++] = text;
		break;
	}
	if (o->given)
		*o->given = true;
}

/* --- parsing ---------------------------------------------------------------------- */

struct command_line {
	const struct cnn_program *program;
	const struct cnn_option **options; /* the tool's, then the common ones */
	size_t count;
	struct option *longs;
	char *letters;
};

static void command_line_init(struct command_line *p, const struct cnn_program *program,
    int argc)
{
	const struct cnn_option *tables[] = { program->options, cnn_common_options };
	size_t room = 1; /* getopt_long's table ends with an empty entry */
	char *letter;

	for (size_t t = 0; t < 2; t++)
		for (const struct cnn_option *o = tables[t]; o && o->name; o++)
			room++;
	p->program = program;
	p->count = 0;
	p->options = calloc(room, sizeof *p->options);
	p->longs = calloc(room, sizeof *p->longs);
	p->letters = letter = calloc(room + 1, 2);
	if (!p->options || !p->longs || !p->letters)
		no_memory(program);

	*letter++ = ':'; /* distinguishes a missing argument from an unknown option */
	for (size_t t = 0; t < 2; t++)
		for (const struct cnn_option *o = tables[t]; o && o->name; o++) {
			bool takes = o->type != CNN_OPT_FLAG;

			p->longs[p->count] = (struct option){ o->name,
				takes ? required_argument : no_argument, NULL,
				LONG_ONLY + (int)p->count };
			p->options[p->count++] = o;
			if (o->letter)
				*letter++ = o->letter;
			if (o->letter && takes)
				*letter++ = ':';
			if (o->type == CNN_OPT_LIST) {
				struct cnn_list *list = o->value;

				list->count = 0;
				list->items =
				    calloc((size_t)argc + 1, sizeof *list->items);
				if (!list->items)
					no_memory(program);
			}
		}
}

static void command_line_free(struct command_line *p)
{
	free(p->options);
	free(p->longs);
	free(p->letters);
}

static const struct cnn_option *command_line_find(const struct command_line *p, int c)
{
	if (c >= LONG_ONLY)
		return p->options[c - LONG_ONLY];
	for (size_t i = 0; i < p->count; i++)
		if (c != 0 && p->options[i]->letter == c)
			return p->options[i];
	return NULL;
}

/* The element of argv from which getopt_long has just parsed a long option. */
static const char *taken(char **argv)
{
	return argv[optarg && optarg == argv[optind - 1] ? optind - 2 : optind - 1];
}

_Noreturn static void refuse_name(const struct command_line *p, const char *text)
{
	const int size = (int)strcspn(text, "=");
	char name[CNN_NEAREST_WORD + 4];
	struct cnn_nearest near;

	snprintf(name, sizeof name, "%.*s", size - 2, text + 2);
	cnn_nearest_init(&near, name);
	for (size_t i = 0; i < p->count; i++)
		cnn_nearest_offer(&near, p->options[i]->name);
	cnn_usage(p->program, "%.*s: unknown option%s", size, text,
	    cnn_nearest_hint(&near, "--"));
}

_Noreturn static void refuse(const struct command_line *p, int c, char **argv)
{
	const struct cnn_option *o = command_line_find(p, optopt);

	if (o && c == ':')
		cnn_usage(p->program, "--%s: needs an argument", o->name);
	if (o) /* --name=VALUE */
		cnn_usage(p->program, "--%s: takes no argument", o->name);
	if (optopt)
		cnn_usage(p->program, "-%c: unknown option", optopt);
	refuse_name(p, argv[optind - 1]);
}

/* Opens /dev/null on each closed standard descriptor. Otherwise a file opened later
 * would get its number, and with it the messages meant for that stream. Reading the
 * replaced standard input and writing to the replaced standard output still fail. */
static void hold_standard_streams(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDWR };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", modes[fd]) < 0)
			exit(cnn_exit_status(CNN_EIO)); /* no stream for a message */
}

int cnn_options_parse(const struct cnn_program *program, int argc, char **argv)
{
	struct command_line p;
	int c, operands;

	hold_standard_streams();
	/* A write beyond ulimit -f then fails with an error, which can be reported. */
	signal(SIGXFSZ, SIG_IGN);
	command_line_init(&p, program, argc);
	optind = 0; /* glibc: start over */
	opterr = 0;
	while ((c = getopt_long(argc, argv, p.letters, p.longs, NULL)) != -1) {
		const struct cnn_option *o;

		if (c == '?' || c == ':')
			refuse(&p, c, argv);
		o = command_line_find(&p, c);
		if (c >= LONG_ONLY) {
			/* getopt_long accepts an abbreviated name. A script that relies
			 * on one would break when we add an option with the same
			 * start. */
			const char *text = taken(argv) + 2;
			size_t n = strcspn(text, "=");

			if (n != strlen(o->name))
				cnn_usage(program,
				    "--%.*s: unknown option (did you mean --%s?)",
				    (int)n, text, o->name);
		}
		/* Common options have no value */
		switch (o->value ? 0 : o->letter) {
		case 'h': cnn_print_help(program);
		case 'V': cnn_print_version(program);
		case 'q': cnn_verbosity = 0; break;
		case 'v': cnn_verbosity++; break;
		default:
			if (o->value)
				set_value(program, o, optarg);
		}
	}
	command_line_free(&p);
	cnn_show_warnings(program);

	operands = argc - optind;
	if (operands < program->min_operands)
		cnn_usage(program, "needs %s", program->operands);
	if (program->max_operands >= 0 && operands > program->max_operands)
		cnn_usage(program, "%s: unexpected operand",
		    argv[optind + program->max_operands]);
	return optind;
}

/* --- history ---------------------------------------------------------------------- */

/* Adds an option's value to the map, unless it is not set. */
static bool record(struct cnn_value *map, const struct cnn_option *o)
{
	const struct cnn_list *list;
	const char *text;
	struct cnn_value *array;
	bool good = true;

	switch (o->type) {
	case CNN_OPT_FLAG:
		return cnn_value_set(map, o->name, cnn_value_bool(*(bool *)o->value));
	case CNN_OPT_UINT:
		return !cnn_option_uint_fits(o, *(uint64_t *)o->value) ||
		    cnn_value_set(map, o->name, cnn_value_uint(*(uint64_t *)o->value));
	case CNN_OPT_FLOAT:
		return !cnn_option_float_fits(o, *(double *)o->value) ||
		    cnn_value_set(map, o->name, cnn_value_float(*(double *)o->value));
	case CNN_OPT_STR:
	case CNN_OPT_CHOICE:
		text = *(const char **)o->value;
		return !text || cnn_value_set(map, o->name, cnn_value_str(text));
	case CNN_OPT_LIST:
		list = o->value;
		if (list->count == 0)
			return true;
		array = cnn_value_array();
		for (size_t i = 0; good && i < list->count; i++)
			good = cnn_value_append(array, cnn_value_str(list->items[i]));
		if (good)
			return cnn_value_set(map, o->name, array);
		cnn_value_free(array);
		return false;
	}
	return false;
}

static struct cnn_value *history_entry(const struct cnn_program *program)
{
	struct cnn_value *entry = cnn_value_map(), *options = cnn_value_map();
	bool good = options != NULL;

	for (const struct cnn_option *o = program->options; o && o->name; o++)
		if ((o->flags & CNN_OPT_RESULT) &&
		    !((o->flags & CNN_OPT_IF_SET) && !*(const bool *)o->value))
			good = good && record(options, o);
	good = cnn_value_set(entry, "tool", cnn_value_str(program->name)) &&
	    cnn_value_set(entry, "version", cnn_value_str(CNN_VERSION)) && good;
	if (!good)
		cnn_value_free(options);
	if (good && cnn_value_set(entry, "options", options))
		return entry;
	cnn_value_free(entry);
	return NULL;
}

bool cnn_history_add(struct cnn_value *history, const struct cnn_program *program)
{
	return cnn_value_append(history, history_entry(program));
}
