/* repair.h - the one way to take a stream that stops too soon. */
#ifndef TENSOR_CAT_REPAIR_H
#define TENSOR_CAT_REPAIR_H

#include "formats/operand/operand.h"

struct cnn_repair {
	size_t segments, records, samples;    /* kept */
	char damage[1000];           /* what ended the reading; "" if nothing did */
};

/* Writes the whole records of a stream, segment by segment, each with a proper
 * end, up to where it stops or is damaged. Only records that nothing speaks
 * against are kept: if a segment's end is there and its counts or digest deny
 * what came before, that is an error, as it is if no record was kept. */
int cnn_repair(struct cnn_operands *, struct cnn_output *, struct cnn_repair *,
	struct cnn_error *);

#endif
