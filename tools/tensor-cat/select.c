/* select.c - parses ranges and lists of names. */
#include "convert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Parses digits up to `end`; if there are none, the value is `missing`. */
static bool parse_place(const char *text, const char *end, uint64_t missing,
    uint64_t *place)
{
	*place = text == end ? missing : 0;
	for (; text < end; text++)
		if (*text < '0' || *text > '9' ||
		    __builtin_mul_overflow(*place, 10, place) ||
		    __builtin_add_overflow(*place, (uint64_t)(*text - '0'), place))
			return false;
	return true;
}

int cnn_range_parse(const char *text, uint64_t *first, uint64_t *last,
    struct cnn_error *e)
{
	const char *colon = strchr(text, ':');

	if (!colon || !parse_place(text, colon, 0, first) ||
	    !parse_place(colon + 1, text + strlen(text), UINT64_MAX, last))
		return cnn_fail(e, CNN_EUSAGE,
		    "--range: %s: must be A:B, samples A to B - 1 counted from 0; %s",
		    text,
		    strchr(text, '-') ?
			"counting from the end with - is not supported" :
			"either end may be missing");
	if (*first > *last)
		return cnn_fail(e, CNN_EUSAGE, "--range: %s: ends before it begins",
		    text);
	return CNN_OK;
}

void cnn_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

int cnn_names_parse(const char *text, char ***names, size_t *count, struct cnn_error *e)
{
	*count = 0;
	if (!(*names = calloc(CNN_MAX_FIELDS, sizeof **names)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ",");

		if (n == 0)
			return cnn_fail(e, CNN_EUSAGE, "--fields: %s: empty name",
			    text);
		if (*count == CNN_MAX_FIELDS)
			return cnn_fail(e, CNN_EUSAGE, "--fields: more than %d names",
			    CNN_MAX_FIELDS);
		for (size_t i = 0; i < *count; i++)
			if (strlen((*names)[i]) == n && !memcmp((*names)[i], p, n))
				return cnn_fail(e, CNN_EUSAGE,
				    "--fields: %s: %s is given twice", text,
				    (*names)[i]);
		if (!((*names)[*count] = strndup(p, n)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		++*count;
		p += n;
		if (!*p)
			return CNN_OK;
	}
}
