/* option-help.c - --help and --version, generated from the option table. */
#include "option-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cnn_option cnn_common_options[] = {
	{ "quiet", 'q', CNN_OPT_FLAG, .help = "print only errors" },
	{ "verbose", 'v', CNN_OPT_FLAG,
	    .help = "print more messages; repeat for even more" },
	{ "help", 'h', CNN_OPT_FLAG, .help = "print this help and exit" },
	{ "version", 'V', CNN_OPT_FLAG, .help = "print the version and exit" },
	{ NULL },
};

#define HELP_WIDTH 79
/* maximum width before the help text is put on the next line */
#define HELP_LEFT_MAX 30

static const char *arg_name(const struct cnn_option *o)
{
	static const char *const names[] = {
		[CNN_OPT_FLAG] = "",
		[CNN_OPT_UINT] = "N",
		[CNN_OPT_FLOAT] = "X",
		[CNN_OPT_STR] = "TEXT",
		[CNN_OPT_CHOICE] = "WORD",
		[CNN_OPT_LIST] = "TEXT",
	};

	return o->arg ? o->arg : names[o->type];
}

static int left_side(const struct cnn_option *o, char *buf, size_t size)
{
	const char *arg = arg_name(o);
	char letter[5] = "    ";

	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	return snprintf(buf, size, "  %s--%s%s%s", letter, o->name, *arg ? " " : "",
	    arg);
}

static int right_side(const struct cnn_option *o, char *buf, size_t size)
{
	char preset[64] = "";
	const char *text = NULL;

	if (o->type == CNN_OPT_UINT && cnn_option_uint_fits(o, *(uint64_t *)o->value))
		snprintf(preset, sizeof preset, "%llu",
		    (unsigned long long)*(uint64_t *)o->value);
	else if (o->type == CNN_OPT_FLOAT &&
	    cnn_option_float_fits(o, *(double *)o->value))
		snprintf(preset, sizeof preset, "%g", *(double *)o->value);
	else if (o->type == CNN_OPT_STR || o->type == CNN_OPT_CHOICE)
		text = *(const char **)o->value;
	if (!text)
		text = preset;
	return snprintf(buf, size, "%s%s%s%s%s%s%s", o->help, o->choices ? " (" : "",
	    o->choices ? o->choices : "", o->choices ? ")" : "", *text ? " [" : "",
	    text, *text ? "]" : "");
}

/* Prints text from column `column` on, with line breaks before the right margin. The
 * lines after the first begin at column `next`. */
static void print_words(const char *text, int column, int next)
{
	int at = column;
	bool first = true; /* no word on this line yet */

	while (*text) {
		int n = (int)strcspn(text, " ");

		if (!first && at + 1 + n > HELP_WIDTH) {
			printf("\n%*s", next, "");
			at = next;
		} else if (!first) {
			putchar(' ');
			at++;
		}
		first = false;
		printf("%.*s", n, text);
		at += n;
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* Prints "name: summary (key=default, key=default)" for each name that an option
 * takes. */
static void print_names(bool (*names)(size_t i, struct cnn_spec_entry *), int column)
{
	struct cnn_spec_entry s;

	for (size_t i = 0; names(i, &s); i++) {
		char text[2 * CNN_SPEC_TEXT], one[CNN_SPEC_TEXT];
		size_t used =
		    (size_t)snprintf(text, sizeof text, "%s: %s", s.name, s.summary);

		for (uint32_t k = 0; k < s.arg_count && used < sizeof text; k++) {
			const struct cnn_arg *a = &s.args[k];
			struct cnn_arg_value v;

			cnn_args_default(a, 1, &v);
			cnn_spec_print(a, 1, &v, true, one);
			if (a->required || a->like || !*one)
				snprintf(one, sizeof one, "%s=%s", a->name,
				    a->like ? a->like : "");
			used += (size_t)snprintf(text + used, sizeof text - used,
			    "%s%s%s", k ? ", " : " (", one,
			    k == s.arg_count - 1 ? ")" : "");
		}
		printf("%*s", column, "");
		print_words(text, column, column + 2);
	}
}

static void print_options(const struct cnn_option *table, int width)
{
	char left[256], right[1024];

	for (const struct cnn_option *o = table; o && o->name; o++) {
		int n = left_side(o, left, sizeof left);

		right_side(o, right, sizeof right);
		if (n > width)
			printf("%s\n%*s  ", left, width, "");
		else
			printf("%-*s  ", width, left);
		print_words(right, width + 2, width + 2);
		if (o->names)
			print_names(o->names, width + 2);
	}
}

static int left_width(const struct cnn_option *table, int width)
{
	char left[256];

	for (const struct cnn_option *o = table; o && o->name; o++) {
		int n = left_side(o, left, sizeof left);

		if (n > width && n <= HELP_LEFT_MAX)
			width = n;
	}
	return width;
}

static bool has_option(const struct cnn_program *program, const char *name)
{
	for (const struct cnn_option *o = program->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

/* Exits. Reports an error if standard output could not be written completely. */
_Noreturn static void leave(const struct cnn_program *program)
{
	if (ferror(stdout) || fclose(stdout) != 0) {
		cnn_complain(program, "standard output: %s", strerror(errno));
		exit(cnn_exit_status(CNN_EIO));
	}
	exit(0);
}

void cnn_print_help(const struct cnn_program *program)
{
	int width = left_width(program->options, left_width(cnn_common_options, 0));

	printf("Usage: %s [OPTION ...]%s%s\n%s.\n\n", program->name,
	    *program->operands ? " " : "", program->operands, program->summary);
	print_options(program->options, width);
	print_options(cnn_common_options, width);
	/* Only tools that look for plugins can fail to find one. */
	printf("\nExit status: 0 success, 1 failure, 2 usage error%s. See %s(1).\n",
	    has_option(program, "plugin-dir") ? ",\n3 plugin or device not found" : "",
	    program->name);
	leave(program);
}

void cnn_print_version(const struct cnn_program *program)
{
	printf("%s (cnntools) %s\n", program->name, CNN_VERSION);
	leave(program);
}
