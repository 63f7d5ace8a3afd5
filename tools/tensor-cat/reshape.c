/* reshape.c - columns, new shapes and swapped axes. */
#include "reshape.h"

#include <stdlib.h>
#include <string.h>

/* How the samples of one field change: their bytes stay, one element of them is taken, or
 * the rows and columns of their planes change places. */
struct change {
	char *name;
	size_t size;	/* bytes of an element */
	size_t columns; /* not 0: take element number `column` of so many */
	size_t column;
	size_t planes, height, width; /* planes not 0: transpose each, as stored */
	int rank;		      /* of the new sample */
	size_t shape[CNN_MAX_RANK];
	unsigned char *buf;
	size_t room;
};

struct cnn_reshape {
	const struct cnn_reshape_options *o;
	struct change changes[CNN_MAX_FIELDS];
	size_t count;
};

/* --- options ---------------------------------------------------------------------- */

static bool parse_shape(struct cnn_new_shape *s, const char *text)
{
	if (!strcmp(text, "scalar"))
		return true;
	for (;; text++) {
		size_t n = 0;

		/* Axis 0 of a tensor is that of the samples. */
		if (s->rank == CNN_MAX_RANK - 1 || *text < '1' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++)
			if (!cnn_mul(n, 10, &n) ||
			    __builtin_add_overflow(n, (size_t)(*text - '0'), &n))
				return false;
		s->shape[s->rank++] = n;
		if (*text != 'x')
			return *text == '\0';
	}
}

static bool same_field(const struct cnn_new_shape *a, const struct cnn_new_shape *b)
{
	return a->field && b->field ? !strcmp(a->field, b->field) :
				      a->field == b->field;
}

int cnn_reshape_parse(struct cnn_reshape_options *o, const char *text,
    struct cnn_error *e)
{
	const char *equals = strrchr(text, '=');
	struct cnn_new_shape *s = &o->shapes[o->shape_count];
	size_t n;

	if (o->shape_count == CNN_MAX_FIELDS)
		return cnn_fail(e, CNN_EUSAGE, "--reshape: more than %d fields",
		    CNN_MAX_FIELDS);
	*s = (struct cnn_new_shape){ 0 };
	if (equals == text || !parse_shape(s, equals ? equals + 1 : text) ||
	    !cnn_shape_count(s->rank, s->shape, &n))
		return cnn_fail(e, CNN_EUSAGE,
		    "--reshape: %s: must be SHAPE or FIELD=SHAPE, such as 1x28x28",
		    text);
	if (equals && !(s->field = strndup(text, (size_t)(equals - text))))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (const struct cnn_new_shape *p = o->shapes; p < s; p++)
		if (same_field(p, s)) {
			free(s->field);
			return cnn_fail(e, CNN_EUSAGE,
			    "--reshape: %s: the field has a shape already", text);
		}
	o->shape_count++;
	return CNN_OK;
}

void cnn_reshape_options_free(struct cnn_reshape_options *o)
{
	for (size_t i = 0; i < o->shape_count; i++)
		free(o->shapes[i].field);
	o->shape_count = 0;
}

bool cnn_reshape_wanted(const struct cnn_reshape_options *o)
{
	return o->column != UINT64_MAX || o->squeeze || o->transpose || o->shape_count;
}

struct cnn_reshape *cnn_reshape_new(const struct cnn_reshape_options *o)
{
	struct cnn_reshape *r = calloc(1, sizeof *r);

	if (r)
		r->o = o;
	return r;
}

static void forget_changes(struct cnn_reshape *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->changes[i].name);
		free(r->changes[i].buf);
	}
	r->count = 0;
}

void cnn_reshape_free(struct cnn_reshape *r)
{
	if (!r)
		return;
	forget_changes(r);
	free(r);
}

/* --- a segment's header ----------------------------------------------------------- */

/* The field that an option is for: the one of this name, or the only one. */
static int find_field(struct cnn_header *h, const char *name, bool only,
    const char *option, const char *where, struct cnn_field **field,
    struct cnn_error *e)
{
	struct cnn_known known = { 0 };

	if ((*field = cnn_header_find(h, name)))
		return CNN_OK;
	if (only && h->field_count == 1) {
		*field = h->fields;
		return CNN_OK;
	}
	for (size_t i = 0; i < h->field_count; i++)
		cnn_known_add(&known, "%s", h->fields[i].name);
	return cnn_fail(e, CNN_EDATA, "%s: %s: no field %s (fields: %s)", where, option,
	    name, cnn_known_text(&known));
}

/* The change of a field, which is none at first. */
static int change_of(struct cnn_reshape *r, const struct cnn_field *f,
    struct change **change, struct cnn_error *e)
{
	for (size_t i = 0; i < r->count; i++)
		if (!strcmp(r->changes[i].name, f->name)) {
			*change = &r->changes[i];
			return CNN_OK;
		}
	*change = &r->changes[r->count];
	**change = (struct change){
		.name = strdup(f->name),
		.size = cnn_dtype_size(f->dtype),
	};
	if (!(*change)->name)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	r->count++;
	return CNN_OK;
}

static int choose_column(struct cnn_reshape *r, struct cnn_header *h, const char *where,
    struct cnn_error *e)
{
	char text[CNN_SHAPE_TEXT];
	struct change *change;
	struct cnn_field *f;
	int code = find_field(h, "label", true, "--column", where, &f, e);

	if (code < 0 || (code = change_of(r, f, &change, e)) < 0)
		return code;
	if (f->rank > 1)
		return cnn_fail(e, CNN_EDATA,
		    "%s: --column: %s has samples of %s: must be a row of numbers",
		    where, f->name,
		    cnn_shape_text(f->rank, f->shape, text, sizeof text));
	change->columns = f->rank ? f->shape[0] : 1;
	if (r->o->column >= change->columns)
		return cnn_fail(e, CNN_EDATA,
		    "%s: --column %ju: %s has %zu column%s, counted from 0", where,
		    (uintmax_t)r->o->column, f->name, change->columns,
		    change->columns == 1 ? "" : "s");
	change->column = (size_t)r->o->column;
	f->rank = 0;
	return CNN_OK;
}

static void squeeze(struct cnn_field *f)
{
	int rank = 0;

	for (int i = 0; i < f->rank; i++)
		if (f->shape[i] != 1)
			f->shape[rank++] = f->shape[i];
	f->rank = rank;
}

static int set_shape(struct cnn_header *h, const struct cnn_new_shape *s,
    const char *where, struct cnn_error *e)
{
	char is[CNN_SHAPE_TEXT], wanted[CNN_SHAPE_TEXT];
	struct cnn_field *f;
	size_t has, needs;
	int code = find_field(h, s->field ? s->field : "image", !s->field, "--reshape",
	    where, &f, e);

	if (code < 0)
		return code;
	if (!cnn_shape_count(f->rank, f->shape, &has) ||
	    !cnn_shape_count(s->rank, s->shape, &needs) || has != needs)
		return cnn_fail(e, CNN_EDATA,
		    "%s: --reshape: %s has samples of %s, which can't become %s", where,
		    f->name, cnn_shape_text(f->rank, f->shape, is, sizeof is),
		    cnn_shape_text(s->rank, s->shape, wanted, sizeof wanted));
	f->rank = s->rank;
	memcpy(f->shape, s->shape, sizeof f->shape);
	return CNN_OK;
}

static int swap_axes(struct cnn_reshape *r, struct cnn_header *h, const char *where,
    struct cnn_error *e)
{
	char text[CNN_SHAPE_TEXT];
	struct change *change;
	struct cnn_field *f;
	int code = find_field(h, "image", true, "--transpose", where, &f, e);

	if (code < 0 || (code = change_of(r, f, &change, e)) < 0)
		return code;
	if (f->rank < 2)
		return cnn_fail(e, CNN_EDATA,
		    "%s: --transpose: %s has samples of %s: needs two axes", where,
		    f->name, cnn_shape_text(f->rank, f->shape, text, sizeof text));
	change->height = f->shape[f->rank - 2];
	change->width = f->shape[f->rank - 1];
	if (!cnn_shape_count(f->rank - 2, f->shape, &change->planes))
		return cnn_fail(e, CNN_EDATA, "%s: %s is too large", where, f->name);
	f->shape[f->rank - 2] = change->width;
	f->shape[f->rank - 1] = change->height;
	return CNN_OK;
}

/* Notes the new shapes of the fields that differ from the old ones. */
static int note_shapes(struct cnn_reshape *r, const struct cnn_header *h,
    struct cnn_error *e)
{
	for (size_t i = 0; i < h->field_count; i++) {
		const struct cnn_field *f = &h->fields[i];
		struct change *change;
		int code = change_of(r, f, &change, e);

		if (code < 0)
			return code;
		change->rank = f->rank;
		memcpy(change->shape, f->shape, sizeof f->shape);
	}
	return CNN_OK;
}

int cnn_reshape_begin(struct cnn_reshape *r, struct cnn_header *h, const char *where,
    struct cnn_error *e)
{
	const struct cnn_reshape_options *o = r->o;
	int code = CNN_OK;

	forget_changes(r);
	if (o->column != UINT64_MAX)
		code = choose_column(r, h, where, e);
	for (size_t i = 0; code == CNN_OK && o->squeeze && i < h->field_count; i++)
		squeeze(&h->fields[i]);
	for (size_t i = 0; code == CNN_OK && i < o->shape_count; i++)
		code = set_shape(h, &o->shapes[i], where, e);
	if (code == CNN_OK && o->transpose)
		code = swap_axes(r, h, where, e);
	return code == CNN_OK ? note_shapes(r, h, e) : code;
}

/* --- records ---------------------------------------------------------------------- */

/* Copies n elements that are `step` bytes apart to places side by side. */
static void pick(unsigned char *to, const unsigned char *from, size_t step, size_t size,
    size_t n)
{
	switch (size) {
	case 1:
		for (; n; n--, from += step)
			*to++ = *from;
		break;
	case 2:
		for (; n; n--, from += step, to += 2)
			memcpy(to, from, 2);
		break;
	case 4:
		for (; n; n--, from += step, to += 4)
			memcpy(to, from, 4);
		break;
	case 8:
		for (; n; n--, from += step, to += 8)
			memcpy(to, from, 8);
		break;
	}
}

static void transpose(const struct change *c, const unsigned char *from, size_t samples)
{
	size_t row = c->width * c->size, plane = c->height * row;
	unsigned char *to = c->buf;

	for (size_t i = 0; i < samples * c->planes; i++, from += plane)
		for (size_t x = 0; x < c->width; x++, to += c->height * c->size)
			pick(to, from + x * c->size, row, c->size, c->height);
}

/* Puts the changed data of a tensor into c->buf. */
static int change_data(struct change *c, struct cnn_tensor *t, struct cnn_error *e)
{
	size_t n = t->shape[0], bytes;
	unsigned char *grown;

	if (!cnn_tensor_bytes(t, &bytes)) /* of the new shape */
		return cnn_fail(e, CNN_EDATA, "%s is too large", c->name);
	if (bytes > c->room || !c->buf) {
		if (!(grown = realloc(c->buf, bytes + !bytes)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		c->buf = grown;
		c->room = bytes;
	}
	if (c->columns)
		pick(c->buf, (unsigned char *)t->data + c->column * c->size,
		    c->columns * c->size, c->size, n);
	else
		transpose(c, t->data, n);
	t->data = c->buf;
	return CNN_OK;
}

int cnn_reshape_record(struct cnn_reshape *r, struct cnn_record *record,
    struct cnn_error *e)
{
	for (size_t i = 0; i < r->count; i++) {
		struct change *c = &r->changes[i];
		struct cnn_tensor *t = cnn_record_find(record, c->name);
		int code = CNN_OK;

		t->rank = c->rank + 1;
		memcpy(t->shape + 1, c->shape, (size_t)c->rank * sizeof *c->shape);
		if (c->columns || c->planes)
			code = change_data(c, t, e);
		if (code < 0)
			return code;
	}
	return CNN_OK;
}
