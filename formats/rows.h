/* formats/rows.h - arrays whose elements simply follow one another in a file,
 * as in IDX and npy: what is left for a codec to do is its header.
 */
#ifndef FORMATS_ROWS_H
#define FORMATS_ROWS_H

#include "format.h"

/* Makes an array of the elements that follow in the input: `shape` says type
 * and shape, `swap` that they are big-endian. Takes the input over, also on
 * failure. */
int cnn_rows_open(struct cnn_array **, struct cnn_input *,
	const struct cnn_tensor *shape, bool swap, struct cnn_error *);

/* Writes a tensor's elements, most significant byte first if `swap`. */
int cnn_rows_write(const struct cnn_tensor *, struct cnn_output *, bool swap,
	struct cnn_error *);

/* Can a stream carry an array of this shape? Each axis but the first must have
 * a length, and a sample at most CNN_MAX_TENSOR bytes; *row is set to them. */
int cnn_rows_check(const struct cnn_tensor *shape, const char *name, size_t *row,
	struct cnn_error *);

/* CNN_EDATA unless the input has been read to its end. */
int cnn_rows_at_end(struct cnn_input *, struct cnn_error *);

#endif
