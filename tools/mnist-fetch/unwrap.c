/* unwrap.c - one member of an archive as a separate input. */
#include "samples.h"

#include "formats/format.h"

#include <stdlib.h>
#include <string.h>

struct wrapped {
	struct cnn_archive *archive;
	struct cnn_input *member;
};

static ssize_t wrapped_read(void *ctx, void *buf, size_t size, struct cnn_error *e)
{
	struct wrapped *w = ctx;
	size_t got;
	int r = cnn_input_some(w->member, buf, size, &got, e);

	return r < 0 ? r : (ssize_t)got;
}

static void wrapped_close(void *ctx)
{
	struct wrapped *w = ctx;

	cnn_input_close(w->member);
	cnn_archive_close(w->archive);
	free(w);
}

static bool is_wanted(const char *path, const char *prefix, const char *word)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return (!prefix || strncmp(name, prefix, strlen(prefix)) == 0) &&
	    (!word || strstr(name, word));
}

int cnn_unwrap(struct cnn_input **out, struct cnn_input *in, const char *prefix,
    const char *word, struct cnn_error *e)
{
	static const struct cnn_input_ops ops = { wrapped_read, wrapped_close };
	struct wrapped *w;
	const char *name;
	bool is_archive;
	int r = cnn_archive_sniff(in, &is_archive, e);

	*out = NULL;
	if (r < 0) {
		cnn_input_close(in);
		return r;
	}
	if (!is_archive) {
		*out = in;
		return CNN_OK;
	}
	if (!(w = calloc(1, sizeof *w))) {
		cnn_input_close(in);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	r = cnn_archive_open(&w->archive, in, e);
	while (r == CNN_OK &&
	    (r = cnn_archive_next(w->archive, &name, &w->member, e)) == CNN_OK) {
		if (is_wanted(name, prefix, word))
			return cnn_input_wrap(out, cnn_input_name(w->member), &ops, w,
			    e);
		cnn_input_close(w->member);
		w->member = NULL;
	}
	if (r == CNN_END)
		r = cnn_fail(e, CNN_EDATA, "no member named %s…%s…",
		    prefix ? prefix : "", word ? word : "");
	w->member = NULL;
	wrapped_close(w);
	return r;
}
