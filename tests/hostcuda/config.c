/* config.c - the settings, which are environment variables:
 *
 * 	HOSTCUDA_SEED=1		the order of threads and blocks; 0: in order of number
 * 	HOSTCUDA_ON_ERROR=abort	or error: the launch gives cudaErrorLaunchFailure
 * 	HOSTCUDA_SM=90		the reported compute capability
 * 	HOSTCUDA_DEVICES=1	0: cudaErrorNoDevice
 * 	HOSTCUDA_MEMORY=8 GiB	bytes of a device
 * 	HOSTCUDA_ADDRESSES=256 GiB	address space; freed addresses are reused last
 * 	HOSTCUDA_DRIVER=13000	older than 13.0: cudaErrorInsufficientDriver
 * 	HOSTCUDA_LOST=n		the device is lost at the n-th launch or replay
 * 	HOSTCUDA_GRAPHS=n	more recorded graphs give cudaErrorMemoryAllocation
 * 	HOSTCUDA_LATE=1		work on a stream is done as late as possible
 * 	HOSTCUDA_UNINITIALISED=ignore	traced code may read uninitialised memory
 * 	HOSTCUDA_STATS=1	a line of counts on stderr at exit */
#include "private.h"

#include <stdlib.h>
#include <string.h>

static struct hc_config config;

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static bool says(const char *name, const char *word)
{
	const char *text = getenv(name);

	return text && !strcmp(text, word);
}

static void read_environment(void)
{
	config.seed = number("HOSTCUDA_SEED", 1);
	config.sm = (int)number("HOSTCUDA_SM", 90);
	config.devices = (int)number("HOSTCUDA_DEVICES", 1);
	config.driver = (int)number("HOSTCUDA_DRIVER", CUDART_VERSION);
	config.memory = number("HOSTCUDA_MEMORY", (uint64_t)8 << 30);
	config.addresses = number("HOSTCUDA_ADDRESSES", (uint64_t)256 << 30);
	config.lost = number("HOSTCUDA_LOST", 0);
	config.graphs = number("HOSTCUDA_GRAPHS", UINT64_MAX);
	config.late = number("HOSTCUDA_LATE", 0);
	config.stats = number("HOSTCUDA_STATS", 0);
	config.error_mode = says("HOSTCUDA_ON_ERROR", "error");
	config.ignore_uninitialised = says("HOSTCUDA_UNINITIALISED", "ignore");
	hc_wmma_init(config.seed);
}

const struct hc_config *hc_config(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_environment);
	return &config;
}

uint64_t hc_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}
