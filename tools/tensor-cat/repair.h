/* repair.h - recovers a stream that ends early. */
#ifndef TENSOR_CAT_REPAIR_H
#define TENSOR_CAT_REPAIR_H

#include "formats/operand/operand.h"

struct cnn_repair {
	size_t segments, records, samples; /* numbers kept */
	char damage[1000];		   /* why reading stopped; "" if at the end */
};

/* Writes the complete records of a stream, segment by segment, each with a proper end,
 * up to where the stream stops or is damaged. Fails if a segment has its end but its
 * counts or digest do not match, because then no record can be trusted. Also fails if
 * no record was kept. */
int cnn_repair(struct cnn_operands *, struct cnn_output *, struct cnn_repair *,
    struct cnn_error *);

#endif
