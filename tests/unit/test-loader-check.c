/* What the loader checks when it opens a plugin: valid plugins, and one for each error
 * that a plugin can have. */
#include "loader-plugins.h"
#include "says.h"
#include "tap.h"

#include "cli/option.h"

/* In this order, since a plugin can be refused for what an open one has. */
static const struct test_plugin plugins[] = {
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
	{ "a/cpu/ref/twice", "-DRUN='\"conv2d\"'",
	    "has a kernel for conv2d, as does " },
	{ "a/cpu/bad/magic", "-DMAGIC=1", "does not begin with the magic number" },
	{ "a/cpu/bad/major", "-DMAJOR=3",
	    "built for plugin interface 3.0, but this program has" },
	{ "a/cpu/bad/size", "-DENTRY_SIZE=24",
	    "struct cnn_plugin_entry of 24 bytes is too small" },
	{ "a/cpu/bad/ksize", "-DKERNEL_SIZE=8",
	    "struct cnn_kernel of 8 bytes is too small" },
	{ "a/cpu/bad/two",
	    "-DRUN='\"relu\"' -DSECOND_RUN='\"relu\"' -DSECOND='sizeof(struct cnn_kernel)'",
	    "has two kernels for relu" },
	{ "a/cpu/bad/sizes", "-DSECOND=8", "kernel 1 differs in size from the first" },
	{ "a/cpu/bad/count", "-DOFFERS='.kernel_count = 2'",
	    "has 2 kernels but no table of them" },
	{ "a/cpu/bad/many", "-DOFFERS='.kernels = kernels, .kernel_count = 1 << 20'",
	    "has 1048576 kernels: too many" },
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
	    "the definition of lion has 17 arguments: too many" },
	{ "a/cpu/new/lion", "-DOPTIMIZER='\"lion\"' " ONLY_OPTIMIZERS, NULL },
	{ "a/cpu/zoo/lion", "-DOPTIMIZER='\"lion\"' -DMOMENTS=0 " ONLY_OPTIMIZERS,
	    "defines the optimizer lion differently from " },
	{ "a/cpu/new/tcp",
	    "-DCOMMUNICATOR='\"tcp\"' -DOFFERS='CNN_COMMUNICATORS(communicators)'",
	    NULL },
	{ "a/cpu/bad/cname", "-DCOMMUNICATOR='\"TCP\"'",
	    "the communicator \"TCP\" has an invalid name" },
	{ "a/cpu/bad/cmemory", "-DCOMMUNICATOR='\"tcp\"' -DMEMORY=0",
	    "communicator tcp supports neither host nor device memory" },
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
};
enum { PLUGINS = sizeof plugins / sizeof *plugins };

static void test_opening(void)
{
	struct cnn_error e;
	struct cnn_plugins *p = open_at(at("a"), &e);

	if (!ok(p != NULL, "the folder is listed"))
		return;
	for (int i = 0; i < PLUGINS; i++) {
		struct cnn_plugin *q = listed(p, plugins[i].path + 2);
		int r;

		if (!q) {
			ok(false, "found: %s", plugins[i].path);
			continue;
		}
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
	for (size_t i = 0; i < 3; i++) {
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

int main(void)
{
	cnn_verbosity = 0;
	unsetenv("CNN_PLUGIN_PATH");
	unsetenv("CNN_TEST_OPENED");
	if (access(HEADERS, R_OK) != 0) {
		skip("the plugin loader", "not in the root of the source tree");
		return done();
	}
	if (ok(build_plugins(plugins, PLUGINS), "test plugins are built"))
		test_opening();
	remove_plugins();
	return done();
}
