/* gzip.c - an input that inflates another one, RFC 1952. */
#include "gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_WRAPPER 16 /* added to the window bits: gzip, not zlib */

struct gzip {
	struct cnn_input *in;
	z_stream z;
	bool whole; /* the member has ended and its checksums match */
};

bool cnn_gzip_probe(const unsigned char *p, size_t have)
{
	return have >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

/* Accepts zeros up to the end, as on tapes and block devices. */
static int skip_padding(struct gzip *g, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have, n;
	int r;

	while ((r = cnn_input_peek(g->in, 1, &p, &have, e)) == CNN_OK && have) {
		for (n = 0; n < have && p[n] == 0; n++)
			;
		cnn_input_skip(g->in, n);
		if (n < have)
			return cnn_fail(e, CNN_EDATA,
			    "unexpected bytes after the gzip data");
	}
	return r < 0 ? r : CNN_END;
}

/* Starts the next member, if any: gzip files may be concatenated. */
static int next_member(struct gzip *g, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;
	int r = cnn_input_peek(g->in, 3, &p, &have, e);

	if (r < 0)
		return r;
	if (!have)
		return CNN_END;
	if (*p == 0)
		return skip_padding(g, e);
	if (!cnn_gzip_probe(p, have))
		return cnn_fail(e, CNN_EDATA, "unexpected bytes after the gzip data");
	inflateReset(&g->z);
	g->whole = false;
	return CNN_OK;
}

static ssize_t gzip_read(void *ctx, void *buf, size_t size, struct cnn_error *e)
{
	struct gzip *g = ctx;
	const unsigned char *p;
	size_t have;
	int r, z;

	g->z.next_out = buf;
	g->z.avail_out = size < UINT_MAX ? (uInt)size : UINT_MAX;
	size = g->z.avail_out;
	while (g->z.avail_out == size) {
		if (g->whole && (r = next_member(g, e)) != CNN_OK)
			return r == CNN_END ? 0 : r;
		if ((r = cnn_input_peek(g->in, 1, &p, &have, e)) < 0)
			return r;
		if (!have)
			return cnn_fail(e, CNN_EDATA, "the gzip data are truncated");
		if (have > UINT_MAX)
			have = UINT_MAX;
		g->z.next_in = (z_const Bytef *)p;
		g->z.avail_in = (uInt)have;
		z = inflate(&g->z, Z_NO_FLUSH);
		cnn_input_skip(g->in, have - g->z.avail_in);
		g->whole = z == Z_STREAM_END;
		if (z != Z_OK && z != Z_STREAM_END)
			return cnn_fail(e, z == Z_MEM_ERROR ? CNN_ENOMEM : CNN_EDATA,
			    "damaged gzip data: %s", g->z.msg ? g->z.msg : zError(z));
	}
	return (ssize_t)(size - g->z.avail_out);
}

static void gzip_close(void *ctx)
{
	struct gzip *g = ctx;

	inflateEnd(&g->z);
	cnn_input_close(g->in);
	free(g);
}

int cnn_gzip_wrap(struct cnn_input **in, struct cnn_error *e)
{
	static const struct cnn_input_ops ops = { gzip_read, gzip_close };
	struct gzip *g = calloc(1, sizeof *g);

	if (!g || inflateInit2(&g->z, MAX_WBITS + GZIP_WRAPPER) != Z_OK) {
		free(g);
		cnn_input_close(*in);
		*in = NULL;
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	g->in = *in;
	*in = NULL;
	return cnn_input_wrap(in, cnn_input_name(g->in), &ops, g, e);
}
