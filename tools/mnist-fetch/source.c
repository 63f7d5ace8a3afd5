/* source.c - writes a data set as one data segment. */
#include "source.h"
#include "fetch.h"
#include "samples.h"
#include "sources.h"

#include "base/nearest.h"
#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>

/* --- the request ------------------------------------------------------------------ */

static bool find_split(const char *name, enum cnn_split *split)
{
	*split = strcmp(name, "test") == 0 ? CNN_TEST : CNN_TRAIN;
	return *split == CNN_TEST || strcmp(name, "train") == 0;
}

static int unknown_dataset(const char *name, struct cnn_error *e)
{
	struct cnn_known known = { 0 };
	struct cnn_nearest near;

	cnn_nearest_init(&near, name);
	for (size_t i = 0; i < cnn_catalogue_count; i++) {
		cnn_known_add(&known, "%s", cnn_catalogue[i].name);
		cnn_nearest_offer(&near, cnn_catalogue[i].name);
	}
	return cnn_fail(e, CNN_EUSAGE, "%s: no such data set%s (known: %s)", name,
	    cnn_nearest_hint(&near, ""), cnn_known_text(&known));
}

bool cnn_dataset_is_drawn(const char *name)
{
	const struct cnn_dataset_info *d = cnn_catalogue_find(name);

	return d && d->coding == CNN_CODING_STROKES;
}

int cnn_request_check(const struct cnn_request *r, struct cnn_error *e)
{
	const struct cnn_dataset_info *d = cnn_catalogue_find(r->dataset);
	enum cnn_split split;

	if (!d)
		return unknown_dataset(r->dataset, e);
	if (!find_split(r->split, &split))
		return cnn_fail(e, CNN_EUSAGE, "%s: no such split (known: train, test)",
		    r->split);
	if (r->from_count > 0 && d->coding == CNN_CODING_STROKES)
		return cnn_fail(e, CNN_EUSAGE,
		    "%s is generated, not downloaded: --from does not apply", d->name);
	for (size_t i = 0; i < r->from_count; i++) {
		if (!cnn_is_url(r->from[i]) && strstr(r->from[i], "://"))
			return cnn_fail(e, CNN_EUSAGE,
			    "--from: %s: not an http or https URL or a path",
			    r->from[i]);
		if (r->offline && cnn_is_url(r->from[i]))
			return cnn_fail(e, CNN_EUSAGE,
			    "--from: %s: needs the network, but --offline is set",
			    r->from[i]);
	}
	return CNN_OK;
}

/* --- the header ------------------------------------------------------------------- */

static struct cnn_value *classes_of(const struct cnn_dataset_info *d)
{
	struct cnn_value *classes = cnn_value_array();
	bool good = classes != NULL;

	for (size_t i = 0; good && i < d->class_count; i++)
		good = cnn_value_append(classes, cnn_value_str(d->classes[i]));
	if (good)
		return classes;
	cnn_value_free(classes);
	return NULL;
}

/* Adds the SHA-256 of part i to the map, under the name of its file. */
static bool set_digest(struct cnn_value *digests, const struct cnn_dataset_info *d,
    enum cnn_split split, const struct cnn_files *files, int i)
{
	const struct cnn_part *part = &d->parts[split][i];
	char name[CNN_PART_NAME];

	if (files->is_unpacked)
		return cnn_value_set(digests, files->unpacked.name[i],
		    cnn_value_str(files->unpacked.sha256[i]));
	if (!part->file)
		return true;
	cnn_part_name(part, name, sizeof name);
	return cnn_value_set(digests, name, cnn_value_str(cnn_part_digest(part)));
}

/* Records the SHA-256 of the files by name, whatever their source. */
static bool set_digests(struct cnn_value *meta, const struct cnn_dataset_info *d,
    enum cnn_split split, const struct cnn_files *files)
{
	struct cnn_value *digests;
	bool good = true;

	if (d->coding == CNN_CODING_STROKES)
		return true;
	digests = cnn_value_map();
	for (int i = 0; good && i < CNN_PARTS; i++)
		good = set_digest(digests, d, split, files, i);
	if (good)
		return cnn_value_set(meta, "sha256", digests);
	cnn_value_free(digests);
	return false;
}

/* Takes ownership of `history`. */
static struct cnn_header *make_header(const struct cnn_dataset_info *d,
    enum cnn_split split, const struct cnn_files *files, struct cnn_value *history)
{
	struct cnn_header *h = cnn_header_new(CNN_DATA);
	struct cnn_field *image, *label;

	if (!h || !history) {
		cnn_value_free(history);
		cnn_header_free(h);
		return NULL;
	}
	cnn_value_free(h->history);
	h->history = history;
	image = cnn_header_add(h, "image", CNN_U8, 3, d->shape);
	if (image) {
		image->has_scale = true;
		image->scale = 1.0 / 255;
		image->offset = 0;
	}
	label = image ? cnn_header_add(h, "label", CNN_U8, 0, NULL) : NULL;
	if (label && (label->classes = classes_of(d)) &&
	    cnn_value_set(h->meta, "dataset", cnn_value_str(d->name)) &&
	    cnn_value_set(h->meta, "split",
		cnn_value_str(split == CNN_TEST ? "test" : "train")) &&
	    set_digests(h->meta, d, split, files))
		return h;
	cnn_header_free(h);
	return NULL;
}

/* --- the records ------------------------------------------------------------------ */

static int write_records(struct cnn_writer *w, struct cnn_samples *s, uint64_t limit,
    struct cnn_error *e)
{
	const struct cnn_dataset_info *d = s->dataset;
	size_t bytes = cnn_catalogue_image_bytes(d);
	size_t rows = CNN_RECORD_BYTES / (bytes + 1), got;
	uint8_t *images = malloc(rows * bytes), *labels = malloc(rows);
	uint64_t done = 0;
	int r = CNN_OK;

	if (!images || !labels)
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	while (r == CNN_OK) {
		if (limit > 0 && limit - done < rows)
			rows = (size_t)(limit - done);
		if (rows == 0)
			break;
		if ((r = s->read(s, rows, images, labels, &got, e)) < 0 || got == 0)
			break;
		done += got;

		struct cnn_record record = {
			.count = 2, .samples = got, .names = { "image", "label" },
			.tensors = {
				{ CNN_U8, 4, { got, d->shape[0], d->shape[1], d->shape[2] }, images },
				{ CNN_U8, 1, { got }, labels },
			},
		};
		r = cnn_writer_record(w, &record, e);
	}
	free(images);
	free(labels);
	if (r == CNN_OK && done < limit)
		return cnn_fail(e, CNN_EDATA, "%s has %llu samples, not %llu", d->name,
		    (unsigned long long)done, (unsigned long long)limit);
	return r;
}

static int open_samples(struct cnn_samples **s, const struct cnn_request *request,
    const struct cnn_dataset_info *d, enum cnn_split split, struct cnn_files *files,
    struct cnn_error *e)
{
	int r;

	if (d->coding == CNN_CODING_STROKES)
		return cnn_strokes_samples_open(s, d, split, request->seed, e);
	if ((r = cnn_fetch(request, d, split, files, e)) < 0)
		return r;
	r = cnn_samples_open(s, d, split, files->in, e);
	if (r < 0)
		cnn_error_prefix(e, "%s", d->name);
	return r;
}

int cnn_request_write(const struct cnn_request *request, struct cnn_value *history,
    struct cnn_output *out, struct cnn_error *e)
{
	const struct cnn_dataset_info *d = cnn_catalogue_find(request->dataset);
	struct cnn_samples *samples = NULL;
	struct cnn_writer *writer = NULL;
	struct cnn_header *header = NULL;
	struct cnn_files files = { 0 };
	enum cnn_split split = CNN_TRAIN;
	int r = cnn_request_check(request, e);

	if (r == CNN_OK) {
		find_split(request->split, &split);
		r = open_samples(&samples, request, d, split, &files, e);
	}
	if (r != CNN_OK) {
		cnn_value_free(history);
		return r;
	}
	if (!(header = make_header(d, split, &files, history))) {
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
		goto out;
	}
	if ((r = cnn_writer_open(&writer, out, e)) < 0 ||
	    (r = cnn_writer_header(writer, header, e)) < 0 ||
	    (r = write_records(writer, samples, request->count, e)) < 0)
		goto out;
	r = cnn_writer_end(writer, NULL, e);
out:
	if (samples)
		samples->close(samples);
	cnn_writer_close(writer);
	cnn_header_free(header);
	return r;
}
