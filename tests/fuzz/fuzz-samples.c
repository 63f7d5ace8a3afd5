/* fuzz-samples - the files of data sets: IDX files, archives of them, and CIFAR's
 * records.
 *
 * The first byte is the data set and the split. The next four are the length of the
 * file of images, which follows. The rest is the file of labels. */
#include "fuzz.h"

#include "tools/mnist-fetch/samples.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 5
#define AT_ONCE 3

static const struct cnn_dataset_info *of_number(unsigned n)
{
	const struct cnn_dataset_info *d = &cnn_catalogue[n % cnn_catalogue_count];

	return d->coding == CNN_CODING_STROKES ? cnn_catalogue : d;
}

static void read_samples(const struct cnn_dataset_info *d, enum cnn_split split,
    struct cnn_input *parts[CNN_PARTS], struct fuzz_result *r)
{
	size_t bytes = cnn_catalogue_image_bytes(d), got;
	uint8_t *images = malloc(AT_ONCE * bytes), labels[AT_ONCE];
	struct cnn_samples *samples;

	fuzz_check(images, "no memory");
	if ((r->code = cnn_samples_open(&samples, d, split, parts, &r->e)) == CNN_OK) {
		while ((r->code = samples->read(samples, AT_ONCE, images, labels, &got,
			    &r->e)) == CNN_OK &&
		    got > 0) {
			fuzz_check(got <= AT_ONCE, "%zu samples", got);
			fuzz_add(r, images, got * bytes);
			fuzz_add(r, labels, got);
		}
		samples->close(samples);
	}
	free(images);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_result r = { 0 };
	struct cnn_input *parts[CNN_PARTS] = { NULL };
	const struct cnn_dataset_info *d;
	enum cnn_split split;
	uint32_t first;

	if (size < HEAD)
		return 0;
	d = of_number(data[0] / CNN_SPLITS);
	split = data[0] % CNN_SPLITS;
	memcpy(&first, data + 1, sizeof first);
	data += HEAD;
	size -= HEAD;
	if (first > size || !d->parts[split][CNN_LABEL].file)
		first = (uint32_t)size;
	fuzz_begin(size, FUZZ_FIXED);
	fuzz_check(cnn_input_memory(&parts[CNN_IMAGE], "images", data, first, &r.e) ==
		CNN_OK,
	    "%s", r.e.text);
	if (d->parts[split][CNN_LABEL].file)
		fuzz_check(cnn_input_memory(&parts[CNN_LABEL], "labels", data + first,
			       size - first, &r.e) == CNN_OK,
		    "%s", r.e.text);
	read_samples(d, split, parts, &r);
	fuzz_end();
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	size = LLVMFuzzerMutate(data, size, room);
	if (size > HEAD && seed % 8)
		fuzz_mend(data + HEAD, size - HEAD);
	return size;
}
