/* queue.h - records that wait for the predictions of their samples.
 *
 * Samples are predicted in batches that pay no heed to where records end, and the
 * records come out as they went in.
 */
#ifndef CNN_PREDICT_QUEUE_H
#define CNN_PREDICT_QUEUE_H

#include "stream/stream.h"

struct waiting;

struct queue {
	size_t classes;                      /* set by the caller before the first record */
	struct waiting *first, *last;
	float *logits;                       /* [known][classes], of the first samples */
	int32_t *class;                      /* [known], their best */
	size_t known, room;
};

/* Copies a record to the end. The names of its fields are borrowed until it has been
 * written. */
int queue_put(struct queue *, const struct cnn_record *, struct cnn_error *);
/* Room for [count][classes] logits behind the known ones; NULL: error left. */
float *queue_room(struct queue *, size_t count, struct cnn_error *);
/* `count` more are there: writes the records whose samples are all known, with the
 * fields "logits" and "class" added. */
int queue_known(struct queue *, size_t count, struct cnn_writer *, struct cnn_error *);
void queue_free(struct queue *);

#endif
