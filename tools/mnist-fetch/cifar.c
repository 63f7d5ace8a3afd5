/* cifar.c - CIFAR-10 and CIFAR-100 in their binary form.
 *
 * The archive's members contain records: the labels, one byte each (CIFAR-100 has the
 * coarse class, then the fine one), and 3072 bytes of pixels in the planes R, G and B
 * of 32 rows each. Members are read in archive order.
 */
#include "samples.h"

#include "formats/format.h"

#include <stdlib.h>
#include <string.h>

struct cifar_samples {
	struct cnn_samples base;
	struct cnn_archive *archive;
	struct cnn_input *member; /* NULL between members */
	const char *prefix;
	size_t members; /* found so far */
	bool ended;	/* there are no more members */
};

/* Opens the next member with records of the split; CNN_END after the last. */
static int next_member(struct cifar_samples *s, struct cnn_error *e)
{
	const char *path, *slash, *name;
	int r;

	while ((r = cnn_archive_next(s->archive, &path, &s->member, e)) == CNN_OK) {
		slash = strrchr(path, '/');
		name = slash ? slash + 1 : path;
		if (strncmp(name, s->prefix, strlen(s->prefix)) == 0 &&
		    strcmp(name + strlen(name) - 4, ".bin") == 0) {
			s->members++;
			return CNN_OK;
		}
		cnn_input_close(s->member);
		s->member = NULL;
	}
	s->member = NULL;
	if (r == CNN_END && s->members == 0)
		return cnn_fail(e, CNN_EDATA, "no member named %s….bin", s->prefix);
	return r;
}

static int read_record(struct cifar_samples *s, uint8_t *image, uint8_t *label,
    struct cnn_error *e)
{
	const struct cnn_dataset_info *d = s->base.dataset;
	uint8_t labels[4];
	int r;

	if ((r = cnn_input_read(s->member, labels, d->label_bytes, e)) < 0)
		return r;
	*label = labels[d->label_bytes - 1];
	if (*label >= d->class_count)
		return cnn_fail(e, CNN_EDATA,
		    "%s: label %u is not one of the %zu classes",
		    cnn_input_name(s->member), *label, d->class_count);
	return cnn_input_read(s->member, image, cnn_catalogue_image_bytes(d), e);
}

static int cifar_read(struct cnn_samples *base, size_t n, uint8_t *images,
    uint8_t *labels, size_t *got, struct cnn_error *e)
{
	struct cifar_samples *s = (struct cifar_samples *)base;
	size_t bytes = cnn_catalogue_image_bytes(base->dataset), have;
	const unsigned char *peek;
	int r;

	for (*got = 0; *got < n;) {
		if (!s->member && !s->ended && (r = next_member(s, e)) < 0)
			return r;
		if (!s->member) {
			s->ended = true;
			return CNN_OK;
		}
		if ((r = cnn_input_peek(s->member, 1, &peek, &have, e)) < 0)
			return r;
		if (have == 0) {
			cnn_input_close(s->member);
			s->member = NULL;
			continue;
		}
		r = read_record(s, images + *got * bytes, labels + *got, e);
		if (r < 0)
			return r;
		++*got;
	}
	return CNN_OK;
}

static void cifar_close(struct cnn_samples *base)
{
	struct cifar_samples *s = (struct cifar_samples *)base;

	cnn_input_close(s->member);
	cnn_archive_close(s->archive);
	free(s);
}

int cnn_cifar_samples_open(struct cnn_samples **samples,
    const struct cnn_dataset_info *d, enum cnn_split split,
    struct cnn_input *in[CNN_PARTS], struct cnn_error *e)
{
	struct cifar_samples *s = calloc(1, sizeof *s);
	int r;

	*samples = NULL;
	if (!s) {
		cnn_input_close(in[CNN_IMAGE]);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	s->base = (struct cnn_samples){ d, cifar_read, cifar_close };
	s->prefix = d->members[split];
	if ((r = cnn_archive_open(&s->archive, in[CNN_IMAGE], e)) < 0) {
		free(s);
		return r;
	}
	*samples = &s->base;
	return CNN_OK;
}
