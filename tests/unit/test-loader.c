/* Where the loader looks for plugins, which of them it may open, and what it finds in
 * them. */
#include "loader-plugins.h"
#include "says.h"
#include "tap.h"

#include "cli/option.h"

static const struct test_plugin plugins[] = {
	{ "a/cpu/ref/conv", "-DRUN='\"conv2d\"' -DSECOND='sizeof(struct cnn_kernel)'" },
	{ "a/cpu/ref/fused", "-DRUN='\"conv2d+relu\"'" },
	{ "a/cpu/ref/optimizers",
	    "-DOPTIMIZER='\"adam\"' -DBUILT_IN " ONLY_OPTIMIZERS },
	{ "a/cpu/ref/twice", "-DRUN='\"conv2d\"'" },
	{ "a/cpu/new/gelu", "-DTYPE='\"gelu\"' -DALPHA=1" },
	{ "a/any/x/swish",
	    "-DTYPE='\"swish\"' -DALPHA=1 -DOFFERS='CNN_DEFINITIONS(definitions)'" },
	{ "a/any/x/more",
	    "-DTYPE='\"mish\"' -DALPHA=1 -DOFFERS='CNN_DEFINITIONS(definitions)'" },
	{ "a/cpu/new/swish", "-DTYPE='\"swish\"' -DALPHA=1" },
	{ "a/cpu/bad/magic", "-DMAGIC=1" },
	{ "a/cpu/bad/major", "-DMAJOR=3" },
	{ "a/cpu/bad/size", "-DENTRY_SIZE=24" },
	{ "b/cpu/ref/conv", "-DRUN='\"conv2d\"'" },
	{ "b/cpu/ref/linear", "" },
	{ "d/cpu/ref/optimizers",
	    "-DOPTIMIZER='\"adam\"' -DBUILT_IN " ONLY_OPTIMIZERS },
	{ "d/cpu/new/lion", "-DOPTIMIZER='\"lion\"' " ONLY_OPTIMIZERS },
	{ "d/cpu/old/lion", "-DOPTIMIZER='\"lion\"' " ONLY_OPTIMIZERS },
};
enum { PLUGINS = sizeof plugins / sizeof *plugins };

static void test_listing(void)
{
	struct cnn_error e;
	struct cnn_plugins *p = open_at(at("a"), &e);
	bool all = true, sorted = true;
	size_t in_a = 0;

	if (!ok(p != NULL, "a folder is listed")) {
		printf("# %s\n", e.text);
		return;
	}
	for (int i = 0; i < PLUGINS; i++)
		if (*plugins[i].path == 'a') {
			all &= listed(p, plugins[i].path + 2) != NULL;
			in_a++;
		}
	ok(all, "each plugin is found");
	ok(cnn_plugins_count(p) == in_a + 3,
	    "and nothing else but garbage, folder and dangling");
	for (size_t i = 1; i < cnn_plugins_count(p); i++) {
		struct cnn_plugin *x = cnn_plugins_at(p, i - 1),
				  *y = cnn_plugins_at(p, i);

		sorted &= strcmp(x->device, y->device) < 0 ||
		    (!strcmp(x->device, y->device) &&
			(strcmp(x->provider, y->provider) < 0 ||
			    (!strcmp(x->provider, y->provider) &&
				strcmp(x->name, y->name) < 0)));
	}
	ok(sorted, "in an order that isn't the disk's");
	ok(!getenv("CNN_TEST_OPENED"), "none was opened for that");
	ok(!cnn_plugins_at(p, cnn_plugins_count(p)), "there is none past the end");
	cnn_plugins_close(p);
}

static void test_finding(void)
{
	struct cnn_error e;
	struct cnn_plugins *p = open_at(at("a"), &e);
	struct cnn_plugin *q = NULL;
	const struct cnn_layer_def *def = NULL;

	if (!p)
		return;
	ok(cnn_plugins_find(p, "cpu", NULL, "conv", &q, &e) == 0 && q->entry &&
		!strcmp(q->provider, "ref"),
	    "a plugin of any provider");
	ok(cnn_plugins_find(p, "cpu", "ref", "linear", &q, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "cpu/ref/linear: no such plugin in ") &&
		says(&e, CNN_EPLUGIN, "known: conv, fused, optimizers, twice"),
	    "an unknown one is answered with the known ones");
	memset(&e, 0, sizeof e);
	ok(cnn_plugins_find(p, "cuda", NULL, "device", &q, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "cuda/*/device: no such plugin"),
	    "no device");

	ok(cnn_layer_find(p, "relu", &def, &e) == 0 && !strcmp(def->type, "relu") &&
		def->arg_count == 0,
	    "the built-in type");
	ok(cnn_layer_find(p, "swish", &def, &e) == 0 && def->arg_count == 1 &&
		listed(p, "any/x/swish")->entry && !listed(p, "cpu/new/swish")->entry,
	    "a type of any/, and no device's plugin is opened for it");
	ok(cnn_layer_find(p, "gelu", &def, &e) == 0 && !strcmp(def->type, "gelu"),
	    "a type of a device");
	ok(cnn_layer_find(p, "mish", &def, &e) == 0 && !strcmp(def->type, "mish"),
	    "a type in a plugin of another name");
	memset(&e, 0, sizeof e);
	ok(cnn_layer_find(p, "conv3d", &def, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN,
		    "conv3d: no such layer type (did you mean conv2d?); not loaded, ") &&
		strstr(e.text, "a/cpu/ref/Conv.so, ") &&
		strstr(e.text, "a/cpu/ref/x.y.so; known: conv2d, ") &&
		strstr(e.text, "gelu") && strstr(e.text, "mish"),
	    "an unknown type is answered with the known ones");
	for (size_t i = 0; i < 5; i++) {
		static const char *const types[] = { "../../x", "Conv", "1d", "",
			"a+b" };

		memset(&e, 0, sizeof e);
		ok(cnn_layer_find(p, types[i], &def, &e) == CNN_EPLUGIN &&
			says(&e, CNN_EPLUGIN, "invalid layer type"),
		    "no type: '%s'", types[i]);
	}
	memset(&e, 0, sizeof e);
	ok(cnn_layer_find(p, "major", &def, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "major.so: not loaded: built for"),
	    "a plugin that can't be opened is the answer for its type");
	cnn_plugins_close(p);
}

/* What the executor looks up: kernels by tables, optimizers by name. */
static void test_tables(void)
{
	struct cnn_error e;
	struct cnn_plugins *p = open_at(at("a"), &e);
	const struct cnn_optimizer *o = NULL;
	struct cnn_plugin *q;

	if (!p)
		return;
	q = listed(p, "cpu/ref/conv");
	ok(cnn_plugin_open(p, q, &e) == 0 && q->entry->kernel_count == 2 &&
		!strcmp(cnn_kernel_at(q->entry, 0)->run, "conv2d") &&
		!strcmp(cnn_kernel_at(q->entry, 1)->run, "second"),
	    "a table of kernels");
	ok(cnn_plugins_open_device(p, "cpu", &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "/a/cpu/bad/"),
	    "a device with a plugin that is refused can't be used");
	cnn_plugins_close(p);
	p = open_at(at("b"), &e);
	ok(p && cnn_plugins_open_device(p, "cpu", &e) == 0 &&
		cnn_plugins_at(p, 0)->entry && cnn_plugins_at(p, 1)->entry,
	    "all plugins of a device are opened");
	ok(p && cnn_optimizer_find(p, "cpu", "adam", &o, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN,
		    "no plugin for cpu has the optimizer adam; known: none"),
	    "no optimizer");
	cnn_plugins_close(p);
	p = open_at(at("d"), &e);
	ok(p && cnn_optimizer_find(p, "cpu", "adam", &o, &e) == 0 &&
		!strcmp(o->name, "adam"),
	    "an optimizer");
	memset(&e, 0, sizeof e);
	ok(p && cnn_optimizer_find(p, "cpu", "tiger", &o, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "known: new/lion, old/lion, ref/adam"),
	    "an unknown one");
	cnn_plugins_close(p);
}

static void test_optimizer_definitions(void)
{
	struct cnn_error e;
	struct cnn_plugins *p = open_at(at("d"), &e);
	const struct cnn_optimizer_def *def = NULL;

	if (!p)
		return;
	ok(cnn_optimizer_definition(p, "adam", &def, &e) == 0 && def->arg_count == 4 &&
		!cnn_plugins_at(p, 0)->entry,
	    "a built-in optimizer needs no plugin");
	ok(cnn_optimizer_definition(NULL, "sgd", &def, &e) == 0 &&
		def->moment_count == 1,
	    "nor any plugins");
	ok(cnn_optimizer_definition(p, "lion", &def, &e) == 0 && def->arg_count == 1 &&
		strcmp(def->args[0].name, "beta") == 0,
	    "one that a plugin defines");
	memset(&e, 0, sizeof e);
	ok(cnn_optimizer_definition(p, "tiger", &def, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN,
		    "tiger: no such optimizer; known: adam, sgd, lion"),
	    "an unknown one");
	memset(&e, 0, sizeof e);
	ok(cnn_optimizer_definition(NULL, "lion", &def, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "known: adam, sgd"),
	    "one of a plugin, without plugins");
	cnn_plugins_close(p);
}

/* Files by their paths. */
static void test_adding(void)
{
	static const char *const bad[] = { "a/cpu/bad/magic.so", "a/cpu/bad/major.so",
		"a/cpu/bad/size.so", "a/cpu/bad/garbage.so", "a/cpu/ref/none.so",
		"a/cpu/ref" };
	struct cnn_error e;
	struct cnn_plugins *p = open_at(at("b"), &e);
	struct cnn_plugin *q = NULL;
	size_t before = p ? cnn_plugins_count(p) : 0;
	char copy[600];

	if (!p)
		return;
	ok(cnn_plugins_add(p, at("a/cpu/new/gelu.so"), &q, &e) == 0 && q->entry &&
		q == listed(p, "cpu/new/gelu") && cnn_plugins_count(p) == before + 1,
	    "a file is added under the names in its entry");
	snprintf(copy, sizeof copy, "cp %s %s", at("a/cpu/ref/conv.so"),
	    at("other.so"));
	ok(system(copy) == 0 && cnn_plugins_add(p, at("other.so"), &q, &e) == 0 &&
		q == listed(p, "cpu/ref/conv") && strstr(q->path, "/other.so") &&
		cnn_plugins_count(p) == before + 1,
	    "it takes the place of one of its names");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		memset(&e, 0, sizeof e);
		ok(cnn_plugins_add(p, at(bad[i]), &q, &e) == CNN_EPLUGIN &&
			strstr(e.text, ": not loaded: "),
		    "refused: %s", bad[i]);
	}
	chmod(at("other.so"), 0666);
	memset(&e, 0, sizeof e);
	ok(cnn_plugins_add(p, at("other.so"), &q, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "others can write to it"),
	    "one that others may write to");
	chmod(at("other.so"), 0644);
	chmod(at(""), 0777);
	memset(&e, 0, sizeof e);
	ok(cnn_plugins_add(p, at("other.so"), &q, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "others can write to it"),
	    "or whose folder they may");
	chmod(at(""), 0700);
	cnn_plugins_close(p);
}

static void test_path(void)
{
	struct cnn_error e;
	struct cnn_plugins *p;
	struct cnn_plugin *q;
	char path[1200];

	snprintf(path, sizeof path, "%s:%s:%s", at("none"), at("b"), at("a"));
	setenv("CNN_PLUGIN_PATH", path, 1);
	p = open_at(NULL, &e);
	q = p ? listed(p, "cpu/ref/conv") : NULL;
	ok(q && strstr(q->path, "/b/cpu") && listed(p, "cpu/ref/fused"),
	    "the first folder of $CNN_PLUGIN_PATH wins, a missing one is passed over");
	cnn_plugins_close(p);
	p = open_at(at("a"), &e);
	q = p ? listed(p, "cpu/ref/conv") : NULL;
	ok(q && strstr(q->path, "/a/cpu") && listed(p, "cpu/ref/linear"),
	    "--plugin-dir comes before $CNN_PLUGIN_PATH");
	cnn_plugins_close(p);

	for (size_t i = 0; i < 5; i++) {
		static const char *const bad[] = { ":/none", "/none:", "/none::/none",
			"plugins", "./plugins" };

		setenv("CNN_PLUGIN_PATH", bad[i], 1);
		p = open_at(NULL, &e);
		ok(!p && says(&e, CNN_EUSAGE, "must be absolute"),
		    "the current folder is refused: %s", bad[i]);
		cnn_plugins_close(p);
	}
	setenv("CNN_PLUGIN_PATH", "", 1);
	p = open_at(NULL, &e);
	ok(p != NULL, "an empty $CNN_PLUGIN_PATH is none");
	cnn_plugins_close(p);
	unsetenv("CNN_PLUGIN_PATH");

	p = open_at(at("none"), &e);
	ok(!p && says(&e, CNN_EIO, "--plugin-dir: ") &&
		says(&e, CNN_EIO, "No such file"),
	    "a --plugin-dir must be there");
	p = open_at("", &e);
	ok(!p && says(&e, CNN_EUSAGE, "--plugin-dir"), "and have a name");
}

static void test_trust(void)
{
	static const char *const folders[] = { "b", "b/cpu", "b/cpu/ref" };
	struct cnn_error e;
	struct cnn_plugins *p;
	struct cnn_plugin *q;

	for (size_t i = 0; i < 3; i++) {
		chmod(at(folders[i]), i == 1 ? 0775 : 0757);
		p = open_at(at("b"), &e);
		ok(!p && says(&e, CNN_EPLUGIN, "others can write to it") &&
			says(&e, CNN_EPLUGIN, folders[i]),
		    "others may write: %s", folders[i]);
		cnn_plugins_close(p);
		chmod(at(folders[i]), 0755);
	}
	unsetenv("CNN_TEST_OPENED");
	chmod(at("b/cpu/ref/linear.so"), 0666);
	p = open_at(at("b"), &e);
	ok(p && cnn_plugins_find(p, "cpu", "ref", "linear", &q, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "linear.so: refused: others can write to it"),
	    "others may write the file");
	ok(!getenv("CNN_TEST_OPENED"), "and it was not opened");
	cnn_plugins_close(p);
	chmod(at("b/cpu/ref/linear.so"), 0755);
	if (geteuid() != 0 || chown(at("b/cpu/ref/linear.so"), 12345, 0) != 0) {
		skip("a file of another user", "needs root");
		return;
	}
	p = open_at(at("b"), &e);
	ok(p && cnn_plugins_find(p, "cpu", "ref", "linear", &q, &e) == CNN_EPLUGIN &&
		says(&e, CNN_EPLUGIN, "belongs to another user"),
	    "a file of another user");
	cnn_plugins_close(p);
}

int main(void)
{
	cnn_verbosity = 0;
	unsetenv("CNN_PLUGIN_PATH");
	unsetenv("CNN_TEST_OPENED");
	if (access(HEADERS, R_OK) != 0) {
		skip("the plugin loader", "not in the root of the source tree");
		return done();
	}
	if (ok(build_plugins(plugins, PLUGINS), "test plugins are built")) {
		test_listing();
		test_finding();
		test_tables();
		test_optimizer_definitions();
		test_adding();
		test_path();
		test_trust();
	}
	remove_plugins();
	return done();
}
