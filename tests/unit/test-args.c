/* Arguments as text: each type, its range, defaults; a name with arguments. */
#include "tap.h"

#include "base/spec.h"

#include <string.h>

enum { INT, PAIR, FLOAT, BOOL, CHOICE, LIST, LIKE, ARGS };
static const struct cnn_arg args[ARGS] = {
	[INT] = { "out", CNN_ARG_INT, 1, 0, 1, 100 },
	[PAIR] = { "kernel", CNN_ARG_PAIR, 0, 3, 1, 9 },
	[FLOAT] = { "p", CNN_ARG_FLOAT, 0, 0.5, 0, 1 },
	[BOOL] = { "bias", CNN_ARG_BOOL, 0, 1, 0, 1 },
	[CHOICE] = { "mode", CNN_ARG_CHOICE, 0, 1, .choices = "nearest|bilinear|area" },
	[LIST] = { "pad", CNN_ARG_LIST, 0, 0, -2, 9 },
	[LIKE] = { "stride", CNN_ARG_PAIR, 0, 0, 1, 9, .like = "kernel" },
};
static struct cnn_arg_value v[ARGS];
static struct cnn_error e;

static bool parse(int arg, const char *text)
{
	e = (struct cnn_error){ 0 };
	return cnn_arg_parse(&args[arg], text, &v[arg], &e) == CNN_OK;
}

static void test_values(void)
{
	ok(parse(INT, "100") && v[INT].i == 100 && v[INT].given, "a whole number");
	ok(parse(PAIR, "3x5") && v[PAIR].i == 3 && v[PAIR].j == 5, "a pair");
	ok(parse(PAIR, "4") && v[PAIR].i == 4 && v[PAIR].j == 4, "a pair of equals");
	ok(parse(FLOAT, "0.25") && v[FLOAT].f == 0.25, "a number");
	ok(parse(BOOL, "false") && v[BOOL].i == 0, "false");
	ok(parse(CHOICE, "nearest") && v[CHOICE].i == 0, "the first choice");
	ok(parse(CHOICE, "area") && v[CHOICE].i == 2, "the last choice");
	ok(parse(LIST, "1") && v[LIST].count == 1 && v[LIST].list[0] == 1,
	    "a list of one");
	ok(parse(LIST, "1,-2,9,0,1,2,3,4") && v[LIST].count == 8 &&
		v[LIST].list[1] == -2 && v[LIST].list[7] == 4,
	    "a list of as many as there may be");
}

static void test_refused(void)
{
	static const struct {
		int arg;
		const char *text, *why;
	} cases[] = {
		{ INT, "0", "out=0: must be a whole number from 1 to 100" },
		{ INT, "101", "from 1 to 100" },
		{ INT, "", "out=" },
		{ INT, "1.5", "out=" },
		{ INT, "1x1", "out=" },
		{ INT, " 1", "out=" },
		{ INT, "+1", "out=" },
		{ PAIR, "3x", "kernel=3x: must be N or HxW" },
		{ PAIR, "3x10", "kernel=" },
		{ PAIR, "x3", "kernel=" },
		{ PAIR, "3x3x3", "kernel=" },
		{ FLOAT, "2", "p=2: must be a number from 0 to 1" },
		{ FLOAT, "nan", "p=" },
		{ FLOAT, "half", "p=" },
		{ BOOL, "1", "bias=1: must be true or false" },
		{ CHOICE, "linear",
		    "mode=linear: must be one of nearest|bilinear|area (did you mean bilinear?)" },
		{ CHOICE, "nearest|bilinear", "mode=" },
		{ CHOICE, "", "mode=" },
		{ CHOICE, "Nearest", "mode=" },
		{ LIST, "", "pad=: must be N or N,N,..." },
		{ LIST, "1,", "pad=" },
		{ LIST, ",1", "pad=" },
		{ LIST, "1,,2", "pad=" },
		{ LIST, "1,10", "from -2 to 9" },
		{ LIST, "1;2", "pad=" },
		{ LIST, "1,2,3,4,5,6,7,8,9", "pad=" },
		{ INT, "99999999999999999999", "out=" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool taken = parse(cases[i].arg, cases[i].text);

		ok(!taken && e.code == CNN_EDATA && strstr(e.text, cases[i].why),
		    "refused: %s", e.text);
	}
}

static void test_defaults(void)
{
	cnn_args_default(args, ARGS, v);
	ok(v[PAIR].i == 3 && v[PAIR].j == 3 && v[FLOAT].f == 0.5 && v[BOOL].i == 1 &&
		v[CHOICE].i == 1 && v[LIST].count == 0 && !v[PAIR].given,
	    "the defaults");
	e = (struct cnn_error){ 0 };
	ok(cnn_args_complete(args, ARGS, v, &e) == CNN_EDATA &&
		strstr(e.text, "out= is missing"),
	    "one that is required: %s", e.text);
	parse(INT, "5");
	ok(cnn_args_complete(args, ARGS, v, &e) == CNN_OK && v[LIKE].i == 3 &&
		v[LIKE].j == 3 && !v[LIKE].given,
	    "a default that is another argument's default");
	cnn_args_default(args, ARGS, v);
	parse(INT, "5");
	parse(PAIR, "2x4");
	ok(cnn_args_complete(args, ARGS, v, &e) == CNN_OK && v[LIKE].i == 2 &&
		v[LIKE].j == 4,
	    "or its value");
	parse(LIKE, "1");
	ok(cnn_args_complete(args, ARGS, v, &e) == CNN_OK && v[LIKE].i == 1 &&
		v[LIKE].given,
	    "unless it is given");
}

/* --- NAME:KEY=VALUE,... ----------------------------------------------------------- */

static char text[CNN_SPEC_TEXT];

/* Parses what follows the name, with out=5 before it; the result as text. */
static const char *spec(const char *pairs, bool all)
{
	char whole[200];

	snprintf(whole, sizeof whole, "out=5%s%s", *pairs ? "," : "", pairs);
	e = (struct cnn_error){ 0 };
	if (cnn_spec_parse(args, ARGS, whole, v, &e) < 0)
		return e.text;
	cnn_spec_print(args, ARGS, v, all, text);
	return text;
}

static void test_specs(void)
{
	static const struct {
		const char *pairs, *all, *changed;
	} cases[] = {
		{ "", "out=5,kernel=3x3,p=0.5,bias=true,mode=bilinear,stride=3x3",
		    "out=5" },
		{ "p=0.1,kernel=2x4,bias=false",
		    "out=5,kernel=2x4,p=0.1,bias=false,mode=bilinear,stride=2x4",
		    "out=5,kernel=2x4,p=0.1,bias=false" },
		{ "pad=1,-2,3,mode=area,stride=3",
		    "out=5,kernel=3x3,p=0.5,bias=true,mode=area,pad=1,-2,3,stride=3x3",
		    "out=5,mode=area,pad=1,-2,3" },
		{ "stride=1,pad=4",
		    "out=5,kernel=3x3,p=0.5,bias=true,mode=bilinear,pad=4,stride=1x1",
		    "out=5,pad=4,stride=1x1" },
		{ "p=0.30000000000000004",
		    "out=5,kernel=3x3,p=0.30000000000000004,bias=true,"
		    "mode=bilinear,stride=3x3",
		    "out=5,p=0.30000000000000004" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cnn_arg_value again[ARGS];
		bool same = strcmp(spec(cases[i].pairs, false), cases[i].changed) == 0;

		ok(same, "what is not the default: %s", text);
		same = strcmp(spec(cases[i].pairs, true), cases[i].all) == 0;
		ok(same, "and everything: %s", text);
		same = cnn_spec_parse(args, ARGS, text, again, &e) == CNN_OK;
		for (uint32_t k = 0; same && k < ARGS; k++)
			same = cnn_arg_equal(&args[k], &v[k], &again[k]);
		ok(same, "which gives the same values");
	}
}

static void test_bad_specs(void)
{
	static const struct {
		const char *pairs, *why;
	} cases[] = {
		{ "q=1",
		    "q=: unknown argument (known: out, kernel, p, bias, mode, pad, stride)" },
		{ "p=2", "p=2: must be a number from 0 to 1" },
		{ "p=", "p=: must be a number" },
		{ "p=0.1,p=0.1", "p= is given twice" },
		{ "out=5", "out= is given twice" },
		{ "p=0,1", "1: must be KEY=VALUE" },
		{ "p", "p: must be KEY=VALUE" },
		{ "=1", "=1: must be KEY=VALUE" },
		{ "p=0.1,", "an empty argument" },
		{ ",p=0.1", "an empty argument: must be KEY=VALUE" },
		{ "p=0.1 ", "p=0.1 : must be a number" },
		{ "pad=1,x,p=0", "pad=1,x: must be N or N,N,..." },
	};
	char name[CNN_SPEC_NAME];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ok(strstr(spec(cases[i].pairs, true), cases[i].why) &&
			e.code == CNN_EDATA,
		    "refused: %s", e.text);
	e = (struct cnn_error){ 0 };
	ok(cnn_spec_parse(args, ARGS, NULL, v, &e) == CNN_EDATA &&
		strstr(e.text, "out= is missing"),
	    "no arguments, though one is required");
	ok(!cnn_spec_name("adam", name) && strcmp(name, "adam") == 0, "a name alone");
	ok(strcmp(cnn_spec_name("sgd:a=1:2", name), "a=1:2") == 0 &&
		strcmp(name, "sgd") == 0,
	    "a name with arguments");
	ok(*cnn_spec_name("sgd:", name) == '\0', "a name with none after the colon");
	ok(!cnn_spec_name(
	       "a-name-that-is-longer-than-any-definition-could-have-in-here", name) &&
		strlen(name) == CNN_SPEC_NAME - 1,
	    "a name that is too long is cut");
}

int main(void)
{
	test_values();
	test_refused();
	test_defaults();
	test_specs();
	test_bad_specs();
	return done();
}
