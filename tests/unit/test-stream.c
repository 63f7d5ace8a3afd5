/* Tensor streams, in and out: what is written comes back, what foreign programs
 * write is taken, and what is wrong is refused by name. */
#include "tap.h"

#include <cnn/stream.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct cnn_error error;

/* --- bytes to read from --------------------------------------------------------- */

/* MessagePack by hand. */
static unsigned char *buf;
static size_t size, room;

static void put(const void *data, size_t n)
{
	if (size + n > room) {
		unsigned char *more = realloc(buf, room = 2 * (size + n));

		if (!more)
			exit(1);
		buf = more;
	}
	memcpy(buf + size, data, n);
	size += n;
}

static void byte(unsigned b)
{
	unsigned char c = (unsigned char)b;

	put(&c, 1);
}

/* Big-endian. */
static void number(uint64_t u, unsigned bytes)
{
	while (bytes-- > 0)
		byte((unsigned)(u >> 8 * bytes & 0xff));
}

static void map(unsigned n) { byte(0xde); number(n, 2); }
static void array(unsigned n) { byte(0x90 | n); }
static void str(const char *s) { byte(0xd9); byte((unsigned)strlen(s)); put(s, strlen(s)); }
static void bin(const void *s, size_t n) { byte(0xc6); number(n, 4); put(s, n); }
static void key(const char *s, bool as_bin) { as_bin ? bin(s, strlen(s)) : str(s); }

static void header(const char *kind, unsigned extra)
{
	map(2 + extra);
	str("tensor-stream");
	byte(1);
	str("kind");
	str(kind);
}

/* {"end": {}} */
static void end(void)
{
	map(1);
	str("end");
	map(0);
}

/* How a foreign tensor differs from msgpack-numpy's own. */
struct foreign {
	const char *type, *kind;         /* NULL: none */
	unsigned rank;
	uint64_t shape[9];
	const void *data;
	size_t bytes;
	bool str_keys, type_as_bin, nd_false, no_shape, wide;
};

static void tensor(const struct foreign *f)
{
	bool b = !f->str_keys;

	map(3 + (f->kind != NULL) + !f->no_shape);
	key("nd", b);
	byte(f->nd_false ? 0xc2 : 0xc3);
	key("type", b);
	f->type_as_bin ? bin(f->type, strlen(f->type)) : str(f->type);
	if (f->kind) {
		key("kind", b);
		bin(f->kind, strlen(f->kind));
	}
	if (!f->no_shape) {
		key("shape", b);
		array(f->rank);
		for (unsigned i = 0; i < f->rank; i++) {
			byte(f->wide ? 0xcf : 0xce);
			number(f->shape[i], f->wide ? 8 : 4);
		}
	}
	key("data", b);
	bin(f->data, f->bytes);
}

/* Starts anew: a data segment whose one field is x. */
static void begin(void)
{
	size = 0;
	header("data", 0);
	map(1);
	str("x");
}

/* Reads what is in buf as a stream: CNN_OK if it is one, with the last record
 * in *rec and its header in *h, both of them *reader's. */
static int read_all(struct cnn_reader **reader, struct cnn_record *rec,
	const struct cnn_header **h)
{
	struct cnn_record next;
	struct cnn_input *in;
	const struct cnn_header *header_read;
	int r;

	error = (struct cnn_error){ 0 };
	*reader = NULL;
	if ((r = cnn_input_memory(&in, "x", buf, size, &error)) < 0 ||
	    (r = cnn_reader_open(reader, in, &error)) < 0)
		return r;
	if ((r = cnn_reader_header(*reader, &header_read, &error)) != CNN_OK)
		return r;
	*h = header_read;
	*rec = (struct cnn_record){ 0 };
	while ((r = cnn_reader_record(*reader, &next, &error)) == CNN_OK)
		*rec = next;
	if (r < 0)
		return r;
	return CNN_OK;
}

/* Is the one tensor taken, as this type and these bytes? */
static void taken(const char *what, const struct foreign *f, enum cnn_dtype dtype,
	const void *want, size_t bytes)
{
	struct cnn_reader *reader;
	const struct cnn_header *h;
	struct cnn_input *in;
	struct cnn_record rec;
	bool good;

	begin();
	tensor(f);
	end();
	error = (struct cnn_error){ 0 };
	cnn_input_memory(&in, "x", buf, size, &error);
	cnn_reader_open(&reader, in, &error);
	good = cnn_reader_header(reader, &h, &error) == CNN_OK && h->field_count == 1 &&
		h->fields[0].dtype == dtype && cnn_reader_record(reader, &rec, &error) == CNN_OK &&
		rec.count == 1 && rec.tensors[0].dtype == dtype &&
		!memcmp(rec.tensors[0].data, want, bytes) &&
		(bytes == 0 || (uintptr_t)rec.tensors[0].data % cnn_dtype_size(dtype) == 0) &&
		cnn_reader_record(reader, &rec, &error) == CNN_END &&
		cnn_reader_header(reader, &h, &error) == CNN_END;
	if (!ok(good, "%s", what))
		printf("# %s\n", error.text);
	cnn_reader_close(reader);
}

/* Is what is in buf refused with a message that ends so (or holds it, with a *)? */
static void refused(const char *why)
{
	struct cnn_reader *reader;
	const struct cnn_header *h;
	struct cnn_record rec;
	int r = read_all(&reader, &rec, &h);
	size_t n = strlen(why), length = strlen(error.text);
	bool said = n <= length && !strcmp(error.text + length - n, why);

	if (!ok(r == CNN_EDATA && said && !strncmp(error.text, "x: ", 3), "%s", why))
		printf("# code %d, said: %s\n", r, error.text);
	cnn_reader_close(reader);
}

/* --- what is written comes back --------------------------------------------------- */

static const enum cnn_dtype all_types[] = { CNN_U8, CNN_I8, CNN_I16, CNN_I32, CNN_I64,
	CNN_F16, CNN_F32, CNN_F64, CNN_BOOL, CNN_BF16 };
enum { TYPES = sizeof all_types / sizeof *all_types };

/* Writes to a file that is read back into buf. */
static char path[] = "/tmp/cnn-stream-XXXXXX";

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
		rec.tensors[i] = (struct cnn_tensor){ all_types[i], i % 2 ? 2 : 1, { 3, 2 }, bytes };
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
		cnn_writer_record(w, &rec, &error) == CNN_EUSAGE, "no record before a header");
	error = (struct cnn_error){ 0 };
	ok(cnn_writer_header(w, h, &error) == CNN_OK &&
		cnn_writer_record(w, &rec, &error) == CNN_OK &&
		cnn_writer_record(w, &rec, &error) == CNN_OK &&
		cnn_writer_end(w, digest, &error) == CNN_OK && strlen(digest) == 16,
		"a segment of all types is written");
	cnn_writer_close(w);
	ok(cnn_output_commit(out, &error) == CNN_OK, "and is a file");
	slurp();
	ok(read_all(&reader, &rec, &back) == CNN_OK && rec.count == TYPES && rec.samples == 3 &&
		cnn_reader_records(reader) == 2 && cnn_reader_samples(reader) == 6,
		"it is read back");
	for (size_t i = 0; i < rec.count; i++) {
		size_t n = 3 * (i % 2 ? 2 : 1) * cnn_dtype_size(all_types[i]);

		good &= ok(!strcmp(rec.names[i], cnn_dtype_name(all_types[i])) &&
			rec.tensors[i].dtype == all_types[i] && rec.tensors[i].shape[0] == 3 &&
			!memcmp(rec.tensors[i].data, bytes, n), "%s", rec.names[i]);
	}
	if (back) {
		ok(cnn_header_compatible(h, back) && cnn_value_equal(h->meta, back->meta) &&
			cnn_value_equal(h->history, back->history), "with its header");
		ok(back->other && cnn_value_equal(h->other, back->other) && back->fields[1].other &&
			cnn_value_equal(h->fields[1].other, back->fields[1].other),
			"keys that nobody knows are carried through");
		ok(back->fields[0].has_scale && back->fields[0].scale == 0.25 &&
			back->fields[0].offset == -1 && !back->fields[1].has_scale, "and the scale");
	}
	ok(good, "every type");
	cnn_reader_close(reader);
	cnn_header_free(h);
}

/* A file of what write() says, as bytes in buf. */
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
	good = cnn_reader_header(reader, &h, &error) == CNN_OK && h->fields[0].shape[0] == 2;
	for (size_t i = 0; good && i < 2; i++)
		good = cnn_reader_record(reader, &rec, &error) == CNN_OK && rec.count == 1 &&
			rec.tensors[0].rank == 2 && rec.tensors[0].shape[0] == 1 &&
			!memcmp(rec.tensors[0].data, big + i * (40 << 20), 40 << 20);
	ok(good && cnn_reader_record(reader, &rec, &error) == CNN_END,
		"in rows, each a record of the same name");
	cnn_reader_close(reader);
	ok(written(write_too_large) == CNN_EDATA && strstr(error.text, "one row"),
		"a row over 64 MiB is refused");
	free(big);
}

/* --- what foreign programs write ------------------------------------------------------ */

static void test_foreign(void)
{
	static const unsigned char big4[] = { 0x3f, 0x80, 0, 0, 0x40, 0, 0, 0 };
	static const unsigned char big2[] = { 1, 2, 0xff, 0xfe };
	static const unsigned char big8[] = { 0, 0, 0, 0, 0, 0, 1, 2 };
	static const unsigned char raw[] = { 1, 0, 1, 0 };
	const float floats[] = { 1, 2 };
	const int16_t shorts[] = { 0x102, -2 };
	const int64_t wide[] = { 0x102 };
	struct foreign f = { .type = "<f4", .kind = "", .rank = 1, .shape = { 2 },
		.data = floats, .bytes = 8 };

	taken("msgpack-numpy's own", &f, CNN_F32, floats, 8);
	f.kind = NULL;
	taken("no kind", &f, CNN_F32, floats, 8);
	f.str_keys = true;
	taken("keys as str", &f, CNN_F32, floats, 8);
	f.type_as_bin = true;
	taken("type as bin", &f, CNN_F32, floats, 8);
	f.wide = true;
	taken("a shape of 64-bit integers", &f, CNN_F32, floats, 8);
	f.type = "=f4";
	taken("native byte order", &f, CNN_F32, floats, 8);
	f = (struct foreign){ ">f4", "", 1, { 2 }, big4, 8 };
	taken("big-endian floats", &f, CNN_F32, floats, 8);
	f = (struct foreign){ ">i2", "", 1, { 2 }, big2, 4 };
	taken("big-endian shorts", &f, CNN_I16, shorts, 4);
	f = (struct foreign){ ">i8", "", 1, { 1 }, big8, 8 };
	taken("big-endian 64-bit integers", &f, CNN_I64, wide, 8);
	f = (struct foreign){ "|b1", "", 1, { 4 }, raw, 4 };
	taken("booleans", &f, CNN_BOOL, raw, 4);
	f = (struct foreign){ "<u1", "", 1, { 4 }, raw, 4 };
	taken("a byte with an order", &f, CNN_U8, raw, 4);
	f = (struct foreign){ "|u1", "", 8, { 1, 1, 1, 4, 1, 1, 1, 1 }, raw, 4 };
	taken("eight axes", &f, CNN_U8, raw, 4);
	f = (struct foreign){ "<f8", "", 2, { 0, 5 }, raw, 0 };
	taken("no sample", &f, CNN_F64, raw, 0);
}

static void bad_tensor(struct foreign f, const char *why)
{
	begin();
	tensor(&f);
	end();
	refused(why);
}

static void test_bad_tensors(void)
{
	static const unsigned char data[16];
	const struct foreign good = { .type = "<f4", .kind = "", .rank = 1, .shape = { 4 },
		.data = data, .bytes = 16 };
	struct foreign f = good;

	f.kind = "O";
	bad_tensor(f, "x: record 0: field x: kind O is a pickle, which could run code: it is never taken");
	f = good;
	f.nd_false = true;
	bad_tensor(f, "a numpy scalar: an array is wanted");
	f = good;
	f.kind = "Z";
	bad_tensor(f, "an unknown kind of tensor");
	f = good;
	f.no_shape = true;
	bad_tensor(f, "no shape of at most 8 axes");
	f = good;
	f.rank = 9;
	bad_tensor(f, "no shape of at most 8 axes");
	f = good;
	f.rank = 0;
	f.bytes = 4;
	bad_tensor(f, "no sample axis");
	f = good;
	f.bytes = 15;
	bad_tensor(f, "15 bytes for float32 4");
	f = good;
	f.shape[0] = 5;
	bad_tensor(f, "16 bytes for float32 5");
	f = (struct foreign){ "<f4", "", 3, { 1ull << 62, 1ull << 62, 16 }, data, 16, .wide = true };
	bad_tensor(f, "16 bytes for float32 4611686018427387904x4611686018427387904x16");
	f = (struct foreign){ "<f4", "", 2, { 1ull << 63, 0 }, data, 16, .wide = true };
	bad_tensor(f, "16 bytes for float32 9223372036854775808x0");
	for (size_t i = 0; i < 9; i++) {
		static const char *const types[] = { "<u2", "<u4", "<c8", "<M8", "|S4", "<U1",
			"<V2", "f4", "|O8" };
		char why[60];

		f = good;
		f.type = types[i];
		snprintf(why, sizeof why, "type %s is not taken", types[i]);
		bad_tensor(f, why);
	}
	f = good;
	f.type = "";
	bad_tensor(f, "a structured or unnamed type");
	begin();
	byte(7);
	end();
	refused("field x: not a tensor");
	begin();
	map(0);
	end();
	refused("field x: not a tensor as msgpack-numpy writes them");
}

static void one(const char *name, unsigned samples)
{
	static const unsigned char data[16];
	struct foreign f = { .type = "|u1", .kind = "", .rank = 1, .shape = { samples },
		.data = data, .bytes = samples };

	str(name);
	tensor(&f);
}

static void test_records(void)
{
	size = 0;
	header("data", 0);
	map(2);
	one("x", 3);
	one("x", 3);
	end();
	refused("record 0: field x: stands twice in the record");
	size = 0;
	header("data", 0);
	map(2);
	one("x", 3);
	one("y", 4);
	end();
	refused("record 0: field y: 4 samples where x has 3");
	size = 0;
	header("data", 0);
	map(1);
	one("x", 3);
	map(1);
	one("y", 3);
	end();
	refused("record 1: field y: not in the header");
	size = 0;
	header("data", 0);
	map(2);
	one("x", 3);
	one("y", 3);
	map(1);
	one("x", 3);
	end();
	refused("record 1: 1 fields where the header declares 2");
	size = 0;
	header("data", 0);
	map(1);
	one("", 3);
	end();
	refused("record 0: a field's name is not one");
	size = 0;
	header("data", 0);
	map(1);
	one("a\x1b[2J", 3);
	end();
	refused("record 0: a field's name is not one");
	size = 0;
	header("data", 0);
	header("data", 0);
	end();
	refused("record 0: a header before the end of the segment: the producer died");
	size = 0;
	header("data", 0);
	map(65);
	for (int i = 0; i < 65; i++) {
		char name[] = { 'f', (char)('0' + i / 10), (char)('0' + i % 10), 0 };

		one(name, 1);
	}
	end();
	refused("more than 64 fields");
}

static void test_headers(void)
{
	struct cnn_reader *reader;
	const struct cnn_header *h;
	struct cnn_record rec;

	size = 0;
	refused("x: is empty: the producer died before its header");
	size = 0;
	map(2);
	str("tensor-stream");
	byte(2);
	str("kind");
	str("data");
	end();
	refused("header: version 2: this program reads version 1");
	size = 0;
	map(2);
	str("tensor-stream");
	str("1");
	str("kind");
	str("data");
	refused("header: no version");
	size = 0;
	header("movie", 0);
	refused("header: kind is neither \"data\" nor \"model\"");
	size = 0;
	map(1);
	str("kind");
	str("data");
	ok(read_all(&reader, &rec, &h) == CNN_EDATA, "the first key must say what it is");
	cnn_reader_close(reader);
	size = 0;
	header("data", 1);
	str("fields");
	array(0);
	refused("header: \"fields\" is no map");
	size = 0;
	header("data", 1);
	str("fields");
	map(1);
	str("x");
	map(2);
	str("dtype");
	str("float31");
	str("shape");
	array(0);
	ok(read_all(&reader, &rec, &h) == CNN_EDATA && strstr(error.text, "float31"),
		"an unknown dtype is named");
	cnn_reader_close(reader);
	/* What it declares must come. */
	size = 0;
	header("data", 1);
	str("fields");
	map(1);
	str("x");
	map(2);
	str("dtype");
	str("float32");
	str("shape");
	array(0);
	map(1);
	one("x", 3);
	end();
	ok(read_all(&reader, &rec, &h) == CNN_EDATA && strstr(error.text, "record 0: field x: uint8"),
		"another type than the header's is named");
	cnn_reader_close(reader);

	/* A header that declares nothing, and nothing behind it. */
	size = 0;
	header("data", 0);
	end();
	header("data", 0);
	map(1);
	one("x", 3);
	end();
	{
		struct cnn_input *in;

		error = (struct cnn_error){ 0 };
		cnn_input_memory(&in, "x", buf, size, &error);
		cnn_reader_open(&reader, in, &error);
		ok(cnn_reader_header(reader, &h, &error) == CNN_OK && h->field_count == 0 &&
			cnn_reader_record(reader, &rec, &error) == CNN_END, "a segment without a record");
		ok(cnn_reader_header(reader, &h, &error) == CNN_OK && h->field_count == 1 &&
			h->fields[0].dtype == CNN_U8 && h->fields[0].rank == 0,
			"fields are learnt from the first record");
		ok(cnn_reader_header(reader, &h, &error) == CNN_END,
			"a segment whose records nobody asked for is passed over");
		cnn_reader_close(reader);
	}
}

static void test_ends(void)
{
	size = 0;
	header("data", 0);
	map(1);
	one("x", 3);
	refused("x: stops after record 1 without its end: the producer died "
		"(tensor-cat --repair keeps what came)");
	size = 0;
	header("data", 0);
	map(1);
	one("x", 3);
	map(1);
	str("end");
	map(1);
	str("records");
	byte(2);
	refused("end: 2 records announced, 1 read");
	size = 0;
	header("data", 0);
	map(1);
	one("x", 3);
	map(1);
	str("end");
	map(1);
	str("samples");
	byte(4);
	refused("end: 4 samples announced, 3 read");
	size = 0;
	header("data", 0);
	map(1);
	str("end");
	map(1);
	str("xxh3");
	str("0123456789abcdeg");
	refused("end: xxh3 is no 16 hexadecimal digits");
	size = 0;
	header("data", 0);
	map(1);
	str("end");
	byte(3);
	refused("end: not a map");
	size = 0;
	header("data", 0);
	map(1);
	str("end");
	map(1);
	str("xxh3");
	str("0123456789abcdef");
	{
		struct cnn_reader *reader;
		const struct cnn_header *h;
		struct cnn_record rec;

		ok(read_all(&reader, &rec, &h) == CNN_EDATA &&
			strstr(error.text, "end: digest 0123456789abcdef announced, "),
			"a digest that is another's");
		cnn_reader_close(reader);
	}
}

/* --- what asks for much -------------------------------------------------------------- */

/* Refused without having taken memory by what the length says. */
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
	/* Kilobytes. What an allocator reserves untouched is not seen here, but
	 * the sanitizers' allocators refuse what is that large. */
	ok(r == CNN_EDATA && *error.text && after.ru_maxrss - before.ru_maxrss < 4096, "%s", what);
}

static void test_bounds(void)
{
	static const struct { unsigned char bytes[12]; size_t size; const char *what; } heads[] = {
		{ { 0xdf, 0xff, 0xff, 0xff, 0xff }, 5, "a map of four billion pairs" },
		{ { 0xdd, 0xff, 0xff, 0xff, 0xff }, 5, "an array of four billion values" },
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

/* Cut at every byte, and each byte changed: never a stream, never a crash. */
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
	/* The end's own keys are under no digest: a changed name is an unknown key,
	 * and the case of a hexadecimal digit means nothing. */
	ok(passed == 0, "every byte of header and record changed to every other");
	ok(unnoticed < (7 + 7 + 4 + 16) * 255, "and of the end, but for what its keys are called");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0) {
		perror(path);
		return 1;
	}
	close(fd);
	test_round_trip();
	test_foreign();
	test_bad_tensors();
	test_records();
	test_headers();
	test_ends();
	test_bounds();
	test_damage();
	test_large();
	unlink(path);
	free(buf);
	return done();
}
