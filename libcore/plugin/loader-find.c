/* loader-find.c - finds plugins, optimizers and definitions by name. */
#include "loader-private.h"

#include "layers/builtin.h"
#include "optimizers/builtin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- plugins and optimizers ------------------------------------------------------- */

/* Lists the folders searched as "A, B", for the caller to free. NULL or empty if memory
 * runs out, as from the other lists below. */
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

/* The names of the plugins of a device and a provider (NULL: any, and the names are
 * PROVIDER/NAME). */
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
	int r;

	for (size_t i = 0; i < p->found_count; i++) {
		struct cnn_plugin *q = &p->found[i];

		if (!strcmp(q->device, device) && !strcmp(q->name, name) &&
		    (!provider || !strcmp(q->provider, provider))) {
			r = cnn_plugin_open(p, q, e);
			if (r == CNN_OK)
				*out = q;
			return r;
		}
	}
	folders = folder_list(p);
	names = name_list(p, device, provider);
	r = cnn_fail(e, CNN_EPLUGIN, "%s/%s/%s: no such plugin in %s; known: %s",
	    device, provider ? provider : "*", name, folders ? folders : "",
	    names ? names : "");
	free(folders);
	free(names);
	return r;
}

/* The optimizers of a device's open plugins, as "ref/adam, ref/sgd". */
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
	r = cnn_fail(e, CNN_EPLUGIN, "no plugin for %s has the optimizer %s; known: %s",
	    device, name, names ? names : "");
	free(names);
	return r;
}

/* --- definitions ------------------------------------------------------------------ */

/* Returns a plugin's definition of this name; NULL if it has none or is not open. */
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

/* Opens plugins until one defines the name: those in any/ before those of the devices,
 * and in each of these groups the plugins with that name before the others. Errors are
 * ignored except those of plugins with that name, of which *first gets the first one.
 * The lock is held. */
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
			    cnn_plugin_open_locked(p, q, named ? first : &ignored) !=
				CNN_OK)
				continue;
			if ((def = in(q, name)))
				return def;
		}
	return NULL;
}

/* Appends a name that plugin number `index` defines to a list, unless an earlier plugin
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

	/* The type comes from the text of a net or from a stream, so it can be anything. */
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
