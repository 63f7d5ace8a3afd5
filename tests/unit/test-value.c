/* Value trees, of which headers are made. */
#include "tap.h"

#include "base/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Compares v's JSON with want. */
static bool json_is(const struct cnn_value *v, const char *want)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	bool good;

	cnn_value_print_json(f, v);
	fclose(f);
	good = !strcmp(text, want);
	if (!good)
		printf("# got %s, want %s\n", text, want);
	free(text);
	return good;
}

/* The same; frees v. */
static bool made_json(struct cnn_value *v, const char *want)
{
	bool good = v && json_is(v, want);

	cnn_value_free(v);
	return good;
}

/* {"tool": "x", "n": [0, 1, … count - 1], 7: nil} */
static struct cnn_value *sample(unsigned count)
{
	struct cnn_value *map = cnn_value_map(), *n = cnn_value_array();
	bool good = true;

	for (unsigned i = 0; i < count; i++)
		good &= cnn_value_append(n, cnn_value_uint(i));
	good &= cnn_value_set(map, "tool", cnn_value_str("x")) &&
	    cnn_value_set(map, "n", n) &&
	    cnn_value_put(map, cnn_value_uint(7), cnn_value_nil());
	return good ? map : NULL;
}

static void test_trees(void)
{
	struct cnn_value *a = sample(100), *b = sample(100), *c;
	const char *s = NULL;
	uint64_t u = 0;

	ok(a && b && cnn_value_get(a, "n")->as.array.count == 100, "a tree is built");
	ok(cnn_value_equal(a, b), "two trees of the same making are equal");
	c = cnn_value_copy(a);
	ok(c != a && cnn_value_equal(a, c), "a copy is equal");
	ok(cnn_value_set(c, "tool", cnn_value_str("y")) && c->as.map.count == 3 &&
		cnn_value_get_str(c, "tool", &s) && !strcmp(s, "y"),
	    "a key is replaced in place");
	ok(c->as.map.values[0]->type == CNN_STR && !cnn_value_equal(a, c),
	    "and the trees differ then");
	ok(cnn_value_put(c, cnn_value_str("tool"), cnn_value_str("z")) &&
		cnn_value_get_str(c, "tool", &s) && !strcmp(s, "z"),
	    "of two equal keys the last counts");
	ok(!cnn_value_get(a, "to") && !cnn_value_get(a, "tools") &&
		!cnn_value_get_uint(a, "tool", &u) && !cnn_value_get_str(a, "n", &s),
	    "what is absent or of another type isn't found");
	ok(cnn_value_put(c, cnn_value_bin("k", 1), cnn_value_uint(3)) &&
		cnn_value_get_uint(c, "k", &u) && u == 3,
	    "a key may be bin");
	cnn_value_free(a);
	cnn_value_free(b);
	cnn_value_free(c);
}

static void test_scalars(void)
{
	struct cnn_value *m = cnn_value_map(), *a = cnn_value_float(NAN),
			 *b = cnn_value_float(NAN), *one = cnn_value_float(1),
			 *i = cnn_value_int(1);
	const char *s;
	double f = 0;
	bool t = false;

	cnn_value_set(m, "f", cnn_value_float(0.5));
	cnn_value_set(m, "u", cnn_value_uint(2));
	cnn_value_set(m, "i", cnn_value_int(-3));
	cnn_value_set(m, "b", cnn_value_bool(true));
	cnn_value_set(m, "s", cnn_value_strn("a\0b", 3));
	ok(cnn_value_get_float(m, "f", &f) && f == 0.5, "a float");
	ok(cnn_value_get_float(m, "u", &f) && f == 2 &&
		cnn_value_get_float(m, "i", &f) && f == -3,
	    "integers are numbers too");
	ok(!cnn_value_get_float(m, "b", &f) && cnn_value_get_bool(m, "b", &t) && t,
	    "a bool is a bool alone");
	ok(!cnn_value_get_str(m, "s", &s), "a NUL inside makes no C string");
	ok(i->type == CNN_UINT, "no negative number is unsigned");
	ok(cnn_value_equal(a, b), "a NaN is written as another one");
	ok(!cnn_value_equal(one, i), "1.0 is not 1");
	cnn_value_free(m);
	cnn_value_free(a);
	cnn_value_free(b);
	cnn_value_free(one);
	cnn_value_free(i);
}

static void test_failures(void)
{
	struct cnn_value *array = cnn_value_array();

	cnn_value_free(NULL);
	ok(!cnn_value_append(NULL, cnn_value_nil()) && !cnn_value_append(array, NULL) &&
		!cnn_value_set(NULL, "a", cnn_value_nil()) &&
		!cnn_value_set(array, "a", cnn_value_nil()) &&
		!cnn_value_put(NULL, cnn_value_nil(), cnn_value_nil()),
	    "a failure is passed on, and what was given is freed");
	ok(!cnn_value_get(NULL, "a") && !cnn_value_get(array, "a") &&
		!cnn_value_copy(NULL) && !cnn_value_str(NULL),
	    "NULL gives NULL");
	ok(cnn_value_equal(NULL, NULL) && !cnn_value_equal(array, NULL),
	    "nothing is equal to nothing alone");
	cnn_value_free(array);
}

static void test_json(void)
{
	struct cnn_value *map = sample(3);

	ok(json_is(map, "{\"tool\": \"x\", \"n\": [0, 1, 2], \"7\": null}"), "a tree");
	cnn_value_free(map);
	ok(made_json(cnn_value_int(INT64_MIN), "-9223372036854775808") &&
		made_json(cnn_value_uint(UINT64_MAX), "18446744073709551615"),
	    "the ends of the integers");
	ok(made_json(cnn_value_float(0.1), "0.1") &&
		made_json(cnn_value_float(1), "1.0") &&
		made_json(cnn_value_float(1e300), "1e+300") &&
		made_json(cnn_value_float(1.0 / 3), "0.3333333333333333"),
	    "floats, as short as they can be");
	ok(made_json(cnn_value_float(INFINITY), "null") &&
		made_json(cnn_value_float(NAN), "null"),
	    "no inf and no nan");
	ok(made_json(cnn_value_str("a\"b\\c\n\t\x1b\x7f"),
	       "\"a\\\"b\\\\c\\n\\t\\u001b\\u007f\""),
	    "escapes");
	ok(made_json(cnn_value_str("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
	       "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""),
	    "UTF-8 stays");
	ok(made_json(cnn_value_str("\xc2\x9b"), "\"\\u009b\""),
	    "a terminal gets no control sequence");
	ok(made_json(cnn_value_str((const char[]){ '\xe2', '\x80', '\xae', 0 }),
	       "\"\\u202e\""),
	    "nor a character that reorders text");
	ok(made_json(cnn_value_bin("\xff\xc3", 2), "\"\\ufffd\\ufffd\"") &&
		made_json(cnn_value_str("\xc0\xaf"), "\"\\ufffd\\ufffd\"") &&
		made_json(cnn_value_str("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"") &&
		made_json(cnn_value_str("\xf4\x90\x80\x80"),
		    "\"\\ufffd\\ufffd\\ufffd\\ufffd\""),
	    "stray bytes, overlong forms, surrogates, beyond 10ffff");
}

int main(void)
{
	test_trees();
	test_scalars();
	test_failures();
	test_json();
	return done();
}
