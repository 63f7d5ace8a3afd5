/* loader-check.c - checks a plugin's entry: its version, its names and its tables.
 *
 * All of this runs before any function of the plugin is called.
 */
#include "loader-private.h"

#include "base/tensor.h"
#include "optimizers/builtin.h"

#include <stdio.h>
#include <string.h>

/* Size of a struct up to and including a member. If `member` was the last one in the
 * first published version, this is the size of that version. Later versions only
 * append. */
#define SIZE_THROUGH(type, member) \
	(offsetof(struct type, member) + sizeof((struct type *)NULL)->member)

#define MAX_ARGS 64
#define MAX_NAME 31 /* bytes, see is_short_name() */
#define MAX_COUNT 1000

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

__attribute__((format(printf, 3, 4))) static int refuse(const struct cnn_plugin *p,
    struct cnn_error *e, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = cnn_vfail(e, CNN_EPLUGIN, fmt, ap);
	va_end(ap);
	cnn_error_prefix(e, "%s: not loaded", p->path);
	return r;
}

/* Does the text consist of layer types joined by '+'? */
static bool is_run(const char *run)
{
	char type[64];

	for (;;) {
		size_t n = strcspn(run, "+");

		if (n >= sizeof type)
			return false;
		memcpy(type, run, n);
		type[n] = '\0';
		if (!cnn_is_layer_type(type))
			return false;
		if (run[n] == '\0')
			return true;
		run += n + 1;
	}
}

static int check_kernel(const struct cnn_plugin *p, const struct cnn_kernel *k,
    struct cnn_error *e)
{
	if (k->size < SIZE_THROUGH(cnn_kernel, update_buffers))
		return refuse(p, e, "struct cnn_kernel of %u bytes is too small",
		    k->size);
	if (!k->run || !is_run(k->run))
		return refuse(p, e,
		    "computes the run \"%s\": its layer types must match "
		    "[a-z][a-z0-9_]* and be joined by +",
		    k->run ? k->run : "");
	if (!k->cost || !k->create || !k->destroy || !k->forward)
		return refuse(p, e,
		    "kernel %s lacks one of cost, create, destroy, forward", k->run);
	if (!k->param_import != !k->param_export)
		return refuse(p, e,
		    "kernel %s has only one of param_import and param_export", k->run);
	return CNN_OK;
}

/* Does the argument have what its type needs? And if its default is the value of
 * another argument, is there such an argument, of the same type and with a default of
 * its own? */
static bool has_type(const struct cnn_arg *args, uint32_t count,
    const struct cnn_arg *a)
{
	bool found = !a->like;

	for (uint32_t i = 0; a->like && i < count; i++)
		found = found ||
		    (&args[i] != a && args[i].name && !args[i].like &&
			strcmp(args[i].name, a->like) == 0 && args[i].type == a->type);
	return found && (a->type != CNN_ARG_CHOICE || (a->choices && *a->choices));
}

/* Checks the arguments of the definition of `name`. */
static int check_args(const struct cnn_plugin *p, const char *name,
    const struct cnn_arg *args, uint32_t count, uint32_t most, struct cnn_error *e)
{
	if (count > most || (count > 0 && !args))
		return refuse(p, e, "the definition of %s has %u arguments%s", name,
		    count, count > most ? ": too many" : " but no table of them");
	for (uint32_t i = 0; i < count; i++)
		if (!args[i].name || !cnn_is_layer_type(args[i].name) ||
		    args[i].type > CNN_ARG_LIST || !has_type(args, count, &args[i]))
			return refuse(p, e,
			    "argument %u of the definition of %s has an "
			    "invalid name or type",
			    i, name);
	return CNN_OK;
}

/* Names of optimizers and of their arguments and moments must be short, because they
 * become parts of command lines and of the field names in a model. */
static bool is_short_name(const char *name, size_t room)
{
	return name && cnn_is_layer_type(name) && strlen(name) <= room;
}

/* Checks the definition of the optimizer `name`, which is known to be short. */
static int check_optimizer_def(const struct cnn_plugin *p, const char *name,
    const struct cnn_optimizer_def *d, struct cnn_error *e)
{
	int r;

	if (d->size < SIZE_THROUGH(cnn_optimizer_def, moments))
		return refuse(p, e, "struct cnn_optimizer_def of %u bytes is too small",
		    d->size);
	if (!same(d->name, name))
		return refuse(p, e, "optimizer %s has the definition of \"%s\"", name,
		    d->name ? d->name : "");
	if (!d->summary)
		return refuse(p, e, "the definition of %s lacks a summary", name);
	if ((r = check_args(p, d->name, d->args, d->arg_count, CNN_MAX_OPTIMIZER_ARGS,
		 e)) < 0)
		return r;
	for (uint32_t i = 0; i < d->arg_count; i++)
		if (!is_short_name(d->args[i].name, MAX_NAME))
			return refuse(p, e,
			    "argument %u of optimizer %s has a name longer "
			    "than %d bytes",
			    i, d->name, MAX_NAME);
	if (d->moment_count > CNN_MAX_MOMENTS)
		return refuse(p, e, "optimizer %s has too many moments: %u", d->name,
		    d->moment_count);
	/* Moments are stored as PARAM@NAME.MOMENT. */
	for (uint32_t i = 0; i < d->moment_count; i++)
		if (!is_short_name(d->moments[i], MAX_NAME - 1 - strlen(d->name)))
			return refuse(p, e,
			    "moment %u of optimizer %s has an invalid name", i,
			    d->name);
	return CNN_OK;
}

static int check_optimizer(const struct cnn_plugin *p, const struct cnn_optimizer *f,
    struct cnn_error *e)
{
	if (f->size < SIZE_THROUGH(cnn_optimizer, update))
		return refuse(p, e, "struct cnn_optimizer of %u bytes is too small",
		    f->size);
	if (!is_short_name(f->name, MAX_NAME - 2))
		return refuse(p, e, "the optimizer \"%s\" has an invalid name",
		    f->name ? f->name : "");
	if (!f->update)
		return refuse(p, e, "optimizer %s lacks update", f->name);
	if (!f->definition)
		return cnn_builtin_optimizer(f->name) ?
		    CNN_OK :
		    refuse(p, e, "optimizer %s is not built in and lacks a definition",
			f->name);
	return check_optimizer_def(p, f->name, f->definition, e);
}

static int check_communicator(const struct cnn_plugin *p,
    const struct cnn_communicator *c, struct cnn_error *e)
{
	if (c->size < SIZE_THROUGH(cnn_communicator, wait))
		return refuse(p, e, "struct cnn_communicator of %u bytes is too small",
		    c->size);
	if (!is_short_name(c->name, MAX_NAME))
		return refuse(p, e, "the communicator \"%s\" has an invalid name",
		    c->name ? c->name : "");
	if (!(c->memory & (CNN_MEMORY_HOST | CNN_MEMORY_DEVICE)))
		return refuse(p, e,
		    "communicator %s supports neither host nor device memory", c->name);
	if (!c->open || !c->close || !c->rank || !c->ranks || !c->send || !c->receive ||
	    !c->wait)
		return refuse(p, e,
		    "communicator %s lacks one of open, close, rank, ranks, "
		    "send, receive, wait",
		    c->name);
	return CNN_OK;
}

static int check_device(const struct cnn_plugin *p, const struct cnn_device *f,
    struct cnn_error *e)
{
	if (f->size < SIZE_THROUGH(cnn_device, elapsed))
		return refuse(p, e, "struct cnn_device of %u bytes is too small",
		    f->size);
	if (!same(f->name, p->device))
		return refuse(p, e,
		    "its device is named \"%s\", which does not match its path",
		    f->name ? f->name : "");
	if (!f->probe || !f->open || !f->close || !f->alloc || !f->free || !f->upload ||
	    !f->download || !f->add || !f->reorder || !f->reorder_cost || !f->gather ||
	    !f->total || !f->norm || !f->clip || !f->advance ||
	    !f->capture != !f->captured || !f->capture != !f->replay ||
	    !f->capture != !f->release || !f->mark != !f->elapsed)
		return refuse(p, e, "its device lacks one of the required functions");
	return CNN_OK;
}

static int check_definition(const struct cnn_plugin *p, const struct cnn_layer_def *d,
    struct cnn_error *e)
{
	if (d->size < SIZE_THROUGH(cnn_layer_def, index_limit))
		return refuse(p, e, "struct cnn_layer_def of %u bytes is too small",
		    d->size);
	if (!d->type || !cnn_is_layer_type(d->type))
		return refuse(p, e, "its layer type does not match [a-z][a-z0-9_]*");
	if (!d->infer)
		return refuse(p, e, "the definition of %s lacks infer", d->type);
	if (d->index_inputs && !d->index_limit)
		return refuse(p, e, "the definition of %s lacks index_limit", d->type);
	if (d->min_inputs < 1 || d->min_inputs > d->max_inputs ||
	    d->max_inputs > CNN_MAX_INPUTS)
		return refuse(p, e,
		    "the definition of %s has an invalid range of inputs: %u to %u",
		    d->type, d->min_inputs, d->max_inputs);
	return check_args(p, d->type, d->args, d->arg_count, MAX_ARGS, e);
}

/* Checks that a table of `count` elements exists and that all have the same size. */
static int check_table(const struct cnn_plugin *p, const char *what, const void *table,
    uint32_t count, struct cnn_error *e)
{
	uint32_t size, other;

	if (count == 0)
		return CNN_OK;
	if (!table || count > MAX_COUNT)
		return refuse(p, e, "has %u %ss%s", count, what,
		    table ? ": too many" : " but no table of them");
	memcpy(&size, table, sizeof size);
	for (uint32_t i = 1; i < count; i++) {
		memcpy(&other, (const char *)table + (size_t)i * size, sizeof other);
		if (other != size)
			return refuse(p, e, "%s %u differs in size from the first",
			    what, i);
	}
	return CNN_OK;
}

/* Does the table name nothing twice? */
static int check_names(const struct cnn_plugin *p, const char *what,
    const char *(*name)(const struct cnn_plugin_entry *, uint32_t),
    const struct cnn_plugin_entry *entry, uint32_t count, struct cnn_error *e)
{
	for (uint32_t i = 1; i < count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(name(entry, i), name(entry, k)) == 0)
				return refuse(p, e, "has two %s %s", what,
				    name(entry, i));
	return CNN_OK;
}

static const char *kernel_name(const struct cnn_plugin_entry *entry, uint32_t i)
{
	return cnn_kernel_at(entry, i)->run;
}

static const char *optimizer_name(const struct cnn_plugin_entry *entry, uint32_t i)
{
	return cnn_optimizer_at(entry, i)->name;
}

static const char *definition_name(const struct cnn_plugin_entry *entry, uint32_t i)
{
	return cnn_definition_at(entry, i)->type;
}

static const char *communicator_name(const struct cnn_plugin_entry *entry, uint32_t i)
{
	return cnn_communicator_at(entry, i)->name;
}

static int check_tables(const struct cnn_plugin *p,
    const struct cnn_plugin_entry *entry, struct cnn_error *e)
{
	int r;

	if ((r = check_table(p, "kernel", entry->kernels, entry->kernel_count, e)) <
		0 ||
	    (r = check_table(p, "optimizer", entry->optimizers, entry->optimizer_count,
		 e)) < 0 ||
	    (r = check_table(p, "definition", entry->definitions,
		 entry->definition_count, e)) < 0 ||
	    (r = check_table(p, "communicator", entry->communicators,
		 entry->communicator_count, e)) < 0)
		return r;
	for (uint32_t i = 0; r == CNN_OK && i < entry->kernel_count; i++)
		r = check_kernel(p, cnn_kernel_at(entry, i), e);
	for (uint32_t i = 0; r == CNN_OK && i < entry->optimizer_count; i++)
		r = check_optimizer(p, cnn_optimizer_at(entry, i), e);
	for (uint32_t i = 0; r == CNN_OK && i < entry->definition_count; i++)
		r = check_definition(p, cnn_definition_at(entry, i), e);
	for (uint32_t i = 0; r == CNN_OK && i < entry->communicator_count; i++)
		r = check_communicator(p, cnn_communicator_at(entry, i), e);
	if (r < 0 ||
	    (r = check_names(p, "kernels for", kernel_name, entry, entry->kernel_count,
		 e)) < 0 ||
	    (r = check_names(p, "optimizers called", optimizer_name, entry,
		 entry->optimizer_count, e)) < 0 ||
	    (r = check_names(p, "definitions of", definition_name, entry,
		 entry->definition_count, e)) < 0)
		return r;
	return check_names(p, "communicators called", communicator_name, entry,
	    entry->communicator_count, e);
}

int cnn_check_version(const struct cnn_plugin *p, const struct cnn_plugin_entry *entry,
    struct cnn_error *e)
{
	/* Magic, major and size are the first members, in this order. Until they have
	 * been checked, the rest has no meaning. */
	if (entry->magic != CNN_PLUGIN_MAGIC)
		return refuse(p, e,
		    "cnn_plugin_entry does not begin with the magic number");
	if (entry->abi_major != CNN_ABI_MAJOR)
		return refuse(p, e,
		    "built for plugin interface %u.%u, but this "
		    "program has %u.%u: rebuild it",
		    entry->abi_major, entry->abi_minor, CNN_ABI_MAJOR, CNN_ABI_MINOR);
	if (entry->size < SIZE_THROUGH(cnn_plugin_entry, device_functions))
		return refuse(p, e, "struct cnn_plugin_entry of %u bytes is too small",
		    entry->size);
	return CNN_OK;
}

int cnn_check_entry(const struct cnn_plugin *p, const struct cnn_plugin_entry *entry,
    struct cnn_error *e)
{
	int r = cnn_check_version(p, entry, e);

	if (r != CNN_OK)
		return r;
	if (!same(entry->name, p->name) || !same(entry->device, p->device) ||
	    !same(entry->provider, p->provider))
		return refuse(p, e,
		    "calls itself %s/%s/%s, which does not match its path",
		    entry->device ? entry->device : "",
		    entry->provider ? entry->provider : "",
		    entry->name ? entry->name : "");
	if (!entry->version)
		return refuse(p, e, "has no version");
	/* The plugin of a device is found by its file name. */
	if (!entry->device_functions != (strcmp(p->name, "device") != 0))
		return refuse(p, e,
		    entry->device_functions ? "has a device, but is not named "
					      "device.so" :
					      "is not a device plugin");
	if (!entry->device_functions && entry->kernel_count == 0 &&
	    entry->optimizer_count == 0 && entry->definition_count == 0 &&
	    entry->communicator_count == 0)
		return refuse(p, e, "offers nothing");
	r = entry->device_functions ? check_device(p, entry->device_functions, e) :
				      CNN_OK;
	return r == CNN_OK ? check_tables(p, entry, e) : r;
}

/* Either may be NULL. */
static bool same_text(const char *a, const char *b)
{
	return !a || !b ? a == b : strcmp(a, b) == 0;
}

static bool same_args(const struct cnn_arg *a, const struct cnn_arg *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct cnn_arg *x = &a[i], *y = &b[i];

		if (strcmp(x->name, y->name) || x->type != y->type ||
		    x->required != y->required || x->initial != y->initial ||
		    x->min != y->min || x->max != y->max ||
		    !same_text(x->choices, y->choices) || !same_text(x->like, y->like))
			return false;
	}
	return true;
}

bool cnn_same_definition(const struct cnn_layer_def *a, const struct cnn_layer_def *b)
{
	return a->arg_count == b->arg_count && a->min_inputs == b->min_inputs &&
	    a->max_inputs == b->max_inputs && a->flags == b->flags &&
	    a->index_inputs == b->index_inputs && !a->params == !b->params &&
	    same_args(a->args, b->args, a->arg_count);
}

bool cnn_same_optimizer(const struct cnn_optimizer_def *a,
    const struct cnn_optimizer_def *b)
{
	if (a->arg_count != b->arg_count || a->moment_count != b->moment_count ||
	    !same_args(a->args, b->args, a->arg_count))
		return false;
	for (uint32_t i = 0; i < a->moment_count; i++)
		if (strcmp(a->moments[i], b->moments[i]) != 0)
			return false;
	return true;
}
