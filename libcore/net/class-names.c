/* class-names.c - see class-names.h. */
#include "class-names.h"

#include "base/printable.h"

#include <stdlib.h>
#include <string.h>

#define SUFFIX 24 /* bytes for '#', a number and a NUL */

struct name {
	char *text;
	size_t class;
	bool shared; /* another class may be shown under it */
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

/* Whether the text is a number from `first` up to `end`, as a number is printed. */
static bool is_number(const char *text, size_t first, size_t end)
{
	char number[SUFFIX];
	unsigned long long n = strtoull(text, NULL, 10);

	snprintf(number, sizeof number, "%llu", n);
	return n >= first && n < end && strcmp(number, text) == 0;
}

static bool is_numbered(const char *text)
{
	const char *hash = strrchr(text, '#');

	return hash && hash[1] && hash[1 + strspn(hash + 1, "0123456789")] == '\0';
}

/* A copy of the string, made printable, with room for a suffix. */
static char *printable_copy(const struct cnn_value *string)
{
	size_t size = string->as.str.size;
	char *text = malloc(size + SUFFIX), *nul;

	if (!text)
		return NULL;
	memcpy(text, string->as.str.data, size);
	text[size] = '\0';
	while ((nul = memchr(text, '\0', size)))
		*nul = '?';
	return cnn_printable(text, "");
}

/* Sorts the names. Marks those that look the same; returns whether there are any. */
static bool mark_shared(struct name *names, size_t count, size_t classes)
{
	bool any = false;

	qsort(names, count, sizeof *names, compare);
	for (size_t i = 0; i < count; i++) {
		names[i].shared = is_number(names[i].text, count, classes);
		if (i > 0 && compare(&names[i - 1], &names[i]) == 0)
			names[i - 1].shared = names[i].shared = true;
	}
	for (size_t i = 0; i < count; i++)
		any |= names[i].shared;
	return any;
}

int cnn_class_names(char ***made, const struct cnn_value *strings, size_t classes,
    struct cnn_error *e)
{
	size_t count = strings->as.array.count, copied = 0;
	struct name *names = calloc(count + 1, sizeof *names);
	bool any;

	*made = calloc(count + 1, sizeof **made);
	while (names && *made && copied < count &&
	    (names[copied].text = printable_copy(strings->as.array.items[copied]))) {
		names[copied].class = copied;
		(*made)[copied] = names[copied].text;
		copied++;
	}
	if (!names || !*made || copied < count) {
		cnn_class_names_free(*made, copied);
		*made = NULL;
		free(names);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	any = mark_shared(names, count, classes);
	for (size_t i = 0; any && i < count; i++)
		if (names[i].shared || is_numbered(names[i].text))
			snprintf(names[i].text + strlen(names[i].text), SUFFIX, "#%zu",
			    names[i].class);
	free(names);
	return CNN_OK;
}

void cnn_class_names_free(char **names, size_t count)
{
	for (size_t i = 0; names && i < count; i++)
		free(names[i]);
	free(names);
}
