/* wishes.c - which kernels the user and a checkpoint allow.
 *
 * --provider TYPE=NAME sets the provider of a layer type, and TYPE+TYPE=NAME asks for a
 * run. On a resume exactly the recorded runs are used. */
#include "executor-private.h"

#include "base/tensor.h"
#include "base/value.h"
#include <string.h>

/* --- --provider ------------------------------------------------------------------- */

/* True if --provider TYPE+TYPE=NAME names this run and provider. */
static bool is_named(const struct cnn_executor *ex, const char *run,
    const char *provider)
{
	size_t n = strlen(run);

	for (size_t i = 0; strchr(run, '+') && i < ex->options.on.provider_count; i++) {
		const char *s = ex->options.on.providers[i];

		if (strncmp(s, run, n) == 0 && s[n] == '=' &&
		    strcmp(s + n + 1, provider) == 0)
			return true;
	}
	return false;
}

/* Does the provider have a kernel for the run, whose name is n bytes of text? */
static bool has_kernel(const struct cnn_plugin *p, const char *run, size_t n)
{
	for (uint32_t i = 0; p->entry && i < p->entry->kernel_count; i++) {
		const char *other = cnn_kernel_at(p->entry, i)->run;

		if (strlen(other) == n && strncmp(other, run, n) == 0)
			return true;
	}
	return false;
}

/* Checks that each --provider names a kernel of the device. */
int cnn_wish_names(const struct cnn_executor *ex, struct cnn_error *e)
{
	for (size_t i = 0; i < ex->options.on.provider_count; i++) {
		const char *s = ex->options.on.providers[i], *end = strchr(s, '=');
		bool found = false;

		if (!end)
			return cnn_fail(e, CNN_EUSAGE,
			    "--provider: %s: must be TYPE=NAME", s);
		for (size_t k = 0; k < cnn_plugins_count(ex->plugins) && !found; k++) {
			const struct cnn_plugin *p = cnn_plugins_at(ex->plugins, k);

			found = strcmp(p->device, ex->options.on.device) == 0 &&
			    strcmp(p->provider, end + 1) == 0 &&
			    has_kernel(p, s, (size_t)(end - s));
		}
		if (!found)
			return cnn_fail(e, CNN_EPLUGIN,
			    "--provider: %s: %s/%s has no "
			    "kernel %.*s (cnn-info lists the kernels)",
			    s, ex->options.on.device, end + 1, (int)(end - s), s);
	}
	return CNN_OK;
}

/* The provider that --provider TYPE=NAME sets for a type, or NULL. */
static const char *wanted_provider(const struct cnn_executor *ex, const char *type)
{
	size_t n = strlen(type);

	for (size_t i = ex->options.on.provider_count; i-- > 0;) {
		const char *s = ex->options.on.providers[i];

		if (strncmp(s, type, n) == 0 && s[n] == '=')
			return s + n + 1;
	}
	return NULL;
}

/* True if the user's options allow this kernel for these nodes. */
static bool allowed(const struct cnn_executor *ex, const struct cnn_plugin *p,
    const struct cnn_kernel *k, const size_t *nodes, uint32_t count)
{
	const char *want;

	if (count > 1 && ex->options.on.no_fuse)
		return false;
	if (is_named(ex, k->run, p->provider))
		return true;
	for (uint32_t i = 0; i < count; i++) {
		want = wanted_provider(ex, ex->graph->nodes[nodes[i]].node.type);
		if (want && (count > 1 || strcmp(want, p->provider) != 0))
			return false;
	}
	return true;
}

/* --- runs recorded in a checkpoint ------------------------------------------------ */

static const struct cnn_value *record_of(const struct cnn_executor *ex)
{
	return ex->options.training ? ex->options.on.recorded : NULL;
}

/* Line i of the record, "conv1+relu1=cpu/native". The record is untrusted input. */
static const char *record_line(const struct cnn_value *record, size_t i)
{
	const struct cnn_value *line = record->as.array.items[i];

	return line->type == CNN_STR ? line->as.str.data : "";
}

/* True if the line records that this plugin computed these nodes. */
static bool says(const struct cnn_executor *ex, const char *line, const size_t *nodes,
    uint32_t count, const char *device, const char *provider)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *name = ex->graph->nodes[nodes[i]].node.name;
		size_t n = strlen(name);

		if (strncmp(line, name, n) != 0 ||
		    line[n] != (i + 1 < count ? '+' : '='))
			return false;
		line += n + 1;
	}
	return strncmp(line, device, strlen(device)) == 0 &&
	    line[strlen(device)] == '/' &&
	    strcmp(line + strlen(device) + 1, provider) == 0;
}

static bool is_recorded(const struct cnn_executor *ex, const size_t *nodes,
    uint32_t count, const struct cnn_plugin *p)
{
	const struct cnn_value *record = record_of(ex);

	for (size_t i = 0; i < record->as.array.count; i++)
		if (says(ex, record_line(record, i), nodes, count, p->device,
			p->provider))
			return true;
	return false;
}

/* The provider recorded for a node, "cpu/native", or NULL. */
static const char *recorded_provider(const struct cnn_executor *ex, const char *name)
{
	const struct cnn_value *record = record_of(ex);
	size_t n = strlen(name);

	for (size_t i = 0; i < record->as.array.count; i++) {
		const char *line = record_line(record, i), *end = strchr(line, '=');

		for (; end && line < end; line += strcspn(line, "+=") + 1)
			if (strcspn(line, "+=") == n && strncmp(line, name, n) == 0)
				return end + 1;
	}
	return NULL;
}

static int contradicts(const char *option, struct cnn_error *e)
{
	return cnn_fail(e, CNN_EUSAGE,
	    "%s: conflicts with the checkpoint (omit it to "
	    "use the checkpoint's providers)",
	    option);
}

/* --- the answers ------------------------------------------------------------------ */

int cnn_wish(const struct cnn_executor *ex, const struct cnn_plugin *p,
    const struct cnn_kernel *k, const size_t *nodes, uint32_t count,
    enum cnn_wish *wish, struct cnn_error *e)
{
	bool wanted = allowed(ex, p, k, nodes, count);
	bool recorded = record_of(ex) && is_recorded(ex, nodes, count, p);

	for (size_t i = 0; i < ex->refusal_count; i++)
		if (ex->refusals[i].kernel == k && ex->refusals[i].node == nodes[0]) {
			*wish = CNN_WISH_NO;
			return CNN_OK;
		}
	if (recorded && !wanted)
		return contradicts(count > 1 && ex->options.on.no_fuse ? "--no-fuse" :
									 "--provider",
		    e);
	/* With --provider, runs that are not recorded may be chosen, too: then
	 * cnn_wish_check() names the contradiction. */
	if (record_of(ex) && !recorded && ex->options.on.provider_count == 0)
		wanted = false;
	*wish = !wanted			      ? CNN_WISH_NO :
	    is_named(ex, k->run, p->provider) ? CNN_WISH_NAMED :
	    recorded			      ? CNN_WISH_RECORDED :
						CNN_WISH_YES;
	return CNN_OK;
}

int cnn_wish_check(const struct cnn_executor *ex, struct cnn_error *e)
{
	for (size_t i = 0; record_of(ex) && i < ex->instance_count; i++)
		if (!is_recorded(ex, ex->instances[i].node_index,
			ex->instances[i].node_count, ex->instances[i].plugin))
			return contradicts("--provider", e);
	return CNN_OK;
}

int cnn_wish_unmet(const struct cnn_executor *ex, size_t node, uint32_t dtype,
    struct cnn_error *e)
{
	const struct cnn_node *n = &ex->graph->nodes[node].node;
	const char *want = wanted_provider(ex, n->type);

	if (record_of(ex)) {
		want = recorded_provider(ex, n->name);
		return want ?
		    cnn_fail(e, CNN_EPLUGIN,
			"%s: the checkpoint used %.64s, "
			"which is not available, and other providers give different "
			"bytes (omit --resume to use only its weights)",
			n->name, want) :
		    cnn_fail(e, CNN_EDATA,
			"the checkpoint's providers are invalid: none for %s", n->name);
	}
	if (want)
		return cnn_fail(e, CNN_EPLUGIN,
		    "%s: no provider %s of %s on %s in %s supports its arguments",
		    n->name, want, n->type, ex->options.on.device,
		    cnn_dtype_name(dtype));
	return cnn_fail(e, CNN_EPLUGIN,
	    "%s: no kernel on %s computes %s in %s with "
	    "these arguments (cnn-info lists the kernels)",
	    n->name, ex->options.on.device, n->type, cnn_dtype_name(dtype));
}
