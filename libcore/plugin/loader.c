/* loader.c - opens plugins. */
#include "stream/interrupt-private.h"
#include "host.h"
#include "loader-private.h"

#include "layers/builtin.h"
#include "optimizers/builtin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cnn_plugins_open(struct cnn_plugins **out, const char *const *dirs,
    size_t dir_count, struct cnn_error *e)
{
	struct cnn_plugins *p = calloc(1, sizeof *p);
	int r;

	*out = NULL;
	if (!p)
		return cnn_fail_errno(e, ENOMEM, "plugins");
	pthread_mutex_init(&p->lock, NULL);
	r = cnn_scan_all(p, dirs, dir_count, e);
	if (r != CNN_OK) {
		cnn_plugins_close(p);
		return r;
	}
	*out = p;
	return CNN_OK;
}

void cnn_plugins_close(struct cnn_plugins *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->found_count; i++) {
		free(p->found[i].device);
		free(p->found[i].provider);
		free(p->found[i].name);
		free(p->found[i].path);
	}
	free(p->found);
	for (size_t i = 0; i < p->folder_count; i++)
		free(p->folders[i]);
	free(p->folders);
	for (size_t i = 0; i < p->stray_count; i++)
		free(p->strays[i]);
	free(p->strays);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

size_t cnn_plugins_count(const struct cnn_plugins *p)
{
	return p->found_count;
}

struct cnn_plugin *cnn_plugins_at(struct cnn_plugins *p, size_t index)
{
	return index < p->found_count ? &p->found[index] : NULL;
}

/* --- opening ---------------------------------------------------------------------- */

/* All definitions of a type must agree, because a model written with one may be read
 * with another. */
static int compare_definition(const struct cnn_plugin *plugin,
    const struct cnn_layer_def *d, const struct cnn_plugin *other, struct cnn_error *e)
{
	for (uint32_t i = 0; i < other->entry->definition_count; i++) {
		const struct cnn_layer_def *o = cnn_definition_at(other->entry, i);

		if (strcmp(d->type, o->type) == 0 && !cnn_same_definition(d, o))
			return cnn_fail(e, CNN_EPLUGIN,
			    "%s: not loaded: defines the layer "
			    "type %s differently from %s",
			    plugin->path, d->type, other->path);
	}
	return CNN_OK;
}

/* All definitions of an optimizer must agree, because a checkpoint stores its
 * arguments. */
static int compare_optimizer(const struct cnn_plugin *plugin,
    const struct cnn_optimizer_def *d, const struct cnn_plugin *other,
    struct cnn_error *e)
{
	for (uint32_t i = 0; d && i < other->entry->optimizer_count; i++) {
		const struct cnn_optimizer_def *o =
		    cnn_optimizer_at(other->entry, i)->definition;

		if (o && strcmp(d->name, o->name) == 0 && !cnn_same_optimizer(d, o))
			return cnn_fail(e, CNN_EPLUGIN,
			    "%s: not loaded: defines the "
			    "optimizer %s differently from %s",
			    plugin->path, d->name, other->path);
	}
	return CNN_OK;
}

/* Only one plugin of a provider may have a kernel for a run. */
static int compare_kernel(const struct cnn_plugin *plugin, const struct cnn_kernel *k,
    const struct cnn_plugin *other, struct cnn_error *e)
{
	if (strcmp(plugin->device, other->device) != 0 ||
	    strcmp(plugin->provider, other->provider) != 0)
		return CNN_OK;
	for (uint32_t i = 0; i < other->entry->kernel_count; i++)
		if (strcmp(k->run, cnn_kernel_at(other->entry, i)->run) == 0)
			return cnn_fail(e, CNN_EPLUGIN,
			    "%s: not loaded: has a kernel for %s, as does %s",
			    plugin->path, k->run, other->path);
	return CNN_OK;
}

/* Compares an entry with the built-in definitions and with all open plugins. */
static int compare(struct cnn_plugins *p, const struct cnn_plugin *plugin,
    const struct cnn_plugin_entry *entry, struct cnn_error *e)
{
	int r = CNN_OK;

	for (uint32_t i = 0; i < entry->definition_count; i++) {
		const struct cnn_layer_def *d = cnn_definition_at(entry, i);
		const struct cnn_layer_def *builtin = cnn_builtin_layer(d->type);

		if (builtin && !cnn_same_definition(builtin, d))
			return cnn_fail(e, CNN_EPLUGIN,
			    "%s: not loaded: defines the layer "
			    "type %s differently from cnntools itself",
			    plugin->path, d->type);
	}
	for (uint32_t i = 0; i < entry->optimizer_count; i++) {
		const struct cnn_optimizer_def *d =
		    cnn_optimizer_at(entry, i)->definition;
		const struct cnn_optimizer_def *builtin =
		    d ? cnn_builtin_optimizer(d->name) : NULL;

		if (builtin && !cnn_same_optimizer(builtin, d))
			return cnn_fail(e, CNN_EPLUGIN,
			    "%s: not loaded: defines the "
			    "optimizer %s differently from cnntools itself",
			    plugin->path, d->name);
	}
	for (size_t i = 0; i < p->found_count; i++) {
		const struct cnn_plugin *other = &p->found[i];

		if (!other->entry)
			continue;
		for (uint32_t k = 0; r == CNN_OK && k < entry->optimizer_count; k++)
			r = compare_optimizer(plugin,
			    cnn_optimizer_at(entry, k)->definition, other, e);
		for (uint32_t k = 0; r == CNN_OK && k < entry->definition_count; k++)
			r = compare_definition(plugin, cnn_definition_at(entry, k),
			    other, e);
		for (uint32_t k = 0; r == CNN_OK && k < entry->kernel_count; k++)
			r = compare_kernel(plugin, cnn_kernel_at(entry, k), other, e);
	}
	return r;
}

/* Opening runs the file's constructors, so check its owner first. Nobody else can
 * replace it in between, because its folder passed the same check. */
static int load(struct cnn_plugin *plugin, const struct cnn_plugin_entry **entry,
    struct cnn_error *e)
{
	const char *why;
	struct stat st;
	void *handle;
	size_t n = strlen(plugin->path);
	int r;

	if (stat(plugin->path, &st) != 0)
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: %s", plugin->path,
		    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: not a regular file",
		    plugin->path);
	r = cnn_scan_trust(plugin->path, &st, e);
	if (r != CNN_OK)
		return r;

	cnn_crash_begin(plugin->path);
	handle = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
	cnn_crash_end();
	if (!handle) {
		why = dlerror();
		/* A message about a missing library starts with that library's name. */
		plugin->incomplete = strncmp(why, plugin->path, n) &&
		    strstr(why, "cannot open shared object file");
		if (!strncmp(why, plugin->path, n) && !strncmp(why + n, ": ", 2))
			why += n + 2;
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: %s", plugin->path,
		    why);
	}
	/* The handle is never closed: threads and exit handlers of libraries loaded with
	 * it may still run their code. */
	*entry = dlsym(handle, "cnn_plugin_entry");
	if (!*entry)
		return cnn_fail(e, CNN_EPLUGIN,
		    "%s: not loaded: not a plugin: exports no cnn_plugin_entry",
		    plugin->path);
	return CNN_OK;
}

int cnn_plugin_open_locked(struct cnn_plugins *p, struct cnn_plugin *plugin,
    struct cnn_error *e)
{
	const struct cnn_plugin_entry *entry;
	int r;

	if (plugin->entry)
		return CNN_OK;
	cnn_plugin_log(2, "%s: opening", plugin->path);
	r = load(plugin, &entry, e);
	if (r == CNN_OK)
		r = cnn_check_entry(plugin, entry, e);
	if (r == CNN_OK)
		r = compare(p, plugin, entry, e);
	if (r != CNN_OK)
		return r;
	plugin->entry = entry;
	return CNN_OK;
}

int cnn_plugin_open(struct cnn_plugins *p, struct cnn_plugin *plugin,
    struct cnn_error *e)
{
	int r;

	pthread_mutex_lock(&p->lock);
	r = cnn_plugin_open_locked(p, plugin, e);
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* The lock is held. */
static int add(struct cnn_plugins *p, char *path, struct cnn_plugin **out,
    struct cnn_error *e)
{
	struct cnn_plugin unnamed = { .path = path };
	const struct cnn_plugin_entry *entry = NULL;
	int r = cnn_scan_trust_folder(path, e);

	if (r == CNN_OK)
		r = load(&unnamed, &entry, e);
	if (r == CNN_OK)
		r = cnn_check_version(&unnamed, entry, e);
	if (r == CNN_OK)
		r = cnn_scan_put(p, path, entry, out, e);
	return r == CNN_OK ? cnn_plugin_open_locked(p, *out, e) : r;
}

int cnn_plugins_add(struct cnn_plugins *p, const char *path, struct cnn_plugin **out,
    struct cnn_error *e)
{
	/* Without a slash, dlopen would search for the file elsewhere. */
	char *full = realpath(path, NULL);
	int r;

	if (!full)
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: %s", path,
		    strerror(errno));
	pthread_mutex_lock(&p->lock);
	r = add(p, full, out, e);
	pthread_mutex_unlock(&p->lock);
	free(full);
	return r;
}

/* The lock is held. */
static int open_device(struct cnn_plugins *p, const char *device, struct cnn_error *e)
{
	for (size_t i = 0; i < p->found_count; i++) {
		struct cnn_plugin *plugin = &p->found[i];
		struct cnn_error why = { 0 };
		int r;

		if (strcmp(plugin->device, device) != 0 || plugin->incomplete)
			continue;
		r = cnn_plugin_open_locked(p, plugin, &why);
		if (r < 0 && !plugin->incomplete)
			return cnn_fail(e, r, "%s", why.text);
		if (r < 0)
			cnn_plugin_log(2, "%s", why.text);
	}
	return CNN_OK;
}

int cnn_plugins_open_device(struct cnn_plugins *p, const char *device,
    struct cnn_error *e)
{
	int r;

	pthread_mutex_lock(&p->lock);
	r = open_device(p, device, e);
	pthread_mutex_unlock(&p->lock);
	return r;
}
