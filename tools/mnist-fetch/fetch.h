/* fetch.h - a data set's files, from wherever they can be had. */
#ifndef MNIST_FETCH_FETCH_H
#define MNIST_FETCH_FETCH_H

#include "catalogue.h"
#include "source.h"

/* in[i]: the split's parts, verified; NULL where the data set has no such part.
 * Close them. */
int cnn_fetch(const struct cnn_request *, const struct cnn_dataset_info *,
	enum cnn_split, struct cnn_input *in[CNN_PARTS], struct cnn_error *);

#endif
