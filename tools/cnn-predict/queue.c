/* queue.c - see queue.h. */
#include "queue.h"

#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)8 << 20) /* of a record that is written */

/* Consecutive records of the same number of samples */
struct sizes {
	size_t samples, records;
};

int queue_begin(struct queue *q, const struct cnn_header *header, size_t classes,
    struct cnn_error *e)
{
	size_t row = (classes + 1) * sizeof *q->logits;
	int r;

	cnn_columns_free(&q->samples);
	if ((r = cnn_columns_init(&q->samples, header, e)) < 0)
		return r;
	/* No overflow: a sample of each field takes at most CNN_MAX_TENSOR. */
	for (size_t i = 0; i < header->field_count; i++)
		row += q->samples.row[i];
	q->most = row < MOST_BYTES ? MOST_BYTES / row : 1;
	q->classes = classes;
	return CNN_OK;
}

static int put_size(struct queue *q, size_t samples, struct cnn_error *e)
{
	struct sizes *grown;

	if (q->count > q->first && q->sizes[q->count - 1].samples == samples) {
		q->sizes[q->count - 1].records++;
		return CNN_OK;
	}
	if (q->count == q->room) {
		size_t room = 2 * q->room + 8;

		if (!(grown = reallocarray(q->sizes, room, sizeof *grown)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		q->sizes = grown;
		q->room = room;
	}
	q->sizes[q->count++] = (struct sizes){ samples, 1 };
	return CNN_OK;
}

int queue_put(struct queue *q, const struct cnn_record *rec, struct cnn_error *e)
{
	int r = cnn_columns_append(&q->samples, rec, 0, rec->samples, e);

	return r == CNN_OK ? put_size(q, rec->samples, e) : r;
}

float *queue_room(struct queue *q, size_t count, struct cnn_error *e)
{
	size_t want = q->known + count + 1; /* never 0 */
	void *p;

	if (want > q->logits_room) {
		if ((p = reallocarray(q->logits, want, q->classes * sizeof *q->logits)))
			q->logits = p;
		if (p && (p = reallocarray(q->class, want, sizeof *q->class)))
			q->class = p;
		if (!p) {
			cnn_fail(e, CNN_ENOMEM, "out of memory");
			return NULL;
		}
		q->logits_room = want;
	}
	return q->logits + q->known * q->classes;
}

/* Writes samples first .. first + n - 1 as a record. */
static int write_record(struct queue *q, size_t first, size_t n,
    struct cnn_writer *writer, struct cnn_error *e)
{
	struct cnn_record rec;

	cnn_columns_view(&q->samples, first, n, &rec);
	rec.names[rec.count] = "logits";
	rec.tensors[rec.count++] = (struct cnn_tensor){ CNN_F32, 2, { n, q->classes },
		q->logits + first * q->classes };
	rec.names[rec.count] = "class";
	rec.tensors[rec.count++] =
	    (struct cnn_tensor){ CNN_I32, 1, { n }, q->class + first };
	return cnn_writer_record(writer, &rec, e);
}

/* Removes n samples from the front of the columns. */
static void drop(struct queue *q, size_t n)
{
	q->known -= n;
	memmove(q->logits, q->logits + n * q->classes,
	    q->known * q->classes * sizeof *q->logits);
	memmove(q->class, q->class + n, q->known * sizeof *q->class);
	cnn_columns_drop(&q->samples, n);
}

int queue_known(struct queue *q, size_t count, struct cnn_writer *writer,
    struct cnn_error *e)
{
	size_t done = 0;
	double probability;
	int r = CNN_OK;

	for (; count > 0; count--, q->known++)
		q->class[q->known] =
		    (int32_t)cnn_best_class(q->logits + q->known * q->classes,
			q->classes, &probability);
	while (r == CNN_OK && q->first < q->count) {
		struct sizes *front = &q->sizes[q->first];
		size_t n = front->samples - q->written;

		n = n < q->most ? n : q->most;
		if (n > q->known - done)
			break;
		r = write_record(q, done, n, writer, e);
		done += n;
		q->written += n;
		if (q->written < front->samples)
			continue;
		q->written = 0;
		if (--front->records == 0 && ++q->first == q->count)
			q->first = q->count = 0;
	}
	drop(q, done);
	return r;
}

void queue_free(struct queue *q)
{
	cnn_columns_free(&q->samples);
	free(q->sizes);
	free(q->logits);
	free(q->class);
}
