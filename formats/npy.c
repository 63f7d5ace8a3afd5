/* npy.c - numpy's array files, versions 1 to 3.
 *
 *     \x93NUMPY  major minor   8 bytes
 *     header's length          2 bytes (version 1) or 4, little-endian
 *     header                   a Python dict that ends with a newline
 *     elements
 *
 * The header is parsed, not evaluated: it must consist of three known keys, each once,
 * with a string, a boolean and a tuple of integers.
 *
 * An array in Fortran order is held in memory as a whole while it is read (rows.h).
 * Unsigned integers of more than one byte, which tensors lack, become signed ones that
 * have all their values: u2 int32, u4 and u8 int64.
 */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define MAX_HEADER 65535 /* maximum in version 1; numpy's own headers need 118 */

struct npy {
	struct cnn_tensor shape;
	struct cnn_rows_form form;
	bool has_descr, has_order, has_shape;
};

/* Types as numpy spells them. A code or a letter may follow a byte order, a name may
 * not. Names and letters whose size depends on the machine are not here. */
static const struct type {
	char code[3], letter[2], name[8], other[8];
	enum cnn_dtype dtype;
	unsigned char unsigned_size; /* see struct cnn_rows_form */
} types[] = {
	{ "b1", "?", "bool", "bool_", CNN_BOOL, 0 },
	{ "u1", "B", "uint8", "ubyte", CNN_U8, 0 },
	{ "u2", "H", "uint16", "ushort", CNN_I32, 2 },
	{ "u4", "I", "uint32", "uintc", CNN_I64, 4 },
	{ "u8", "Q", "uint64", "", CNN_I64, 8 },
	{ "i1", "b", "int8", "byte", CNN_I8, 0 },
	{ "i2", "h", "int16", "short", CNN_I16, 0 },
	{ "i4", "i", "int32", "intc", CNN_I32, 0 },
	{ "i8", "q", "int64", "", CNN_I64, 0 },
	{ "f2", "e", "float16", "half", CNN_F16, 0 },
	{ "f4", "f", "float32", "single", CNN_F32, 0 },
	{ "f8", "d", "float64", "double", CNN_F64, 0 },
};

static const struct type *find_type(const char *descr)
{
	bool ordered = *descr && strchr("<>=|", *descr);
	const char *code = descr + ordered;

	for (size_t i = 0; *code && i < sizeof types / sizeof *types; i++)
		if (!strcmp(code, types[i].code) || !strcmp(code, types[i].letter) ||
		    (!ordered &&
			(!strcmp(code, types[i].name) ||
			    !strcmp(code, types[i].other))))
			return &types[i];
	return NULL;
}

struct text { /* the rest of the header */
	const char *p, *end;
	const char *name;
	struct cnn_error *e;
};

static int bad(struct text *t, const char *what)
{
	return cnn_fail(t->e, CNN_EDATA, "%s: npy header: %s", t->name, what);
}

/* Skips what separates Python's tokens inside brackets. */
static void skip_blanks(struct text *t)
{
	while (t->p < t->end && *t->p && strchr(" \t\r\n\f", *t->p))
		t->p++;
}

static bool accept(struct text *t, char c)
{
	skip_blanks(t);
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static bool accept_word(struct text *t, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(t);
	if ((size_t)(t->end - t->p) < n || memcmp(t->p, word, n) != 0)
		return false;
	t->p += n;
	return true;
}

/* Parses a string without escapes; no key or type string needs any. */
static int parse_string(struct text *t, char *buf, size_t size)
{
	char quote = accept(t, '\'') ? '\'' : accept(t, '"') ? '"' : 0;
	const char *s = t->p;
	size_t n;

	if (!quote)
		return bad(t, "expected a string");
	while (t->p < t->end && *t->p != quote) {
		if (*t->p == '\\' || *t->p < ' ' || *t->p > '~')
			return bad(t, "unexpected character in a string");
		t->p++;
	}
	n = (size_t)(t->p - s);
	if (t->p == t->end || n >= size)
		return bad(t, "a string is too long");
	memcpy(buf, s, n);
	buf[n] = 0;
	t->p++;
	return CNN_OK;
}

static int parse_descr(struct text *t, struct npy *npy)
{
	const struct type *type;
	char descr[64];
	int r;

	if (accept(t, '['))
		return bad(t, "structured types are not supported");
	if ((r = parse_string(t, descr, sizeof descr)) < 0)
		return r;
	if (strchr(descr, 'O'))
		return bad(t, "type 'O' (pickled objects) is not supported");
	if (!(type = find_type(descr)))
		return cnn_fail(t->e, CNN_EDATA,
		    "%s: npy header: type '%s' is not supported (supported: u1 u2 u4 "
		    "u8 i1 i2 i4 i8 f2 f4 f8 b1)",
		    t->name, descr);
	npy->shape.dtype = type->dtype;
	npy->form.unsigned_size = type->unsigned_size;
	npy->form.big_endian = *descr == '>';
	return CNN_OK;
}

static int parse_shape(struct text *t, struct npy *npy)
{
	int rank = 0;
	bool comma = false;

	if (!accept(t, '('))
		return bad(t, "the shape is not a tuple");
	while (!accept(t, ')')) {
		size_t n = 0;
		const char *first;

		if (rank && !comma)
			return bad(t, "the shape is not a tuple of integers");
		if (rank == CNN_MAX_RANK)
			return bad(t, "more than 8 axes");
		skip_blanks(t);
		for (first = t->p; t->p < t->end && *t->p >= '0' && *t->p <= '9';
		     t->p++)
			if (!cnn_mul(n, 10, &n) ||
			    __builtin_add_overflow(n, (size_t)(*t->p - '0'), &n))
				return bad(t, "an axis is too long");
		if (t->p == first)
			return bad(t, "the shape is not a tuple of integers");
		accept(t, 'L'); /* Python 2 appended an L to longs */
		npy->shape.shape[rank++] = n;
		comma = accept(t, ',');
	}
	if (rank == 0)
		return bad(t, "a scalar is not an array of samples");
	if (rank == 1 && !comma)
		return bad(t, "the shape is not a tuple");
	npy->shape.rank = rank;
	return CNN_OK;
}

static int parse_value(struct text *t, const char *key, struct npy *npy)
{
	bool *seen = !strcmp(key, "descr") ? &npy->has_descr :
	    !strcmp(key, "fortran_order")  ? &npy->has_order :
	    !strcmp(key, "shape")	   ? &npy->has_shape :
					     NULL;

	if (!seen)
		return cnn_fail(t->e, CNN_EDATA, "%s: npy header: unknown key '%s'",
		    t->name, key);
	if (*seen)
		return bad(t, "a key occurs twice");
	*seen = true;
	if (seen == &npy->has_descr)
		return parse_descr(t, npy);
	if (seen == &npy->has_shape)
		return parse_shape(t, npy);
	if (accept_word(t, "False"))
		return CNN_OK;
	if ((npy->form.fortran = accept_word(t, "True")))
		return CNN_OK;
	return bad(t, "fortran_order must be True or False");
}

static int parse_header(struct text *t, struct npy *npy)
{
	char key[32];
	int r, long_axes = 0;

	if (!accept(t, '{'))
		return bad(t, "not a dictionary");
	while (!accept(t, '}')) {
		if ((r = parse_string(t, key, sizeof key)) < 0)
			return r;
		if (!accept(t, ':'))
			return bad(t, "a key has no value");
		if ((r = parse_value(t, key, npy)) < 0)
			return r;
		if (accept(t, ','))
			continue;
		if (!accept(t, '}'))
			return bad(t, "no comma after a value");
		break;
	}
	skip_blanks(t);
	if (t->p != t->end)
		return bad(t, "unexpected data after the dictionary");
	if (!npy->has_descr || !npy->has_order || !npy->has_shape)
		return bad(t, "descr, fortran_order or shape is missing");
	for (int i = 0; i < npy->shape.rank; i++)
		long_axes += npy->shape.shape[i] != 1;
	/* With only one axis longer than 1, both orders are the same. */
	npy->form.fortran &= long_axes > 1;
	return CNN_OK;
}

static bool npy_probe(const unsigned char *p, size_t have)
{
	return have >= MAGIC_SIZE && memcmp(p, MAGIC, MAGIC_SIZE) == 0;
}

static int npy_open(struct cnn_array **array, struct cnn_input *in, struct cnn_error *e)
{
	const char *name = cnn_input_name(in);
	unsigned char head[MAGIC_SIZE + 2], length[4] = { 0 };
	const unsigned char *p;
	struct npy npy = { 0 };
	struct text t = { .name = name, .e = e };
	size_t size, have;
	int r = cnn_input_read(in, head, sizeof head, e);

	if (r < 0)
		goto fail;
	if (!npy_probe(head, sizeof head) || head[MAGIC_SIZE] < 1 ||
	    head[MAGIC_SIZE] > 3 || head[MAGIC_SIZE + 1] != 0) {
		r = cnn_fail(e, CNN_EDATA, "%s: not an npy file of version 1, 2 or 3",
		    name);
		goto fail;
	}
	r = cnn_input_read(in, length, head[MAGIC_SIZE] == 1 ? 2 : 4, e);
	if (r < 0)
		goto fail;
	size = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
	    (size_t)length[3] << 24;
	if (size > MAX_HEADER) {
		r = bad(&t, "too long");
		goto fail;
	}
	r = cnn_input_peek(in, size, &p, &have, e);
	if (r < 0)
		goto fail;
	if (have < size) {
		r = bad(&t, "truncated");
		goto fail;
	}
	t.p = (const char *)p;
	t.end = t.p + size;
	if ((r = parse_header(&t, &npy)) < 0)
		goto fail;
	cnn_input_skip(in, size);
	return cnn_rows_open(array, in, &npy.shape, &npy.form, e);
fail:
	cnn_input_close(in);
	return r;
}

/* Writes version 1, padded with spaces so that the elements start at a multiple of 64
 * bytes, as numpy does. */
static int npy_write(const struct cnn_tensor *t, struct cnn_output *out,
    struct cnn_error *e)
{
	char dict[512], prefix[] = MAGIC "\1\0";
	size_t n, total;
	unsigned char length[2];
	int r;

	if (t->dtype == CNN_BF16)
		return cnn_fail(e, CNN_EDATA, "npy has no type for bfloat16");
	n = (size_t)snprintf(dict, sizeof dict,
	    "{'descr': '%s', 'fortran_order': False, 'shape': (",
	    cnn_dtype_typestr(t->dtype));
	for (int i = 0; i < t->rank; i++)
		n += (size_t)snprintf(dict + n, sizeof dict - n, "%s%zu", i ? ", " : "",
		    t->shape[i]);
	n += (size_t)snprintf(dict + n, sizeof dict - n, "%s), }",
	    t->rank == 1 ? "," : "");
	total = (MAGIC_SIZE + 4 + n + 1 + 63) / 64 * 64 - (MAGIC_SIZE + 4);
	memset(dict + n, ' ', total - n);
	dict[total - 1] = '\n';
	length[0] = (unsigned char)total;
	length[1] = (unsigned char)(total >> 8);

	if ((r = cnn_output_write(out, prefix, MAGIC_SIZE + 2, e)) < 0 ||
	    (r = cnn_output_write(out, length, sizeof length, e)) < 0 ||
	    (r = cnn_output_write(out, dict, total, e)) < 0)
		return r;
	return cnn_rows_write(t, out, false, e);
}

const struct cnn_codec cnn_codec_npy = {
	.name = "npy",
	.suffix = ".npy",
	.probe_bytes = MAGIC_SIZE,
	.probe = npy_probe,
	.open = npy_open,
	.write = npy_write,
};
