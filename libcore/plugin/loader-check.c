/* loader-check.c - checks that a plugin's entry agrees with its path and its version.
 *
 * All of this runs before any function of the plugin is called.
 */
#include "loader-private.h"

#include "base/tensor.h"

#include <stdio.h>
#include <string.h>

/* Size of a struct up to and including a member. If `member` was the last one in the
 * first published version, this is the size of that version. Later versions only
 * append. */
#define SIZE_THROUGH(type, member) \
	(offsetof(struct type, member) + sizeof ((struct type *)NULL)->member)

#define MAX_ARGS 64

bool cnn_is_layer_type(const char *type)
{
	if (!(*type >= 'a' && *type <= 'z'))
		return false;
	return type[strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

__attribute__((format(printf, 3, 4)))
static int refuse(const struct cnn_plugin *p, struct cnn_error *e,
	const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = cnn_vfail(e, CNN_EPLUGIN, fmt, ap);
	va_end(ap);
	cnn_error_prefix(e, "%s: not loaded", p->path);
	return rc;
}

/* Whether name consists of the types of the run "conv2d relu", joined by '+'. */
static bool names_run(const char *name, const char *run)
{
	char type[64];
	size_t used = 0;

	for (const char *p = run; ; p++) {
		char c = *p == ' ' ? '+' : *p;

		if (c != *name++ || *p == '+')
			return false;
		if (c != '+' && c != '\0') {
			if (used == sizeof type - 1)
				return false;
			type[used++] = c;
			continue;
		}
		type[used] = '\0';
		used = 0;
		if (!cnn_is_layer_type(type))
			return false;
		if (c == '\0')
			return true;
	}
}

static int check_provider(const struct cnn_plugin *p,
	const struct cnn_provider *f, struct cnn_error *e)
{
	if (f->size < SIZE_THROUGH(cnn_provider, update_buffers))
		return refuse(p, e, "struct cnn_provider of %u bytes is too small", f->size);
	if (!f->run || !names_run(p->name, f->run))
		return refuse(p, e, "computes the run \"%s\", which does not match its "
			"name", f->run ? f->run : "");
	if (!f->score || !f->create || !f->destroy || !f->forward)
		return refuse(p, e, "lacks one of score, create, destroy, forward");
	if (!f->param_import != !f->param_export)
		return refuse(p, e, "has only one of param_import and param_export");
	return CNN_OK;
}

static int check_optimizer(const struct cnn_plugin *p,
	const struct cnn_optimizer *f, struct cnn_error *e)
{
	static const char prefix[] = "optimizer-";
	size_t n = sizeof prefix - 1;

	if (f->size < SIZE_THROUGH(cnn_optimizer, update))
		return refuse(p, e, "struct cnn_optimizer of %u bytes is too small", f->size);
	if (strncmp(p->name, prefix, n) || !same(f->name, p->name + n))
		return refuse(p, e, "is the optimizer \"%s\", which does not match its "
			"name", f->name ? f->name : "");
	if (!f->update)
		return refuse(p, e, "lacks update");
	if (f->moment_count > sizeof f->moments / sizeof *f->moments)
		return refuse(p, e, "declares too many moments: %u", f->moment_count);
	for (uint32_t i = 0; i < f->moment_count; i++)
		if (!f->moments[i] || !cnn_is_layer_type(f->moments[i]))
			return refuse(p, e, "moment %u has an invalid name", i);
	return CNN_OK;
}

static int check_device(const struct cnn_plugin *p, const struct cnn_device *f,
	struct cnn_error *e)
{
	if (f->size < SIZE_THROUGH(cnn_device, elapsed))
		return refuse(p, e, "struct cnn_device of %u bytes is too small", f->size);
	if (strcmp(p->name, "device") || !same(f->name, p->device))
		return refuse(p, e, "is the device \"%s\", which does not match its "
			"path", f->name ? f->name : "");
	if (!f->probe || !f->open || !f->close || !f->alloc || !f->free || !f->upload
	    || !f->download || !f->add || !f->reorder || !f->gather || !f->score
	    || !f->norm || !f->clip || !f->advance || !f->capture != !f->captured
	    || !f->capture != !f->replay || !f->capture != !f->release
	    || !f->mark != !f->elapsed)
		return refuse(p, e, "lacks one of the functions of a device");
	return CNN_OK;
}

/* Does the argument have what its type needs, and a default of the same type? */
static bool has_type(const struct cnn_layer_def *d, const struct cnn_arg *a)
{
	bool found = !a->like;

	for (uint32_t i = 0; a->like && i < d->arg_count; i++)
		found = found || (&d->args[i] != a && d->args[i].name && !d->args[i].like
			&& strcmp(d->args[i].name, a->like) == 0 && d->args[i].type == a->type);
	return found && (a->type != CNN_ARG_CHOICE || (a->choices && *a->choices));
}

static int check_definition(const struct cnn_plugin *p,
	const struct cnn_layer_def *d, struct cnn_error *e)
{
	if (d->size < SIZE_THROUGH(cnn_layer_def, flops))
		return refuse(p, e, "struct cnn_layer_def of %u bytes is too small", d->size);
	if (!d->type || !cnn_is_layer_type(d->type))
		return refuse(p, e, "its layer type does not match [a-z][a-z0-9_]*");
	if (!same(d->type, p->name))
		return refuse(p, e, "defines the layer type %s, which does not match "
			"its name", d->type);
	if (!d->infer)
		return refuse(p, e, "its definition lacks infer");
	if (d->min_inputs < 1 || d->min_inputs > d->max_inputs
	    || d->max_inputs > CNN_MAX_INPUTS)
		return refuse(p, e, "its definition takes from %u to %u inputs",
			d->min_inputs, d->max_inputs);
	if (d->arg_count > MAX_ARGS || (d->arg_count > 0 && !d->args))
		return refuse(p, e, "its definition has %u arguments%s", d->arg_count,
			d->args ? "" : " but no table of them");
	for (uint32_t i = 0; i < d->arg_count; i++)
		if (!d->args[i].name || !cnn_is_layer_type(d->args[i].name)
		    || d->args[i].type > CNN_ARG_LIST
		    || !has_type(d, &d->args[i]))
			return refuse(p, e, "argument %u of its definition has an "
				"invalid name or type", i);
	return CNN_OK;
}

static int check_functions(const struct cnn_plugin *p,
	const struct cnn_plugin_entry *entry, struct cnn_error *e)
{
	if (entry->kind == CNN_PLUGIN_DEFINITION)
		return entry->definition ? CNN_OK
			: refuse(p, e, "has neither functions nor a definition");
	if (!entry->functions)
		return refuse(p, e, "has no functions");
	switch (entry->kind) {
	case CNN_PLUGIN_LAYER:
		return check_provider(p, entry->functions, e);
	case CNN_PLUGIN_OPTIMIZER:
		return check_optimizer(p, entry->functions, e);
	case CNN_PLUGIN_DEVICE:
		return check_device(p, entry->functions, e);
	default:
		return refuse(p, e, "is of kind %u, which this version does not "
			"support", entry->kind);
	}
}

int cnn_check_entry(const struct cnn_plugin *p,
	const struct cnn_plugin_entry *entry, struct cnn_error *e)
{
	int rc;

	/* Magic, major and size are the first members, in this order. Until they have
	 * been checked, the rest has no meaning. */
	if (entry->magic != CNN_PLUGIN_MAGIC)
		return refuse(p, e, "cnn_plugin_entry does not begin with the magic "
			"number");
	if (entry->abi_major != CNN_ABI_MAJOR)
		return refuse(p, e, "built for plugin interface %u.%u, but this "
			"program has %u.%u: rebuild it", entry->abi_major,
			entry->abi_minor,
			CNN_ABI_MAJOR, CNN_ABI_MINOR);
	if (entry->size < SIZE_THROUGH(cnn_plugin_entry, definition))
		return refuse(p, e, "struct cnn_plugin_entry of %u bytes is too small",
			entry->size);
	if (!same(entry->name, p->name) || !same(entry->device, p->device)
	    || !same(entry->provider, p->provider))
		return refuse(p, e, "calls itself %s/%s/%s, which does not match its "
			"path", entry->device ? entry->device : "",
			entry->provider ? entry->provider : "",
			entry->name ? entry->name : "");
	if (!entry->version)
		return refuse(p, e, "has no version");
	/* find("device") trusts the name, so check the kind. */
	if (strcmp(p->name, "device") == 0 && entry->kind != CNN_PLUGIN_DEVICE)
		return refuse(p, e, "is not a device plugin");
	rc = check_functions(p, entry, e);
	if (rc == CNN_OK && entry->definition)
		rc = check_definition(p, entry->definition, e);
	return rc;
}

/* Either may be NULL. */
static bool same_text(const char *a, const char *b)
{
	return !a || !b ? a == b : strcmp(a, b) == 0;
}

bool cnn_same_definition(const struct cnn_layer_def *a,
	const struct cnn_layer_def *b)
{
	if (a->arg_count != b->arg_count || a->min_inputs != b->min_inputs
	    || a->max_inputs != b->max_inputs || a->flags != b->flags
	    || !a->params != !b->params)
		return false;
	for (uint32_t i = 0; i < a->arg_count; i++) {
		const struct cnn_arg *x = &a->args[i], *y = &b->args[i];

		if (strcmp(x->name, y->name) || x->type != y->type
		    || x->required != y->required || x->initial != y->initial
		    || x->min != y->min || x->max != y->max
		    || !same_text(x->choices, y->choices) || !same_text(x->like, y->like))
			return false;
	}
	return true;
}
