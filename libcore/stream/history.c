/* history.c - keeps a header's history short. */
#include "pack.h"

#include "stream.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Both are writers for msgpack. */
static int count_bytes(void *sum, const char *data, size_t size)
{
	(void)data;
	*(size_t *)sum += size;
	return 0;
}

static int digest_bytes(void *hash, const char *data, size_t size)
{
	XXH3_64bits_update(hash, data, size);
	return 0;
}

static size_t packed_bytes(const struct cnn_value *v)
{
	msgpack_packer pk;
	size_t bytes = 0;

	msgpack_packer_init(&pk, &bytes, count_bytes);
	cnn_value_pack(&pk, v);
	return bytes;
}

/* The number of entries that an entry stands for. */
static uint64_t weight(const struct cnn_value *entry)
{
	uint64_t n = 1;

	cnn_value_get_uint(entry, "folded", &n);
	return n;
}

/* The entry that stands for the first `count` ones. NULL: out of memory. */
static struct cnn_value *fold(const struct cnn_value *history, size_t count,
    uint64_t *stands_for)
{
	struct cnn_value *entry = cnn_value_map();
	XXH3_state_t *hash = XXH3_createState();
	msgpack_packer pk;
	char digest[17];
	bool good = entry && hash;

	*stands_for = 0;
	if (good) {
		XXH3_64bits_reset(hash);
		msgpack_packer_init(&pk, hash, digest_bytes);
		for (size_t i = 0; i < count; i++) {
			*stands_for += weight(history->as.array.items[i]);
			cnn_value_pack(&pk, history->as.array.items[i]);
		}
		snprintf(digest, sizeof digest, "%016llx",
		    (unsigned long long)XXH3_64bits_digest(hash));
		good = cnn_value_set(entry, "folded", cnn_value_uint(*stands_for)) &&
		    cnn_value_set(entry, "xxh3", cnn_value_str(digest));
	}
	XXH3_freeState(hash);
	if (good)
		return entry;
	cnn_value_free(entry);
	return NULL;
}

int cnn_history_fold(struct cnn_value *history, uint64_t *folded, struct cnn_error *e)
{
	struct cnn_value **items = history->as.array.items, *entry;
	const size_t count = history->as.array.count;
	size_t bytes = packed_bytes(history), most = bytes, n = 0;

	*folded = 0;
	if (bytes > CNN_MAX_HISTORY)
		most = CNN_MAX_HISTORY / 2;
	for (; bytes > most && n + 1 < count; n++)
		bytes -= packed_bytes(items[n]);
	if (n == 0 || (n == 1 && cnn_value_get(items[0], "folded")))
		return CNN_OK;
	if (!(entry = fold(history, n, folded)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		cnn_value_free(items[i]);
	items[0] = entry;
	memmove(items + 1, items + n, (count - n) * sizeof(*items));
	history->as.array.count = count - n + 1;
	return CNN_OK;
}
