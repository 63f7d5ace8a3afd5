/* The arguments of a layer as text: each type, its range, defaults. */
#include "tap.h"

#include "net/args.h"

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
static const struct cnn_layer_def def = { .args = args, .arg_count = ARGS };
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
	ok(parse(LIST, "1") && v[LIST].count == 1 && v[LIST].list[0] == 1, "a list of one");
	ok(parse(LIST, "1,-2,9,0,1,2,3,4") && v[LIST].count == 8 && v[LIST].list[1] == -2 &&
		v[LIST].list[7] == 4, "a list of as many as there may be");
}

static void test_refused(void)
{
	static const struct { int arg; const char *text, *why; } cases[] = {
		{ INT, "0", "out=0: must be a whole number from 1 to 100" },
		{ INT, "101", "from 1 to 100" }, { INT, "", "out=" }, { INT, "1.5", "out=" },
		{ INT, "1x1", "out=" }, { INT, " 1", "out=" }, { INT, "+1", "out=" },
		{ PAIR, "3x", "kernel=3x: must be N or HxW" }, { PAIR, "3x10", "kernel=" },
		{ PAIR, "x3", "kernel=" }, { PAIR, "3x3x3", "kernel=" },
		{ FLOAT, "2", "p=2: must be a number from 0 to 1" }, { FLOAT, "nan", "p=" },
		{ FLOAT, "half", "p=" }, { BOOL, "1", "bias=1: must be true or false" },
		{ CHOICE, "linear", "mode=linear: must be one of nearest|bilinear|area" },
		{ CHOICE, "nearest|bilinear", "mode=" }, { CHOICE, "", "mode=" },
		{ CHOICE, "Nearest", "mode=" }, { LIST, "", "pad=: must be N or N,N,..." },
		{ LIST, "1,", "pad=" }, { LIST, ",1", "pad=" }, { LIST, "1,,2", "pad=" },
		{ LIST, "1,10", "from -2 to 9" }, { LIST, "1;2", "pad=" },
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
	cnn_args_default(&def, v);
	ok(v[PAIR].i == 3 && v[PAIR].j == 3 && v[FLOAT].f == 0.5 && v[BOOL].i == 1 &&
		v[CHOICE].i == 1 && v[LIST].count == 0 && !v[PAIR].given, "the defaults");
	e = (struct cnn_error){ 0 };
	ok(cnn_args_complete(&def, v, &e) == CNN_EDATA && strstr(e.text, "out= is missing"),
		"one that is required: %s", e.text);
	parse(INT, "5");
	ok(cnn_args_complete(&def, v, &e) == CNN_OK && v[LIKE].i == 3 && v[LIKE].j == 3 &&
		!v[LIKE].given, "a default that is another argument's default");
	cnn_args_default(&def, v);
	parse(INT, "5");
	parse(PAIR, "2x4");
	ok(cnn_args_complete(&def, v, &e) == CNN_OK && v[LIKE].i == 2 && v[LIKE].j == 4,
		"or its value");
	parse(LIKE, "1");
	ok(cnn_args_complete(&def, v, &e) == CNN_OK && v[LIKE].i == 1 && v[LIKE].given,
		"unless it is given");
}

int main(void)
{
	test_values();
	test_refused();
	test_defaults();
	return done();
}
