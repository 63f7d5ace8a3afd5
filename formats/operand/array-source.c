/* array-source.c - opens, names, holds and reads one array. */
#include "array-source.h"
#include "formats/rows.h"

#include "base/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A few compressed kilobytes can expand to a terabyte of zeros. Up to HELD_FREELY bytes
 * are always accepted. Beyond that, the bytes held must be at most HELD_RATIO times the
 * bytes read. */
#define HELD_FREELY (256ull << 20)
#define HELD_RATIO 100
#define HOLD_STEP ((size_t)1 << 20)

/* The field name that the shape implies, or NULL. */
static const char *natural_field(const struct cnn_tensor *shape, bool tables)
{
	if (shape->rank >= 3)
		return "image";
	if (cnn_dtype_is_integer(shape->dtype) &&
	    (shape->rank == 1 || tables || shape->shape[1] == 1))
		return "label";
	return NULL;
}

static int name_field(struct cnn_array_source *p, const struct cnn_member *member,
    const char *field, bool tables, struct cnn_error *e)
{
	char text[CNN_SHAPE_TEXT];

	if (!field && *member->field)
		field = member->field;
	if (!field)
		field = natural_field(&p->shape, tables);
	if (!field)
		return cnn_fail(e, CNN_EUSAGE,
		    "%s: %s %s is neither images nor "
		    "labels: name its field with tensor-cat --field NAME=%s%s",
		    p->name, cnn_dtype_name(p->shape.dtype),
		    cnn_shape_text(p->shape.rank, p->shape.shape, text, sizeof text),
		    p->name,
		    p->shape.rank == 2 && cnn_dtype_is_integer(p->shape.dtype) ?
			", or choose a column of labels with --column N" :
			"");
	if (!(p->field = strdup(field)))
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", p->name);
	return CNN_OK;
}

/* N x H x W images have one channel each. */
static void add_channel(struct cnn_tensor *shape)
{
	memmove(shape->shape + 2, shape->shape + 1, 2 * sizeof *shape->shape);
	shape->shape[1] = 1;
	shape->rank = 4;
}

/* Keeps the error of a damaged picture in the source, and passes others on. */
static int judge(struct cnn_array_source *p, int r, const struct cnn_error *why,
    struct cnn_error *e)
{
	if (r >= 0)
		return r;
	if (r == CNN_EDATA && p->picture)
		return (p->bad = strdup(why->text)) ?
		    CNN_OK :
		    cnn_fail(e, CNN_ENOMEM, "%s: out of memory", p->name);
	if (e && e->code == CNN_OK)
		*e = *why;
	return r;
}

int cnn_array_source_open(struct cnn_array_source *p, struct cnn_member *member,
    const char *field, bool tables, struct cnn_error *e)
{
	struct cnn_input *in = member->in;
	struct cnn_error own = { 0 };
	int r;

	*p = (struct cnn_array_source){
		.name = strdup(cnn_input_name(in)),
		.shape = { .dtype = CNN_U8, .rank = 4, .shape = { 1 } },
		.picture = member->codec->picture,
	};
	member->in = NULL;
	if (!p->name) {
		cnn_input_close(in);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	r = member->codec->open(&p->array, in, &own);
	if ((r = judge(p, r, &own, e)) < 0)
		goto fail;
	if (p->array)
		p->shape = p->array->shape;
	if ((p->array && (r = cnn_rows_check(&p->shape, p->name, &p->row, e)) < 0) ||
	    (r = name_field(p, member, field, tables, e)) < 0)
		goto fail;
	if (p->shape.rank == 3 && !strcmp(p->field, "image"))
		add_channel(&p->shape);
	if (p->shape.rank == 2 && p->shape.shape[1] == 1 &&
	    cnn_dtype_is_integer(p->shape.dtype) && !strcmp(p->field, "label"))
		p->shape.rank = 1;
	return CNN_OK;
fail:
	cnn_array_source_free(p);
	return r;
}

unsigned long long cnn_array_source_consumed(const struct cnn_array_source *p)
{
	/* A bad picture has closed the input that the members would ask. */
	return p->array && p->members ? cnn_members_consumed(p->members) : p->consumed;
}

static void close_array(struct cnn_array_source *p)
{
	p->consumed = cnn_array_source_consumed(p);
	if (p->array)
		p->array->close(p->array);
	p->array = NULL;
	cnn_members_close(p->members);
	p->members = NULL;
}

static void drop_held(struct cnn_array_source *p)
{
	free(p->held);
	cnn_memory_give_back(p->held_bytes);
	p->held = NULL;
	p->held_bytes = 0;
}

void cnn_array_source_free(struct cnn_array_source *p)
{
	close_array(p);
	drop_held(p);
	free(p->name);
	free(p->field);
	free(p->path);
	free(p->bad);
	*p = (struct cnn_array_source){ 0 };
}

void cnn_array_source_park(struct cnn_array_source *p, char *path)
{
	close_array(p);
	p->path = path;
}

int cnn_held_check(const char *name, unsigned long long held,
    unsigned long long consumed, struct cnn_error *e)
{
	if (held > HELD_FREELY && held / HELD_RATIO > consumed)
		return cnn_fail(e, CNN_EDATA,
		    "%s: unpacks to more than %d times its "
		    "size: if this is expected, unpack it first",
		    name, HELD_RATIO);
	return CNN_OK;
}

/* Makes room for `need` samples in the block of held ones. It grows with the data
 * received, whatever the shape claims. */
static int make_room(struct cnn_array_source *p, size_t need, struct cnn_error *e)
{
	size_t room = p->held_bytes / p->row, total = p->shape.shape[0];
	unsigned char *grown;
	int r;

	if (need <= room)
		return CNN_OK;
	room = cnn_memory_room(room, need, 0, p->row);
	if (room > total)
		room = total;
	if ((r = cnn_memory_take(p->name, room * p->row - p->held_bytes, e)) < 0)
		return r;
	p->held_bytes = room * p->row;
	if (!(grown = realloc(p->held, p->held_bytes)))
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", p->name);
	p->held = grown;
	return CNN_OK;
}

/* Fetches an array that must be in memory as a whole. */
static int fetch(struct cnn_array_source *p, const struct cnn_members *s,
    unsigned long long *held, struct cnn_error *e)
{
	size_t got = 1;
	int r = CNN_OK;

	while (r == CNN_OK && p->array && p->array->fetch && got) {
		r = p->array->fetch(p->array, &got, e);
		*held += got;
		if (r == CNN_OK)
			r = cnn_held_check(p->name, *held, cnn_members_consumed(s), e);
	}
	return r;
}

int cnn_array_source_hold(struct cnn_array_source *p, const struct cnn_members *s,
    unsigned long long *held, struct cnn_error *e)
{
	size_t total = p->shape.shape[0], step;
	struct cnn_error own = { 0 };
	int r = fetch(p, s, held, e);

	if (r < 0 || p->bad)
		return r;
	if (!total)
		r = p->array->read(p->array, 0, "", e);
	step = HOLD_STEP / p->row;
	step += step == 0;
	for (size_t n, at = 0; r == CNN_OK && !p->bad && at < total; at += n) {
		n = total - at < step ? total - at : step;
		if ((r = make_room(p, at + n, e)) < 0)
			break;
		r = p->array->read(p->array, n, p->held + at * p->row, &own);
		*held += n * p->row;
		if ((r = judge(p, r, &own, e)) == CNN_OK)
			r = cnn_held_check(p->name, *held, cnn_members_consumed(s), e);
	}
	close_array(p);
	p->consumed = ULLONG_MAX;
	return r;
}

/* Opens again an array that was closed after its shape was read. */
static int open_again(struct cnn_array_source *p, struct cnn_error *e)
{
	struct cnn_member member;
	struct cnn_array_source again;
	bool same;
	int r = cnn_members_open(&p->members, p->path, e);

	if (r == CNN_OK)
		r = cnn_members_next(p->members, &member, e);
	if (r != CNN_OK)
		return r;
	if (!member.codec) {
		cnn_input_close(member.in);
		return cnn_fail(e, CNN_EDATA, "%s: changed while being read", p->name);
	}
	if ((r = cnn_array_source_open(&again, &member, p->field, false, e)) < 0)
		return r;
	if (again.bad) {
		r = cnn_fail(e, CNN_EDATA, "%s", again.bad);
		cnn_array_source_free(&again);
		return r;
	}
	same = again.shape.dtype == p->shape.dtype &&
	    again.shape.rank == p->shape.rank &&
	    !memcmp(again.shape.shape, p->shape.shape,
		(size_t)p->shape.rank * sizeof *p->shape.shape);
	if (same) {
		p->array = again.array;
		again.array = NULL;
	}
	cnn_array_source_free(&again);
	return same ? CNN_OK :
		      cnn_fail(e, CNN_EDATA, "%s: changed while being read", p->name);
}

int cnn_array_source_read(struct cnn_array_source *p, size_t n, void *buf,
    struct cnn_error *e)
{
	int r = CNN_OK;

	if (p->held) {
		memcpy(buf, p->held + p->done * p->row, n * p->row);
	} else if (n || p->path || p->array) {
		if ((!p->array && (r = open_again(p, e)) < 0) ||
		    (r = fetch(p, p->members, &(unsigned long long){ 0 }, e)) < 0)
			return r;
		r = p->array->read(p->array, n, buf, e);
	}
	p->done += n;
	if (p->done == p->shape.shape[0]) {
		close_array(p);
		drop_held(p);
	}
	return r;
}
