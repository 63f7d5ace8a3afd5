/* samples.h - a data set being read: images and labels. */
#ifndef MNIST_FETCH_SAMPLES_H
#define MNIST_FETCH_SAMPLES_H

#include "catalogue.h"

#include "base/error.h"
#include "stream/io.h"
#include <stddef.h>
#include <stdint.h>

/* Images are bytes C x H x W of the data set's shape, labels 0 .. classes-1. */
struct cnn_samples {
	const struct cnn_dataset_info *dataset;
	/* Reads up to n samples; *got is 0 at the end only. */
	int (*read)(struct cnn_samples *, size_t n, uint8_t *images, uint8_t *labels,
		size_t *got, struct cnn_error *);
	void (*close)(struct cnn_samples *);
};

/* in[CNN_IMAGE] and in[CNN_LABEL] (NULL where the data set has no such part)
 * are taken over, also on failure. */
int cnn_samples_open(struct cnn_samples **, const struct cnn_dataset_info *,
	enum cnn_split, struct cnn_input *in[CNN_PARTS], struct cnn_error *);

/* The two kinds behind it, with the same contract. */
int cnn_idx_samples_open(struct cnn_samples **, const struct cnn_dataset_info *,
	enum cnn_split, struct cnn_input *in[CNN_PARTS], struct cnn_error *);
int cnn_cifar_samples_open(struct cnn_samples **, const struct cnn_dataset_info *,
	enum cnn_split, struct cnn_input *in[CNN_PARTS], struct cnn_error *);

/* The data set that is drawn; count 0: all. */
int cnn_strokes_samples_open(struct cnn_samples **, const struct cnn_dataset_info *,
	enum cnn_split, uint64_t seed, struct cnn_error *);

/* An input that is compressed, or an archive, becomes what its first member
 * holds whose file name begins with `prefix` and has `word` in it (both may be
 * NULL); absent: CNN_EDATA. Another input stays as it is. Takes `in` over. */
int cnn_unwrap(struct cnn_input **out, struct cnn_input *in, const char *prefix,
	const char *word, struct cnn_error *);

#endif
