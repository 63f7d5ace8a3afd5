/* loader-plugins.h - builds the plugins of a test of the loader from loader/plugin.c,
 * and opens folders of them. */
#ifndef LOADER_PLUGINS_H
#define LOADER_PLUGINS_H

#include "plugin/loader.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The tests run in the root of the tree. */
#define HEADERS "libcore/include"
#define SOURCE "tests/unit/loader/plugin.c"

#define ONLY_OPTIMIZERS "-DOFFERS='CNN_OPTIMIZERS(optimizers)'"

/* FOLDER/DEVICE/PROVIDER/NAME, where FOLDER is one letter, and compiler flags. */
struct test_plugin {
	const char *path, *flags;
	const char *why; /* the expected reason if the plugin is refused */
};

static char root[256]; /* the folder of the folders */

/* A path in `root`, in one of four static buffers. */
static inline char *at(const char *path)
{
	static char buf[4][512];
	static unsigned turn;
	char *p = buf[turn++ % 4];

	snprintf(p, sizeof *buf, "%s/%s", root, path);
	return p;
}

/* Creates `root` and compiles the plugins into it, several at a time. Also puts files
 * and folders into a/ that are no plugins, for which the table needs a/cpu/ref/conv and
 * a plugin in a/cpu/bad. */
static inline bool build_plugins(const struct test_plugin *plugins, size_t count)
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
	for (size_t i = 0; i < count; i++) {
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
	fprintf(sh,
	    "wait; cd %s/a; echo no object > cpu/bad/garbage.so\n"
	    "mkdir cpu/bad/folder.so Cpu cpu/Ref; cp cpu/ref/conv.so Cpu\n"
	    "cp cpu/ref/conv.so cpu/ref/Conv.so; cp cpu/ref/conv.so cpu/ref/x.y.so\n"
	    "echo > README; echo > cpu/ref/conv.d; echo > cpu/ref/.so; ln -s none zero\n"
	    "ln -s none.so cpu/bad/dangling.so\n",
	    root);
	return pclose(sh) == 0;
}

static inline int drop(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path);
}

static inline void remove_plugins(void)
{
	nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS);
}

/* Lists the plugins of a folder and of those that are always searched; NULL: only of
 * the latter. */
static inline struct cnn_plugins *open_at(const char *dir, struct cnn_error *e)
{
	struct cnn_plugins *p = NULL;

	memset(e, 0, sizeof *e);
	cnn_plugins_open(&p, dir ? &dir : NULL, dir != NULL, e);
	return p;
}

/* The plugin of this DEVICE/PROVIDER/NAME, or NULL. */
static inline struct cnn_plugin *listed(struct cnn_plugins *p, const char *path)
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

#endif
