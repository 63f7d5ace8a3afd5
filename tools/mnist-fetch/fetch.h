/* fetch.h - fetches the files of a data set. */
#ifndef MNIST_FETCH_FETCH_H
#define MNIST_FETCH_FETCH_H

#include "catalogue.h"
#include "source.h"
#include "unpacked.h"

struct cnn_files {
	struct cnn_input *in[CNN_PARTS]; /* NULL if the data set has no such part */
	/* Whether they are not the catalogue's files, but EMNIST's unpacked ones */
	bool is_unpacked;
	struct cnn_unpacked unpacked;
};

/* Gets the split's files, verified. The caller closes the inputs. */
int cnn_fetch(const struct cnn_request *, const struct cnn_dataset_info *,
    enum cnn_split, struct cnn_files *, struct cnn_error *);

#endif
