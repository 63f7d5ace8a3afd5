/* stream-bytes.h - writes MessagePack into buf byte by byte, as input of the tests. */
#ifndef STREAM_BYTES_H
#define STREAM_BYTES_H

#include "tap.h"

#include "stream/stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct cnn_error error;

static unsigned char *buf;
static size_t size, room;

static inline void put(const void *data, size_t n)
{
	if (size + n > room) {
		unsigned char *more = realloc(buf, room = 2 * (size + n));

		if (!more)
			exit(1);
		buf = more;
	}
	memcpy(buf + size, data, n);
	size += n;
}

static inline void byte(unsigned b)
{
	unsigned char c = (unsigned char)b;

	put(&c, 1);
}

/* Big-endian. */
static inline void number(uint64_t u, unsigned bytes)
{
	while (bytes-- > 0)
		byte((unsigned)(u >> 8 * bytes & 0xff));
}

static inline void map(unsigned n)
{
	byte(0xde);
	number(n, 2);
}
static inline void array(unsigned n)
{
	byte(0x90 | n);
}
static inline void str(const char *s)
{
	byte(0xd9);
	byte((unsigned)strlen(s));
	put(s, strlen(s));
}
static inline void bin(const void *s, size_t n)
{
	byte(0xc6);
	number(n, 4);
	put(s, n);
}
static inline void key(const char *s, bool as_bin)
{
	as_bin ? bin(s, strlen(s)) : str(s);
}

static inline void header(const char *kind, unsigned extra)
{
	map(2 + extra);
	str("tensor-stream");
	byte(1);
	str("kind");
	str(kind);
}

/* {"end": {}} */
static inline void end(void)
{
	map(1);
	str("end");
	map(0);
}

/* The differences of a foreign tensor from msgpack-numpy's own encoding. */
struct foreign {
	const char *type, *kind; /* NULL: none */
	unsigned rank;
	uint64_t shape[9];
	const void *data;
	size_t bytes;
	bool str_keys, type_as_bin, nd_false, no_shape, wide;
};

static inline void tensor(const struct foreign *f)
{
	bool b = !f->str_keys;

	map(3 + (f->kind != NULL) + !f->no_shape);
	key("nd", b);
	byte(f->nd_false ? 0xc2 : 0xc3);
	key("type", b);
	f->type_as_bin ? bin(f->type, strlen(f->type)) : str(f->type);
	if (f->kind) {
		key("kind", b);
		bin(f->kind, strlen(f->kind));
	}
	if (!f->no_shape) {
		key("shape", b);
		array(f->rank);
		for (unsigned i = 0; i < f->rank; i++) {
			byte(f->wide ? 0xcf : 0xce);
			number(f->shape[i], f->wide ? 8 : 4);
		}
	}
	key("data", b);
	bin(f->data, f->bytes);
}

/* Starts a new data segment whose only field is x. */
static inline void begin(void)
{
	size = 0;
	header("data", 0);
	map(1);
	str("x");
}

/* Reads buf as a stream. Returns CNN_OK if it is valid, with the last record in *rec
 * and its header in *h; *reader owns both. */
static inline int read_all(struct cnn_reader **reader, struct cnn_record *rec,
    const struct cnn_header **h)
{
	struct cnn_record next;
	struct cnn_input *in;
	const struct cnn_header *header_read;
	int r;

	error = (struct cnn_error){ 0 };
	*reader = NULL;
	if ((r = cnn_input_memory(&in, "x", buf, size, &error)) < 0 ||
	    (r = cnn_reader_open(reader, in, &error)) < 0)
		return r;
	if ((r = cnn_reader_header(*reader, &header_read, &error)) != CNN_OK)
		return r;
	*h = header_read;
	*rec = (struct cnn_record){ 0 };
	while ((r = cnn_reader_record(*reader, &next, &error)) == CNN_OK)
		*rec = next;
	if (r < 0)
		return r;
	return CNN_OK;
}

/* Checks that buf is refused with a message that ends in `why` (or contains it, if
 * `why` has a *). */
static inline void refused(const char *why)
{
	struct cnn_reader *reader;
	const struct cnn_header *h;
	struct cnn_record rec;
	int r = read_all(&reader, &rec, &h);
	size_t n = strlen(why), length = strlen(error.text);
	bool said = n <= length && !strcmp(error.text + length - n, why);

	if (!ok(r == CNN_EDATA && said && !strncmp(error.text, "x: ", 3), "%s", why))
		printf("# code %d, said: %s\n", r, error.text);
	cnn_reader_close(reader);
}

static inline void one(const char *name, unsigned samples)
{
	static const unsigned char data[16];
	struct foreign f = { .type = "|u1",
		.kind = "",
		.rank = 1,
		.shape = { samples },
		.data = data,
		.bytes = samples };

	str(name);
	tensor(&f);
}

/* A segment of three samples, up to the value of the only key in its end */
static inline void ended_by(const char *key)
{
	size = 0;
	header("data", 0);
	map(1);
	one("x", 3);
	map(1);
	str("end");
	map(1);
	str(key);
}

#endif
