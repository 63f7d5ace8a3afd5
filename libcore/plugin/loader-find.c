/* loader-find.c - finds plugins, optimizers and definitions by name. */
#include "loader-private.h"

#include "base/nearest.h"
#include "layers/builtin.h"
#include "optimizers/builtin.h"

#include <stdio.h>
#include <string.h>

/* Names for a message that says that one was not found. */
struct names {
	struct cnn_known known;
	struct cnn_nearest near;
};

static void add_name(struct names *names, const char *name)
{
	cnn_known_add(&names->known, "%s", name);
	cnn_nearest_offer(&names->near, name);
}

/* Writes "; not loaded ...: PATH, PATH" into the text if there are shared objects that are
 * not where plugins are looked for, otherwise "". */
static void list_strays(const struct cnn_plugins *p, char text[500])
{
	struct cnn_known paths = { 0 };

	for (size_t i = 0; p && i < p->stray_count; i++)
		cnn_known_add(&paths, "%s", p->strays[i]);
	*text = '\0';
	if (p && p->stray_count > 0)
		snprintf(text, 500,
		    "; not loaded, because not named DEVICE/PROVIDER/NAME.so in "
		    "lower case: %.400s",
		    cnn_known_text(&paths));
}

/* --- plugins and optimizers ------------------------------------------------------- */

/* "no such plugin": the folders that were searched, and the names of the plugins of a
 * device and a provider (NULL: any, and the names are PROVIDER/NAME). */
static int no_plugin(const struct cnn_plugins *p, const char *device,
    const char *provider, const char *name, struct cnn_error *e)
{
	struct cnn_known folders = { 0 }, names = { 0 };

	for (size_t i = 0; i < p->folder_count; i++)
		cnn_known_add(&folders, "%s", p->folders[i]);
	for (size_t i = 0; i < p->found_count; i++) {
		const struct cnn_plugin *q = &p->found[i];

		if (strcmp(q->device, device) == 0 &&
		    (!provider || strcmp(q->provider, provider) == 0))
			cnn_known_add(&names, "%s%s%s", provider ? "" : q->provider,
			    provider ? "" : "/", q->name);
	}
	return cnn_fail(e, CNN_EPLUGIN, "%s/%s/%s: no such plugin in %.500s; known: %s",
	    device, provider ? provider : "*", name,
	    p->folder_count ? cnn_known_text(&folders) : "any directory",
	    cnn_known_text(&names));
}

int cnn_plugins_find(struct cnn_plugins *p, const char *device, const char *provider,
    const char *name, struct cnn_plugin **out, struct cnn_error *e)
{
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
	return no_plugin(p, device, provider, name, e);
}

int cnn_optimizer_find(struct cnn_plugins *p, const char *device, const char *name,
    const struct cnn_optimizer **out, struct cnn_error *e)
{
	struct cnn_known names = { 0 };
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
			cnn_known_add(&names, "%s/%s", q->provider, (*out)->name);
		}
	}
	return cnn_fail(e, CNN_EPLUGIN,
	    "no plugin for %s has the optimizer %s; known: %s", device, name,
	    cnn_known_text(&names));
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
static void list_name(struct names *list, const struct cnn_plugins *p, size_t index,
    const char *name, definition_in *in)
{
	for (size_t i = 0; i < index; i++)
		if (in(&p->found[i], name))
			return;
	add_name(list, name);
}

/* The built-in layer types, and those of the plugins that are open. */
static void list_types(struct names *list, const struct cnn_plugins *p)
{
	for (size_t i = 0; cnn_builtin_layer_at(i); i++)
		add_name(list, cnn_builtin_layer_at(i)->type);
	for (size_t i = 0; i < p->found_count; i++)
		for (uint32_t k = 0;
		     p->found[i].entry && k < p->found[i].entry->definition_count;
		     k++) {
			const char *type =
			    cnn_definition_at(p->found[i].entry, k)->type;

			if (!cnn_builtin_layer(type))
				list_name(list, p, i, type, layer_in);
		}
}

/* The built-in optimizers, and those that open plugins define. */
static void list_optimizers(struct names *list, const struct cnn_plugins *p)
{
	for (size_t i = 0; cnn_builtin_optimizers[i]; i++)
		add_name(list, cnn_builtin_optimizers[i]->name);
	for (size_t i = 0; p && i < p->found_count; i++)
		for (uint32_t k = 0;
		     p->found[i].entry && k < p->found[i].entry->optimizer_count; k++) {
			const char *name = cnn_optimizer_at(p->found[i].entry, k)->name;

			if (!cnn_builtin_optimizer(name))
				list_name(list, p, i, name, optimizer_in);
		}
}

int cnn_optimizer_definition(struct cnn_plugins *p, const char *name,
    const struct cnn_optimizer_def **out, struct cnn_error *e)
{
	struct cnn_error first = { 0 };
	struct names names = { 0 };
	char strays[500];

	*out = cnn_builtin_optimizer(name);
	if (*out)
		return CNN_OK;
	cnn_nearest_init(&names.near, name);
	if (p) {
		pthread_mutex_lock(&p->lock);
		*out = search(p, name, optimizer_in, &first);
		list_optimizers(&names, p);
		pthread_mutex_unlock(&p->lock);
	} else
		list_optimizers(&names, NULL);
	if (*out)
		return CNN_OK;
	if (first.code != CNN_OK)
		return cnn_fail(e, first.code, "%.64s: %s", name, first.text);
	list_strays(p, strays);
	return cnn_fail(e, CNN_EPLUGIN, "%.64s: no such optimizer%s%s; known: %s", name,
	    cnn_nearest_hint(&names.near, ""), strays, cnn_known_text(&names.known));
}

int cnn_layer_find(struct cnn_plugins *p, const char *type,
    const struct cnn_layer_def **out, struct cnn_error *e)
{
	struct cnn_error first = { 0 };
	struct names types = { 0 };
	char strays[500];

	/* The type comes from the text of a net or from a stream, so it can be anything. */
	if (!cnn_is_layer_type(type))
		return cnn_fail(e, CNN_EPLUGIN,
		    "%.64s: invalid layer type: must match [a-z][a-z0-9_]*", type);
	*out = cnn_builtin_layer(type);
	if (*out)
		return CNN_OK;
	cnn_nearest_init(&types.near, type);
	pthread_mutex_lock(&p->lock);
	*out = search(p, type, layer_in, &first);
	list_types(&types, p);
	pthread_mutex_unlock(&p->lock);
	if (*out)
		return CNN_OK;
	if (first.code != CNN_OK)
		return cnn_fail(e, first.code, "%.64s: %s", type, first.text);
	list_strays(p, strays);
	return cnn_fail(e, CNN_EPLUGIN, "%.64s: no such layer type%s%s; known: %s",
	    type, cnn_nearest_hint(&types.near, ""), strays,
	    cnn_known_text(&types.known));
}
