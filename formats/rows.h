/* formats/rows.h - arrays whose elements are stored one after another, as in IDX and
 * npy: the codec only has to handle the header.
 */
#ifndef FORMATS_ROWS_H
#define FORMATS_ROWS_H

#include "format.h"

/* How elements are stored. { 0 }: as in a tensor. */
struct cnn_rows_form {
	bool big_endian;
	/* Axis 0 varies fastest. The whole array is held in memory while it is read,
	 * which may fail with CNN_ENOMEM. The memory grows as bytes arrive. */
	bool fortran;
	/* Bytes of an unsigned integer that no tensor type has, or 0. 2 is read as
	 * CNN_I32, 4 and 8 as CNN_I64. A value above INT64_MAX is CNN_EDATA. */
	size_t unsigned_size;
};

/* Creates an array from the elements that follow in the input. `shape` gives type and
 * shape of the tensor. Takes ownership of the input, also on failure. */
int cnn_rows_open(struct cnn_array **, struct cnn_input *,
    const struct cnn_tensor *shape, const struct cnn_rows_form *, struct cnn_error *);

/* Writes a tensor's elements, big-endian if `swap`. */
int cnn_rows_write(const struct cnn_tensor *, struct cnn_output *, bool swap,
    struct cnn_error *);

/* Checks that a stream can carry an array of this shape: no axis except the first may
 * have length 0, and a sample takes at most CNN_MAX_TENSOR bytes. Sets *row to the
 * bytes of a sample. */
int cnn_rows_check(const struct cnn_tensor *shape, const char *name, size_t *row,
    struct cnn_error *);

/* Returns CNN_EDATA unless the input is at its end. */
int cnn_rows_at_end(struct cnn_input *, struct cnn_error *);

#endif
