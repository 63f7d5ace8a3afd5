/* loader-host.c - the table of functions for plugins. */
#include "loader-private.h"
#include "base/memory.h"

#include "cli/option.h"
#include "base/random.h"
#include "base/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

static int host_fail(const struct cnn_host *host, int code, const char *fmt, ...)
{
	struct cnn_plugins *p = host->context;
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&p->lock);
	cnn_vfail(&p->error, code, fmt, ap);
	pthread_mutex_unlock(&p->lock);
	va_end(ap);
	return code;
}

static void host_log(const struct cnn_host *host, int level, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	(void)host;
	/* Plugins print nothing without -v, whatever level they ask for. */
	if (cnn_verbosity < (level < 2 ? 2 : level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, text);
}

static void *host_alloc(const struct cnn_host *host, size_t bytes)
{
	void *memory = NULL;

	if (bytes <= SIZE_MAX - ALIGNMENT)    /* never 0 bytes: might yield NULL */
		memory = aligned_alloc(ALIGNMENT, (bytes / ALIGNMENT + 1) * ALIGNMENT);
	if (!memory)
		host_fail(host, CNN_ENOMEM, "out of memory for %zu bytes", bytes);
	else
		cnn_prefer_huge_pages(memory, bytes);
	return memory;
}

static void host_free(const struct cnn_host *host, void *memory)
{
	(void)host;
	free(memory);
}

static int host_service(const struct cnn_host *host, const char *key,
	int (*create)(const struct cnn_host *, void **object),
	void (*destroy)(void *object), void **object)
{
	struct cnn_plugins *p = host->context;
	struct cnn_service *s;
	int rc;

	for (s = p->services; s; s = s->older)
		if (!strcmp(s->key, key)) {
			*object = s->object;
			return CNN_OK;
		}
	s = calloc(1, sizeof *s);
	if (!s || !(s->key = strdup(key))) {
		free(s);
		return host_fail(host, CNN_ENOMEM, "%s: %s", key, strerror(ENOMEM));
	}
	rc = create(host, &s->object);
	if (rc != CNN_OK) {
		free(s->key);
		free(s);
		return rc;
	}
	/* Link the service only now. A service that create() requested is then older,
	 * and so outlives this one. */
	s->destroy = destroy;
	s->older = p->services;
	p->services = s;
	*object = s->object;
	return CNN_OK;
}

void cnn_plugins_end_services(struct cnn_plugins *p)
{
	struct cnn_service *s;

	while ((s = p->services)) {
		p->services = s->older;
		if (s->destroy)
			s->destroy(s->object);
		free(s->key);
		free(s);
	}
}

/* --- choices made by timing -------------------------------------------------- */

static int host_recall(const struct cnn_host *host, const char *key, uint64_t *value)
{
	const struct cnn_plugins *p = host->context;

	return cnn_value_get_uint(p->choices, key, value) ? CNN_OK : CNN_END;
}

static int host_remember(const struct cnn_host *host, const char *key, uint64_t value)
{
	struct cnn_plugins *p = host->context;

	if (!p->choices)
		p->choices = cnn_value_map();
	return cnn_value_set(p->choices, key, cnn_value_uint(value)) ? CNN_OK :
		host_fail(host, CNN_ENOMEM, "%s: %s", key, strerror(ENOMEM));
}

const struct cnn_value *cnn_plugins_choices(const struct cnn_plugins *p)
{
	return p->choices;
}

int cnn_plugins_set_choices(struct cnn_plugins *p, const struct cnn_value *choices,
	struct cnn_error *e)
{
	struct cnn_value *copy = cnn_value_copy(choices);

	if (choices && !copy)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	cnn_value_free(p->choices);
	p->choices = copy;
	return CNN_OK;
}

void cnn_plugins_add_policy(struct cnn_plugins *p, uint32_t policy)
{
	p->host.policy |= policy;
}

void cnn_host_init(struct cnn_plugins *p)
{
	const char *check = secure_getenv("CNN_CUDA_CHECK");

	p->host = (struct cnn_host){
		.size = sizeof p->host,
		.abi_major = CNN_ABI_MAJOR, .abi_minor = CNN_ABI_MINOR,
		.context = p,
		.fail = host_fail, .log = host_log,
		.alloc = host_alloc, .free = host_free,
		.uniform = cnn_random_uniform,
		.service = host_service,
		.recall = host_recall, .remember = host_remember,
		.policy = check && strcmp(check, "1") == 0 ? CNN_POLICY_CHECK : 0,
	};
}

void cnn_plugins_set_isa(struct cnn_plugins *p, const char *isa)
{
	p->host.isa = isa;
}

const struct cnn_host *cnn_plugins_host(const struct cnn_plugins *p)
{
	return &p->host;
}

int cnn_plugins_error(struct cnn_plugins *p, int code, struct cnn_error *e)
{
	if (code > 0)    /* a library's own code, not CNN_END */
		code = CNN_EPLUGIN;
	pthread_mutex_lock(&p->lock);
	if (code != CNN_OK)
		cnn_fail(e, code, "%s", p->error.code != CNN_OK ? p->error.text
			: "a plugin failed without a message");
	p->error.code = CNN_OK;
	pthread_mutex_unlock(&p->lock);
	return code;
}
