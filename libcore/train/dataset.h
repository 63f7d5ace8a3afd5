/* dataset.h - samples held in memory for training and inference. */
#ifndef CNN_DATASET_H
#define CNN_DATASET_H

#include "base/error.h"
#include "stream/stream.h"

struct cnn_dataset {
	const char *image, *label;       /* field names; not owned */
	enum cnn_dtype dtype;            /* of the images; CNN_DTYPE_NONE before the
	                                  * first segment */
	int rank;
	size_t shape[CNN_MAX_RANK];      /* of one sample */
	size_t sample_bytes;
	size_t samples;
	size_t dropped;                  /* samples dropped from the front so far */
	unsigned char *data;             /* [samples] images, unconverted */
	int32_t *labels;                 /* [samples] */
	bool has_labels;
	bool need_labels;                /* if true, a bad label is an error; otherwise
	                                  * it becomes -1 */
	double scale, offset;            /* value = element * scale + offset */
	struct cnn_value *classes;       /* array of str, or NULL */
	size_t room;                     /* capacity of data and labels, in samples */
	size_t expected;                 /* approximate bytes of images to come, to
	                                  * avoid reallocation; 0: unknown */
};

/* image and label are the names of the fields (usually "image" and "label") and must
 * outlive the dataset. */
int cnn_dataset_new(struct cnn_dataset **, const char *image, const char *label,
	struct cnn_error *);
void cnn_dataset_free(struct cnn_dataset *);

/* Starts a segment, whose fields must agree with those of earlier segments. If
 * need_labels is false, labels may be missing, but then in all segments. */
int cnn_dataset_segment(struct cnn_dataset *, const struct cnn_header *,
	bool need_labels, struct cnn_error *);
int cnn_dataset_append(struct cnn_dataset *, struct cnn_record *, struct cnn_error *);
/* Drops the first n samples; the others move to the front. */
void cnn_dataset_drop(struct cnn_dataset *, size_t n);

/* XXH3-64 over type, scale, shape, images and labels, as 16 hexadecimal digits. Does
 * not depend on how the samples were divided into records. */
void cnn_dataset_digest(const struct cnn_dataset *, char digest[17]);

/* Checks that the class names of the dataset equal the given ones. The error names the
 * first difference; `where` says where the given names come from, for example "the
 * model". If either has no class names, there is nothing to check. */
int cnn_dataset_check_classes(const struct cnn_dataset *, const struct cnn_value *,
	const char *where, struct cnn_error *);
/* Checks that every label is below `classes`; the error names the first that is not. */
int cnn_dataset_check_labels(const struct cnn_dataset *, size_t classes,
	struct cnn_error *);

#endif
