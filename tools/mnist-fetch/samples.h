/* samples.h - reads the images and labels of a data set. */
#ifndef MNIST_FETCH_SAMPLES_H
#define MNIST_FETCH_SAMPLES_H

#include "catalogue.h"

#include "base/error.h"
#include "stream/io.h"
#include <stddef.h>
#include <stdint.h>

/* Images are bytes, C x H x W in the data set's shape; labels are 0 .. classes-1. */
struct cnn_samples {
	const struct cnn_dataset_info *dataset;
	/* Reads up to n samples; *got is 0 only at the end. */
	int (*read)(struct cnn_samples *, size_t n, uint8_t *images, uint8_t *labels,
	    size_t *got, struct cnn_error *);
	void (*close)(struct cnn_samples *);
};

/* Takes ownership of in[CNN_IMAGE] and in[CNN_LABEL] (NULL if the data set has no such
 * part), also on failure. */
int cnn_samples_open(struct cnn_samples **, const struct cnn_dataset_info *,
    enum cnn_split, struct cnn_input *in[CNN_PARTS], struct cnn_error *);

/* The two implementations, with the same contract. */
int cnn_idx_samples_open(struct cnn_samples **, const struct cnn_dataset_info *,
    enum cnn_split, struct cnn_input *in[CNN_PARTS], struct cnn_error *);
int cnn_cifar_samples_open(struct cnn_samples **, const struct cnn_dataset_info *,
    enum cnn_split, struct cnn_input *in[CNN_PARTS], struct cnn_error *);

/* Opens the drawn data set. */
int cnn_strokes_samples_open(struct cnn_samples **, const struct cnn_dataset_info *,
    enum cnn_split, uint64_t seed, struct cnn_error *);

/* If the input is compressed or an archive, replaces it by its first member whose file
 * name starts with `prefix` and contains `word` (both may be NULL); CNN_EDATA if there
 * is none. Any other input is returned unchanged. Takes ownership of `in`. */
int cnn_unwrap(struct cnn_input **out, struct cnn_input *in, const char *prefix,
    const char *word, struct cnn_error *);

#endif
