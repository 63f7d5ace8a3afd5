/* dataset.h - samples held in memory: what training reads from. */
#ifndef CNN_DATASET_H
#define CNN_DATASET_H

#include "base/error.h"
#include "stream/stream.h"

struct cnn_dataset {
	const char *image, *label;       /* the fields' names; not owned */
	enum cnn_dtype dtype;            /* of the images, CNN_DTYPE_NONE: none yet */
	int rank;
	size_t shape[CNN_MAX_RANK];      /* of one sample */
	size_t sample_bytes;
	size_t samples;
	size_t dropped;                  /* samples let go of before them */
	unsigned char *data;             /* [samples] images, as they came */
	int32_t *labels;                 /* [samples] */
	bool has_labels;
	bool need_labels;                /* a bad one is an error; else it is -1 */
	double scale, offset;            /* value = element * scale + offset */
	struct cnn_value *classes;       /* array of str, or NULL */
	size_t room;                     /* samples that data and labels hold */
	size_t expected;                 /* bytes, about, of images to come: spares growing;
	                                  * 0 where nobody knows */
};

/* image and label name the fields (usually so) and must outlive the set. */
int cnn_dataset_new(struct cnn_dataset **, const char *image, const char *label,
	struct cnn_error *);
void cnn_dataset_free(struct cnn_dataset *);

/* A segment begins: its fields must agree with those before. Labels may be
 * missing if need_labels is false, but then in all segments. */
int cnn_dataset_segment(struct cnn_dataset *, const struct cnn_header *,
	bool need_labels, struct cnn_error *);
int cnn_dataset_append(struct cnn_dataset *, struct cnn_record *, struct cnn_error *);
/* Lets go of the first n samples; the others move to the front. */
void cnn_dataset_drop(struct cnn_dataset *, size_t n);

/* XXH3-64 over type, scale, shape, images and labels, as 16 hexadecimal digits:
 * the same however the samples were cut into records. */
void cnn_dataset_digest(const struct cnn_dataset *, char digest[17]);

/* Must the classes be called so? An error names the first that is not; whose names
 * those are is said by `where`, as "in the model". Either may be NULL. */
int cnn_dataset_check_classes(const struct cnn_dataset *, const struct cnn_value *,
	const char *where, struct cnn_error *);
/* Every label must be below `classes`; names the first that is not. */
int cnn_dataset_check_labels(const struct cnn_dataset *, size_t classes,
	struct cnn_error *);

#endif
