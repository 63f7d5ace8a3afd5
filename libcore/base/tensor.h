/* tensor.h - element types, shapes and tensors in memory.
 *
 * A tensor is a view in C order, little-endian. It does not own `data`; the code that
 * allocated the data does.
 */
#ifndef CNN_TENSOR_H
#define CNN_TENSOR_H

#include "error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cnn_tensor {
	enum cnn_dtype dtype;
	int rank; /* 0 .. CNN_MAX_RANK */
	size_t shape[CNN_MAX_RANK];
	/* cnn_tensor_bytes() bytes, aligned for the type */
	void *data;
};

/* Size of one element in bytes; 0 for CNN_DTYPE_NONE. */
size_t cnn_dtype_size(enum cnn_dtype);

/* The numpy type string as msgpack-numpy writes it ("|u1", "<f4"; bfloat16 is "<V2"),
 * and the name used in headers ("uint8", "float32", "bfloat16"). */
const char *cnn_dtype_typestr(enum cnn_dtype);
const char *cnn_dtype_name(enum cnn_dtype);

/* Parses a name of cnn_dtype_name() or a numpy type string; returns CNN_DTYPE_NONE if
 * it is neither. */
enum cnn_dtype cnn_dtype_parse(const char *name);

bool cnn_dtype_is_integer(enum cnn_dtype); /* includes bool */

/* *product = a * b; false on overflow. */
bool cnn_mul(size_t a, size_t b, size_t *product);

/* The number of elements of a shape (1 for rank 0), or of bytes of a tensor. Returns
 * false if it overflows size_t, and then leaves the result unchanged. */
bool cnn_shape_count(int rank, const size_t *shape, size_t *count);
bool cnn_tensor_bytes(const struct cnn_tensor *, size_t *bytes);

/* The number of elements of one sample: the product of all axes but axis 0. The rank
 * must be >= 1. */
size_t cnn_tensor_sample_count(const struct cnn_tensor *);

/* Writes "1x28x28" ("scalar" for rank 0) into buf and returns buf. */
char *cnn_shape_text(int rank, const size_t *shape, char *buf, size_t size);
#define CNN_SHAPE_TEXT 180 /* a sufficient buffer size in bytes */

/* Converts n elements of type dtype at src (any alignment) to float, double or
 * int64. Integers and bool convert by value; floats to integers truncate. */
void cnn_to_f32(enum cnn_dtype, const void *src, size_t n, float *dst);
void cnn_to_f64(enum cnn_dtype, const void *src, size_t n, double *dst);
void cnn_to_i64(enum cnn_dtype, const void *src, size_t n, int64_t *dst);

/* bfloat16 and IEEE half <-> float, round to nearest even. */
uint16_t cnn_f32_to_bf16(float);
float cnn_bf16_to_f32(uint16_t);
uint16_t cnn_f32_to_f16(float);
float cnn_f16_to_f32(uint16_t);

#endif
