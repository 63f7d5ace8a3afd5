/* The table of training options: defaults, checkpoints, the options of a resume. */
#include "tap.h"

#include "train/train-options.h"

#include <stdlib.h>
#include <string.h>

static struct cnn_train_options options;

/* The map of the options in a checkpoint. */
static struct cnn_value *saved(void)
{
	struct cnn_value *map = cnn_value_map();
	struct cnn_error e = { 0 };

	ok(cnn_train_options_resolve(&options, NULL, &e) == CNN_OK,
	    "the options agree");
	ok(cnn_train_options_save(&options, map), "the options are saved");
	return map;
}

/* Resumes from the map with the options as they are. */
static int load_given(const struct cnn_value *map, struct cnn_error *e)
{
	int r;

	*e = (struct cnn_error){ 0 };
	options.resume = true;
	r = cnn_train_options_resolve(&options, NULL, e);
	return r < 0 ? r : cnn_train_options_load(&options, map, NULL, e);
}

/* Loads the map over the defaults. `given` is the option that the user gave. */
static int load(const struct cnn_value *map, const char *given, struct cnn_error *e)
{
	struct cnn_option rows[CNN_TRAIN_OPTIONS];
	size_t count;

	cnn_train_options_init(&options);
	count = cnn_train_options_rows(&options, rows);
	for (size_t i = 0; given && i < count; i++)
		if (strcmp(rows[i].name, given) == 0)
			*rows[i].given = true;
	return load_given(map, e);
}

static void prepare(void)
{
	cnn_train_options_init(&options);
	options.schedule = "cosine";
	options.isa = "sse41"; /* instead of native */
}

static void test_rows(void)
{
	struct cnn_option rows[CNN_TRAIN_OPTIONS];
	size_t count, kept = 0;
	struct cnn_value *map;

	prepare();
	count = cnn_train_options_rows(&options, rows);
	map = saved();
	for (size_t i = 0; i < count; i++) {
		char key[40];

		snprintf(key, sizeof key, "%s", rows[i].name);
		for (char *p = key; *p; p++)
			*p = *p == '-' ? '_' : *p;
		kept += cnn_value_get(map, key) != NULL;
		for (size_t k = 0; k < i; k++)
			if (strcmp(rows[k].name, rows[i].name) == 0 ||
			    (rows[k].letter && rows[k].letter == rows[i].letter))
				ok(false, "%s has a name and a letter of its own",
				    rows[i].name);
		/* An option that changes the result must be in a checkpoint. --stream
		 * cannot be resumed; some are short forms of optimizer_args. */
		if (rows[i].flags & CNN_OPT_RESULT &&
		    strcmp(rows[i].name, "stream") != 0 &&
		    strcmp(key, "momentum") != 0 && strcmp(key, "weight_decay") != 0)
			ok(cnn_value_get(map, key) != NULL, "%s is kept", rows[i].name);
	}
	ok(cnn_value_get(map, "optimizer_args") != NULL,
	    "the optimizer's arguments are kept");
	ok(kept + 1 == map->as.map.count, "nothing else is: %zu", kept);
	cnn_value_free(map);
}

static void test_round_trip(void)
{
	struct cnn_value *map;
	struct cnn_error e;

	prepare();
	options.epochs = 7;
	options.lr = 0.25;
	options.weight_decay = 1e-4;
	options.amp = "bf16";
	options.seed = UINT64_MAX;
	options.no_shuffle = true;
	map = saved();
	ok(load(map, NULL, &e) == CNN_OK && options.epochs == 7 && options.lr == 0.25 &&
		options.weight_decay == 1e-4 && strcmp(options.amp, "bf16") == 0 &&
		options.seed == UINT64_MAX && options.no_shuffle &&
		options.batch == 64 && strcmp(options.schedule, "cosine") == 0,
	    "and come back");
	ok(load(map, "lr", &e) == CNN_EUSAGE && strstr(e.text, "--lr: conflicts"),
	    "one given otherwise contradicts: %s", e.text);
	ok(load(map, "batch", &e) == CNN_OK, "one given as it is does not");
	ok(load(map, "epochs", &e) == CNN_OK && options.epochs == 1,
	    "epochs may be given otherwise");
	cnn_value_free(map);
}

static void test_epochs(void)
{
	struct cnn_value *map;
	struct cnn_error e;

	prepare();
	options.epochs = UINT64_MAX;
	map = saved();
	ok(!cnn_value_get(map, "epochs"), "epochs that decide nothing are not kept");
	ok(load(map, NULL, &e) == CNN_OK && options.epochs == 1, "and not missed");
	cnn_value_free(map);
}

static void test_refused(void)
{
	struct cnn_value *const values[] = {
		cnn_value_float(-1),
		cnn_value_str("a"),
		cnn_value_uint(0),
		cnn_value_str("auto"),
		cnn_value_str("constant|linear"),
		cnn_value_str(""),
		cnn_value_str("native"),
		cnn_value_uint(1),
		NULL,
		cnn_value_uint(1),
		cnn_value_str("beta1=2"),
		cnn_value_str("beta=0.5"),
		cnn_value_str("beta1"),
		cnn_value_str("momentum=0.9"),
		NULL,
	};
	static const char *const keys[] = { "lr", "lr", "batch", "schedule", "schedule",
		"schedule", "isa", "no_shuffle", "optimizer", "optimizer_args",
		"optimizer_args", "optimizer_args", "optimizer_args", "optimizer_args",
		"momentum" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct cnn_value *map;
		struct cnn_error e;

		prepare();
		map = saved();
		if (values[i])
			cnn_value_set(map, keys[i], values[i]);
		else
			cnn_value_remove(map,
			    strcmp(keys[i], "momentum") == 0 ? "optimizer_args" :
							       keys[i]);
		ok(load(map, NULL, &e) == CNN_EDATA && strstr(e.text, keys[i]),
		    "not taken from a checkpoint: %s", e.text);
		cnn_value_free(map);
	}
}

/* --- the optimizer and the schedule ----------------------------------------------- */

/* Sets the options as a command line does. */
static void give(const char *optimizer, const char *schedule, const char *momentum,
    const char *decay)
{
	struct cnn_option rows[CNN_TRAIN_OPTIONS];
	size_t count;

	cnn_train_options_init(&options);
	count = cnn_train_options_rows(&options, rows);
	for (size_t i = 0; i < count; i++) {
		const char *text = strcmp(rows[i].name, "optimizer") == 0 ? optimizer :
		    strcmp(rows[i].name, "schedule") == 0		  ? schedule :
		    strcmp(rows[i].name, "momentum") == 0		  ? momentum :
		    strcmp(rows[i].name, "weight-decay") == 0		  ? decay :
									    NULL;

		if (!text)
			continue;
		*rows[i].given = true;
		if (rows[i].type == CNN_OPT_FLOAT)
			*(double *)rows[i].value = atof(text);
		else
			*(const char **)rows[i].value = text;
	}
}

static int parse(const char *optimizer, const char *schedule, const char *momentum,
    const char *decay, struct cnn_error *e)
{
	*e = (struct cnn_error){ 0 };
	give(optimizer, schedule, momentum, decay);
	return cnn_train_options_resolve(&options, NULL, e);
}

static void test_resolved(void)
{
	static const struct {
		const char *optimizer, *schedule, *momentum, *decay; /* given */
		const char *spec, *args, *rate; /* of the history, of a checkpoint */
	} cases[] = {
		{ NULL, NULL, NULL, NULL, "adam",
		    "beta1=0.9,beta2=0.999,eps=1e-08,weight_decay=0", "linear" },
		{ "adam:beta1=0.9", "auto", NULL, NULL, "adam",
		    "beta1=0.9,beta2=0.999,eps=1e-08,weight_decay=0", "linear" },
		{ "adam:beta2=0.5,weight_decay=2", "constant", NULL, NULL,
		    "adam:beta2=0.5", "beta1=0.9,beta2=0.5,eps=1e-08,weight_decay=2",
		    "constant" },
		{ "adam", NULL, "0", "0.25", "adam",
		    "beta1=0.9,beta2=0.999,eps=1e-08,weight_decay=0.25", "linear" },
		{ "sgd:momentum=0.9", NULL, NULL, "1e-4", "sgd",
		    "momentum=0.9,weight_decay=0.0001", "linear" },
		{ "sgd", "cosine", "0.9", NULL, "sgd", "momentum=0.9,weight_decay=0",
		    "cosine" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *args = "", *name = "";
		struct cnn_value *map;
		struct cnn_error e;
		int r = parse(cases[i].optimizer, cases[i].schedule, cases[i].momentum,
		    cases[i].decay, &e);

		ok(r == CNN_OK && strcmp(options.optimizer, cases[i].spec) == 0 &&
			strcmp(options.schedule, cases[i].rate) == 0,
		    "the history has %s, %s%s", options.optimizer, options.schedule,
		    e.text);
		map = cnn_value_map();
		cnn_train_options_save(&options, map);
		cnn_value_get_str(map, "optimizer", &name);
		cnn_value_get_str(map, "optimizer_args", &args);
		ok(strcmp(args, cases[i].args) == 0 && !cnn_value_get(map, "momentum"),
		    "a checkpoint has %s", args);
		ok(*name && strncmp(name, cases[i].spec, strlen(name)) == 0 &&
			!strchr(name, ':') && !cnn_value_get(map, "schedule_args"),
		    "and the name %s", name);
		cnn_value_free(map);
	}
	ok(options.momentum == 0.9 && options.weight_decay == 0 &&
		options.optimizer_args[0].f == 0.9,
	    "the short form sets the argument");
}

static void test_misuse(void)
{
	static const struct {
		const char *optimizer, *schedule, *momentum, *decay, *why;
	} cases[] = {
		{ "lion", NULL, NULL, NULL,
		    "--optimizer: lion: no such optimizer; known: adam, sgd" },
		{ "addam", NULL, NULL, NULL,
		    "--optimizer: addam: no such optimizer (did you mean adam?); "
		    "known: adam, sgd" },
		{ NULL, "consine", NULL, NULL,
		    "--schedule: consine: no such schedule (did you mean cosine?); "
		    "known: auto, constant, linear, cosine" },
		{ "", NULL, NULL, NULL, "--optimizer: : no such optimizer" },
		{ ":lr=1", NULL, NULL, NULL, "--optimizer: : no such optimizer" },
		{ "adam:beta3=1", NULL, NULL, NULL,
		    "--optimizer: adam: beta3=: unknown argument "
		    "(did you mean beta1?) (known: beta1, beta2, eps, weight_decay)" },
		{ "adam:beta1=1", NULL, NULL, NULL,
		    "--optimizer: adam: beta1=1: must be a number from 0 to 0.999999" },
		{ "adam:eps=0", NULL, NULL, NULL,
		    "--optimizer: adam: eps=0: must be a number from 1e-30 to 1" },
		{ "sgd:momentum=0.5,momentum=0.5", NULL, NULL, NULL,
		    "--optimizer: sgd: momentum= is given twice" },
		{ "sgd:", NULL, NULL, NULL, "--optimizer: sgd: an empty argument" },
		{ "sgd:momentum=0.5", NULL, "0.5", NULL,
		    "--momentum: is also given in --optimizer: sgd:momentum=0.5" },
		{ "adam:weight_decay=0", NULL, NULL, "0",
		    "--weight-decay: is also given in --optimizer: adam:weight_decay=0" },
		{ NULL, NULL, "0.9", NULL,
		    "--momentum: does not apply to adam, only to sgd" },
		{ NULL, "step", NULL, NULL,
		    "--schedule: step: no such schedule; known: auto, constant, linear, cosine" },
		{ NULL, "cosine:end=1", NULL, NULL,
		    "--schedule: cosine: end=: unknown argument (known: none)" },
		{ NULL, "auto:", NULL, NULL, "--schedule: auto: an empty argument" },
	};
	struct cnn_error e;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int r = parse(cases[i].optimizer, cases[i].schedule, cases[i].momentum,
		    cases[i].decay, &e);

		ok(r == CNN_EUSAGE && e.code == r &&
			strncmp(e.text, cases[i].why, strlen(cases[i].why)) == 0,
		    "refused: %s", e.text);
	}
	cnn_train_options_init(&options);
	options.schedule = "cosine";
	options.stream = true;
	e = (struct cnn_error){ 0 };
	ok(cnn_train_options_resolve(&options, NULL, &e) == CNN_EUSAGE &&
		strstr(e.text, "--schedule: cosine: can't be combined with --stream"),
	    "refused: %s", e.text);
}

static void test_resumed(void)
{
	static const struct {
		const char *optimizer, *schedule, *momentum, *decay;
		const char *why; /* NULL: agrees with the checkpoint */
	} cases[] = {
		{ NULL, NULL, NULL, NULL, NULL },
		{ "sgd", NULL, NULL, NULL, NULL },
		{ "sgd:momentum=0.9", "cosine", NULL, "0.5", NULL },
		{ "sgd:weight_decay=0.5", NULL, "0.9", NULL, NULL },
		{ "adam", NULL, NULL, NULL, "--optimizer: conflicts" },
		{ "sgd:momentum=0", NULL, NULL, NULL, "--optimizer: conflicts" },
		{ "sgd", NULL, "0.8", NULL, "--momentum: conflicts" },
		{ NULL, NULL, NULL, "0", "--weight-decay: conflicts" },
		{ NULL, "linear", NULL, NULL, "--schedule: conflicts" },
		{ "sgd:momentum=0.9", NULL, "0.9", NULL,
		    "--momentum: is also given in --optimizer" },
		{ "sgd:nesterov=1", NULL, NULL, NULL,
		    "--optimizer: sgd: nesterov=: unknown" },
	};
	struct cnn_value *map = cnn_value_map();
	struct cnn_error e;

	parse("sgd:momentum=0.9", "cosine", NULL, "0.5", &e);
	options.isa = "sse41";
	cnn_train_options_save(&options, map);
	for (int old = 0; old < 2; old++) {
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			int r;

			give(cases[i].optimizer, cases[i].schedule, cases[i].momentum,
			    cases[i].decay);
			r = load_given(map, &e);
			if (cases[i].why)
				ok(r == CNN_EUSAGE &&
					strncmp(e.text, cases[i].why,
					    strlen(cases[i].why)) == 0,
				    "refused: %s", e.text);
			else
				ok(r == CNN_OK &&
					strcmp(options.optimizer, "sgd") == 0 &&
					options.momentum == 0.9 &&
					options.weight_decay == 0.5 &&
					options.optimizer_args[0].f == 0.9 &&
					options.optimizer_args[1].f == 0.5 &&
					strcmp(options.schedule_def->name, "cosine") ==
					    0,
				    "resumed: %s", e.text);
		}
		cnn_value_remove(map, "optimizer_args"); /* as older versions */
		cnn_value_set(map, "momentum", cnn_value_float(0.9));
		cnn_value_set(map, "weight_decay", cnn_value_float(0.5));
	}
	cnn_value_set(map, "optimizer", cnn_value_str("lion"));
	ok(load(map, NULL, &e) == CNN_EPLUGIN &&
		strstr(e.text,
		    "the checkpoint's optimizer: lion: no such optimizer; known: adam, sgd"),
	    "refused: %s", e.text);
	cnn_value_free(map);
}

int main(void)
{
	test_rows();
	test_round_trip();
	test_epochs();
	test_refused();
	test_resolved();
	test_misuse();
	test_resumed();
	return done();
}
