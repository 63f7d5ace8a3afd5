/* array-source.c - opening, naming, holding and reading one array. */
#include "array-source.h"
#include "formats/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A few kilobytes can say "a terabyte of zeros". Up to HELD_FREELY that is
 * nobody's harm; beyond it, images that shrink more than HELD_RATIO times are
 * none. */
#define HELD_FREELY (256ull << 20)
#define HELD_RATIO 100
#define HOLD_STEP ((size_t)1 << 20)

/* What an array is called by its shape, or NULL. */
static const char *natural_field(const struct cnn_tensor *shape)
{
	if (shape->rank >= 3)
		return "image";
	if (shape->rank == 1 && cnn_dtype_is_integer(shape->dtype))
		return "label";
	return NULL;
}

static int name_field(struct cnn_piece *p, const struct cnn_unit *unit,
	const char *field, struct cnn_error *e)
{
	char text[CNN_SHAPE_TEXT];

	if (!field && *unit->field)
		field = unit->field;
	if (!field)
		field = natural_field(&p->shape);
	if (!field)
		return cnn_fail(e, CNN_EUSAGE, "%s: %s %s is neither images nor labels; "
			"say what it is: tensor-cat --field NAME=%s", p->name,
			cnn_dtype_name(p->shape.dtype), cnn_shape_text(p->shape.rank,
			p->shape.shape, text, sizeof text), p->name);
	if (!(p->field = strdup(field)))
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", p->name);
	return CNN_OK;
}

/* N x H x W pictures have one channel each. */
static void add_channel(struct cnn_tensor *shape)
{
	memmove(shape->shape + 2, shape->shape + 1, 2 * sizeof *shape->shape);
	shape->shape[1] = 1;
	shape->rank = 4;
}

int cnn_piece_open(struct cnn_piece *p, struct cnn_unit *unit, const char *field,
	struct cnn_error *e)
{
	struct cnn_input *in = unit->in;
	int rc;

	*p = (struct cnn_piece){ .name = strdup(cnn_input_name(in)) };
	unit->in = NULL;
	if (!p->name) {
		cnn_input_close(in);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	if ((rc = unit->codec->open(&p->array, in, e)) < 0)
		goto fail;
	p->shape = p->array->shape;
	if ((rc = cnn_rows_check(&p->shape, p->name, &p->row, e)) < 0 ||
	    (rc = name_field(p, unit, field, e)) < 0)
		goto fail;
	if (p->shape.rank == 3 && !strcmp(p->field, "image"))
		add_channel(&p->shape);
	return CNN_OK;
fail:
	cnn_piece_free(p);
	return rc;
}

static void close_array(struct cnn_piece *p)
{
	if (p->array)
		p->array->close(p->array);
	p->array = NULL;
	cnn_source_close(p->source);
	p->source = NULL;
}

void cnn_piece_free(struct cnn_piece *p)
{
	close_array(p);
	free(p->name);
	free(p->field);
	free(p->path);
	free(p->held);
	*p = (struct cnn_piece){ 0 };
}

void cnn_piece_park(struct cnn_piece *p, char *path)
{
	close_array(p);
	p->path = path;
}

static int check_ratio(const struct cnn_piece *p, const struct cnn_source *s,
	unsigned long long held, struct cnn_error *e)
{
	if (held > HELD_FREELY && held / HELD_RATIO > cnn_source_consumed(s))
		return cnn_fail(e, CNN_EDATA, "%s: unpacks to more than %d times its "
			"size; unpack it first if that is right", p->name, HELD_RATIO);
	return CNN_OK;
}

int cnn_piece_hold(struct cnn_piece *p, const struct cnn_source *s,
	unsigned long long *held, struct cnn_error *e)
{
	size_t total = p->shape.shape[0], step = HOLD_STEP / p->row, room = 0;
	unsigned char *grown;
	int rc = total ? CNN_OK : p->array->read(p->array, 0, "", e);

	step += step == 0;
	for (size_t n, at = 0; rc == CNN_OK && at < total; at += n) {
		n = total - at < step ? total - at : step;
		/* Room doubles with what has come, whatever the shape says. */
		if (at + n > room) {
			room = total - at < at + n ? total : 2 * at + n;
			if (!(grown = realloc(p->held, room * p->row)))
				return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", p->name);
			p->held = grown;
		}
		rc = p->array->read(p->array, n, p->held + at * p->row, e);
		*held += n * p->row;
		if (rc == CNN_OK)
			rc = check_ratio(p, s, *held, e);
	}
	close_array(p);
	return rc;
}

/* What was measured, closed and is now due. */
static int open_again(struct cnn_piece *p, struct cnn_error *e)
{
	struct cnn_unit unit;
	struct cnn_piece again;
	bool same;
	int rc = cnn_source_open(&p->source, p->path, e);

	if (rc == CNN_OK)
		rc = cnn_source_next(p->source, &unit, e);
	if (rc != CNN_OK)
		return rc;
	if (!unit.codec) {
		cnn_input_close(unit.in);
		return cnn_fail(e, CNN_EDATA, "%s: changed while it was read", p->name);
	}
	if ((rc = cnn_piece_open(&again, &unit, p->field, e)) < 0)
		return rc;
	same = again.shape.dtype == p->shape.dtype &&
		again.shape.rank == p->shape.rank && !memcmp(again.shape.shape,
		p->shape.shape, (size_t)p->shape.rank * sizeof *p->shape.shape);
	if (same) {
		p->array = again.array;
		again.array = NULL;
	}
	cnn_piece_free(&again);
	return same ? CNN_OK : cnn_fail(e, CNN_EDATA,
		"%s: changed while it was read", p->name);
}

int cnn_piece_read(struct cnn_piece *p, size_t n, void *buf, struct cnn_error *e)
{
	int rc = CNN_OK;

	if (p->held) {
		memcpy(buf, p->held + p->done * p->row, n * p->row);
	} else if (n || p->path || p->array) {
		if (!p->array && (rc = open_again(p, e)) < 0)
			return rc;
		rc = p->array->read(p->array, n, buf, e);
	}
	p->done += n;
	if (p->done == p->shape.shape[0]) {
		close_array(p);
		free(p->held);
		p->held = NULL;
	}
	return rc;
}
