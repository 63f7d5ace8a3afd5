/* Tensor streams, written and read: the reader gets back the written values, and
 * refuses damaged streams and absurd sizes. */
#include "stream-bytes.h"
#include "tap.h"

#include <glob.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- round trips ------------------------------------------------------------------ */

static const enum cnn_dtype all_types[] = { CNN_U8, CNN_I8, CNN_I16, CNN_I32, CNN_I64,
	CNN_F16, CNN_F32, CNN_F64, CNN_BOOL, CNN_BF16 };
enum { TYPES = sizeof all_types / sizeof *all_types };

/* The output file, which is read back into buf. */
static char path[4096];

static void slurp(void)
{
	FILE *f = fopen(path, "rb");
	unsigned char part[65536];
	size_t n;

	size = 0;
	while (f && (n = fread(part, 1, sizeof part, f)) > 0)
		put(part, n);
	if (f)
		fclose(f);
}

static void test_round_trip(void)
{
	struct cnn_header *h = cnn_header_new(CNN_DATA);
	const struct cnn_header *back;
	unsigned char bytes[3 * 2 * 8];
	size_t shape[] = { 2 };
	struct cnn_record rec = { .count = TYPES, .samples = 3 };
	struct cnn_reader *reader = NULL;
	struct cnn_writer *w = NULL;
	struct cnn_output *out = NULL;
	char digest[17];
	bool good = true;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7);
	for (size_t i = 0; i < TYPES; i++) {
		struct cnn_field *f = cnn_header_add(h, cnn_dtype_name(all_types[i]),
		    all_types[i], i % 2 ? 1 : 0, shape);

		rec.names[i] = f->name;
		rec.tensors[i] =
		    (struct cnn_tensor){ all_types[i], i % 2 ? 2 : 1, { 3, 2 }, bytes };
	}
	h->fields[0].has_scale = true;
	h->fields[0].scale = 0.25;
	h->fields[0].offset = -1;
	cnn_value_set(h->meta, "k", cnn_value_float(0.1));
	cnn_value_append(h->history, cnn_value_str("made"));
	h->other = cnn_value_map();
	cnn_value_set(h->other, "to come", cnn_value_uint(7));
	h->fields[1].other = cnn_value_map();
	cnn_value_set(h->fields[1].other, "unit", cnn_value_str("m"));
	for (size_t i = 0; i < TYPES; i++)
		rec.names[i] = h->fields[i].name;
	ok(cnn_output_open(&out, path, true, &error) == CNN_OK &&
		cnn_writer_open(&w, out, &error) == CNN_OK &&
		cnn_writer_record(w, &rec, &error) == CNN_EUSAGE,
	    "no record before a header");
	error = (struct cnn_error){ 0 };
	ok(cnn_writer_header(w, h, &error) == CNN_OK &&
		cnn_writer_record(w, &rec, &error) == CNN_OK &&
		cnn_writer_record(w, &rec, &error) == CNN_OK &&
		cnn_writer_end(w, digest, &error) == CNN_OK && strlen(digest) == 16,
	    "a segment of all types is written");
	cnn_writer_close(w);
	ok(cnn_output_commit(out, &error) == CNN_OK, "and is a file");
	slurp();
	ok(read_all(&reader, &rec, &back) == CNN_OK && rec.count == TYPES &&
		rec.samples == 3 && cnn_reader_records(reader) == 2 &&
		cnn_reader_samples(reader) == 6,
	    "it is read back");
	for (size_t i = 0; i < rec.count; i++) {
		size_t n = 3 * (i % 2 ? 2 : 1) * cnn_dtype_size(all_types[i]);

		good &= ok(!strcmp(rec.names[i], cnn_dtype_name(all_types[i])) &&
			rec.tensors[i].dtype == all_types[i] &&
			rec.tensors[i].shape[0] == 3 &&
			!memcmp(rec.tensors[i].data, bytes, n),
		    "%s", rec.names[i]);
	}
	if (back) {
		ok(cnn_header_compatible(h, back) &&
			cnn_value_equal(h->meta, back->meta) &&
			cnn_value_equal(h->history, back->history),
		    "with its header");
		ok(back->other && cnn_value_equal(h->other, back->other) &&
			back->fields[1].other &&
			cnn_value_equal(h->fields[1].other, back->fields[1].other),
		    "keys that nobody knows are carried through");
		ok(back->fields[0].has_scale && back->fields[0].scale == 0.25 &&
			back->fields[0].offset == -1 && !back->fields[1].has_scale,
		    "and the scale");
	}
	ok(good, "every type");
	cnn_reader_close(reader);
	cnn_header_free(h);
}

/* Writes a file with write() and puts its bytes into buf. */
static int written(int (*write)(struct cnn_writer *))
{
	struct cnn_writer *w = NULL;
	struct cnn_output *out = NULL;
	int r;

	error = (struct cnn_error){ 0 };
	if ((r = cnn_output_open(&out, path, true, &error)) < 0 ||
	    (r = cnn_writer_open(&w, out, &error)) < 0)
		return r;
	r = write(w);
	cnn_writer_close(w);
	if (r < 0) {
		cnn_output_abort(out);
		return r;
	}
	if ((r = cnn_output_commit(out, &error)) == CNN_OK)
		slurp();
	return r;
}

static unsigned char *big;

/* Two rows of 40 MiB, and one of 65. */
static int write_large(struct cnn_writer *w)
{
	struct cnn_header *h = cnn_header_new(CNN_MODEL);
	size_t a[] = { 2, 40 << 20 };
	struct cnn_record rec = { .count = 1 };
	int r;

	cnn_header_add(h, "a", CNN_U8, 2, a);
	rec.names[0] = "a";
	rec.tensors[0] = (struct cnn_tensor){ CNN_U8, 2, { a[0], a[1] }, big };
	if ((r = cnn_writer_header(w, h, &error)) == CNN_OK &&
	    (r = cnn_writer_record(w, &rec, &error)) == CNN_OK)
		r = cnn_writer_end(w, NULL, &error);
	cnn_header_free(h);
	return r;
}

static int write_too_large(struct cnn_writer *w)
{
	struct cnn_header *h = cnn_header_new(CNN_DATA);
	size_t a[] = { 65 << 20 };
	struct cnn_record rec = { .count = 1, .samples = 1 };
	int r;

	cnn_header_add(h, "a", CNN_U8, 1, a);
	rec.names[0] = "a";
	rec.tensors[0] = (struct cnn_tensor){ CNN_U8, 2, { 1, a[0] }, big };
	if ((r = cnn_writer_header(w, h, &error)) == CNN_OK)
		r = cnn_writer_record(w, &rec, &error);
	cnn_header_free(h);
	return r;
}

static void test_large(void)
{
	struct cnn_reader *reader = NULL;
	const struct cnn_header *h;
	struct cnn_input *in;
	struct cnn_record rec;
	bool good;

	big = malloc(80 << 20);
	for (size_t i = 0; i < 80 << 20; i++)
		big[i] = (unsigned char)(i * 31 >> 8);
	ok(written(write_large) == CNN_OK, "a tensor over 64 MiB is written");
	cnn_input_memory(&in, "x", buf, size, &error);
	cnn_reader_open(&reader, in, &error);
	good = cnn_reader_header(reader, &h, &error) == CNN_OK &&
	    h->fields[0].shape[0] == 2;
	for (size_t i = 0; good && i < 2; i++)
		good = cnn_reader_record(reader, &rec, &error) == CNN_OK &&
		    rec.count == 1 && rec.tensors[0].rank == 2 &&
		    rec.tensors[0].shape[0] == 1 &&
		    !memcmp(rec.tensors[0].data, big + i * (40 << 20), 40 << 20);
	ok(good && cnn_reader_record(reader, &rec, &error) == CNN_END,
	    "in rows, each a record of the same name");
	cnn_reader_close(reader);
	ok(written(write_too_large) == CNN_EDATA && strstr(error.text, "one row"),
	    "a row over 64 MiB is refused");
	free(big);
}

/* --- absurd sizes ----------------------------------------------------------------- */

/* Checks that the stream is refused without an allocation of the claimed size. */
static void bounded(const char *what)
{
	struct cnn_reader *reader;
	const struct cnn_header *h;
	struct cnn_record rec;
	struct rusage before, after;
	int r;

	getrusage(RUSAGE_SELF, &before);
	r = read_all(&reader, &rec, &h);
	getrusage(RUSAGE_SELF, &after);
	cnn_reader_close(reader);
	/* Kilobytes. Memory that the allocator reserves but does not touch is not
	 * counted; the sanitizers' allocators refuse such a large request. */
	ok(r == CNN_EDATA && *error.text && after.ru_maxrss - before.ru_maxrss < 4096,
	    "%s", what);
}

static void test_bounds(void)
{
	static const struct {
		unsigned char bytes[12];
		size_t size;
		const char *what;
	} heads[] = {
		{ { 0xdf, 0xff, 0xff, 0xff, 0xff }, 5, "a map of four billion pairs" },
		{ { 0xdd, 0xff, 0xff, 0xff, 0xff }, 5,
		    "an array of four billion values" },
		{ { 0xdb, 0xff, 0xff, 0xff, 0xff }, 5, "a text of four gigabytes" },
		{ { 0xc6, 0xff, 0xff, 0xff, 0xff }, 5, "four gigabytes of bytes" },
		{ { 0xc9, 0xff, 0xff, 0xff, 0xff, 1 }, 6, "an extension" },
		{ { 0xc1 }, 1, "a byte that begins nothing" },
		{ { 0xde, 0xff, 0xff }, 3, "a map that is not there" },
	};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		size = 0;
		put(heads[i].bytes, heads[i].size);
		bounded(heads[i].what);
		size = 0;
		header("data", 0);
		put(heads[i].bytes, heads[i].size);
		bounded("the same as a record");
		size = 0;
		header("data", 0);
		map(1);
		str("x");
		put(heads[i].bytes, heads[i].size);
		bounded("and as a tensor");
	}
	size = 0;
	header("data", 1);
	str("deep");
	for (int i = 0; i < 100000; i++)
		byte(0x91);
	bounded("arrays in arrays in arrays");
	size = 0;
	header("data", 1);
	str("many");
	byte(0xdd);
	number(1 << 20, 4);
	for (int i = 0; i < 1 << 20; i++)
		byte(0);
	bounded("a million values in a header");
	size = 0;
	header("data", 0);
	byte(0xde);
	number(5000, 2);
	for (int i = 0; i < 10000; i++)
		byte(0);
	bounded("ten thousand values in a record");
	size = 0;
	header("data", 1);
	str("long");
	byte(0xc6);
	number((1 << 20) - 10, 4);
	for (int i = 0; i < (1 << 20) - 10; i++)
		byte(0);
	bounded("a header of more than a mebibyte");
}

/* Cut at every byte, and with each byte changed: always refused, without a crash. */
static int write_small(struct cnn_writer *w)
{
	struct cnn_header *h = cnn_header_new(CNN_DATA);
	float values[] = { 1, 2, 3, 4 };
	size_t shape[] = { 2 };
	struct cnn_record rec = { .count = 1, .samples = 2 };
	int r;

	cnn_header_add(h, "x", CNN_F32, 1, shape);
	rec.names[0] = "x";
	rec.tensors[0] = (struct cnn_tensor){ CNN_F32, 2, { 2, 2 }, values };
	if ((r = cnn_writer_header(w, h, &error)) == CNN_OK &&
	    (r = cnn_writer_record(w, &rec, &error)) == CNN_OK)
		r = cnn_writer_end(w, NULL, &error);
	cnn_header_free(h);
	return r;
}

static void test_damage(void)
{
	struct cnn_reader *reader;
	const struct cnn_header *h;
	struct cnn_record rec;
	/* {"end": {"records": 1, "samples": 2, "xxh3": "0123456789abcdef"}} */
	const size_t end_item = 5 + 1 + 9 + 9 + 5 + 17;
	size_t whole, passed = 0, unnoticed = 0;

	written(write_small);
	whole = size;
	ok(read_all(&reader, &rec, &h) == CNN_OK && whole > 100, "a small stream");
	cnn_reader_close(reader);
	for (size = 0; size < whole; size++) {
		passed += read_all(&reader, &rec, &h) != CNN_EDATA || !*error.text;
		cnn_reader_close(reader);
	}
	ok(passed == 0, "cut at every byte");
	for (size_t at = 0; at < whole; at++)
		for (int c = 1; c < 256; c++) {
			buf[at] ^= (unsigned char)c;
			if (read_all(&reader, &rec, &h) == CNN_OK) {
				passed += at < whole - end_item;
				unnoticed++;
			}
			cnn_reader_close(reader);
			buf[at] ^= (unsigned char)c;
		}
	/* The digest does not cover the end's own keys: a changed name is an unknown
	 * key, and the case of a hexadecimal digit does not matter. */
	ok(passed == 0, "every byte of header and record changed to every other");
	ok(unnoticed < (7 + 7 + 4 + 16) * 255,
	    "and of the end, except the names of its keys");
}

/* A signal removes only so many temporary files: more are refused, and leave nothing. */
static void test_many(void)
{
	struct cnn_output *out[40] = { NULL };
	char pattern[sizeof path + 8];
	size_t opened = 0, left;
	glob_t found;

	error = (struct cnn_error){ 0 };
	while (
	    opened < 40 && cnn_output_open(&out[opened], path, true, &error) == CNN_OK)
		opened++;
	ok(opened == 16 && error.code == CNN_EIO, "16 outputs at once: %s", error.text);
	snprintf(pattern, sizeof pattern, "%s.*", path);
	left = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
	ok(left == opened, "each has a temporary file, and only these");
	globfree(&found);
	while (opened > 0)
		cnn_output_abort(out[--opened]);
	ok(glob(pattern, 0, NULL, &found) == GLOB_NOMATCH, "none is left");
}

int main(void)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	snprintf(path, sizeof path, "%s/cnn-stream-XXXXXX", folder ? folder : "/tmp");
	if ((fd = mkstemp(path)) < 0) {
		perror(path);
		return 1;
	}
	close(fd);
	test_round_trip();
	test_bounds();
	test_damage();
	test_large();
	test_many();
	unlink(path);
	free(buf);
	return done();
}
