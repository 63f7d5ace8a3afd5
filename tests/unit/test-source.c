/* Decoders of the data sets whose files are too large for a test, on small files of the
 * same format. */
#include "tap.h"

#include "tools/mnist-fetch/samples.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#define ROOM ((size_t)1 << 20)

struct bytes {
	size_t size;
	unsigned char data[ROOM];
};

static struct bytes one, two, wrapped;

/* --- making files ----------------------------------------------------------------- */

static void put(struct bytes *b, const void *data, size_t size)
{
	memcpy(b->data + b->size, data, size);
	b->size += size;
}

static void put_u32(struct bytes *b, uint32_t v)
{
	put(b, (unsigned char[]){ v >> 24 & 255, v >> 16 & 255, v >> 8 & 255, v & 255 },
	    4);
}

/* n images of side x side; pixel k of image i is (i * 7 + k) mod 256. */
static void make_images(struct bytes *b, uint32_t n, uint32_t side)
{
	b->size = 0;
	put(b, "\0\0\10\3", 4);
	put_u32(b, n);
	put_u32(b, side);
	put_u32(b, side);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < side * side; k++)
			put(b, (unsigned char[]){ (i * 7 + k) & 255 }, 1);
}

static void make_labels(struct bytes *b, uint32_t n, const unsigned char *labels)
{
	b->size = 0;
	put(b, "\0\0\10\1", 4);
	put_u32(b, n);
	put(b, labels, n);
}

/* RAW: gzip only. */
static struct archive *begin_archive(struct bytes *b, int format)
{
	struct archive *a = archive_write_new();

	b->size = 0;
	if (format == ARCHIVE_FORMAT_ZIP)
		archive_write_set_format_zip(a);
	else if (format == ARCHIVE_FORMAT_RAW)
		archive_write_set_format_raw(a);
	else
		archive_write_set_format_ustar(a);
	if (format != ARCHIVE_FORMAT_ZIP)
		archive_write_add_filter_gzip(a);
	archive_write_open_memory(a, b->data, sizeof b->data, &b->size);
	return a;
}

static void add_member(struct archive *a, const char *name, const struct bytes *b)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (int64_t)b->size);
	archive_write_header(a, entry);
	archive_write_data(a, b->data, b->size);
	archive_entry_free(entry);
}

static void compress(struct bytes *to, const struct bytes *from)
{
	struct archive *a = begin_archive(to, ARCHIVE_FORMAT_RAW);

	add_member(a, "data", from);
	archive_write_free(a);
}

/* --- reading them ----------------------------------------------------------------- */

static uint8_t images[64 * 3072], labels[64];
static size_t count;
static struct cnn_error error;

/* Reads all samples, three at a time. */
static int decode(const char *name, enum cnn_split split, const struct bytes *image,
    const struct bytes *label)
{
	const struct cnn_dataset_info *d = cnn_catalogue_find(name);
	size_t bytes = cnn_catalogue_image_bytes(d), got;
	struct cnn_input *in[CNN_PARTS] = { NULL, NULL };
	struct cnn_samples *s;
	int r;

	error = (struct cnn_error){ 0 };
	count = 0;
	cnn_input_memory(&in[CNN_IMAGE], "images", image->data, image->size, &error);
	if (label)
		cnn_input_memory(&in[CNN_LABEL], "labels", label->data, label->size,
		    &error);
	if ((r = cnn_samples_open(&s, d, split, in, &error)) < 0)
		return r;
	do {
		r = s->read(s, 3, images + count * bytes, labels + count, &got, &error);
		count += r < 0 ? 0 : got;
	} while (r == CNN_OK && got > 0);
	s->close(s);
	return r;
}

static void test_idx(void)
{
	make_images(&one, 7, 28);
	make_labels(&two, 7, (unsigned char[]){ 0, 1, 2, 9, 8, 7, 6 });
	ok(decode("kmnist", CNN_TRAIN, &one, &two) == CNN_OK && count == 7 &&
		labels[3] == 9 && !memcmp(images, one.data + 16, 7 * 784),
	    "bare IDX");
	compress(&wrapped, &one);
	ok(decode("kmnist", CNN_TRAIN, &wrapped, &two) == CNN_OK && count == 7 &&
		!memcmp(images, one.data + 16, 7 * 784),
	    "compressed IDX");

	make_labels(&two, 6, (unsigned char[6]){ 0 });
	ok(decode("kmnist", CNN_TEST, &one, &two) == CNN_EDATA &&
		strstr(error.text, "7 images, but 6 labels"),
	    "counts must agree");
	make_labels(&two, 7, (unsigned char[]){ 0, 1, 2, 3, 4, 10, 6 });
	ok(decode("kmnist", CNN_TEST, &one, &two) == CNN_EDATA &&
		strstr(error.text, "10 is not one of the 10 classes"),
	    "labels must exist");
	make_images(&one, 7, 27);
	ok(decode("kmnist", CNN_TEST, &one, &two) == CNN_EDATA,
	    "the size must be right");
	ok(decode("kmnist", CNN_TEST, &two, &two) == CNN_EDATA, "labels are no images");
	two.size -= 3;
	make_images(&one, 7, 28);
	ok(decode("kmnist", CNN_TEST, &one, &two) == CNN_EDATA, "an early end");
}

static void test_qmnist(void)
{
	make_images(&one, 4, 28);
	two.size = 0;
	put(&two, "\0\0\14\2", 4);
	put_u32(&two, 4);
	put_u32(&two, 8);
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t k = 0; k < 8; k++)
			put_u32(&two, k ? 1000000 + k : 9 - i);
	ok(decode("qmnist", CNN_TEST, &one, &two) == CNN_OK && count == 4 &&
		!memcmp(labels, "\11\10\7\6", 4),
	    "qmnist: column 0 is the class");
	make_labels(&two, 4, (unsigned char[4]){ 0 });
	ok(decode("qmnist", CNN_TEST, &one, &two) == CNN_EDATA, "qmnist: two axes");
	two.size = 0;
	put(&two, "\0\0\14\2", 4);
	put_u32(&two, 4);
	put_u32(&two, 30000000);
	ok(decode("qmnist", CNN_TEST, &one, &two) == CNN_EDATA,
	    "qmnist: eight columns");
}

static void test_emnist(void)
{
	static struct bytes gz, zip;
	struct archive *a = begin_archive(&zip, ARCHIVE_FORMAT_ZIP);
	bool turned = true;

	make_images(&one, 3, 28);
	make_labels(&two, 3, (unsigned char[]){ 1, 26, 2 });
	compress(&gz, &two);
	add_member(a, "gzip/emnist-letters-test-labels-idx1-ubyte.gz", &gz);
	compress(&gz, &one);
	add_member(a, "gzip/emnist-letters-test-images-idx3-ubyte.gz", &gz);
	archive_write_free(a);

	ok(decode("emnist-letters", CNN_TEST, &zip, &zip) == CNN_OK && count == 3 &&
		!memcmp(labels, "\0\31\1", 3),
	    "emnist: letters begin with 1");
	for (unsigned i = 0; i < 3; i++)
		for (unsigned y = 0; y < 28; y++)
			for (unsigned x = 0; x < 28; x++)
				turned &= images[i * 784 + y * 28 + x] ==
				    ((i * 7 + x * 28 + y) & 255);
	ok(turned, "emnist: images are transposed");
	ok(decode("emnist-letters", CNN_TRAIN, &zip, &zip) == CNN_EDATA &&
		strstr(error.text, "emnist-letters-train-"),
	    "emnist: the split's members");
	ok(decode("emnist-digits", CNN_TEST, &zip, &zip) == CNN_EDATA,
	    "emnist: the set's members");
}

/* n records: labels, then 3072 times the record's number. */
static void make_cifar(struct bytes *b, unsigned n, unsigned coarse, unsigned first)
{
	b->size = 0;
	for (unsigned i = first; i < first + n; i++) {
		unsigned char pixels[3072];

		memset(pixels, (int)i, sizeof pixels);
		for (unsigned k = 0; k < coarse; k++)
			put(b, (unsigned char[]){ 19 }, 1);
		put(b, (unsigned char[]){ i & 255 }, 1);
		put(b, pixels, sizeof pixels);
	}
}

static void test_cifar(void)
{
	static struct bytes tar;
	struct archive *a = begin_archive(&tar, ARCHIVE_FORMAT_TAR);

	make_cifar(&one, 5, 0, 0);
	add_member(a, "cifar-10-batches-bin/data_batch_1.bin", &one);
	make_cifar(&one, 2, 0, 8);
	add_member(a, "cifar-10-batches-bin/test_batch.bin", &one);
	make_cifar(&one, 4, 0, 5);
	add_member(a, "cifar-10-batches-bin/data_batch_2.bin", &one);
	make_cifar(&one, 1, 0, 3);
	add_member(a, "cifar-10-batches-bin/readme.html", &one);
	archive_write_free(a);
	ok(decode("cifar10", CNN_TRAIN, &tar, NULL) == CNN_OK && count == 9 &&
		labels[8] == 8 && images[8 * 3072 + 3071] == 8,
	    "cifar10: train");
	ok(decode("cifar10", CNN_TEST, &tar, NULL) == CNN_OK && count == 2 &&
		labels[0] == 8 && images[0] == 8,
	    "cifar10: test");
	ok(decode("cifar100", CNN_TEST, &tar, NULL) == CNN_EDATA &&
		strstr(error.text, "no member named test."),
	    "cifar100: not in cifar10");

	a = begin_archive(&tar, ARCHIVE_FORMAT_TAR);
	make_cifar(&one, 3, 1, 97);
	add_member(a, "cifar-100-binary/train.bin", &one);
	make_cifar(&one, 2, 1, 99);
	add_member(a, "cifar-100-binary/test.bin", &one);
	archive_write_free(a);
	ok(decode("cifar100", CNN_TRAIN, &tar, NULL) == CNN_OK && count == 3 &&
		labels[0] == 97 && labels[2] == 99,
	    "cifar100: the fine label");
	ok(decode("cifar100", CNN_TEST, &tar, NULL) == CNN_EDATA &&
		strstr(error.text, "label 100"),
	    "cifar100: labels must exist");

	a = begin_archive(&tar, ARCHIVE_FORMAT_TAR);
	one.size -= 5;
	add_member(a, "cifar-100-binary/train.bin", &one);
	archive_write_free(a);
	ok(decode("cifar100", CNN_TRAIN, &tar, NULL) == CNN_EDATA && count < 2,
	    "cifar: half a record");
}

/* --- the catalogue ---------------------------------------------------------------- */

static bool is_sha256(const char *text)
{
	return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void test_catalogue(void)
{
	bool digests = true, classes = true, fits = true;
	char name[CNN_PART_NAME];

	for (size_t i = 0; i < cnn_catalogue_count; i++) {
		const struct cnn_dataset_info *d = &cnn_catalogue[i];

		classes &= d->class_count > 0 && d->class_count <= 256 &&
		    cnn_catalogue_find(d->name) == d;
		for (size_t k = 0; k < d->class_count; k++)
			for (size_t m = 0; m < k; m++)
				classes &= strcmp(d->classes[k], d->classes[m]) != 0;
		for (int k = 0; k < CNN_SPLITS * CNN_PARTS; k++) {
			const struct cnn_part *part = &d->parts[k / 2][k % 2];

			if (!part->file)
				continue;
			digests &= is_sha256(cnn_part_digest(part)) &&
			    !part->sha256 == !!part->raw_sha256;
			fits &= strlen(part->file) + 6 < sizeof name;
		}
	}
	ok(classes, "class names are distinct");
	ok(digests, "each file has the digest that decides");
	ok(fits, "file names fit");
	ok(cnn_catalogue_find("emnist-balanced")->class_count == 47 &&
		cnn_catalogue_find("emnist-byclass")->class_count == 62 &&
		cnn_catalogue_find("cifar100")->class_count == 100,
	    "numbers of classes");

	cnn_part_name(&cnn_catalogue_find("mnist")->parts[0][0], name, sizeof name);
	ok(!strcmp(name, "train-images-idx3-ubyte"), "kept decompressed");
	cnn_part_name(&cnn_catalogue_find("kmnist")->parts[0][0], name, sizeof name);
	ok(!strcmp(name, "train-images-idx3-ubyte.gz"), "kept as published");
}

int main(void)
{
	test_idx();
	test_qmnist();
	test_emnist();
	test_cifar();
	test_catalogue();
	return done();
}
