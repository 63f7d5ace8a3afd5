/* scan.c - the bounded walk over one MessagePack item.
 *
 * msgpack-c allocates memory by the counts it reads (five bytes can request eight
 * gigabytes), so it gets an item only after this walk has seen every byte of it. */
#include "pack.h"

#include "stream.h"

/* The meaning of a token's first byte. */
struct token {
	unsigned length_bytes; /* size of the big-endian length that follows */
	size_t length;	       /* if there are no length bytes */
	enum { LEAF, STRING, ARRAY, MAP, BAD } kind;
};

static struct token token_of(unsigned char b)
{
	if (b <= 0x7f || b >= 0xe0) /* small integers */
		return (struct token){ 0, 0, LEAF };
	if (b <= 0x8f)
		return (struct token){ 0, b & 0x0f, MAP };
	if (b <= 0x9f)
		return (struct token){ 0, b & 0x0f, ARRAY };
	if (b <= 0xbf)
		return (struct token){ 0, b & 0x1f, STRING };
	switch (b) {
	case 0xc0:
	case 0xc2:
	case 0xc3: /* nil, false, true */ return (struct token){ 0, 0, LEAF };
	case 0xc4:
	case 0xd9: /* bin 8, str 8 */ return (struct token){ 1, 0, STRING };
	case 0xc5:
	case 0xda: return (struct token){ 2, 0, STRING };
	case 0xc6:
	case 0xdb: return (struct token){ 4, 0, STRING };
	case 0xcc:
	case 0xd0: /* integers and floats */ return (struct token){ 0, 1, LEAF };
	case 0xcd:
	case 0xd1: return (struct token){ 0, 2, LEAF };
	case 0xca:
	case 0xce:
	case 0xd2: return (struct token){ 0, 4, LEAF };
	case 0xcb:
	case 0xcf:
	case 0xd3: return (struct token){ 0, 8, LEAF };
	case 0xdc: return (struct token){ 2, 0, ARRAY };
	case 0xdd: return (struct token){ 4, 0, ARRAY };
	case 0xde: return (struct token){ 2, 0, MAP };
	case 0xdf: return (struct token){ 4, 0, MAP };
	default: /* 0xc1 and extensions */ return (struct token){ 0, 0, BAD };
	}
}

int cnn_scan_item(struct cnn_input *in, const struct cnn_bounds *bounds,
    const unsigned char **data, size_t *size, struct cnn_error *e)
{
	size_t open[CNN_MAX_DEPTH]; /* items still expected at each level */
	size_t at = 0, values = 0, have, need, length;
	unsigned depth = 0, i;
	struct token t;
	int r;

	*size = 0;
	open[0] = 1;
	for (;;) {
		while (open[depth] == 0) {
			if (depth == 0) {
				*size = at;
				return CNN_OK;
			}
			depth--;
		}
		open[depth]--;
		if ((r = cnn_input_peek(in, at + 1, data, &have, e)) < 0)
			return r;
		if (have == 0)
			return CNN_OK;
		if (++values > bounds->values)
			return cnn_fail(e, CNN_EDATA,
			    "byte %llu: item of more than %zu values",
			    cnn_input_offset(in), bounds->values);
		if (have <= at)
			goto early;
		t = token_of((*data)[at]);
		if (t.kind == BAD)
			return cnn_fail(e, CNN_EDATA,
			    "byte %llu: 0x%02x is not valid in a tensor stream",
			    cnn_input_offset(in) + at, (*data)[at]);
		need = at + 1 + t.length_bytes;
		if ((r = cnn_input_peek(in, need, data, &have, e)) < 0)
			return r;
		if (have < need)
			goto early;
		length = t.length;
		for (i = 0; i < t.length_bytes; i++)
			length = length << 8 | (*data)[at + 1 + i];
		at = need;
		if (t.kind == ARRAY || t.kind == MAP) {
			/* Each element takes at least one byte. */
			if (length > bounds->values || depth + 1 == CNN_MAX_DEPTH)
				return cnn_fail(e, CNN_EDATA, "byte %llu: %s",
				    cnn_input_offset(in) + at,
				    length > bounds->values ? "count is too large" :
							      "nested too deeply");
			open[++depth] = t.kind == MAP ? length * 2 : length;
		} else {
			if (t.kind == STRING && length > bounds->string)
				return cnn_fail(e, CNN_EDATA,
				    "byte %llu: value of %zu "
				    "bytes is too large (at most %zu)",
				    cnn_input_offset(in) + at, length, bounds->string);
			at += length;
			if (at > bounds->item)
				break;
			if ((r = cnn_input_peek(in, at, data, &have, e)) < 0)
				return r;
			if (have < at)
				goto early;
		}
		if (at > bounds->item)
			break;
	}
	return cnn_fail(e, CNN_EDATA, "byte %llu: item of more than %zu bytes",
	    cnn_input_offset(in), bounds->item);
early:
	return cnn_fail(e, CNN_EDATA,
	    "truncated in the middle of an item, at byte %llu",
	    cnn_input_offset(in) + have);
}
