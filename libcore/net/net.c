/* net.c - parses the net language line by line. */
#include "net.h"

#include "base/nearest.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAIRS 32
#define MAX_FROM 64

struct parser {
	struct cnn_net *net;
	const char *where;
	unsigned number; /* of the current line */
	struct cnn_error *e;
};

__attribute__((format(printf, 2, 3))) static int bad(struct parser *p, const char *fmt,
    ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = cnn_vfail(p->e, CNN_EDATA, fmt, ap);
	va_end(ap);
	cnn_error_prefix(p->e, "%s:%u", p->where, p->number);
	return r;
}

static int out_of_memory(struct parser *p)
{
	return cnn_fail(p->e, CNN_ENOMEM, "%s: out of memory", p->where);
}

/* Names become part of parameter names, where '@' and ':' have a meaning. */
static bool is_name(const char *s)
{
	if (!*s || strlen(s) > 100)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_.-", *s))
			return false;
	return true;
}

static bool is_type(const char *s)
{
	if (!islower((unsigned char)*s) || strlen(s) > 60)
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) &&
		    *s != '_')
			return false;
	return true;
}

/* Fails because the word is no layer type. */
static int bad_type(struct parser *p, char *word)
{
	char lower[64];
	size_t i = 0;

	for (; i < sizeof lower - 1 && word[i]; i++)
		lower[i] = (char)tolower((unsigned char)word[i]);
	lower[i] = '\0';
	if (!word[i] && is_type(lower))
		return bad(p, "%s: layer types are lower case: %s", word, lower);
	return bad(p, "%s: invalid layer type", word);
}

/* Searches the lines above the current one, which is the last in the net. */
static bool find_above(const struct cnn_net *net, const char *name, size_t *index)
{
	for (size_t i = 0; i + 1 < net->count; i++)
		if (strcmp(net->lines[i].name, name) == 0) {
			*index = i;
			return true;
		}
	return false;
}

static int no_layer(struct parser *p, const char *name)
{
	struct cnn_nearest near;

	cnn_nearest_init(&near, name);
	for (size_t i = 0; i + 1 < p->net->count; i++)
		cnn_nearest_offer(&near, p->net->lines[i].name);
	return bad(p, "from=%s: no layer above has this name%s", name,
	    cnn_nearest_hint(&near, ""));
}

/* Parses from=NAME[,NAME], which refers to lines above. */
static int parse_from(struct parser *p, struct cnn_net_line *l, char *list)
{
	char *name, *save = NULL;
	size_t index;

	if (l->from)
		return bad(p, "from= is given twice");
	if (!(l->from = calloc(MAX_FROM, sizeof *l->from)))
		return out_of_memory(p);
	for (name = strtok_r(list, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		if (!find_above(p->net, name, &index))
			return no_layer(p, name);
		if (l->from_count == MAX_FROM)
			return bad(p, "from=: more than %d names", MAX_FROM);
		l->from[l->from_count++] = index;
	}
	return l->from_count ? CNN_OK : bad(p, "from=: needs the name of a layer");
}

static int parse_pair(struct parser *p, struct cnn_net_line *l, char *word)
{
	char *equals = strchr(word, '=');
	struct cnn_net_pair *pairs;

	if (equals)
		*equals = '\0';
	if (equals && strcmp(word, "from") == 0)
		return parse_from(p, l, equals + 1);
	if (equals && (!*word || !equals[1]))
		return bad(p, "%s=%s: must be key=value", word, equals + 1);
	for (size_t i = 0; equals && i < l->pair_count; i++)
		if (strcmp(l->pairs[i].key, word) == 0)
			return bad(p, "%s= is given twice", word);
	if (l->pair_count == MAX_PAIRS)
		return bad(p, "more than %d arguments", MAX_PAIRS);
	pairs = realloc(l->pairs, (l->pair_count + 1) * sizeof *pairs);
	if (!pairs)
		return out_of_memory(p);
	l->pairs = pairs;
	pairs += l->pair_count;
	pairs->key = strdup(equals ? word : "");
	pairs->value = strdup(equals ? equals + 1 : word);
	l->pair_count++;
	return pairs->key && pairs->value ? CNN_OK : out_of_memory(p);
}

/* Names a layer without a name: its type, and its number among the layers of that
 * type. */
static int make_name(struct parser *p, struct cnn_net_line *l)
{
	unsigned n = 1;

	for (struct cnn_net_line *o = p->net->lines; o < l; o++)
		n += strcmp(o->type, l->type) == 0;
	if (asprintf(&l->name, n > 1 || strcmp(l->type, "input") != 0 ? "%s%u" : "%s",
		l->type, n) < 0) {
		l->name = NULL;
		return out_of_memory(p);
	}
	return CNN_OK;
}

static int parse_line(struct parser *p, char *text)
{
	struct cnn_net *net = p->net;
	struct cnn_net_line *l;
	char *save = NULL, *comment = strchr(text, '#'), *word;
	size_t n, other;
	bool is_input;
	int r;

	if (comment)
		*comment = '\0';
	if (!(word = strtok_r(text, " \t\r", &save)))
		return CNN_OK;
	if (net->count == CNN_MAX_NODES)
		return bad(p, "more than %d layers", CNN_MAX_NODES);
	/* Growing by one is fast enough: nets are short. */
	l = realloc(net->lines, (net->count + 1) * sizeof *l);
	if (!l)
		return out_of_memory(p);
	net->lines = l;
	l += net->count;
	*l = (struct cnn_net_line){ .number = p->number };
	net->count++;

	n = strlen(word);
	if (word[n - 1] == ':') {
		word[n - 1] = '\0';
		if (!is_name(word))
			return bad(p, "%s: invalid name: use letters, digits and _.-",
			    word);
		if (!(l->name = strdup(word)))
			return out_of_memory(p);
		if (!(word = strtok_r(NULL, " \t\r", &save)))
			return bad(p, "%s: the layer type is missing", l->name);
	}
	if (!is_type(word))
		return bad_type(p, word);
	if (!(l->type = strdup(word)))
		return out_of_memory(p);
	if (!l->name && (r = make_name(p, l)) < 0)
		return r;
	if (find_above(net, l->name, &other))
		return bad(p, "%s: this name is already used on line %u", l->name,
		    net->lines[other].number);
	while ((word = strtok_r(NULL, " \t\r", &save)))
		if ((r = parse_pair(p, l, word)) < 0)
			return r;
	is_input = strcmp(l->type, "input") == 0;
	if (net->count == 1 && !is_input)
		return bad(p, "the first layer must be the input: input CxHxW");
	if (is_input && l->from)
		return bad(p, "an input takes no from=");
	if (!is_input && !l->from) {
		if (!(l->from = malloc(sizeof *l->from)))
			return out_of_memory(p);
		l->from[0] = net->count - 2;
		l->from_count = 1;
	}
	return CNN_OK;
}

size_t cnn_net_clean(char *text, size_t size)
{
	size_t n = 0, i = size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;

	for (; i < size; i++)
		if (text[i] != '\r' || (i + 1 < size && text[i + 1] != '\n'))
			text[n++] = text[i];
	return n;
}

int cnn_net_parse(struct cnn_net **net, const char *where, const char *text,
    size_t size, struct cnn_error *e)
{
	struct parser p = { calloc(1, sizeof **net), where, 0, e };
	char *copy = NULL, *line, *next;
	int r = CNN_OK;

	*net = p.net;
	if (!p.net)
		return out_of_memory(&p);
	if (size > CNN_MAX_NET)
		r = cnn_fail(e, CNN_EDATA,
		    "%s: net of %zu bytes is too large (at most %zu)", where, size,
		    CNN_MAX_NET);
	else if (memchr(text, '\0', size))
		r = cnn_fail(e, CNN_EDATA, "%s: not text", where);
	else if (!(copy = strndup(text, size)))
		r = out_of_memory(&p);
	for (line = copy; r == CNN_OK && line; line = next) {
		if ((next = strchr(line, '\n')))
			*next++ = '\0';
		p.number++;
		r = parse_line(&p, line);
	}
	free(copy);
	if (r == CNN_OK && p.net->count == 0)
		r = cnn_fail(e, CNN_EDATA, "%s: the net has no layers", where);
	if (r < 0) {
		cnn_net_free(p.net);
		*net = NULL;
	}
	return r;
}

void cnn_net_free(struct cnn_net *net)
{
	if (!net)
		return;
	for (size_t i = 0; i < net->count; i++) {
		struct cnn_net_line *l = &net->lines[i];

		for (size_t j = 0; j < l->pair_count; j++) {
			free(l->pairs[j].key);
			free(l->pairs[j].value);
		}
		free(l->pairs);
		free(l->from);
		free(l->name);
		free(l->type);
	}
	free(net->lines);
	free(net);
}
