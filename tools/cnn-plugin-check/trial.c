/* trial.c - one provider's kernels, and the reference that they are compared with. */
#include "trial.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct element_type element_types[3] = {
	{ CNN_F32, "f32" },
	{ CNN_BF16, "bf16" },
	{ CNN_F16, "f16" },
};

bool claim(struct trial *t, bool good, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (t->error->code == CNN_OK)
		t->report(t, good, text);
	return good;
}

bool trial_ran_out(struct trial *t, const struct cnn_error *e)
{
	if (e->code != CNN_ENOMEM)
		return false;
	cnn_fail(t->error, e->code, "%s", e->text);
	return true;
}

void claim_failed(struct trial *t, const struct cnn_error *e, const char *fmt, ...)
{
	struct cnn_error named = *e;
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	cnn_error_prefix(&named, "%s", what);
	if (!trial_ran_out(t, &named))
		claim(t, false, "%s: %s", what, e->text);
}

/* --- the devices ------------------------------------------------------------------ */

static int open_device(struct cnn_plugins *plugins, struct cnn_plugin_host *host,
    const char *name, const char *provider, const struct cnn_device **device,
    void **handle, struct cnn_error *e)
{
	struct cnn_plugin *p;
	int r = cnn_plugins_find(plugins, name, provider, "device", &p, e);

	if (r != CNN_OK)
		return r;
	r = p->entry->device_functions->open(&host->host, 0, handle);
	if (r == CNN_OK)
		*device = p->entry->device_functions;
	return cnn_host_error(host, r, e);
}

int trial_open(struct trial *t, const char *isa, struct cnn_error *e)
{
	int r;

	cnn_host_init(&t->hosts[0], isa, 0, NULL);
	cnn_host_init(&t->hosts[1], NULL, 0, NULL);
	t->reference.host = &t->hosts[1];
	r = open_device(t->oracle, t->reference.host, "cpu", "ref", &t->reference.cpu,
	    &t->reference.cpu_handle, e);
	t->reference.device = t->reference.cpu;
	t->reference.device_handle = t->reference.cpu_handle;
	t->subject = t->reference;
	t->subject.host = &t->hosts[0];
	if (r == CNN_OK && strcmp(t->device, "cpu") != 0) {
		t->subject.device = NULL;
		r = open_device(t->plugins, t->subject.host, t->device, NULL,
		    &t->subject.device, &t->subject.device_handle, e);
	}
	if (r == CNN_OK && t->subject.device->queue)
		t->subject.queue = t->subject.device->queue(t->subject.device_handle);
	return r;
}

void trial_close(struct trial *t)
{
	cnn_host_end_services(&t->hosts[0]);
	cnn_host_end_services(&t->hosts[1]);
	if (t->subject.device && t->subject.device != t->reference.device)
		t->subject.device->close(t->subject.device_handle);
	if (t->reference.device)
		t->reference.device->close(t->reference.device_handle);
	cnn_host_close(&t->hosts[0]);
	cnn_host_close(&t->hosts[1]);
}

static bool takes(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct settings *s, uint32_t *layout)
{
	const struct cnn_device *d = subject->device;
	struct cnn_error e = { 0 };
	int r = CNN_OK;

	if (d->supports)
		r = cnn_host_error(subject->host,
		    d->supports(subject->device_handle, s->dtype), &e);
	if (r == CNN_OK)
		r = runner_offers(subject, c, s, layout, &e);
	trial_ran_out(t, &e);
	return r == CNN_OK;
}

bool trial_takes(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct settings *s)
{
	uint32_t layout;

	return takes(t, subject, c, s, &layout);
}

bool trial_keeps_layout(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct settings *s)
{
	uint32_t layout = CNN_NCHW;

	return takes(t, subject, c, s, &layout) && layout == s->layout;
}

/* --- the reference ---------------------------------------------------------------- */

const struct cnn_kernel *kernel_of(const struct cnn_plugin *p, const char *run)
{
	for (uint32_t k = 0; k < p->entry->kernel_count; k++)
		if (strcmp(cnn_kernel_at(p->entry, k)->run, run) == 0)
			return cnn_kernel_at(p->entry, k);
	return NULL;
}

bool trial_is_reference(const struct cnn_plugin *p)
{
	return strcmp(p->device, "cpu") == 0 && strcmp(p->provider, "ref") == 0;
}

int trial_reference(void *context, const char *type, struct subject *subject,
    struct cnn_error *e)
{
	struct trial *t = context;

	*subject = t->reference;
	for (size_t i = 0; i < cnn_plugins_count(t->oracle); i++) {
		struct cnn_plugin *p = cnn_plugins_at(t->oracle, i);
		int r;

		if (!trial_is_reference(p))
			continue;
		if ((r = cnn_plugin_open(t->oracle, p, e)) != CNN_OK)
			return r;
		if ((subject->kernel = kernel_of(p, type)))
			return CNN_OK;
	}
	return cnn_fail(e, CNN_EPLUGIN, "ref has no kernel for %s", type);
}

bool trial_has_reference(struct trial *t, const struct layer_chain *c)
{
	for (uint32_t i = 0; i < c->node_count; i++) {
		struct cnn_error e = { 0 };
		struct subject found;

		if (trial_reference(t, c->types[i], &found, &e) != CNN_OK)
			return false;
	}
	return true;
}

/* --- a case ----------------------------------------------------------------------- */

void name_case(const struct trial *t, const struct test_case *c, const char *type,
    uint32_t layout, char *text, size_t size)
{
	static const char *const layouts[] = { "", " nhwc", " nchw8c", " nchw16c" };

	snprintf(text, size, "%s%s%s: %s of %s", t->title, type, layouts[layout],
	    c->net, c->inputs);
}
