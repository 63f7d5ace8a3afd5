/* The plugin loader, on plugins built here from loader/plugin.c: a few valid ones, and
 * one for each error that a plugin can have. */
#include "tap.h"

#include "base/value.h"
#include "plugin/host.h"
#include "plugin/loader.h"
#include "cli/option.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The tests run in the root of the tree. */
#define HEADERS "libcore/include"
#define SOURCE "tests/unit/loader/plugin.c"

#define ONLY_OPTIMIZERS "-DOFFERS='CNN_OPTIMIZERS(optimizers)'"

static char root[256];

/* Path, compiler flags, and the expected reason if the plugin is refused. */
static const struct {
	const char *path, *flags, *why;
} plugins[] = {
	{ "a/cpu/ref/conv", "-DRUN='\"conv2d\"' -DSECOND='sizeof(struct cnn_kernel)'",
	    NULL },
	{ "a/cpu/ref/fused", "-DRUN='\"conv2d+relu\"'", NULL },
	{ "a/cpu/ref/optimizers", "-DOPTIMIZER='\"adam\"' -DBUILT_IN " ONLY_OPTIMIZERS,
	    NULL },
	{ "a/cpu/new/minor",
	    "-DMINOR=9 -DENTRY_SIZE='sizeof(struct cnn_plugin_entry)+8'", NULL },
	{ "a/cpu/new/gelu", "-DTYPE='\"gelu\"' -DALPHA=1", NULL },
	{ "a/any/x/swish",
	    "-DTYPE='\"swish\"' -DALPHA=1 -DOFFERS='CNN_DEFINITIONS(definitions)'",
	    NULL },
	{ "a/any/x/more",
	    "-DTYPE='\"mish\"' -DALPHA=1 -DOFFERS='CNN_DEFINITIONS(definitions)'",
	    NULL },
	{ "a/cpu/new/swish", "-DTYPE='\"swish\"' -DALPHA=1", NULL },
	{ "a/cpu/zoo/swish", "-DTYPE='\"swish\"' -DALPHA=2",
	    "defines the layer type swish differently from " },
	{ "a/cpu/new/relu", "-DTYPE='\"relu\"' -DALPHA=1",
	    "defines the layer type relu differently from cnntools itself" },
	{ "a/cpu/ref/twice", "-DRUN='\"conv2d\"'", "has a kernel for conv2d, as has " },
	{ "a/cpu/bad/magic", "-DMAGIC=1", "does not begin with the magic number" },
	{ "a/cpu/bad/major", "-DMAJOR=3",
	    "built for plugin interface 3.0, but this program has" },
	{ "a/cpu/bad/size", "-DENTRY_SIZE=24",
	    "struct cnn_plugin_entry of 24 bytes is too small" },
	{ "a/cpu/bad/ksize", "-DKERNEL_SIZE=8",
	    "struct cnn_kernel of 8 bytes is too small" },
	{ "a/cpu/bad/sizes", "-DSECOND=8", "kernel 1 has another size than the first" },
	{ "a/cpu/bad/count", "-DOFFERS='.kernel_count = 2'",
	    "has 2 kernels but no table of them" },
	{ "a/cpu/bad/many", "-DOFFERS='.kernels = kernels, .kernel_count = 1 << 20'",
	    "has 1048576 kernels" },
	{ "a/cpu/bad/nothing", "-DOFFERS='.kernels = NULL'", "offers nothing" },
	{ "a/cpu/bad/device", "", "is not a device plugin" },
	{ "a/cpu/bad/hidden",
	    "-DOFFERS='.device_functions = &(const struct cnn_device){ 1 }'",
	    "has a device, but is not named device.so" },
	{ "a/cpu/bad/forward", "-DFORWARD=NULL", "lacks one of" },
	{ "a/cpu/bad/run", "-DRUN='\"conv2d relu\"'",
	    "computes the run \"conv2d relu\"" },
	{ "a/cpu/bad/end", "-DRUN='\"conv2d+\"'", "computes the run \"conv2d+\"" },
	{ "a/cpu/bad/optimizers", "-DOPTIMIZER='\"Adam\"'",
	    "the optimizer \"Adam\" has an invalid name" },
	{ "a/cpu/bad/oname", "-DOPTIMIZER='\"optimizer_with_a_name_that_is_too_long\"'",
	    "has an invalid name" },
	{ "a/cpu/bad/odefined", "-DOPTIMIZER='\"lion\"' -DBUILT_IN",
	    "optimizer lion is not built in and lacks a definition" },
	{ "a/cpu/bad/oother", "-DOPTIMIZER='\"lion\"' -DDEFINED='\"tiger\"'",
	    "optimizer lion has the definition of \"tiger\"" },
	{ "a/cpu/bad/obuiltin", "-DOPTIMIZER='\"sgd\"'",
	    "defines the optimizer sgd differently from cnntools itself" },
	{ "a/cpu/bad/omoments", "-DOPTIMIZER='\"lion\"' -DMOMENTS=5",
	    "optimizer lion has too many moments: 5" },
	{ "a/cpu/bad/omoment", "-DOPTIMIZER='\"lion\"' -DMOMENTS='1, { \"M\" }'",
	    "moment 0 of optimizer lion has an invalid name" },
	{ "a/cpu/bad/oarg",
	    "-DOPTIMIZER='\"lion\"' -DOPTIMIZER_ARGS='{ \"mode\", CNN_ARG_CHOICE }'",
	    "argument 0 of the definition of lion has an invalid name or type" },
	{ "a/cpu/bad/oargs",
	    "-DOPTIMIZER='\"lion\"' -DOPTIMIZER_ARGS='[16] = { \"a\" }'",
	    "the definition of lion has 17 arguments" },
	{ "a/cpu/new/lion", "-DOPTIMIZER='\"lion\"' " ONLY_OPTIMIZERS, NULL },
	{ "a/cpu/zoo/lion", "-DOPTIMIZER='\"lion\"' -DMOMENTS=0 " ONLY_OPTIMIZERS,
	    "defines the optimizer lion differently from " },
	{ "a/cpu/new/tcp",
	    "-DCOMMUNICATOR='\"tcp\"' -DOFFERS='CNN_COMMUNICATORS(communicators)'",
	    NULL },
	{ "a/cpu/bad/cname", "-DCOMMUNICATOR='\"TCP\"'",
	    "the communicator \"TCP\" has an invalid name" },
	{ "a/cpu/bad/cmemory", "-DCOMMUNICATOR='\"tcp\"' -DMEMORY=0",
	    "communicator tcp takes no memory" },
	{ "a/cpu/bad/cwait", "-DCOMMUNICATOR='\"tcp\"' -DWAIT=NULL",
	    "communicator tcp lacks one of" },
	{ "a/cpu/bad/csize", "-DCOMMUNICATOR='\"tcp\"' -DCOMMUNICATOR_SIZE=16",
	    "struct cnn_communicator of 16 bytes is too small" },
	{ "a/cpu/bad/ccount",
	    "-DOFFERS='CNN_KERNELS(kernels), .communicator_count = 1'",
	    "has 1 communicators but no table of them" },
	{ "a/cpu/bad/type", "-DTYPE='\"Type\"' -DALPHA=1",
	    "does not match [a-z][a-z0-9_]*" },
	{ "a/cpu/bad/choice",
	    "-DTYPE='\"choice\"' -DARG='{ \"mode\", CNN_ARG_CHOICE }'",
	    "argument 0 of the definition of choice" },
	{ "a/cpu/bad/like",
	    "-DTYPE='\"like\"' -DARG='{ \"a\", CNN_ARG_INT, .like = \"b\" }'",
	    "argument 0 of the definition of like" },
	{ "a/cpu/bad/symbol", "-DNO_ENTRY", "exports no cnn_plugin_entry" },
	{ "b/cpu/ref/conv", "-DRUN='\"conv2d\"'", NULL },
	{ "b/cpu/ref/linear", "", NULL },
	{ "d/cpu/ref/optimizers", "-DOPTIMIZER='\"adam\"' -DBUILT_IN " ONLY_OPTIMIZERS,
	    NULL },
	{ "d/cpu/new/lion", "-DOPTIMIZER='\"lion\"' " ONLY_OPTIMIZERS, NULL },
	{ "d/cpu/old/lion", "-DOPTIMIZER='\"lion\"' " ONLY_OPTIMIZERS, NULL },
};
enum { PLUGINS = sizeof plugins / sizeof *plugins };

static char *at(const char *path)
{
	static char buf[4][512];
	static unsigned turn;
	char *p = buf[turn++ % 4];

	snprintf(p, sizeof *buf, "%s/%s", root, path);
	return p;
}

/* One shell compiles all of them, several at a time. */
static bool build(void)
{
	const char *cc = getenv("CC");
	FILE *sh;

	umask(022);
	snprintf(root, sizeof root, "%s/cnn-loader-XXXXXX",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(root))
		return false;
	sh = popen("sh -e", "w");
	if (!sh)
		return false;
	for (int i = 0; i < PLUGINS; i++) {
		char path[64], *device, *provider, *name, *rest = path;

		snprintf(path, sizeof path, "%s", plugins[i].path);
		strsep(&rest, "/");
		device = strsep(&rest, "/");
		provider = strsep(&rest, "/");
		name = rest;
		fprintf(sh, "mkdir -p %s/%.1s/%s/%s\n", root, plugins[i].path, device,
		    provider);
		fprintf(sh,
		    "%s -std=gnu17 -w -shared -fPIC -fvisibility=hidden "
		    "-Wl,-z,defs -I" HEADERS " -DDEVICE='\"%s\"' -DPROVIDER='\"%s\"' "
		    "-DNAME='\"%s\"' %s -o %s/%s.so " SOURCE " &\n",
		    cc ? cc : "cc", device, provider, name, plugins[i].flags, root,
		    plugins[i].path);
		if (i % 4 == 3)
			fputs("wait\n", sh);
	}
	/* Other things that a folder may contain. */
	fprintf(sh,
	    "wait; cd %s/a; echo no object > cpu/bad/garbage.so\n"
	    "mkdir cpu/bad/folder.so Cpu cpu/Ref; cp cpu/ref/conv.so Cpu\n"
	    "cp cpu/ref/conv.so cpu/ref/Conv.so; cp cpu/ref/conv.so cpu/ref/x.y.so\n"
	    "echo > README; echo > cpu/ref/conv.d; echo > cpu/ref/.so; ln -s none zero\n"
	    "ln -s none.so cpu/bad/dangling.so\n",
	    root);
	return pclose(sh) == 0;
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path);
}

static struct cnn_plugins *open_at(const char *dir, struct cnn_error *e)
{
	struct cnn_plugins *p = NULL;

	memset(e, 0, sizeof *e);
	cnn_plugins_open(&p, dir ? (const char *[]){ dir } : NULL, dir != NULL, e);
	return p;
}

static struct cnn_plugin *listed(struct cnn_plugins *p, const char *path)
{
	char text[256];

	for (size_t i = 0; i < cnn_plugins_count(p); i++) {
		struct cnn_plugin *q = cnn_plugins_at(p, i);

		snprintf(text, sizeof text, "%s/%s/%s", q->device, q->provider,
		    q->name);
		if (!strcmp(text, path))
			return q;
	}
	return NULL;
}

static bool says(const struct cnn_error *e, int code, const char *what)
{
	bool good = e->code == code && strstr(e->text, what);

	if (!good)
		printf("# got %d \"%s\", want %d \"%s\"\n", e->code, e->text, code,
		    what);
	return good;
}

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

static void test_opening(void)
{
	struct cnn_error e;
	struct cnn_plugins *p = open_at(at("a"), &e);

	for (int i = 0; p && i < PLUGINS; i++) {
		struct cnn_plugin *q = listed(p, plugins[i].path + 2);
		int r;

		if (*plugins[i].path != 'a' || !q)
			continue;
		memset(&e, 0, sizeof e);
		r = cnn_plugin_open(p, q, &e);
		if (!plugins[i].why)
			ok(r == 0 && q->entry && !strcmp(q->entry->version, "1.2"),
			    "opened: %s%s%s", plugins[i].path, r ? ": " : "",
			    r ? e.text : "");
		else
			ok(r == CNN_EPLUGIN && !q->entry &&
				says(&e, r, plugins[i].why) && says(&e, r, q->path),
			    "refused: %s", plugins[i].path);
	}
	for (size_t i = 0; p && i < 3; i++) {
		static const char *const names[] = { "garbage", "folder", "dangling" };
		static const char *const whys[] = { "", "not a regular file",
			"No such file" };
		struct cnn_plugin *q;
		int r;

		memset(&e, 0, sizeof e);
		r = cnn_plugins_find(p, "cpu", "bad", names[i], &q, &e);
		ok(r == CNN_EPLUGIN && says(&e, r, whys[i]), "refused: %s", names[i]);
	}
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
		says(&e, CNN_EPLUGIN, "conv3d: no such layer type; known: conv2d, ") &&
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
		    "no plugin on cpu has the optimizer adam; known: none"),
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

/* --- the host's functions --------------------------------------------------------- */

static char ended[8];

static void end_a(void *object)
{
	strcat(ended, object ? "a" : "?");
}

static void end_b(void *object)
{
	strcat(ended, object ? "b" : "?");
}

static int make_a(const struct cnn_host *host, void **object)
{
	(void)host;
	*object = ended;
	return CNN_OK;
}

/* b depends on a. */
static int make_b(const struct cnn_host *host, void **object)
{
	return host->service(host, "a", make_a, end_a, object);
}

static int make_none(const struct cnn_host *host, void **object)
{
	*object = NULL;
	return host->fail(host, CNN_EPLUGIN, "no %s", "queue");
}

static void test_host(void)
{
	struct cnn_error e = { 0 };
	struct cnn_plugin_host host, other;
	struct cnn_value *choices = cnn_value_map();
	const struct cnn_host *h = &host.host;
	void *x = NULL, *y = NULL;
	uint64_t chosen = 0;
	float u[2];

	cnn_host_init(&host, "avx2", CNN_POLICY_FAST, choices);
	cnn_host_init(&other, NULL, 0, NULL);
	ok(h->size == sizeof *h && h->abi_major == CNN_ABI_MAJOR, "a sized table");
	ok(!strcmp(h->isa, "avx2") && h->policy & CNN_POLICY_FAST && !other.host.isa &&
		!(other.host.policy & CNN_POLICY_FAST),
	    "each host has its own instruction set and policy");
	ok(h->fail(h, CNN_EDATA, "first %d", 1) == CNN_EDATA &&
		h->fail(h, CNN_EIO, "second") == CNN_EIO &&
		cnn_host_error(&other, CNN_EDATA, &e) == CNN_EDATA &&
		says(&e, CNN_EDATA, "without a message"),
	    "each has its own error");
	memset(&e, 0, sizeof e);
	ok(cnn_host_error(&host, CNN_EDATA, &e) == CNN_EDATA &&
		says(&e, CNN_EDATA, "first 1"),
	    "the first message stays");
	memset(&e, 0, sizeof e);
	ok(cnn_host_error(&host, CNN_EIO, &e) == CNN_EIO &&
		says(&e, CNN_EIO, "without a message"),
	    "and is gone once it is taken");
	memset(&e, 0, sizeof e);
	ok(cnn_host_error(&host, 1, &e) == CNN_EPLUGIN && e.code == CNN_EPLUGIN,
	    "a library's own code doesn't pass for CNN_END");

	x = h->alloc(h, 1);
	y = h->alloc(h, 0);
	ok(x && y && (uintptr_t)x % 64 == 0 && (uintptr_t)y % 64 == 0,
	    "aligned memory");
	h->free(h, x);
	h->free(h, y);
	h->free(h, NULL);
	memset(&e, 0, sizeof e);
	x = h->alloc(h, SIZE_MAX - 3);
	ok(!x && cnn_host_error(&host, CNN_ENOMEM, &e) == CNN_ENOMEM &&
		says(&e, CNN_ENOMEM, "out of memory for"),
	    "too much memory");
	h->uniform(0, 0, 0, 0, 2, u);
	ok(u[0] == (float)(0x6627e8d5 >> 8) / 16777216, "random numbers");

	ok(h->recall(h, "k", &chosen) == CNN_END && h->remember(h, "k", 7) == CNN_OK &&
		h->recall(h, "k", &chosen) == CNN_OK && chosen == 7 &&
		cnn_value_get_uint(choices, "k", &chosen),
	    "choices are kept");
	ok(other.host.remember(&other.host, "k", 8) == CNN_OK &&
		other.host.recall(&other.host, "k", &chosen) == CNN_END,
	    "or not, as the caller wants");

	ok(h->service(h, "b", make_b, end_b, &x) == 0 && x == ended &&
		h->service(h, "a", make_none, NULL, &y) == 0 && y == ended,
	    "a service is made once");
	ok(other.host.service(&other.host, "a", make_none, end_a, &y) == CNN_EPLUGIN,
	    "for one host");
	ok(h->service(h, "c", make_none, end_a, &y) == CNN_EPLUGIN, "or fails");
	cnn_host_close(&host);
	ok(!strcmp(ended, "ba"), "services end in reverse order");
	cnn_host_close(&other);
	cnn_value_free(choices);
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
	if (ok(build(), "test plugins are built")) {
		test_listing();
		test_opening();
		test_finding();
		test_tables();
		test_optimizer_definitions();
		test_adding();
		test_path();
		test_trust();
		test_host();
	}
	nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS);
	return done();
}
