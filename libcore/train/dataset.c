/* dataset.c - samples held in memory. */
#include "base/memory.h"

#include "dataset.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int cnn_dataset_new(struct cnn_dataset **set, const char *image, const char *label,
	struct cnn_error *e)
{
	*set = calloc(1, sizeof **set);
	if (!*set)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	(*set)->image = image;
	(*set)->label = label;
	return CNN_OK;
}

void cnn_dataset_free(struct cnn_dataset *d)
{
	if (!d)
		return;
	free(d->data);
	free(d->labels);
	cnn_value_free(d->classes);
	free(d);
}

void cnn_dataset_drop(struct cnn_dataset *d, size_t n)
{
	d->samples -= n;
	d->dropped += n;
	if (d->samples == 0)
		return;
	memmove(d->data, d->data + n * d->sample_bytes, d->samples * d->sample_bytes);
	memmove(d->labels, d->labels + n, d->samples * sizeof *d->labels);
}

static int no_field(const struct cnn_header *h, const char *name, const char *option,
	struct cnn_error *e)
{
	char known[300] = "";

	for (size_t i = 0; i < h->field_count; i++) {
		size_t n = strlen(known);

		snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
			h->fields[i].name);
	}
	return cnn_fail(e, CNN_EDATA, "no field %s (fields: %s): choose another with "
		"--%s", name,
		*known ? known : "none", option);
}

/* The first segment determines type, shape, scale and classes for all. */
static int begin(struct cnn_dataset *d, const struct cnn_field *image,
	const struct cnn_field *label, struct cnn_error *e)
{
	size_t count;

	d->dtype = image->dtype;
	d->rank = image->rank;
	memcpy(d->shape, image->shape, sizeof d->shape);
	if (!cnn_shape_count(d->rank, d->shape, &count) || count == 0 ||
	    !cnn_mul(count, cnn_dtype_size(d->dtype), &d->sample_bytes))
		return cnn_fail(e, CNN_EDATA, "field %s: a sample is empty or too "
			"large", d->image);
	d->scale = image->has_scale ? image->scale :
		image->dtype == CNN_U8 ? 1.0 / 255 : 1;
	d->offset = image->has_scale ? image->offset : 0;
	d->has_labels = label != NULL;
	if (label && label->classes && !(d->classes = cnn_value_copy(label->classes)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	return CNN_OK;
}

/* The name of a class for messages. */
static const char *class_name(const struct cnn_value *classes, size_t i)
{
	const struct cnn_value *v = i < classes->as.array.count ?
		classes->as.array.items[i] : NULL;

	return v && v->type == CNN_STR ? v->as.str.data : "none";
}

/* Compares names as a model stores them, with control characters replaced (see
 * cnn_model_set_classes()). */
static bool same_name(const struct cnn_value *a, const struct cnn_value *b)
{
	if (a->type != CNN_STR || b->type != CNN_STR || a->as.str.size != b->as.str.size)
		return cnn_value_equal(a, b);
	for (size_t i = 0; i < a->as.str.size; i++) {
		unsigned char c = (unsigned char)a->as.str.data[i];
		unsigned char d = (unsigned char)b->as.str.data[i];

		if ((c < 0x20 || c == 0x7f ? '?' : c) != (d < 0x20 || d == 0x7f ? '?' : d))
			return false;
	}
	return true;
}

static int check_classes(const struct cnn_dataset *d, const struct cnn_value *is,
	const struct cnn_value *was, const char *where, struct cnn_error *e)
{
	size_t i = 0;

	if (!is || !was || is->type != CNN_ARRAY || was->type != CNN_ARRAY)
		return CNN_OK;
	while (i < is->as.array.count && i < was->as.array.count &&
	       same_name(is->as.array.items[i], was->as.array.items[i]))
		i++;
	if (i == is->as.array.count && i == was->as.array.count)
		return CNN_OK;
	return cnn_fail(e, CNN_EDATA, "field %s: class %zu is %s, but %s in %s",
		d->label, i,
		class_name(is, i), class_name(was, i), where);
}

int cnn_dataset_check_classes(const struct cnn_dataset *d, const struct cnn_value *was,
	const char *where, struct cnn_error *e)
{
	return check_classes(d, d->has_labels ? d->classes : NULL, was, where, e);
}

int cnn_dataset_segment(struct cnn_dataset *d, const struct cnn_header *h,
	bool need_labels, struct cnn_error *e)
{
	const struct cnn_field *image = cnn_header_find(h, d->image);
	const struct cnn_field *label = cnn_header_find(h, d->label);
	char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];
	double scale;

	if (!image)
		return no_field(h, d->image, "image", e);
	if (!label && need_labels)
		return no_field(h, d->label, "label", e);
	d->need_labels = need_labels;
	if (label && !need_labels &&
	    (!cnn_dtype_is_integer(label->dtype) || label->rank != 0))
		label = NULL;
	if (label && (!cnn_dtype_is_integer(label->dtype) || label->rank != 0))
		return cnn_fail(e, CNN_EDATA, "field %s: %s of shape %s: must be one "
			"integer per sample", d->label, cnn_dtype_name(label->dtype),
			cnn_shape_text(label->rank, label->shape, a, sizeof a));
	if (d->dtype == CNN_DTYPE_NONE)
		return begin(d, image, label, e);
	scale = image->has_scale ? image->scale : image->dtype == CNN_U8 ? 1.0 / 255 : 1;
	if (image->dtype != d->dtype || image->rank != d->rank ||
	    memcmp(image->shape, d->shape, (size_t)d->rank * sizeof *d->shape) != 0 ||
	    scale != d->scale || (image->has_scale ? image->offset : 0) != d->offset)
		return cnn_fail(e, CNN_EDATA, "field %s: %s %s or its scale does not "
			"match the data before it: %s %s", d->image,
			cnn_dtype_name(image->dtype),
			cnn_shape_text(image->rank, image->shape, a, sizeof a),
			cnn_dtype_name(d->dtype),
			cnn_shape_text(d->rank, d->shape, b, sizeof b));
	if ((label != NULL) != d->has_labels)
		return cnn_fail(e, CNN_EDATA, "field %s: present in only some of the "
			"data", d->label);
	return !label ? CNN_OK : check_classes(d, label->classes, d->classes,
		"the data before it", e);
}

/* Initial capacity in samples: enough for the first record and for all samples
 * expected, the latter up to 1 GiB. */
static size_t first_room(const struct cnn_dataset *d, size_t more)
{
	size_t most = (size_t)1 << 30, expected;

	if (d->sample_bytes == 0)
		return more;
	expected = (d->expected < most ? d->expected : most) / d->sample_bytes;
	return more > expected ? more : expected;
}

static int grow(struct cnn_dataset *d, size_t more, struct cnn_error *e)
{
	size_t room = d->room ? d->room : first_room(d, more), bytes;
	void *p;

	if (more <= d->room - d->samples)
		return CNN_OK;
	while (room - d->samples < more)
		if (!cnn_mul(room, 2, &room))
			return cnn_fail(e, CNN_ENOMEM, "too many samples");
	if (room > UINT32_MAX || !cnn_mul(room, d->sample_bytes, &bytes))
		return cnn_fail(e, CNN_ENOMEM, "too many samples");
	if (!(p = realloc(d->data, bytes)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory for %zu samples", room);
	if (!d->data)    /* blocks that realloc moves do better with small pages */
		cnn_prefer_huge_pages(p, bytes);
	d->data = p;
	if (!(p = realloc(d->labels, room * sizeof *d->labels)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory for %zu samples", room);
	d->labels = p;
	d->room = room;
	return CNN_OK;
}

int cnn_dataset_append(struct cnn_dataset *d, struct cnn_record *rec,
	struct cnn_error *e)
{
	const struct cnn_tensor *image = cnn_record_find(rec, d->image);
	const struct cnn_tensor *label = cnn_record_find(rec, d->label);
	int64_t value;
	int r;

	if (rec->samples == 0)
		return CNN_OK;
	if ((r = grow(d, rec->samples, e)) < 0)
		return r;
	memcpy(d->data + d->samples * d->sample_bytes, image->data,
		rec->samples * d->sample_bytes);
	for (size_t i = 0; d->has_labels && i < rec->samples; i++) {
		cnn_to_i64(label->dtype, (const char *)label->data +
			i * cnn_dtype_size(label->dtype), 1, &value);
		if ((value < 0 || value > INT32_MAX) && !d->need_labels)
			value = -1;
		else if (value < 0 || value > INT32_MAX)
			return cnn_fail(e, CNN_EDATA, "sample %zu: label %lld is not a "
				"class", d->dropped + d->samples + i, (long long)value);
		d->labels[d->samples + i] = (int32_t)value;
	}
	d->samples += rec->samples;
	return CNN_OK;
}

void cnn_dataset_digest(const struct cnn_dataset *d, char digest[17])
{
	XXH64_hash_t parts[5 + CNN_MAX_RANK] = { d->dtype, (XXH64_hash_t)d->rank };
	size_t n = 2;

	memcpy(&parts[n++], &d->scale, sizeof d->scale);
	memcpy(&parts[n++], &d->offset, sizeof d->offset);
	for (int i = 0; i < d->rank; i++)
		parts[n++] = d->shape[i];
	parts[n++] = XXH3_64bits(d->data, d->samples * d->sample_bytes);
	if (d->has_labels)
		parts[n - 1] ^= XXH3_64bits_withSeed(d->labels,
			d->samples * sizeof *d->labels, 1);
	snprintf(digest, 17, "%016llx",
		(unsigned long long)XXH3_64bits(parts, n * sizeof *parts));
}

int cnn_dataset_check_labels(const struct cnn_dataset *d, size_t classes,
	struct cnn_error *e)
{
	for (size_t i = 0; d->has_labels && i < d->samples; i++)
		if ((size_t)d->labels[i] >= classes)
			return cnn_fail(e, CNN_EDATA, "sample %zu: label %d, but the "
				"net has %zu classes", d->dropped + i, d->labels[i],
				classes);
	return CNN_OK;
}
