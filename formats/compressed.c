/* compressed.c - decompresses gzip (RFC 1952), bzip2, xz and zstd (RFC 8878) files with
 * their own libraries. */
#include "compressed.h"

#include <bzlib.h>
#include <limits.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define GZIP_WRAPPER 16 /* added to the window bits: gzip, not zlib */
/* xz -9 needs 65 MiB. */
#define XZ_MEMORY ((uint64_t)256 << 20)

/* What a step may use: it advances both. */
struct chunk {
	const unsigned char *in;
	size_t in_size;
	unsigned char *out;
	size_t out_size;
};

union state {
	z_stream gzip;
	bz_stream bzip2;
	lzma_stream xz;
	struct {
		ZSTD_DStream *stream;
		bool begun;
	} zstd;
};

/* A format. A file has one member or several. */
struct decoder {
	const char *name;
	bool (*probe)(const unsigned char *, size_t have);
	/* Prepares for a member. false: out of memory. */
	bool (*begin)(union state *);
	/* CNN_END when the member is complete and its checksums match. Advances nothing if
	 * it needs more input. */
	int (*step)(union state *, struct chunk *, struct cnn_error *);
	/* Frees what begin() has allocated. */
	void (*end)(union state *);
};

struct compressed {
	const struct decoder *decoder;
	union state state;
	bool inside; /* a member has begun */
	struct cnn_input *in;
};

static int damaged(struct cnn_error *e, const char *name, const char *why)
{
	return cnn_fail(e, CNN_EDATA, "damaged %s data: %s", name, why);
}

static unsigned limited(size_t size)
{
	return size < UINT_MAX ? (unsigned)size : UINT_MAX;
}

/* Takes what a library has left of the chunk. */
static void advance(struct chunk *c, size_t in_left, size_t out_left)
{
	c->in += c->in_size - in_left;
	c->in_size = in_left;
	c->out += c->out_size - out_left;
	c->out_size = out_left;
}

/* --- gzip ------------------------------------------------------------------------- */

static bool gzip_probe(const unsigned char *p, size_t have)
{
	return have >= 3 && memcmp(p, "\x1f\x8b\x08", 3) == 0;
}

static bool gzip_begin(union state *s)
{
	s->gzip = (z_stream){ 0 };
	return inflateInit2(&s->gzip, MAX_WBITS + GZIP_WRAPPER) == Z_OK;
}

static int gzip_step(union state *s, struct chunk *c, struct cnn_error *e)
{
	z_stream *z = &s->gzip;
	unsigned in = limited(c->in_size), out = limited(c->out_size);
	int r;

	z->next_in = (z_const Bytef *)c->in;
	z->avail_in = in;
	z->next_out = c->out;
	z->avail_out = out;
	r = inflate(z, Z_NO_FLUSH);
	advance(c, c->in_size - (in - z->avail_in), c->out_size - (out - z->avail_out));
	switch (r) {
	case Z_OK:
	case Z_BUF_ERROR: return CNN_OK;
	case Z_STREAM_END: return CNN_END;
	case Z_MEM_ERROR: return cnn_fail(e, CNN_ENOMEM, "out of memory");
	default: return damaged(e, "gzip", z->msg ? z->msg : zError(r));
	}
}

static void gzip_end(union state *s)
{
	inflateEnd(&s->gzip);
}

/* --- bzip2 ------------------------------------------------------------------------ */

static bool bzip2_probe(const unsigned char *p, size_t have)
{
	return have >= 4 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9';
}

static bool bzip2_begin(union state *s)
{
	s->bzip2 = (bz_stream){ 0 };
	return BZ2_bzDecompressInit(&s->bzip2, 0, 0) == BZ_OK;
}

static int bzip2_step(union state *s, struct chunk *c, struct cnn_error *e)
{
	bz_stream *z = &s->bzip2;
	unsigned in = limited(c->in_size), out = limited(c->out_size);
	int r;

	z->next_in = (char *)(uintptr_t)c->in;
	z->avail_in = in;
	z->next_out = (char *)c->out;
	z->avail_out = out;
	r = BZ2_bzDecompress(z);
	advance(c, c->in_size - (in - z->avail_in), c->out_size - (out - z->avail_out));
	switch (r) {
	case BZ_OK: return CNN_OK;
	case BZ_STREAM_END: return CNN_END;
	case BZ_MEM_ERROR: return cnn_fail(e, CNN_ENOMEM, "out of memory");
	default: return damaged(e, "bzip2", "wrong checksum or code");
	}
}

static void bzip2_end(union state *s)
{
	BZ2_bzDecompressEnd(&s->bzip2);
}

/* --- xz --------------------------------------------------------------------------- */

static bool xz_probe(const unsigned char *p, size_t have)
{
	return have >= 6 && memcmp(p, "\xfd\x37zXZ\0", 6) == 0;
}

static bool xz_begin(union state *s)
{
	s->xz = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_stream_decoder(&s->xz, XZ_MEMORY, 0) == LZMA_OK;
}

static int xz_step(union state *s, struct chunk *c, struct cnn_error *e)
{
	lzma_stream *z = &s->xz;
	lzma_ret r;

	z->next_in = c->in;
	z->avail_in = c->in_size;
	z->next_out = c->out;
	z->avail_out = c->out_size;
	r = lzma_code(z, LZMA_RUN);
	advance(c, z->avail_in, z->avail_out);
	switch (r) {
	case LZMA_OK:
	case LZMA_BUF_ERROR: return CNN_OK;
	case LZMA_STREAM_END: return CNN_END;
	case LZMA_MEM_ERROR: return cnn_fail(e, CNN_ENOMEM, "out of memory");
	case LZMA_MEMLIMIT_ERROR:
		return cnn_fail(e, CNN_EDATA,
		    "the xz data need more than %d MiB of memory: unpack the file "
		    "first",
		    (int)(XZ_MEMORY >> 20));
	case LZMA_OPTIONS_ERROR: return damaged(e, "xz", "unknown options");
	default: return damaged(e, "xz", "wrong checksum or code");
	}
}

static void xz_end(union state *s)
{
	lzma_end(&s->xz);
}

/* --- zstd ------------------------------------------------------------------------- */

/* A frame, or one that decoders skip: pzstd writes one first. */
static bool zstd_probe(const unsigned char *p, size_t have)
{
	return have >= 4 &&
	    (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
		((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0));
}

static bool zstd_begin(union state *s)
{
	s->zstd.begun = false;
	return (s->zstd.stream = ZSTD_createDStream()) != NULL;
}

static int zstd_step(union state *s, struct chunk *c, struct cnn_error *e)
{
	/* A frame that libzstd gets as a whole takes another way through it, with other
	 * errors. The result must not depend on how much arrives at a time. */
	ZSTD_inBuffer in = { c->in, s->zstd.begun || !c->in_size ? c->in_size : 1, 0 };
	ZSTD_outBuffer out = { c->out, c->out_size, 0 };
	size_t r = ZSTD_decompressStream(s->zstd.stream, &out, &in);

	s->zstd.begun = true;
	advance(c, c->in_size - in.pos, out.size - out.pos);
	if (!ZSTD_isError(r))
		return r == 0 ? CNN_END : CNN_OK;
	/* Which other error it is depends on how much is decompressed at a time. */
	switch (ZSTD_getErrorCode(r)) {
	case ZSTD_error_memory_allocation:
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	case ZSTD_error_frameParameter_windowTooLarge:
		return cnn_fail(e, CNN_EDATA,
		    "the zstd data need more than 128 MiB of memory: unpack the file "
		    "first");
	default: return damaged(e, "zstd", "wrong checksum or code");
	}
}

static void zstd_end(union state *s)
{
	ZSTD_freeDStream(s->zstd.stream);
}

/* --- all -------------------------------------------------------------------------- */

static const struct decoder decoders[] = {
	{ "gzip", gzip_probe, gzip_begin, gzip_step, gzip_end },
	{ "bzip2", bzip2_probe, bzip2_begin, bzip2_step, bzip2_end },
	{ "xz", xz_probe, xz_begin, xz_step, xz_end },
	{ "zstd", zstd_probe, zstd_begin, zstd_step, zstd_end },
};

static const struct decoder *decoder_of(const unsigned char *p, size_t have)
{
	for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++)
		if (decoders[i].probe(p, have))
			return &decoders[i];
	return NULL;
}

bool cnn_compressed_probe(const unsigned char *p, size_t have)
{
	return decoder_of(p, have) != NULL;
}

int cnn_zeros_to_end(struct cnn_input *in, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have, n;
	int r;

	while ((r = cnn_input_peek(in, 1, &p, &have, e)) == CNN_OK && have) {
		for (n = 0; n < have && p[n] == 0; n++)
			;
		cnn_input_skip(in, n);
		if (n < have)
			return CNN_OK;
	}
	return r < 0 ? r : CNN_END;
}

/* Begins the next member; CNN_END if there is none. */
static int next_member(struct compressed *c, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;
	int r = cnn_input_peek(c->in, CNN_COMPRESSED_PROBE, &p, &have, e);

	if (r < 0)
		return r;
	if (!c->decoder->probe(p, have)) {
		r = cnn_zeros_to_end(c->in, e);
		return r == CNN_OK ?
		    cnn_fail(e, CNN_EDATA, "unexpected bytes after the %s data",
			c->decoder->name) :
		    r;
	}
	if (!c->decoder->begin(&c->state))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	c->inside = true;
	return CNN_OK;
}

static ssize_t compressed_read(void *ctx, void *buf, size_t size, struct cnn_error *e)
{
	struct compressed *c = ctx;
	struct chunk chunk = { .out = buf, .out_size = size };
	size_t have;
	int r;

	while (chunk.out_size == size) {
		if (!c->inside && (r = next_member(c, e)) != CNN_OK)
			return r == CNN_END ? 0 : r;
		if ((r = cnn_input_peek(c->in, 1, &chunk.in, &have, e)) < 0)
			return r;
		/* Even without more input, a library may have output left. */
		chunk.in_size = have;
		r = c->decoder->step(&c->state, &chunk, e);
		cnn_input_skip(c->in, have - chunk.in_size);
		if (r < 0)
			return r;
		if (r == CNN_END) {
			c->decoder->end(&c->state);
			c->inside = false;
		} else if (chunk.in_size == have && chunk.out_size == size) {
			return cnn_fail(e, CNN_EDATA, "the %s data are truncated",
			    c->decoder->name);
		}
	}
	return (ssize_t)(size - chunk.out_size);
}

static void compressed_close(void *ctx)
{
	struct compressed *c = ctx;

	if (c->inside)
		c->decoder->end(&c->state);
	cnn_input_close(c->in);
	free(c);
}

int cnn_compressed_wrap(struct cnn_input **in, struct cnn_error *e)
{
	static const struct cnn_input_ops ops = { compressed_read, compressed_close };
	struct compressed *c = calloc(1, sizeof *c);
	struct cnn_input *inner = *in;
	const unsigned char *p;
	size_t have;
	int r;

	*in = NULL;
	if (!c) {
		cnn_input_close(inner);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	c->in = inner;
	if ((r = cnn_input_peek(inner, CNN_COMPRESSED_PROBE, &p, &have, e)) < 0 ||
	    !(c->decoder = decoder_of(p, have))) {
		compressed_close(c);
		return r < 0 ? r : cnn_fail(e, CNN_EDATA, "not a compressed file");
	}
	return cnn_input_wrap(in, cnn_input_name(inner), &ops, c, e);
}
