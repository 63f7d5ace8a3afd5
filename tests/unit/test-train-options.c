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

	ok(cnn_train_options_save(&options, map), "the options are saved");
	return map;
}

/* Loads the map over the defaults. `given` is the option that the user gave. */
static int load(const struct cnn_value *map, const char *given, struct cnn_error *e)
{
	struct cnn_option rows[CNN_TRAIN_OPTIONS_MAX];
	size_t count;

	*e = (struct cnn_error){ 0 };
	cnn_train_options_init(&options);
	count = cnn_train_options_rows(&options, rows);
	for (size_t i = 0; given && i < count; i++)
		if (strcmp(rows[i].name, given) == 0)
			*rows[i].given = true;
	return cnn_train_options_load(&options, map, e);
}

static void prepare(void)
{
	cnn_train_options_init(&options);
	options.schedule = "cosine";     /* instead of auto */
	options.isa = "sse41";           /* instead of native */
}

static void test_rows(void)
{
	struct cnn_option rows[CNN_TRAIN_OPTIONS_MAX];
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
				ok(false, "%s has a name and a letter of its own", rows[i].name);
		/* An option that changes the result must be in a checkpoint. --stream
		 * cannot be resumed. */
		if (rows[i].flags & CNN_OPT_RESULT && strcmp(rows[i].name, "stream") != 0)
			ok(cnn_value_get(map, key) != NULL, "%s is kept", rows[i].name);
	}
	ok(kept == map->as.map.count, "nothing else is: %zu", kept);
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
		options.seed == UINT64_MAX && options.no_shuffle && options.batch == 64 &&
		strcmp(options.schedule, "cosine") == 0, "and come back");
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
		cnn_value_float(-1), cnn_value_str("a"), cnn_value_uint(0),
		cnn_value_str("auto"), cnn_value_str("constant|linear"), cnn_value_str(""),
		cnn_value_str("native"), cnn_value_uint(1), NULL,
	};
	static const char *const keys[] = { "lr", "lr", "batch", "schedule", "schedule",
		"schedule", "isa", "no_shuffle", "optimizer" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct cnn_value *map;
		struct cnn_error e;

		prepare();
		map = saved();
		if (values[i])
			cnn_value_set(map, keys[i], values[i]);
		else
			cnn_value_remove(map, keys[i]);
		ok(load(map, NULL, &e) == CNN_EDATA && strstr(e.text, keys[i]),
			"not taken from a checkpoint: %s", e.text);
		cnn_value_free(map);
	}
}

int main(void)
{
	test_rows();
	test_round_trip();
	test_epochs();
	test_refused();
	return done();
}
