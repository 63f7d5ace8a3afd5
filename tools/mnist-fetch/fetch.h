/* fetch.h - fetches the files of a data set. */
#ifndef MNIST_FETCH_FETCH_H
#define MNIST_FETCH_FETCH_H

#include "catalogue.h"
#include "source.h"

/* Sets in[i] to the split's parts, verified; NULL if the data set has no such part. The
 * caller closes them. */
int cnn_fetch(const struct cnn_request *, const struct cnn_dataset_info *,
    enum cnn_split, struct cnn_input *in[CNN_PARTS], struct cnn_error *);

#endif
