/* value.h - the value trees that headers consist of (meta, history, the model's state):
 * nil, bool, integer, float, string, array, map.
 *
 * A value owns its children. Constructors return NULL if memory runs out. Every
 * function that takes a value accepts NULL and passes the failure on, so a tree can be
 * built without a check at each step and checked once at the end.
 */
#ifndef CNN_VALUE_H
#define CNN_VALUE_H

#include "error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cnn_value_type {
	CNN_NIL,
	CNN_BOOLEAN,
	CNN_INT,
	CNN_UINT,
	CNN_FLOAT,
	CNN_STR,
	CNN_BIN,
	CNN_ARRAY,
	CNN_MAP
};

struct cnn_value {
	enum cnn_value_type type;
	union {
		bool boolean;
		int64_t i;  /* CNN_INT: negative numbers only */
		uint64_t u; /* CNN_UINT */
		double f;
		/* Also NUL-terminated */
		struct {
			char *data;
			size_t size;
		} str;
		/* Any code may read these; only the functions below grow them. */
		struct {
			struct cnn_value **items;
			size_t count;
		} array;
		struct { /* in insertion order */
			struct cnn_value **keys, **values;
			size_t count;
		} map;
	} as;
};

struct cnn_value *cnn_value_nil(void);
struct cnn_value *cnn_value_bool(bool);
struct cnn_value *cnn_value_int(int64_t);
struct cnn_value *cnn_value_uint(uint64_t);
struct cnn_value *cnn_value_float(double);
struct cnn_value *cnn_value_str(const char *);
struct cnn_value *cnn_value_strn(const char *, size_t);
struct cnn_value *cnn_value_bin(const void *, size_t);
struct cnn_value *cnn_value_array(void);
struct cnn_value *cnn_value_map(void);
struct cnn_value *cnn_value_copy(const struct cnn_value *);
void cnn_value_free(struct cnn_value *);

/* Appends to an array, or sets a key of a map (an existing value is replaced in place).
 * Both take ownership of `item`, also on failure, and return false on failure. */
bool cnn_value_append(struct cnn_value *array, struct cnn_value *item);
bool cnn_value_set(struct cnn_value *map, const char *key, struct cnn_value *item);
/* Appends a pair without looking at existing keys. For parsers, where keys may be of
 * any type. Takes ownership of key as well. */
bool cnn_value_put(struct cnn_value *map, struct cnn_value *key,
    struct cnn_value *item);

/* Removes a key from a map if it is present. */
void cnn_value_remove(struct cnn_value *map, const char *key);

/* The value of a key (str or bin) of a map; the last one if the key occurs twice. NULL
 * if the key is absent or `map` is not a map. */
const struct cnn_value *cnn_value_get(const struct cnn_value *map, const char *key);

/* Typed look-ups: false if the key is absent or its value has another type. The map
 * keeps ownership of strings. cnn_value_get_float() also accepts integers. */
bool cnn_value_get_str(const struct cnn_value *map, const char *key, const char **);
bool cnn_value_get_uint(const struct cnn_value *map, const char *key, uint64_t *);
bool cnn_value_get_float(const struct cnn_value *map, const char *key, double *);
bool cnn_value_get_bool(const struct cnn_value *map, const char *key, bool *);

/* Whether both values serialize to the same bytes. (The order of a map's keys matters,
 * and 1 differs from 1.0.) */
bool cnn_value_equal(const struct cnn_value *, const struct cnn_value *);

/* The shortest decimal that reads back as the same double. */
#define CNN_FLOAT_TEXT 32
void cnn_float_text(double, char text[CNN_FLOAT_TEXT]);
/* Prints JSON on one line, without a newline. Binary data is printed as a string;
 * floats that JSON cannot represent are printed as null. */
void cnn_value_print_json(FILE *, const struct cnn_value *);
/* Prints a JSON string literal with its quotes. Bytes that are not UTF-8 become \ufffd,
 * and all control characters are escaped, so the output is safe on a terminal. */
void cnn_print_json_string(FILE *, const char *, size_t);
/* The same without the quotes. */
void cnn_print_json_text(FILE *, const char *, size_t);

#endif
