/* The option table: parser, --help, history, messages. Each case runs in a child; the
 * test checks its output and exit status. */
#include "tap.h"

#include "base/warning.h"
#include "cli/option.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool no_shuffle, batch_given;
static uint64_t batch = 64, steps, seed;
static double lr = 0.001, momentum;
static const char *output, *amp = "off";
static struct cnn_list names;

static const struct cnn_option options[] = {
	{ "output", 'o', CNN_OPT_STR, &output, "FILE",
	    "write to FILE instead of standard output" },
	{ "batch", 'b', CNN_OPT_UINT, &batch, .help = "samples a step",
	    .flags = CNN_OPT_RESULT, .min = 1, .max = 65536, .given = &batch_given },
	{ "steps", .type = CNN_OPT_UINT, .value = &steps, .help = "stop after N steps",
	    .flags = CNN_OPT_RESULT, .min = 1 },
	{ "seed", .type = CNN_OPT_UINT, .value = &seed, .help = "of random numbers",
	    .flags = CNN_OPT_RESULT },
	{ "lr", .type = CNN_OPT_FLOAT, .value = &lr, .help = "learning rate",
	    .flags = CNN_OPT_RESULT, .fmax = 1 },
	{ "momentum", .type = CNN_OPT_FLOAT, .value = &momentum, .help = "of SGD",
	    .fmax = INFINITY },
	{ "amp", .type = CNN_OPT_CHOICE, .value = &amp, .flags = CNN_OPT_RESULT,
	    .help = "run conv2d and linear in half precision, and all other layers in "
		    "the type that reaches them",
	    .choices = "off|bf16|fp16" },
	{ "no-shuffle", .type = CNN_OPT_FLAG, .value = &no_shuffle,
	    .help = "take the samples in order", .flags = CNN_OPT_RESULT },
	{ "name", 'n', CNN_OPT_LIST, &names, "NAME", "a name; may be repeated",
	    .flags = CNN_OPT_RESULT },
	{ NULL },
};

static const struct cnn_program program = {
	"tool",
	"[FILE ...]",
	"does a thing",
	options,
	0,
	2,
};

static int status;
static char out[4096], err[4096];

/* Prints the history, settings and operands, if the options are valid. */
static int tool(int argc, char **argv)
{
	int first = cnn_options_parse(&program, argc, argv);
	struct cnn_value *history = cnn_value_array();

	if (!cnn_history_add(history, &program))
		return 99;
	cnn_value_print_json(stdout, history->as.array.items[0]);
	cnn_value_free(history);
	printf("\nverbosity %d, given %d, momentum %g, output %s\n", cnn_verbosity,
	    batch_given, momentum, output ? output : "none");
	for (int i = first; i < argc; i++)
		printf("operand %s\n", argv[i]);
	cnn_message(&program, 2, "a \033message\n");
	for (int i = first; i < argc; i++)
		for (int n = atoi(argv[i]); n > 0; n--)
			cnn_warn("%s: flaw\033 %d", argv[i], n);
	return fflush(stdout) != 0;
}

static void slurp(FILE *f, char *buf, size_t size)
{
	rewind(f);
	buf[fread(buf, 1, size - 1, f)] = '\0';
	fclose(f);
}

/* Runs the tool with the words of line. sink receives its output; NULL: out[]. */
static void run(const char *line, const char *sink)
{
	FILE *o = tmpfile(), *e = tmpfile();
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		char *words = strdup(line), *argv[32] = { "tool" };
		int argc = 1;

		for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
			argv[argc++] = w;
		dup2(sink ? open(sink, O_WRONLY) : fileno(o), STDOUT_FILENO);
		dup2(fileno(e), STDERR_FILENO);
		argc = tool(argc, argv);
		free(words);
		exit(argc);
	}
	waitpid(child, &status, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	slurp(o, out, sizeof out);
	slurp(e, err, sizeof err);
}

/* Checks that line is refused with exit status 2, this message and no standard
 * output. */
static void refused(const char *line, const char *message)
{
	char want[512];

	snprintf(want, sizeof want, "tool: %s\nTry 'tool --help'.\n", message);
	run(line, NULL);
	if (!ok(status == 2 && *out == '\0' && !strcmp(err, want), "refused: %s", line))
		printf("# exit %d, got: %s# want: %s", status, err, want);
}

/* Checks that line is accepted and that standard output contains `want`. */
static void taken(const char *line, const char *want)
{
	run(line, NULL);
	if (!ok(status == 0 && strstr(out, want), "taken: %s", line))
		printf("# exit %d, got: %s%s# want: %s\n", status, out, err, want);
}

static void test_misuse(void)
{
	refused("--bat 5", "--bat: unknown option (did you mean --batch?)");
	refused("x --hel", "--hel: unknown option (did you mean --help?)");
	refused("--s 1", "--s: unknown option"); /* two options begin with it */
	refused("--foo=3", "--foo: unknown option");
	refused("--bacth 3", "--bacth: unknown option (did you mean --batch?)");
	refused("--quite", "--quite: unknown option (did you mean --quiet?)");
	refused("--step-s=3", "--step-s: unknown option (did you mean --steps?)");
	refused("-z", "-z: unknown option");
	refused("-qz", "-z: unknown option");
	refused("--batch", "--batch: needs an argument");
	refused("-b", "--batch: needs an argument");
	refused("--no-shuffle=1", "--no-shuffle: takes no argument");
	refused("--batch 0", "--batch: 0: must be from 1 to 65536");
	refused("-b65537", "--batch: 65537: must be from 1 to 65536");
	refused("--batch 12x", "--batch: 12x: must be from 1 to 65536");
	refused("--batch -1", "--batch: -1: must be from 1 to 65536");
	refused("--batch=", "--batch: : must be from 1 to 65536");
	refused("--steps 0", "--steps: 0: must be a whole number, at least 1");
	refused("--seed 18446744073709551616",
	    "--seed: 18446744073709551616: must be a whole number below 2^64");
	refused("--lr 2", "--lr: 2: must be from 0 to 1");
	refused("--lr 0x1", "--lr: 0x1: must be from 0 to 1");
	refused("--lr nan", "--lr: nan: must be from 0 to 1");
	refused("--lr 1e", "--lr: 1e: must be from 0 to 1");
	refused("--momentum 1e999", "--momentum: 1e999: must be a number, at least 0");
	refused("--amp fp1",
	    "--amp: fp1: must be one of off|bf16|fp16 (did you mean fp16?)");
	refused("--amp fp64x2", "--amp: fp64x2: must be one of off|bf16|fp16");
	refused("--amp off|bf16", "--amp: off|bf16: must be one of off|bf16|fp16");
	refused("a b c", "c: unexpected operand");
}

static void test_use(void)
{
	taken("",
	    "{\"tool\": \"tool\", \"version\": \"" CNN_VERSION "\", \"options\": "
	    "{\"batch\": 64, \"seed\": 0, \"lr\": 0.001, \"amp\": \"off\", "
	    "\"no-shuffle\": false}}\nverbosity 1, given 0, momentum 0, output none\n");
	taken("--steps 5 -o out -n a --name=b -nc",
	    "{\"batch\": 64, \"steps\": 5, \"seed\": 0, \"lr\": 0.001, \"amp\": \"off\", "
	    "\"no-shuffle\": false, \"name\": [\"a\", \"b\", \"c\"]}}\n"
	    "verbosity 1, given 0, momentum 0, output out\n");
	taken("a -b 1 --amp bf16 - --no-shuffle --momentum .9",
	    "{\"batch\": 1, "
	    "\"seed\": 0, \"lr\": 0.001, \"amp\": \"bf16\", \"no-shuffle\": true}}\n"
	    "verbosity 1, given 1, momentum 0.9, output none\noperand a\noperand -\n");
	taken("--seed=18446744073709551615", "\"seed\": 18446744073709551615");
	taken("--batch 3 --batch 4", "\"batch\": 4,");
	taken("-- -q --foo",
	    "verbosity 1, given 0, momentum 0, output none\n"
	    "operand -q\noperand --foo\n");
	taken("-q", "verbosity 0");
	ok(*err == '\0', "no message with -q");
	taken("-vv", "verbosity 3");
	ok(!strcmp(err, "tool: a ?message?\n"), "a message obeys no terminal codes");
}

static void test_help(void)
{
	bool narrow = true;

	run("--help", NULL);
	ok(status == 0 && *err == '\0' &&
		!strncmp(out, "Usage: tool [OPTION ...] [FILE ...]\ndoes a thing.\n",
		    49),
	    "--help goes to standard output");
	ok(strstr(out, "\n  -o, --output FILE  write to FILE instead") &&
		strstr(out, "\n      --steps N      stop after N steps\n") &&
		strstr(out, "\n  -b, --batch N      samples a step [64]\n") &&
		strstr(out, "\n      --lr X         learning rate [0.001]\n") &&
		strstr(out, "(off|bf16|fp16) [off]\n") &&
		strstr(out, "\n  -v, --verbose "),
	    "options, choices and defaults");
	for (const char *p = out; *p; p++) {
		size_t n = strcspn(p, "\n");

		narrow &= n < 80;
		p += n;
	}
	ok(narrow, "no line is wider than a terminal");
	run("-h", NULL);
	ok(status == 0 && !strncmp(out, "Usage:", 6), "-h is --help");
	run("--version", NULL);
	ok(status == 0 && !strcmp(out, "tool (cnntools) " CNN_VERSION "\n"),
	    "--version");
	run("--help", "/dev/full");
	ok(status == 1 &&
		!strcmp(err, "tool: standard output: No space left on device\n"),
	    "--help to a full disk fails");
	run("-V", "/dev/full");
	ok(status == 1, "--version to a full disk fails");
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static int warnings;

static void count_warning(const char *text)
{
	warnings += strcmp(text, "one") == 0 ? 1 : 100;
}

/* The tool warns as often as its operand says. */
static void test_warnings(void)
{
	run("2", NULL);
	ok(status == 0 &&
		!strcmp(err, "tool: warning: 2: flaw? 2\ntool: warning: 2: flaw? 1\n"),
	    "warnings are printed, and obey no terminal codes");
	run("-q 2", NULL);
	ok(status == 0 && *err == '\0', "-q: no warnings");
	run("10", NULL);
	ok(lines_of(err) == 10 && strstr(err, "10: flaw? 1\n"), "ten are all printed");
	run("30", NULL);
	ok(lines_of(err) == 11 && strstr(err, "30: flaw? 21\n") &&
		strstr(err, "\ntool: there are more warnings: -v prints all of them\n"),
	    "of more, ten, and a hint at the others");
	run("-v 30", NULL);
	ok(lines_of(err) == 31 && strstr(err, "30: flaw? 1\n"), "-v: all of them");
	cnn_warning_handler(count_warning);
	cnn_warn("%s", "one");
	cnn_warning_handler(NULL);
	cnn_warn("%s", "two");
	ok(warnings == 1, "a handler gets the warnings until it is removed");
}

static void test_finish(void)
{
	struct cnn_error e = { 0 };

	ok(cnn_finish(&program, &e) == 0, "no error, exit 0");
	cnn_fail(&e, CNN_EPLUGIN, "no such thing");
	ok(cnn_finish(&program, &e) == 3, "no plugin, exit 3 (and a message)");
}

int main(void)
{
	test_misuse();
	test_use();
	test_help();
	test_warnings();
	test_finish();
	return done();
}
