/* queue.c - see queue.h. */
#include "queue.h"

#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

struct waiting {
	struct waiting *next;
	struct cnn_record rec; /* its tensors' data are in bytes */
	unsigned char bytes[];
};

int queue_put(struct queue *q, const struct cnn_record *rec, struct cnn_error *e)
{
	size_t size[CNN_MAX_FIELDS], bytes = 0;
	struct waiting *w;
	unsigned char *at;

	for (size_t i = 0; i < rec->count; i++) {
		const struct cnn_tensor *t = &rec->tensors[i];

		/* Cannot overflow: the tensor is in memory. */
		cnn_shape_count(t->rank, t->shape, &size[i]);
		size[i] *= cnn_dtype_size(t->dtype);
		bytes += size[i];
	}
	if (!(w = malloc(sizeof *w + bytes)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	w->next = NULL;
	w->rec = *rec;
	at = w->bytes;
	for (size_t i = 0; i < rec->count; at += size[i++]) {
		if (size[i] > 0)
			memcpy(at, rec->tensors[i].data, size[i]);
		w->rec.tensors[i].data = at;
	}
	if (q->first)
		q->last->next = w;
	else
		q->first = w;
	q->last = w;
	return CNN_OK;
}

float *queue_room(struct queue *q, size_t count, struct cnn_error *e)
{
	size_t want = q->known + count + 1; /* never 0 */
	void *p;

	if (want > q->room) {
		if ((p = reallocarray(q->logits, want, q->classes * sizeof *q->logits)))
			q->logits = p;
		if (p && (p = reallocarray(q->class, want, sizeof *q->class)))
			q->class = p;
		if (!p) {
			cnn_fail(e, CNN_ENOMEM, "out of memory");
			return NULL;
		}
		q->room = want;
	}
	return q->logits + q->known * q->classes;
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
	while (r == CNN_OK && q->first && q->first->rec.samples <= q->known - done) {
		struct waiting *w = q->first;
		struct cnn_record *rec = &w->rec;
		size_t n = rec->samples;

		rec->names[rec->count] = "logits";
		rec->tensors[rec->count++] = (struct cnn_tensor){ CNN_F32, 2,
			{ n, q->classes }, q->logits + done * q->classes };
		rec->names[rec->count] = "class";
		rec->tensors[rec->count++] =
		    (struct cnn_tensor){ CNN_I32, 1, { n }, q->class + done };
		r = cnn_writer_record(writer, rec, e);
		done += n;
		q->first = w->next;
		free(w);
	}
	q->known -= done;
	memmove(q->logits, q->logits + done * q->classes,
	    q->known * q->classes * sizeof *q->logits);
	memmove(q->class, q->class + done, q->known * sizeof *q->class);
	return r;
}

void queue_free(struct queue *q)
{
	struct waiting *w;

	while ((w = q->first)) {
		q->first = w->next;
		free(w);
	}
	free(q->logits);
	free(q->class);
}
