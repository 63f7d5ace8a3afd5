/* samples.c - data sets in IDX files: MNIST and similar ones. */
#include "samples.h"

#include "formats/format.h"

#include <stdlib.h>
#include <string.h>

/* Class, NIST series, writer, index for that writer, NIST class code, NIST index,
 * duplicate flag, unused. Only the class is used. */
#define QMNIST_COLUMNS 8

struct idx_samples {
	struct cnn_samples base;
	struct cnn_array *images, *labels;
	size_t left;
	size_t label_bytes; /* per row of the label file */
};

/* Swaps the rows and columns of an image. */
static void transpose(uint8_t *image, size_t side)
{
	for (size_t i = 0; i < side; i++)
		for (size_t j = 0; j < i; j++) {
			uint8_t t = image[i * side + j];

			image[i * side + j] = image[j * side + i];
			image[j * side + i] = t;
		}
}

/* Reads the first number of each row, of any type: QMNIST's rows are int32 x 8. */
static int read_labels(struct idx_samples *s, size_t n, uint8_t *labels,
    struct cnn_error *e)
{
	const struct cnn_dataset_info *d = s->base.dataset;
	enum cnn_dtype dtype = s->labels->shape.dtype;
	uint8_t *rows = malloc(n * s->label_bytes);
	int r;

	if (!rows)
		return cnn_fail(e, CNN_ENOMEM, "labels: out of memory");
	r = s->labels->read(s->labels, n, rows, e);
	for (size_t i = 0; r == CNN_OK && i < n; i++) {
		int64_t label;

		cnn_to_i64(dtype, rows + i * s->label_bytes, 1, &label);
		label -= (int64_t)d->label_base;
		if (label < 0 || (uint64_t)label >= d->class_count)
			r = cnn_fail(e, CNN_EDATA,
			    "labels: %lld is not one of the %zu classes",
			    (long long)label + (long long)d->label_base,
			    d->class_count);
		else
			labels[i] = (uint8_t)label;
	}
	free(rows);
	return r;
}

static int idx_read(struct cnn_samples *base, size_t n, uint8_t *images,
    uint8_t *labels, size_t *got, struct cnn_error *e)
{
	struct idx_samples *s = (struct idx_samples *)base;
	const struct cnn_dataset_info *d = base->dataset;
	size_t bytes = cnn_catalogue_image_bytes(d);
	int r;

	*got = 0;
	if (n > s->left)
		n = s->left;
	if (n == 0)
		return CNN_OK;
	if ((r = s->images->read(s->images, n, images, e)) < 0)
		return r;
	if (d->coding == CNN_CODING_EMNIST)
		for (size_t i = 0; i < n; i++)
			transpose(images + i * bytes, d->shape[1]);
	if ((r = read_labels(s, n, labels, e)) < 0)
		return r;
	s->left -= n;
	*got = n;
	return CNN_OK;
}

static void idx_close(struct cnn_samples *base)
{
	struct idx_samples *s = (struct idx_samples *)base;

	if (s->images)
		s->images->close(s->images);
	if (s->labels)
		s->labels->close(s->labels);
	free(s);
}

static int check_shapes(struct idx_samples *s, struct cnn_error *e)
{
	const struct cnn_dataset_info *d = s->base.dataset;
	const struct cnn_tensor *image = &s->images->shape, *label = &s->labels->shape;
	int rank = d->coding == CNN_CODING_QMNIST ? 2 : 1;
	char is[CNN_SHAPE_TEXT];

	if (image->rank != 3 || image->dtype != CNN_U8 ||
	    image->shape[1] != d->shape[1] || image->shape[2] != d->shape[2])
		return cnn_fail(e, CNN_EDATA, "images: %s %s, not n x %zu x %zu bytes",
		    cnn_dtype_name(image->dtype),
		    cnn_shape_text(image->rank, image->shape, is, sizeof is),
		    d->shape[1], d->shape[2]);
	if (label->rank != rank || !cnn_dtype_is_integer(label->dtype))
		return cnn_fail(e, CNN_EDATA, "labels: %s %s, not integers of %d axes",
		    cnn_dtype_name(label->dtype),
		    cnn_shape_text(label->rank, label->shape, is, sizeof is), rank);
	if (rank == 2 && label->shape[1] != QMNIST_COLUMNS)
		return cnn_fail(e, CNN_EDATA, "labels: rows of %zu, not of %d",
		    label->shape[1], QMNIST_COLUMNS);
	if (image->shape[0] != label->shape[0])
		return cnn_fail(e, CNN_EDATA, "%zu images, but %zu labels",
		    image->shape[0], label->shape[0]);
	s->left = image->shape[0];
	s->label_bytes = cnn_dtype_size(label->dtype) *
	    (rank == 2 ? label->shape[1] : 1);
	return CNN_OK;
}

/* Takes ownership of `in`. */
static int open_array(struct cnn_array **array, const struct cnn_dataset_info *d,
    enum cnn_split split, struct cnn_input *in, const char *word, struct cnn_error *e)
{
	struct cnn_input *raw = NULL;
	int r = CNN_OK;

	if (d->coding == CNN_CODING_EMNIST)
		r = cnn_unwrap(&in, in, d->members[split], word, e);
	if (r == CNN_OK)
		r = cnn_unwrap(&raw, in, NULL, NULL, e);
	return r < 0 ? r : cnn_codec_idx.open(array, raw, e);
}

int cnn_idx_samples_open(struct cnn_samples **samples, const struct cnn_dataset_info *d,
    enum cnn_split split, struct cnn_input *in[CNN_PARTS], struct cnn_error *e)
{
	struct idx_samples *s = calloc(1, sizeof *s);
	int r;

	*samples = NULL;
	if (!s) {
		cnn_input_close(in[CNN_IMAGE]);
		cnn_input_close(in[CNN_LABEL]);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	s->base = (struct cnn_samples){ d, idx_read, idx_close };
	r = open_array(&s->images, d, split, in[CNN_IMAGE], "images", e);
	if (r < 0)
		cnn_input_close(in[CNN_LABEL]);
	else
		r = open_array(&s->labels, d, split, in[CNN_LABEL], "labels", e);
	if (r == CNN_OK)
		r = check_shapes(s, e);
	if (r < 0) {
		idx_close(&s->base);
		return r;
	}
	*samples = &s->base;
	return CNN_OK;
}

int cnn_samples_open(struct cnn_samples **samples, const struct cnn_dataset_info *d,
    enum cnn_split split, struct cnn_input *in[CNN_PARTS], struct cnn_error *e)
{
	if (d->coding == CNN_CODING_CIFAR)
		return cnn_cifar_samples_open(samples, d, split, in, e);
	return cnn_idx_samples_open(samples, d, split, in, e);
}
