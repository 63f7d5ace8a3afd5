/* value.c - the value trees that headers consist of. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

/* --- making and freeing ----------------------------------------------------------- */

static struct cnn_value *make(enum cnn_value_type type)
{
	struct cnn_value *v = calloc(1, sizeof *v);

	if (v)
		v->type = type;
	return v;
}

struct cnn_value *cnn_value_nil(void)
{
	return make(CNN_NIL);
}

struct cnn_value *cnn_value_bool(bool b)
{
	struct cnn_value *v = make(CNN_BOOLEAN);

	if (v)
		v->as.boolean = b;
	return v;
}

struct cnn_value *cnn_value_int(int64_t i)
{
	struct cnn_value *v;

	if (i >= 0)
		return cnn_value_uint((uint64_t)i);
	v = make(CNN_INT);
	if (v)
		v->as.i = i;
	return v;
}

struct cnn_value *cnn_value_uint(uint64_t u)
{
	struct cnn_value *v = make(CNN_UINT);

	if (v)
		v->as.u = u;
	return v;
}

struct cnn_value *cnn_value_float(double f)
{
	struct cnn_value *v = make(CNN_FLOAT);

	if (v)
		v->as.f = f;
	return v;
}

static struct cnn_value *make_bytes(enum cnn_value_type type, const void *data,
    size_t size)
{
	struct cnn_value *v;
	char *copy;

	if ((!data && size > 0) || size == SIZE_MAX || !(copy = malloc(size + 1)))
		return NULL;
	v = make(type);
	if (!v) {
		free(copy);
		return NULL;
	}
	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = '\0';
	v->as.str.data = copy;
	v->as.str.size = size;
	return v;
}

struct cnn_value *cnn_value_str(const char *s)
{
	return s ? make_bytes(CNN_STR, s, strlen(s)) : NULL;
}

struct cnn_value *cnn_value_strn(const char *s, size_t size)
{
	return make_bytes(CNN_STR, s, size);
}

struct cnn_value *cnn_value_bin(const void *data, size_t size)
{
	return make_bytes(CNN_BIN, data, size);
}

struct cnn_value *cnn_value_array(void)
{
	return make(CNN_ARRAY);
}

struct cnn_value *cnn_value_map(void)
{
	return make(CNN_MAP);
}

struct cnn_value *cnn_value_copy(const struct cnn_value *v)
{
	struct cnn_value *copy;
	bool good = true;

	if (!v)
		return NULL;
	if (v->type == CNN_STR || v->type == CNN_BIN)
		return make_bytes(v->type, v->as.str.data, v->as.str.size);
	copy = make(v->type);
	if (!copy)
		return NULL;
	if (v->type == CNN_ARRAY) {
		for (size_t i = 0; good && i < v->as.array.count; i++)
			good = cnn_value_append(copy,
			    cnn_value_copy(v->as.array.items[i]));
	} else if (v->type == CNN_MAP) {
		for (size_t i = 0; good && i < v->as.map.count; i++)
			good = cnn_value_put(copy, cnn_value_copy(v->as.map.keys[i]),
			    cnn_value_copy(v->as.map.values[i]));
	} else {
		copy->as = v->as;
	}
	if (!good) {
		cnn_value_free(copy);
		return NULL;
	}
	return copy;
}

void cnn_value_free(struct cnn_value *v)
{
	if (!v)
		return;
	switch (v->type) {
	case CNN_STR:
	case CNN_BIN: free(v->as.str.data); break;
	case CNN_ARRAY:
		for (size_t i = 0; i < v->as.array.count; i++)
			cnn_value_free(v->as.array.items[i]);
		free(v->as.array.items);
		break;
	case CNN_MAP:
		for (size_t i = 0; i < v->as.map.count; i++) {
			cnn_value_free(v->as.map.keys[i]);
			cnn_value_free(v->as.map.values[i]);
		}
		free(v->as.map.keys);
		free(v->as.map.values);
		break;
	default: break;
	}
	free(v);
}

/* --- arrays and maps -------------------------------------------------------------- */

/* Makes room for item number `count`. The capacity is always the next power of two, so
 * it does not have to be stored. */
static bool grow(struct cnn_value ***items, size_t count)
{
	struct cnn_value **p;
	size_t room = count ? 2 * count : 1;

	if (count & (count - 1))
		return true;
	p = reallocarray(*items, room, sizeof *p);
	if (p)
		*items = p;
	return p != NULL;
}

bool cnn_value_append(struct cnn_value *array, struct cnn_value *item)
{
	if (!array || array->type != CNN_ARRAY || !item ||
	    !grow(&array->as.array.items, array->as.array.count)) {
		cnn_value_free(item);
		return false;
	}
	array->as.array.items[array->as.array.count++] = item;
	return true;
}

bool cnn_value_put(struct cnn_value *map, struct cnn_value *key, struct cnn_value *item)
{
	if (!map || map->type != CNN_MAP || !key || !item ||
	    !grow(&map->as.map.keys, map->as.map.count) ||
	    !grow(&map->as.map.values, map->as.map.count)) {
		cnn_value_free(key);
		cnn_value_free(item);
		return false;
	}
	map->as.map.keys[map->as.map.count] = key;
	map->as.map.values[map->as.map.count++] = item;
	return true;
}

static bool is_text(const struct cnn_value *v, const char *text)
{
	size_t size = strlen(text);

	return (v->type == CNN_STR || v->type == CNN_BIN) && v->as.str.size == size &&
	    !memcmp(v->as.str.data, text, size);
}

/* The address of a key's value, or NULL. Searches from the end, so that the last of two
 * equal keys wins, as in any reader that fills a dictionary. */
static struct cnn_value **find(const struct cnn_value *map, const char *key)
{
	if (map && map->type == CNN_MAP)
		for (size_t i = map->as.map.count; i-- > 0;)
			if (is_text(map->as.map.keys[i], key))
				return &map->as.map.values[i];
	return NULL;
}

bool cnn_value_set(struct cnn_value *map, const char *key, struct cnn_value *item)
{
	struct cnn_value **place = find(map, key);

	if (!item)
		return false;
	if (!place)
		return cnn_value_put(map, cnn_value_str(key), item);
	cnn_value_free(*place);
	*place = item;
	return true;
}

/* One pass over the map: a hostile map may contain the key many thousand times. */
void cnn_value_remove(struct cnn_value *map, const char *key)
{
	struct cnn_value **keys, **values;
	size_t kept = 0;

	if (!map || map->type != CNN_MAP)
		return;
	keys = map->as.map.keys;
	values = map->as.map.values;
	for (size_t i = 0; i < map->as.map.count; i++) {
		if (is_text(keys[i], key)) {
			cnn_value_free(keys[i]);
			cnn_value_free(values[i]);
		} else {
			keys[kept] = keys[i];
			values[kept++] = values[i];
		}
	}
	map->as.map.count = kept;
}

const struct cnn_value *cnn_value_get(const struct cnn_value *map, const char *key)
{
	struct cnn_value **place = find(map, key);

	return place ? *place : NULL;
}

bool cnn_value_get_str(const struct cnn_value *map, const char *key, const char **s)
{
	const struct cnn_value *v = cnn_value_get(map, key);

	/* A NUL inside would shorten the C string. */
	if (!v || (v->type != CNN_STR && v->type != CNN_BIN) ||
	    strlen(v->as.str.data) != v->as.str.size)
		return false;
	*s = v->as.str.data;
	return true;
}

bool cnn_value_get_uint(const struct cnn_value *map, const char *key, uint64_t *u)
{
	const struct cnn_value *v = cnn_value_get(map, key);

	if (!v || v->type != CNN_UINT)
		return false;
	*u = v->as.u;
	return true;
}

bool cnn_value_get_float(const struct cnn_value *map, const char *key, double *f)
{
	const struct cnn_value *v = cnn_value_get(map, key);

	/* Many writers send 1.0 as an integer. */
	if (v && v->type == CNN_FLOAT)
		*f = v->as.f;
	else if (v && v->type == CNN_UINT)
		*f = (double)v->as.u;
	else if (v && v->type == CNN_INT)
		*f = (double)v->as.i;
	else
		return false;
	return true;
}

bool cnn_value_get_bool(const struct cnn_value *map, const char *key, bool *b)
{
	const struct cnn_value *v = cnn_value_get(map, key);

	if (!v || v->type != CNN_BOOLEAN)
		return false;
	*b = v->as.boolean;
	return true;
}

bool cnn_value_equal(const struct cnn_value *a, const struct cnn_value *b)
{
	if (!a || !b || a->type != b->type)
		return a == b;
	switch (a->type) {
	case CNN_NIL: return true;
	case CNN_BOOLEAN: return a->as.boolean == b->as.boolean;
	case CNN_INT: return a->as.i == b->as.i;
	case CNN_UINT: return a->as.u == b->as.u;
	case CNN_FLOAT: /* compares bits: a NaN equals itself */
		return !memcmp(&a->as.f, &b->as.f, sizeof a->as.f);
	case CNN_STR:
	case CNN_BIN:
		return a->as.str.size == b->as.str.size &&
		    !memcmp(a->as.str.data, b->as.str.data, a->as.str.size);
	case CNN_ARRAY:
		if (a->as.array.count != b->as.array.count)
			return false;
		for (size_t i = 0; i < a->as.array.count; i++)
			if (!cnn_value_equal(a->as.array.items[i],
				b->as.array.items[i]))
				return false;
		return true;
	case CNN_MAP:
		if (a->as.map.count != b->as.map.count)
			return false;
		for (size_t i = 0; i < a->as.map.count; i++)
			if (!cnn_value_equal(a->as.map.keys[i], b->as.map.keys[i]) ||
			    !cnn_value_equal(a->as.map.values[i], b->as.map.values[i]))
				return false;
		return true;
	}
	return false;
}
