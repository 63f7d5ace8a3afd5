/* queue.h - records that wait for the predictions of their samples.
 *
 * Batches ignore record boundaries; the output has the same records as the input.
 */
#ifndef CNN_PREDICT_QUEUE_H
#define CNN_PREDICT_QUEUE_H

#include "stream/stream.h"

struct waiting;

struct queue {
	size_t classes; /* caller: set before the first record */
	struct waiting *first, *last;
	float *logits;	/* [known][classes], first samples first */
	int32_t *class; /* [known], their best classes */
	size_t known, room;
};

/* Appends a copy of the record. The names of its fields are borrowed until it has been
 * written. */
int queue_put(struct queue *, const struct cnn_record *, struct cnn_error *);
/* Returns room for [count][classes] logits after the known ones; NULL on error. */
float *queue_room(struct queue *, size_t count, struct cnn_error *);
/* Call it when `count` more logits have been stored. Writes the records whose samples
 * are all known, with the fields "logits" and "class" added. */
int queue_known(struct queue *, size_t count, struct cnn_writer *, struct cnn_error *);
void queue_free(struct queue *);

#endif
