/* The names under which tables show classes: printable and distinct. */
#include "tap.h"

#include "net/class-names.h"

#include <string.h>

#define MOST 8

/* Whether the classes, called as in `from`, are shown as in `want`; both end with NULL.
 * The net has `outputs` classes. */
static bool shown(const char *const *from, size_t outputs, const char *const *want)
{
	struct cnn_value *strings = cnn_value_array();
	struct cnn_error e = { 0 };
	char **names = NULL;
	bool good = true;
	size_t n = 0;

	for (; from[n]; n++)
		cnn_value_append(strings, cnn_value_str(from[n]));
	if (cnn_class_names(&names, strings, outputs, &e) < 0) {
		cnn_value_free(strings);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], want[i]) == 0)
			continue;
		printf("# class %zu: %s, not %s\n", i, names[i], want[i]);
		good = false;
	}
	cnn_class_names_free(names, n);
	cnn_value_free(strings);
	return good;
}

#define SHOWN(outputs, want, ...) \
	shown((const char *const[]){ __VA_ARGS__, NULL }, outputs, \
	    (const char *const[MOST]){ UNPACK want })
#define UNPACK(...) __VA_ARGS__

int main(void)
{
	struct cnn_value *strings = cnn_value_array();
	struct cnn_error e = { 0 };
	char **names = NULL;

	ok(SHOWN(3, ("T-shirt/top", "a b", "\"c\""), "T-shirt/top", "a b", "\"c\""),
	    "names that differ stay");
	ok(SHOWN(3, ("1", "2", "0"), "1", "2", "0") && SHOWN(2, ("1999"), "1999"),
	    "so do numbers of classes that have names, or do not exist");
	ok(SHOWN(2, ("C#1", "C#2"), "C#1", "C#2"), "so do numbers after #");
	ok(SHOWN(3, ("a#0", "b", "a#2"), "a", "b", "a"), "equal names get a number");
	ok(SHOWN(3, ("a?#0", "a?#1", "?"), "a\x1b", "a\x9b", "\t"),
	    "so do names that differ only where they cannot be printed");
	ok(SHOWN(4, ("a#0", "a#1", "a#1#2", "c#x"), "a", "a", "a#1", "c#x"),
	    "no number makes names equal");
	ok(SHOWN(4, ("3#0", "b", "02"), "3", "b", "02") &&
		SHOWN(4, ("3#0", "3#0#1", "4"), "3", "3#0", "4"),
	    "a number of a class without a name gets another");
	ok(SHOWN(2, ("#0", "#1"), "", ""), "names may be empty");

	cnn_value_append(strings, cnn_value_strn("a\0b", 3));
	ok(cnn_class_names(&names, strings, 1, &e) == 0 && !strcmp(names[0], "a?b"),
	    "a NUL does not end a name");
	cnn_class_names_free(names, 1);
	cnn_value_free(strings);
	return done();
}
