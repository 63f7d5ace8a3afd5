/* The functions that plugins get from their host. */
#include "says.h"
#include "tap.h"

#include "base/value.h"
#include "plugin/host.h"

#include <stdint.h>
#include <string.h>

static char ended[8];

static void end_a(void *object)
{
	strcat(ended, object ? "a" : "?");
}

static void end_b(void *object)
{
	strcat(ended, object ? "b" : "?");
}

static int make_a(const struct cnn_host *host, void **object)
{
	(void)host;
	*object = ended;
	return CNN_OK;
}

/* b depends on a. */
static int make_b(const struct cnn_host *host, void **object)
{
	return host->service(host, "a", make_a, end_a, object);
}

static int make_none(const struct cnn_host *host, void **object)
{
	*object = NULL;
	return host->fail(host, CNN_EPLUGIN, "no %s", "queue");
}

static void test_host(void)
{
	struct cnn_error e = { 0 };
	struct cnn_plugin_host host, other;
	struct cnn_value *choices = cnn_value_map();
	const struct cnn_host *h = &host.host;
	void *x = NULL, *y = NULL;
	uint64_t chosen = 0;
	float u[2];

	cnn_host_init(&host, "avx2", CNN_POLICY_FAST, choices);
	cnn_host_init(&other, NULL, 0, NULL);
	ok(h->size == sizeof *h && h->abi_major == CNN_ABI_MAJOR, "a sized table");
	ok(!strcmp(h->isa, "avx2") && h->policy & CNN_POLICY_FAST && !other.host.isa &&
		!(other.host.policy & CNN_POLICY_FAST),
	    "each host has its own instruction set and policy");
	ok(h->fail(h, CNN_EDATA, "first %d", 1) == CNN_EDATA &&
		h->fail(h, CNN_EIO, "second") == CNN_EIO &&
		cnn_host_error(&other, CNN_EDATA, &e) == CNN_EDATA &&
		says(&e, CNN_EDATA, "without a message"),
	    "each has its own error");
	memset(&e, 0, sizeof e);
	ok(cnn_host_error(&host, CNN_EDATA, &e) == CNN_EDATA &&
		says(&e, CNN_EDATA, "first 1"),
	    "the first message stays");
	memset(&e, 0, sizeof e);
	ok(cnn_host_error(&host, CNN_EIO, &e) == CNN_EIO &&
		says(&e, CNN_EIO, "without a message"),
	    "and is gone once it is taken");
	memset(&e, 0, sizeof e);
	ok(cnn_host_error(&host, 1, &e) == CNN_EPLUGIN && e.code == CNN_EPLUGIN,
	    "a library's own code doesn't pass for CNN_END");

	x = h->alloc(h, 1);
	y = h->alloc(h, 0);
	ok(x && y && (uintptr_t)x % 64 == 0 && (uintptr_t)y % 64 == 0,
	    "aligned memory");
	h->free(h, x);
	h->free(h, y);
	h->free(h, NULL);
	memset(&e, 0, sizeof e);
	x = h->alloc(h, SIZE_MAX - 3);
	ok(!x && cnn_host_error(&host, CNN_ENOMEM, &e) == CNN_ENOMEM &&
		says(&e, CNN_ENOMEM, "out of memory for"),
	    "too much memory");
	h->uniform(0, 0, 0, 0, 2, u);
	ok(u[0] == (float)(0x6627e8d5 >> 8) / 16777216, "random numbers");

	ok(h->recall(h, "k", &chosen) == CNN_END && h->remember(h, "k", 7) == CNN_OK &&
		h->recall(h, "k", &chosen) == CNN_OK && chosen == 7 &&
		cnn_value_get_uint(choices, "k", &chosen),
	    "choices are kept");
	ok(other.host.remember(&other.host, "k", 8) == CNN_OK &&
		other.host.recall(&other.host, "k", &chosen) == CNN_END,
	    "or not, as the caller wants");

	ok(h->service(h, "b", make_b, end_b, &x) == 0 && x == ended &&
		h->service(h, "a", make_none, NULL, &y) == 0 && y == ended,
	    "a service is made once");
	ok(other.host.service(&other.host, "a", make_none, end_a, &y) == CNN_EPLUGIN,
	    "for one host");
	ok(h->service(h, "c", make_none, end_a, &y) == CNN_EPLUGIN, "or fails");
	cnn_host_close(&host);
	ok(!strcmp(ended, "ba"), "services end in reverse order");
	cnn_host_close(&other);
	cnn_value_free(choices);
}

int main(void)
{
	test_host();
	return done();
}
