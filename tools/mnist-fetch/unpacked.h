/* unpacked.h - the files of EMNIST, after its archive was unpacked into a folder. */
#ifndef MNIST_FETCH_UNPACKED_H
#define MNIST_FETCH_UNPACKED_H

#include "catalogue.h"
#include "sha256.h"

#include "base/error.h"
#include "stream/io.h"

/* The files of one split. */
struct cnn_unpacked {
	char name[CNN_PARTS][CNN_PART_NAME]; /* decompressed */
	char sha256[CNN_PARTS][CNN_SHA256_TEXT];
};

/* Looks in `folder` and in its subfolder gzip/ for both files of the split, compressed
 * or not. Nobody publishes a SHA-256 of these files, so each is read to its end and must
 * have the size of the published one. Then sets in[] to the decompressed files, which
 * the caller closes.
 *
 * If it finds neither file, returns CNN_END with *e set. If it finds only one, or a
 * damaged one, returns a negative code. */
int cnn_unpacked_open(struct cnn_unpacked *, const char *folder,
    const struct cnn_dataset_info *, enum cnn_split, struct cnn_input *in[CNN_PARTS],
    struct cnn_error *);

#endif
