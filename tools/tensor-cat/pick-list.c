/* pick-list.c - parses lists of indices. */
#include "pick.h"

#include "stream/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define LINE 64 /* bytes, more than two numbers need */

/* Parses digits and moves *text behind them. */
static bool parse_index(const char **text, uint64_t *index)
{
	const char *p = *text;

	*index = 0;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*index, 10, index) ||
		    __builtin_add_overflow(*index, (uint64_t)(*p - '0'), index))
			return false;
	if (p == *text)
		return false;
	*text = p;
	return true;
}

static int append(struct cnn_pick_list *list, uint64_t first, uint64_t last,
    struct cnn_error *e)
{
	size_t n;
	uint64_t *grown;

	if (last - first >= CNN_PICK_LIMIT - list->count)
		return cnn_fail(e, CNN_EUSAGE, "lists more than %zu samples",
		    CNN_PICK_LIMIT);
	n = (size_t)(last - first) + 1;
	if (n > list->room - list->count) {
		size_t room = list->room * 2;

		room = room < list->count + n ? list->count + n : room;
		grown = reallocarray(list->items, room, sizeof *grown);
		if (!grown)
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		list->items = grown;
		list->room = room;
	}
	for (; n > 0; n--)
		list->items[list->count++] = first++;
	return CNN_OK;
}

/* Parses "5" or "5-9". */
static int parse_item(const char *text, struct cnn_pick_list *list, struct cnn_error *e)
{
	const char *p = text;
	uint64_t first = 0, last = 0;
	bool good = parse_index(&p, &first);

	last = first;
	if (good && *p == '-') {
		p++;
		good = parse_index(&p, &last);
	}
	if (!good || *p)
		return cnn_fail(e, CNN_EUSAGE,
		    "\"%s\" is not an index (3) or a range (5-9) of samples", text);
	if (last < first)
		return cnn_fail(e, CNN_EUSAGE, "%s: ends before it begins", text);
	return append(list, first, last, e);
}

static int parse_text(const char *text, struct cnn_pick_list *list, struct cnn_error *e)
{
	char item[LINE];
	int r = CNN_OK;

	for (const char *p = text; r == CNN_OK; p++) {
		size_t n = strcspn(p, ",");

		snprintf(item, sizeof item, "%.*s", (int)(n < LINE ? n : LINE - 1), p);
		r = parse_item(item, list, e);
		p += n;
		if (!*p)
			break;
	}
	if (r < 0)
		cnn_error_prefix(e, "--pick");
	return r;
}

/* Parses a line without its end. Blanks around the item are ignored. */
static int parse_line(char *line, size_t n, struct cnn_pick_list *list,
    struct cnn_error *e)
{
	while (n > 0 && strchr(" \t\r", line[n - 1]))
		n--;
	line[n] = '\0';
	line += strspn(line, " \t");
	return *line ? parse_item(line, list, e) : CNN_OK;
}

static int parse_input(struct cnn_input *in, struct cnn_pick_list *list,
    struct cnn_error *e)
{
	char line[LINE], block[4096];
	struct cnn_error why = { 0 };
	size_t n = 0, got = 0, number = 1;
	int r;

	while ((r = cnn_input_some(in, block, sizeof block, &got, e)) == CNN_OK && got)
		for (size_t i = 0; i < got; i++) {
			if (block[i] != '\n' && n < LINE - 1) {
				line[n++] = block[i];
				continue;
			}
			r = block[i] == '\n' ?
			    parse_line(line, n, list, &why) :
			    cnn_fail(&why, CNN_EDATA,
				"too long for an index or a range of samples");
			if (r < 0)
				goto out;
			number++;
			n = 0;
		}
	if (r == CNN_OK)
		r = parse_line(line, n, list, &why);
out:
	if (!why.code)
		return r;
	return cnn_fail(e, why.code == CNN_EUSAGE ? CNN_EDATA : why.code,
	    "--pick: %s: line %zu: %s", cnn_input_name(in), number, why.text);
}

int cnn_pick_parse(const char *text, struct cnn_pick_list *list, struct cnn_error *e)
{
	struct cnn_input *in;
	int r;

	*list = (struct cnn_pick_list){ 0 };
	if (!*text || (text[strspn(text, "0123456789,-")] == '\0' && strcmp(text, "-")))
		return parse_text(text, list, e);
	if ((r = cnn_input_open(&in, text, e)) < 0) {
		cnn_error_prefix(e, "--pick");
		return r;
	}
	r = parse_input(in, list, e);
	cnn_input_close(in);
	return r;
}

void cnn_pick_list_free(struct cnn_pick_list *list)
{
	free(list->items);
	*list = (struct cnn_pick_list){ 0 };
}

/* Writes the item at *at, or the run of three or more consecutive indices that begins
 * there, and moves *at behind it. */
static int item_text(const struct cnn_pick_list *list, size_t *at, char item[LINE])
{
	size_t i = *at, last = i;
	const char *comma = i ? "," : "";

	while (last + 1 < list->count && list->items[last + 1] == list->items[last] + 1)
		last++;
	if (last < i + 2) {
		++*at;
		return snprintf(item, LINE, "%s%" PRIu64, comma, list->items[i]);
	}
	*at = last + 1;
	return snprintf(item, LINE, "%s%" PRIu64 "-%" PRIu64, comma, list->items[i],
	    list->items[last]);
}

int cnn_pick_text(const struct cnn_pick_list *list, char text[CNN_PICK_TEXT],
    struct cnn_error *e)
{
	XXH3_state_t *state = XXH3_createState();
	char item[LINE];
	size_t length = 0;

	if (!state)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	XXH3_64bits_reset(state);
	*text = '\0';
	for (size_t i = 0; i < list->count;) {
		size_t n = (size_t)item_text(list, &i, item);

		XXH3_64bits_update(state, item, n);
		if (length + n < CNN_PICK_TEXT)
			memcpy(text + length, item, n + 1);
		length += n;
	}
	if (length >= CNN_PICK_TEXT)
		snprintf(text, CNN_PICK_TEXT, "%zu samples, xxh3 %016" PRIx64,
		    list->count, (uint64_t)XXH3_64bits_digest(state));
	XXH3_freeState(state);
	return CNN_OK;
}
