/* choose-device.c - selects the device to run on. */
#include "host.h"
#include "loader.h"
#include <stdlib.h>
#include <string.h>

static int probe(struct cnn_plugins *plugins, const char *device, uint32_t ordinal,
    struct cnn_error *e)
{
	struct cnn_device_info info = { .size = sizeof info };
	const struct cnn_device *functions;
	struct cnn_plugin_host host;
	struct cnn_plugin *p;
	int r = cnn_plugins_find(plugins, device, NULL, "device", &p, e);

	if (r < 0)
		return r;
	functions = p->entry->device_functions;
	cnn_host_init(&host, NULL, 0, NULL);
	r = functions->probe(&host.host, ordinal, &info);
	r = r < 0 ? cnn_host_error(&host, r, e) : CNN_OK;
	cnn_host_close(&host);
	return r;
}

int cnn_device_choose(struct cnn_plugins *plugins, const char *spec,
    const char **device, uint32_t *ordinal, struct cnn_error *e)
{
	struct cnn_error quiet = { 0 };
	unsigned long n;
	char *end;
	int r;

	*ordinal = 0;
	*device = "cpu";
	if (strcmp(spec, "cpu") == 0)
		return CNN_OK;
	if (strcmp(spec, "auto") == 0) {
		if (probe(plugins, "cuda", 0, &quiet) == CNN_OK)
			*device = "cuda";
		return CNN_OK;
	}
	*device = "cuda";
	if (strncmp(spec, "cuda", 4) != 0 || (spec[4] && spec[4] != ':'))
		return cnn_fail(e, CNN_EUSAGE,
		    "--device: %s: must be auto, cpu, cuda or cuda:N", spec);
	if (spec[4]) {
		n = strtoul(spec + 5, &end, 10);
		if (!strchr("0123456789", spec[5]) || !spec[5] || *end || n > 1023)
			return cnn_fail(e, CNN_EUSAGE, "--device: %s: must be cuda:N",
			    spec);
		*ordinal = (uint32_t)n;
	}
	r = probe(plugins, "cuda", *ordinal, e);
	if (r < 0)
		cnn_error_prefix(e, "--device %s", spec);
	return r;
}
