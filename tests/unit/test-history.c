/* test-history.c - a history that grows too long is folded: how many commands, and
 * their digest, stay. */
#include "tap.h"

#include "stream/pack.h"
#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* An entry of about that many bytes. */
static struct cnn_value *entry(unsigned number, size_t bytes)
{
	struct cnn_value *v = cnn_value_map();
	char *text = calloc(1, bytes + 1);

	memset(text, 'a' + (int)(number % 26), bytes);
	cnn_value_set(v, "tool", cnn_value_str(text));
	cnn_value_set(v, "number", cnn_value_uint(number));
	free(text);
	return v;
}

static struct cnn_value *history(unsigned count, size_t bytes)
{
	struct cnn_value *v = cnn_value_array();

	for (unsigned i = 0; i < count; i++)
		cnn_value_append(v, entry(i, bytes));
	return v;
}

static size_t packed(msgpack_sbuffer *to, const struct cnn_value *v)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, to, msgpack_sbuffer_write);
	cnn_value_pack(&pk, v);
	return to->size;
}

static size_t size_of(const struct cnn_value *v)
{
	msgpack_sbuffer buf;
	size_t size;

	msgpack_sbuffer_init(&buf);
	size = packed(&buf, v);
	msgpack_sbuffer_destroy(&buf);
	return size;
}

/* Whether the first entry stands for `count` entries, the first `n` of `before`. */
static bool stands_for(const struct cnn_value *v, const struct cnn_value *before,
    size_t n, uint64_t count)
{
	const struct cnn_value *first = v->as.array.items[0];
	msgpack_sbuffer buf;
	char digest[17];
	const char *got = "";
	uint64_t folded = 0;

	msgpack_sbuffer_init(&buf);
	for (size_t i = 0; i < n; i++)
		packed(&buf, before->as.array.items[i]);
	snprintf(digest, sizeof digest, "%016llx",
	    (unsigned long long)XXH3_64bits(buf.data, buf.size));
	msgpack_sbuffer_destroy(&buf);
	return cnn_value_get_uint(first, "folded", &folded) && folded == count &&
	    cnn_value_get_str(first, "xxh3", &got) && strcmp(got, digest) == 0;
}

static bool same_end(const struct cnn_value *v, const struct cnn_value *before)
{
	size_t n = v->as.array.count, m = before->as.array.count;

	for (size_t i = 1; i < n; i++)
		if (!cnn_value_equal(v->as.array.items[n - i],
			before->as.array.items[m - i]))
			return false;
	return true;
}

static void test_fold(void)
{
	struct cnn_value *v = history(1000, 200), *before = cnn_value_copy(v);
	struct cnn_error e = { 0 };
	uint64_t folded = 7, all;
	size_t gone;

	ok(cnn_history_fold(v, &folded, &e) == CNN_OK && folded == 0 &&
		cnn_value_equal(v, before),
	    "a history of %zu bytes stays", size_of(v));
	cnn_value_free(v);
	cnn_value_free(before);
	v = history(5000, 200);
	before = cnn_value_copy(v);
	ok(cnn_history_fold(v, &folded, &e) == CNN_OK && folded > 0,
	    "a longer one not");
	gone = before->as.array.count - v->as.array.count + 1;
	ok(folded == gone && stands_for(v, before, gone, gone) && same_end(v, before),
	    "%zu entries go, and one with their number and digest comes", gone);
	ok(size_of(v) <= CNN_MAX_HISTORY / 2 + 64 && size_of(v) > CNN_MAX_HISTORY / 4,
	    "about half of the limit is left");
	all = folded;
	cnn_value_free(before);
	before = cnn_value_copy(v);
	ok(cnn_history_fold(v, &folded, &e) == CNN_OK && folded == 0 &&
		cnn_value_equal(v, before),
	    "and stays when it is folded again");
	for (unsigned i = 0; i < 1000; i++)
		cnn_value_append(v, entry(i, 200));
	cnn_value_free(before);
	before = cnn_value_copy(v);
	cnn_history_fold(v, &folded, &e);
	gone = before->as.array.count - v->as.array.count + 1;
	ok(gone > 1 && folded == all + gone - 1 &&
		stands_for(v, before, gone, folded) && same_end(v, before),
	    "the next time, the first fold is folded too, and its number counts");
	cnn_value_free(before);
	cnn_value_free(v);
}

static void test_last(void)
{
	struct cnn_value *v = history(3, 200), *before;
	struct cnn_error e = { 0 };
	uint64_t folded;

	cnn_value_append(v, entry(9, CNN_MAX_HISTORY + 1));
	before = cnn_value_copy(v);
	ok(cnn_history_fold(v, &folded, &e) == CNN_OK && folded == 3 &&
		v->as.array.count == 2 && stands_for(v, before, 3, 3) &&
		same_end(v, before),
	    "the last entry stays, however large");
	cnn_value_free(before);
	before = cnn_value_copy(v);
	ok(cnn_history_fold(v, &folded, &e) == CNN_OK && folded == 0 &&
		cnn_value_equal(v, before),
	    "and a fold alone is not folded");
	cnn_value_free(before);
	cnn_value_free(v);
	v = history(1, CNN_MAX_HISTORY + 1);
	ok(cnn_history_fold(v, &folded, &e) == CNN_OK && folded == 0 &&
		v->as.array.count == 1,
	    "nor is the only entry");
	cnn_value_free(v);
}

int main(void)
{
	test_fold();
	test_last();
	return done();
}
