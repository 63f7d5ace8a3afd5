/* loader.c - looks up and opens plugins, and finds layer definitions. */
#include "stream/interrupt-private.h"
#include "loader-private.h"

#include "layers/builtin.h"

#include "base/value.h"

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
	cnn_host_init(p);
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
	cnn_plugins_end_services(p);
	cnn_value_free(p->choices);
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

/* --- opening --------------------------------------------------------------- */

/* All definitions of a type must be the same: a model written with one definition can
 * be read with another. */
static int compare_definitions(struct cnn_plugins *p,
	const struct cnn_plugin *plugin, const struct cnn_layer_def *d,
	struct cnn_error *e)
{
	const struct cnn_layer_def *builtin = cnn_builtin_layer(d->type);

	if (builtin && !cnn_same_definition(builtin, d))
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: defines the layer type "
			"%s differently from cnntools itself", plugin->path, d->type);
	for (size_t i = 0; i < p->found_count; i++) {
		const struct cnn_plugin_entry *other = p->found[i].entry;

		if (other && other->definition && !strcmp(other->definition->type, d->type)
		    && !cnn_same_definition(other->definition, d))
			return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: defines the layer "
				"type %s differently from %s", plugin->path, d->type,
				p->found[i].path);
	}
	return CNN_OK;
}

/* Opening runs the file's constructors, so check its owner first. Nobody else can
 * replace it in between, because its folder passed the same check. */
static int load(struct cnn_plugin *plugin,
	const struct cnn_plugin_entry **entry, struct cnn_error *e)
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
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: %s", plugin->path, why);
	}
	/* The handle is never closed from here on: threads and exit handlers of
	 * libraries loaded with it may point into it. */
	*entry = dlsym(handle, "cnn_plugin_entry");
	if (!*entry)
		return cnn_fail(e, CNN_EPLUGIN, "%s: not loaded: not a plugin: exports "
			"no cnn_plugin_entry", plugin->path);
	return CNN_OK;
}

int cnn_plugin_open(struct cnn_plugins *p, struct cnn_plugin *plugin,
	struct cnn_error *e)
{
	const struct cnn_plugin_entry *entry;
	int rc;

	if (plugin->entry)
		return CNN_OK;
	p->host.log(&p->host, 2, "%s: opening", plugin->path);
	rc = load(plugin, &entry, e);
	if (rc == CNN_OK)
		rc = cnn_check_entry(plugin, entry, e);
	if (rc == CNN_OK && entry->definition)
		rc = compare_definitions(p, plugin, entry->definition, e);
	if (rc != CNN_OK)
		return rc;
	plugin->entry = entry;
	return CNN_OK;
}

/* --- looking up ------------------------------------------------------------ */

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

		if (strcmp(q->device, device) || (provider && strcmp(q->provider, provider)))
			continue;
		fprintf(f, "%s%s%s%s", separator, provider ? "" : q->provider,
			provider ? "" : "/", q->name);
		separator = ", ";
	}
	if (!*separator)
		fputs("none", f);
	return fclose(f) == 0 ? text : (free(text), NULL);
}

int cnn_plugins_find(struct cnn_plugins *p, const char *device,
	const char *provider, const char *name, struct cnn_plugin **out,
	struct cnn_error *e)
{
	char *folders, *names;
	int rc;

	for (size_t i = 0; i < p->found_count; i++) {
		struct cnn_plugin *q = &p->found[i];

		if (!strcmp(q->device, device) && !strcmp(q->name, name)
		    && (!provider || !strcmp(q->provider, provider))) {
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

/* Whether the plugin's name is one of a layer type, so that it may define that type. */
static bool may_define(const struct cnn_plugin *plugin)
{
	return cnn_is_layer_type(plugin->name) && strcmp(plugin->name, "device");
}

static char *type_list(const struct cnn_plugins *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; cnn_builtin_layers[i]; i++)
		fprintf(f, "%s%s", i ? ", " : "", cnn_builtin_layers[i]->type);
	for (size_t i = 0; i < p->found_count; i++) {
		const struct cnn_plugin_entry *entry = p->found[i].entry;
		const char *name = p->found[i].name;
		bool listed = !may_define(&p->found[i]) || cnn_builtin_layer(name)
			|| (entry && !entry->definition);

		for (size_t j = 0; !listed && j < i; j++)
			listed = !strcmp(p->found[j].name, name);
		if (!listed)
			fprintf(f, ", %s", name);
	}
	return fclose(f) == 0 ? text : (free(text), NULL);
}

/* Opens the plugins with the type's name, of any/ or of the devices, until one defines
 * the type. *first keeps the error of the first one that could not be opened. */
static const struct cnn_layer_def *plugin_layer(struct cnn_plugins *p,
	const char *type, bool any, struct cnn_error *first)
{
	for (size_t i = 0; i < p->found_count; i++) {
		struct cnn_plugin *q = &p->found[i];

		if (strcmp(q->name, type) || !may_define(q)
		    || any != !strcmp(q->device, "any"))
			continue;
		if (cnn_plugin_open(p, q, first) == CNN_OK && q->entry->definition)
			return q->entry->definition;
	}
	return NULL;
}

int cnn_layer_find(struct cnn_plugins *p, const char *type,
	const struct cnn_layer_def **out, struct cnn_error *e)
{
	const struct cnn_layer_def *def;
	struct cnn_error first = { 0 };
	char *types;
	int rc;

	/* The type comes from the text of a net or from a stream. */
	if (!cnn_is_layer_type(type))
		return cnn_fail(e, CNN_EPLUGIN, "%.64s: invalid layer type: must match "
			"[a-z][a-z0-9_]*", type);
	def = cnn_builtin_layer(type);
	if (!def)
		def = plugin_layer(p, type, true, &first);
	if (!def)
		def = plugin_layer(p, type, false, &first);
	if (def) {
		*out = def;
		return CNN_OK;
	}
	if (first.code != CNN_OK)
		return cnn_fail(e, first.code, "%.64s: %s", type, first.text);
	types = type_list(p);
	rc = cnn_fail(e, CNN_EPLUGIN, "%.64s: no such layer type; known: %s", type,
		types ? types : "");
	free(types);
	return rc;
}
