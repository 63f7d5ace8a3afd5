/* loader.c - looks up and opens plugins, and finds definitions. */
#include "stream/interrupt-private.h"
#include "host.h"
#include "loader-private.h"

#include "layers/builtin.h"
#include "optimizers/builtin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cnn_plugins_open(struct cnn_plugins **out, const char *const *dirs,
    size_t dir_count, struct cnn_error *e)
{
	struct cnn_plugins *p = calloc(1, sizeof *p);
	int rc;

	*out = NULL;
	if (!p)
		return cnn_fail_errno(e, ENOMEM, "plugins");
	pthread_mutex_init(&p->lock, NULL);
	rc = cnn_scan_all(p, dirs, dir_count, e);
	if (rc != CNN_OK) {
		cnn_plugins_close(p);
		return rc;
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

/* All definitions of a type must be the same: a model written with one definition can
 * be read with another. */
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

/* All definitions of an optimizer must be the same: a checkpoint has its arguments. */
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

/* A provider computes each run in one way. */
static int compare_kernel(const struct cnn_plugin *plugin, const struct cnn_kernel *k,
    const struct cnn_plugin *other, struct cnn_error *e)
{
	if (strcmp(plugin->device, other->device) != 0 ||
	    strcmp(plugin->provider, other->provider) != 0)
		return CNN_OK;
	for (uint32_t i = 0; i < other->entry->kernel_count; i++)
		if (strcmp(k->run, cnn_kernel_at(other->entry, i)->run) == 0)
			return cnn_fail(e, CNN_EPLUGIN,
			    "%s: not loaded: has a kernel for %s, as has %s",
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
	int rc;

	if (stat(plugin->path, &st) != 0)
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: %s", plugin->path,
		    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: not a regular file",
		    plugin->path);
	rc = cnn_scan_trust(plugin->path, &st, e);
	if (rc != CNN_OK)
		return rc;

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
	/* The handle is never closed from here on: threads and exit handlers of
	 * libraries loaded with it may point into it. */
	*entry = dlsym(handle, "cnn_plugin_entry");
	if (!*entry)
		return cnn_fail(e, CNN_EPLUGIN,
		    "%s: not loaded: not a plugin: exports no cnn_plugin_entry",
		    plugin->path);
	return CNN_OK;
}

/* The lock is held. */
static int open_plugin(struct cnn_plugins *p, struct cnn_plugin *plugin,
    struct cnn_error *e)
{
	const struct cnn_plugin_entry *entry;
	int rc;

	if (plugin->entry)
		return CNN_OK;
	cnn_plugin_log(2, "%s: opening", plugin->path);
	rc = load(plugin, &entry, e);
	if (rc == CNN_OK)
		rc = cnn_check_entry(plugin, entry, e);
	if (rc == CNN_OK)
		rc = compare(p, plugin, entry, e);
	if (rc != CNN_OK)
		return rc;
	plugin->entry = entry;
	return CNN_OK;
}

int cnn_plugin_open(struct cnn_plugins *p, struct cnn_plugin *plugin,
    struct cnn_error *e)
{
	int r;

	pthread_mutex_lock(&p->lock);
	r = open_plugin(p, plugin, e);
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
	return r == CNN_OK ? open_plugin(p, *out, e) : r;
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

static int open_device(struct cnn_plugins *p, const char *device, struct cnn_error *e)
{
	for (size_t i = 0; i < p->found_count; i++) {
		struct cnn_plugin *plugin = &p->found[i];
		struct cnn_error why = { 0 };
		int r;

		if (strcmp(plugin->device, device) != 0 || plugin->incomplete)
			continue;
		r = open_plugin(p, plugin, &why);
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

/* --- looking up ------------------------------------------------------------------- */

/* Returns "A, B" in memory that the caller frees; NULL or empty if memory runs out. */
static char *folder_list(const struct cnn_plugins *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < p->folder_count; i++)
		fprintf(f, "%s%s", i ? ", " : "", p->folders[i]);
	if (p->folder_count == 0)
		fputs("any directory", f);
	return fclose(f) == 0 ? text : (free(text), NULL);
}

/* The known names for a device and a provider (NULL: any), each once. */
static char *name_list(const struct cnn_plugins *p, const char *device,
    const char *provider)
{
	const char *separator = "";
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < p->found_count; i++) {
		const struct cnn_plugin *q = &p->found[i];

		if (strcmp(q->device, device) ||
		    (provider && strcmp(q->provider, provider)))
			continue;
		fprintf(f, "%s%s%s%s", separator, provider ? "" : q->provider,
		    provider ? "" : "/", q->name);
		separator = ", ";
	}
	if (!*separator)
		fputs("none", f);
	return fclose(f) == 0 ? text : (free(text), NULL);
}

int cnn_plugins_find(struct cnn_plugins *p, const char *device, const char *provider,
    const char *name, struct cnn_plugin **out, struct cnn_error *e)
{
	char *folders, *names;
	int rc;

	for (size_t i = 0; i < p->found_count; i++) {
		struct cnn_plugin *q = &p->found[i];

		if (!strcmp(q->device, device) && !strcmp(q->name, name) &&
		    (!provider || !strcmp(q->provider, provider))) {
			rc = cnn_plugin_open(p, q, e);
			if (rc == CNN_OK)
				*out = q;
			return rc;
		}
	}
	folders = folder_list(p);
	names = name_list(p, device, provider);
	rc = cnn_fail(e, CNN_EPLUGIN, "%s/%s/%s: no such plugin in %s; known: %s",
	    device, provider ? provider : "*", name, folders ? folders : "",
	    names ? names : "");
	free(folders);
	free(names);
	return rc;
}

/* "ref/adam, ref/sgd": the optimizers of a device. */
static char *optimizer_list(const struct cnn_plugins *p, const char *device)
{
	const char *separator = "";
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < p->found_count; i++) {
		const struct cnn_plugin *q = &p->found[i];

		if (strcmp(q->device, device) != 0 || !q->entry)
			continue;
		for (uint32_t k = 0; k < q->entry->optimizer_count; k++) {
			fprintf(f, "%s%s/%s", separator, q->provider,
			    cnn_optimizer_at(q->entry, k)->name);
			separator = ", ";
		}
	}
	if (!*separator)
		fputs("none", f);
	return fclose(f) == 0 ? text : (free(text), NULL);
}

int cnn_optimizer_find(struct cnn_plugins *p, const char *device, const char *name,
    const struct cnn_optimizer **out, struct cnn_error *e)
{
	char *names;
	int r = cnn_plugins_open_device(p, device, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < p->found_count; i++) {
		const struct cnn_plugin *q = &p->found[i];

		if (strcmp(q->device, device) != 0 || !q->entry)
			continue;
		for (uint32_t k = 0; k < q->entry->optimizer_count; k++) {
			*out = cnn_optimizer_at(q->entry, k);
			if (strcmp((*out)->name, name) == 0)
				return CNN_OK;
		}
	}
	names = optimizer_list(p, device);
	r = cnn_fail(e, CNN_EPLUGIN, "no plugin on %s has the optimizer %s; known: %s",
	    device, name, names ? names : "");
	free(names);
	return r;
}

/* --- definitions ------------------------------------------------------------------ */

/* What an open plugin defines by this name, or NULL. */
typedef const void *definition_in(const struct cnn_plugin *, const char *name);

static const void *layer_in(const struct cnn_plugin *p, const char *type)
{
	for (uint32_t i = 0; p->entry && i < p->entry->definition_count; i++)
		if (strcmp(cnn_definition_at(p->entry, i)->type, type) == 0)
			return cnn_definition_at(p->entry, i);
	return NULL;
}

static const void *optimizer_in(const struct cnn_plugin *p, const char *name)
{
	for (uint32_t i = 0; p->entry && i < p->entry->optimizer_count; i++) {
		const struct cnn_optimizer *o = cnn_optimizer_at(p->entry, i);

		if (o->definition && strcmp(o->name, name) == 0)
			return o->definition;
	}
	return NULL;
}

/* Opens plugins until one defines the name; the lock is held. Those of any/ before
 * those of the devices, and among these those of that name first. Only of such a plugin
 * does an error matter; *first keeps the first one. */
static const void *search(struct cnn_plugins *p, const char *name, definition_in *in,
    struct cnn_error *first)
{
	const void *def;

	for (int pass = 0; pass < 4; pass++)
		for (size_t i = 0; i < p->found_count; i++) {
			struct cnn_plugin *q = &p->found[i];
			struct cnn_error ignored = { 0 };
			bool named = strcmp(q->name, name) == 0;

			if ((strcmp(q->device, "any") == 0) != (pass < 2) ||
			    named != (pass % 2 == 0) || q->incomplete ||
			    open_plugin(p, q, named ? first : &ignored) != CNN_OK)
				continue;
			if ((def = in(q, name)))
				return def;
		}
	return NULL;
}

/* Adds a name that plugin number `index` defines to a list, unless an earlier plugin
 * defines it too. */
static void list_name(FILE *f, const struct cnn_plugins *p, size_t index,
    const char *name, definition_in *in)
{
	for (size_t i = 0; i < index; i++)
		if (in(&p->found[i], name))
			return;
	fprintf(f, ", %s", name);
}

/* The built-in layer types, and those of the plugins that are open. */
static char *type_list(const struct cnn_plugins *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; cnn_builtin_layer_at(i); i++)
		fprintf(f, "%s%s", i ? ", " : "", cnn_builtin_layer_at(i)->type);
	for (size_t i = 0; i < p->found_count; i++)
		for (uint32_t k = 0;
		     p->found[i].entry && k < p->found[i].entry->definition_count;
		     k++) {
			const char *type =
			    cnn_definition_at(p->found[i].entry, k)->type;

			if (!cnn_builtin_layer(type))
				list_name(f, p, i, type, layer_in);
		}
	return fclose(f) == 0 ? text : (free(text), NULL);
}

/* The built-in optimizers, and those that open plugins define. */
static char *known_optimizers(const struct cnn_plugins *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; cnn_builtin_optimizers[i]; i++)
		fprintf(f, "%s%s", i ? ", " : "", cnn_builtin_optimizers[i]->name);
	for (size_t i = 0; p && i < p->found_count; i++)
		for (uint32_t k = 0;
		     p->found[i].entry && k < p->found[i].entry->optimizer_count; k++) {
			const char *name = cnn_optimizer_at(p->found[i].entry, k)->name;

			if (!cnn_builtin_optimizer(name))
				list_name(f, p, i, name, optimizer_in);
		}
	return fclose(f) == 0 ? text : (free(text), NULL);
}

int cnn_optimizer_definition(struct cnn_plugins *p, const char *name,
    const struct cnn_optimizer_def **out, struct cnn_error *e)
{
	struct cnn_error first = { 0 };
	char *names;
	int r;

	*out = cnn_builtin_optimizer(name);
	if (*out)
		return CNN_OK;
	if (p) {
		pthread_mutex_lock(&p->lock);
		*out = search(p, name, optimizer_in, &first);
		pthread_mutex_unlock(&p->lock);
	}
	if (*out)
		return CNN_OK;
	if (first.code != CNN_OK)
		return cnn_fail(e, first.code, "%.64s: %s", name, first.text);
	names = known_optimizers(p);
	r = cnn_fail(e, CNN_EPLUGIN, "%.64s: no such optimizer; known: %s", name,
	    names ? names : "");
	free(names);
	return r;
}

int cnn_layer_find(struct cnn_plugins *p, const char *type,
    const struct cnn_layer_def **out, struct cnn_error *e)
{
	struct cnn_error first = { 0 };
	char *types;
	int r;

	/* The type comes from the text of a net or from a stream. */
	if (!cnn_is_layer_type(type))
		return cnn_fail(e, CNN_EPLUGIN,
		    "%.64s: invalid layer type: must match [a-z][a-z0-9_]*", type);
	*out = cnn_builtin_layer(type);
	if (*out)
		return CNN_OK;
	pthread_mutex_lock(&p->lock);
	*out = search(p, type, layer_in, &first);
	types = *out ? NULL : type_list(p);
	pthread_mutex_unlock(&p->lock);
	if (*out)
		return CNN_OK;
	if (first.code != CNN_OK) {
		free(types);
		return cnn_fail(e, first.code, "%.64s: %s", type, first.text);
	}
	r = cnn_fail(e, CNN_EPLUGIN, "%.64s: no such layer type; known: %s", type,
	    types ? types : "");
	free(types);
	return r;
}
