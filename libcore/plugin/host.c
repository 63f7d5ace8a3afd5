/* host.c - the functions of struct cnn_host. */
#include "host.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/value.h"
#include "cli/option.h"
#include "cli/status-line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

struct cnn_service {
	struct cnn_service *older;
	char *key;
	void *object;
	void (*destroy)(void *object);
};

static int host_fail(const struct cnn_host *host, int code, const char *fmt, ...)
{
	struct cnn_plugin_host *p = host->context;
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&p->lock);
	cnn_vfail(&p->error, code, fmt, ap);
	pthread_mutex_unlock(&p->lock);
	va_end(ap);
	return code;
}

/* Nothing is printed without -v, whatever level is asked for. */
__attribute__((format(printf, 2, 0))) static void log_text(int level, const char *fmt,
    va_list ap)
{
	char text[1000];

	if (cnn_verbosity < (level < 2 ? 2 : level))
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	cnn_status_line_hide();
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, text);
}

void cnn_plugin_log(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_text(level, fmt, ap);
	va_end(ap);
}

static void host_log(const struct cnn_host *host, int level, const char *fmt, ...)
{
	va_list ap;

	(void)host;
	va_start(ap, fmt);
	log_text(level, fmt, ap);
	va_end(ap);
}

static void *host_alloc(const struct cnn_host *host, size_t bytes)
{
	void *memory = NULL;

	if (bytes <= SIZE_MAX - ALIGNMENT) /* never 0 bytes: might yield NULL */
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
	struct cnn_plugin_host *p = host->context;
	struct cnn_service *s;
	int r;

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
	r = create(host, &s->object);
	if (r != CNN_OK) {
		free(s->key);
		free(s);
		return r;
	}
	/* Link the service only now. A service that create() requested is then older,
	 * and so outlives this one. */
	s->destroy = destroy;
	s->older = p->services;
	p->services = s;
	*object = s->object;
	return CNN_OK;
}

void cnn_host_end_services(struct cnn_plugin_host *p)
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

/* --- choices made by timing ------------------------------------------------------- */

static int host_recall(const struct cnn_host *host, const char *key, uint64_t *value)
{
	const struct cnn_plugin_host *p = host->context;

	return p->choices && cnn_value_get_uint(p->choices, key, value) ? CNN_OK :
									  CNN_END;
}

static int host_remember(const struct cnn_host *host, const char *key, uint64_t value)
{
	const struct cnn_plugin_host *p = host->context;

	return !p->choices || cnn_value_set(p->choices, key, cnn_value_uint(value)) ?
	    CNN_OK :
	    host_fail(host, CNN_ENOMEM, "%s: %s", key, strerror(ENOMEM));
}

/* --- the host --------------------------------------------------------------------- */

void cnn_host_init(struct cnn_plugin_host *p, const char *isa, uint32_t policy,
    struct cnn_value *choices)
{
	const char *check = secure_getenv("CNN_CUDA_CHECK");

	*p = (struct cnn_plugin_host){
		.host = {
			.size = sizeof p->host,
			.abi_major = CNN_ABI_MAJOR, .abi_minor = CNN_ABI_MINOR,
			.context = p,
			.fail = host_fail, .log = host_log,
			.alloc = host_alloc, .free = host_free,
			.uniform = cnn_random_uniform,
			.service = host_service,
			.recall = host_recall, .remember = host_remember,
			.isa = isa,
			.policy = policy | (check && strcmp(check, "1") == 0 ?
				CNN_POLICY_CHECK : 0),
		},
		.choices = choices,
	};
	pthread_mutex_init(&p->lock, NULL);
}

void cnn_host_close(struct cnn_plugin_host *p)
{
	cnn_host_end_services(p);
	pthread_mutex_destroy(&p->lock);
}

int cnn_host_error(struct cnn_plugin_host *p, int code, struct cnn_error *e)
{
	if (code > 0) /* a library's own code, not CNN_END */
		code = CNN_EPLUGIN;
	pthread_mutex_lock(&p->lock);
	if (code != CNN_OK)
		cnn_fail(e, code, "%s",
		    p->error.code != CNN_OK ? p->error.text :
					      "a plugin failed without a message");
	p->error.code = CNN_OK;
	pthread_mutex_unlock(&p->lock);
	return code;
}
