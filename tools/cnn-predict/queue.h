/* queue.h - records that wait for the predictions of their samples.
 *
 * Batches ignore record boundaries; the output has the same records as the input, but a
 * record of more than 8 MiB with its predictions is divided. The memory used follows
 * from the number of bytes that wait, not from the number of records.
 */
#ifndef CNN_PREDICT_QUEUE_H
#define CNN_PREDICT_QUEUE_H

#include "formats/operand/columns.h"

struct queue {
	struct cnn_columns samples; /* of the records, in order */
	struct sizes *sizes;	    /* of the records: elements first .. count - 1 */
	size_t first, count, room;
	size_t written; /* samples of the record at the front */
	size_t most;	/* samples in a record that is written */
	size_t classes; /* logits per sample */
	float *logits;	/* [known][classes], of the first samples */
	int32_t *class; /* [known], their best classes */
	size_t known, logits_room;
};

/* Begins a segment; the queue, { 0 } at first, must be empty. Borrows the header of its
 * input. */
int queue_begin(struct queue *, const struct cnn_header *, size_t classes,
    struct cnn_error *);
/* Appends a copy of the record. */
int queue_put(struct queue *, const struct cnn_record *, struct cnn_error *);
/* Returns room for [count][classes] logits after the known ones; NULL on error. */
float *queue_room(struct queue *, size_t count, struct cnn_error *);
/* Call it when `count` more logits have been stored. Writes the records whose samples
 * are all known, with the fields "logits" and "class" added. */
int queue_known(struct queue *, size_t count, struct cnn_writer *, struct cnn_error *);
void queue_free(struct queue *);

#endif
