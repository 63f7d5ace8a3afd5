/* value.h - the small trees that headers are made of (meta, history, the
 * model's state): nil, bool, integer, float, string, array, map.
 *
 * A value owns what hangs below it. Constructors return NULL when memory is
 * out, and every function that takes a value takes NULL and passes the failure
 * on, so a tree is built without a check at each step and checked once.
 */
#ifndef CNN_VALUE_H
#define CNN_VALUE_H

#include "error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cnn_value_type {
	CNN_NIL, CNN_BOOLEAN, CNN_INT, CNN_UINT, CNN_FLOAT, CNN_STR, CNN_BIN,
	CNN_ARRAY, CNN_MAP
};

struct cnn_value {
	enum cnn_value_type type;
	union {
		bool boolean;
		int64_t i;              /* CNN_INT: negative numbers only */
		uint64_t u;             /* CNN_UINT */
		double f;
		struct { char *data; size_t size; } str;   /* also NUL-terminated */
		/* To be read by all, grown by the functions below alone. */
		struct { struct cnn_value **items; size_t count; } array;
		struct {                /* in the order of insertion */
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

/* Appends to an array; sets a key of a map (replacing in place). All take
 * `item` over, also when they fail, and return false when they do. */
bool cnn_value_append(struct cnn_value *array, struct cnn_value *item);
bool cnn_value_set(struct cnn_value *map, const char *key, struct cnn_value *item);
/* Adds a pair after the others, without a look at the keys that are there: for
 * a parser, whose keys may be of any type. Takes key over as well. */
bool cnn_value_put(struct cnn_value *map, struct cnn_value *key,
	struct cnn_value *item);

/* Takes a key out of a map, if it is there. */
void cnn_value_remove(struct cnn_value *map, const char *key);

/* The value of a key (str or bin) of a map, the last one if it is there twice;
 * NULL if absent or map is none. */
const struct cnn_value *cnn_value_get(const struct cnn_value *map, const char *key);

/* Typed look-ups: false if the key is absent or holds something else. */
bool cnn_value_get_str(const struct cnn_value *map, const char *key, const char **);
bool cnn_value_get_uint(const struct cnn_value *map, const char *key, uint64_t *);
bool cnn_value_get_float(const struct cnn_value *map, const char *key, double *);
bool cnn_value_get_bool(const struct cnn_value *map, const char *key, bool *);

/* Would both be written with the same bytes? (So the order of a map's keys
 * counts, and 1 is not 1.0.) */
bool cnn_value_equal(const struct cnn_value *, const struct cnn_value *);

/* As JSON on one line, without its end: bin as a string, floats that JSON does
 * not have as null. */
void cnn_value_print_json(FILE *, const struct cnn_value *);
/* A JSON string literal with its quotes, bytes outside UTF-8 as \ufffd, and all
 * control characters escaped, so that a terminal can be shown it. */
void cnn_print_json_string(FILE *, const char *, size_t);
/* The same without its quotes. */
void cnn_print_json_text(FILE *, const char *, size_t);

#endif
