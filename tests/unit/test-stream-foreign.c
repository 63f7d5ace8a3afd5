/* Tensor streams written by foreign programs: valid ones are accepted, and invalid ones
 * are refused with a message that names the error. */
#include "stream-bytes.h"
#include "tap.h"

/* Checks that the only tensor is accepted with this type and these bytes. */
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
	    h->fields[0].dtype == dtype &&
	    cnn_reader_record(reader, &rec, &error) == CNN_OK && rec.count == 1 &&
	    rec.tensors[0].dtype == dtype &&
	    !memcmp(rec.tensors[0].data, want, bytes) &&
	    (bytes == 0 ||
		(uintptr_t)rec.tensors[0].data % cnn_dtype_size(dtype) == 0) &&
	    cnn_reader_record(reader, &rec, &error) == CNN_END &&
	    cnn_reader_header(reader, &h, &error) == CNN_END;
	if (!ok(good, "%s", what))
		printf("# %s\n", error.text);
	cnn_reader_close(reader);
}

static void test_foreign(void)
{
	static const unsigned char big4[] = { 0x3f, 0x80, 0, 0, 0x40, 0, 0, 0 };
	static const unsigned char big2[] = { 1, 2, 0xff, 0xfe };
	static const unsigned char big8[] = { 0, 0, 0, 0, 0, 0, 1, 2 };
	static const unsigned char raw[] = { 1, 0, 1, 0 };
	const float floats[] = { 1, 2 };
	const int16_t shorts[] = { 0x102, -2 };
	const int64_t wide[] = { 0x102 };
	struct foreign f = { .type = "<f4",
		.kind = "",
		.rank = 1,
		.shape = { 2 },
		.data = floats,
		.bytes = 8 };

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
	const struct foreign good = { .type = "<f4",
		.kind = "",
		.rank = 1,
		.shape = { 4 },
		.data = data,
		.bytes = 16 };
	struct foreign f = good;

	f.kind = "O";
	bad_tensor(f,
	    "x: record 0: field x: kind O is not supported: it is a pickle, which could run code");
	f = good;
	f.nd_false = true;
	bad_tensor(f, "numpy scalar: must be an array");
	f = good;
	f.kind = "Z";
	bad_tensor(f, "unknown kind of tensor");
	f = good;
	f.no_shape = true;
	bad_tensor(f, "shape is missing or has more than 8 axes");
	f = good;
	f.rank = 9;
	bad_tensor(f, "shape is missing or has more than 8 axes");
	f = good;
	f.rank = 0;
	f.bytes = 4;
	bad_tensor(f, "no sample axis");
	f = good;
	f.bytes = 15;
	bad_tensor(f, "15 bytes of data do not fit float32 4");
	f = good;
	f.shape[0] = 5;
	bad_tensor(f, "16 bytes of data do not fit float32 5");
	f = (struct foreign){ "<f4", "", 3, { 1ull << 62, 1ull << 62, 16 }, data, 16,
		.wide = true };
	bad_tensor(f,
	    "16 bytes of data do not fit float32 4611686018427387904x4611686018427387904x16");
	f = (struct foreign){ "<f4", "", 2, { 1ull << 63, 0 }, data, 16, .wide = true };
	bad_tensor(f, "16 bytes of data do not fit float32 9223372036854775808x0");
	for (size_t i = 0; i < 9; i++) {
		static const char *const types[] = { "<u2", "<u4", "<c8", "<M8", "|S4",
			"<U1", "<V2", "f4", "|O8" };
		char why[60];

		f = good;
		f.type = types[i];
		snprintf(why, sizeof why, "type %s is not supported", types[i]);
		bad_tensor(f, why);
	}
	f = good;
	f.type = "";
	bad_tensor(f, "structured or unnamed type");
	begin();
	byte(7);
	end();
	refused("field x: not a tensor");
	begin();
	map(0);
	end();
	refused("field x: not a tensor in the form that msgpack-numpy writes");
}

static void test_records(void)
{
	size = 0;
	header("data", 0);
	map(2);
	one("x", 3);
	one("x", 3);
	end();
	refused("record 0: field x: occurs twice in the record");
	size = 0;
	header("data", 0);
	map(2);
	one("x", 3);
	one("y", 4);
	end();
	refused("record 0: field y: 4 samples, but field x has 3");
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
	refused("record 1: 1 fields, but the header declares 2");
	size = 0;
	header("data", 0);
	map(1);
	one("", 3);
	end();
	refused("record 0: invalid field name");
	size = 0;
	header("data", 0);
	map(1);
	one("a\x1b[2J", 3);
	end();
	refused("record 0: invalid field name");
	size = 0;
	header("data", 0);
	header("data", 0);
	end();
	refused(
	    "record 0: new header before the end of the segment: the first stream is truncated");
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
	refused("x: empty file");
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
	refused("header: the version is missing or invalid");
	size = 0;
	header("movie", 0);
	refused("header: kind must be \"data\" or \"model\"");
	size = 0;
	map(1);
	str("kind");
	str("data");
	ok(read_all(&reader, &rec, &h) == CNN_EDATA,
	    "the first key must say what it is");
	cnn_reader_close(reader);
	size = 0;
	header("data", 1);
	str("fields");
	array(0);
	refused("header: \"fields\" must be a map");
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
	size = 0;
	header("data", 1);
	str("fields");
	map(4);
	for (size_t i = 0; i < 4; i++) {
		static const char *const types[] = { ">f4", "=i2", "<u1", ">V2" };

		str(types[i]);
		map(2);
		str("dtype");
		str(types[i]);
		str("shape");
		array(0);
	}
	ok(read_all(&reader, &rec, &h) != CNN_OK && h && h->field_count == 4 &&
		h->fields[0].dtype == CNN_F32 && h->fields[1].dtype == CNN_I16 &&
		h->fields[2].dtype == CNN_U8 && h->fields[3].dtype == CNN_BF16,
	    "a header may declare types in any byte order");
	cnn_reader_close(reader);
	/* A declared field must follow. */
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
	ok(read_all(&reader, &rec, &h) == CNN_EDATA &&
		strstr(error.text, "record 0: field x: uint8"),
	    "another type than the header's is named");
	cnn_reader_close(reader);

	/* A header that declares nothing, with no record. */
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
		ok(cnn_reader_header(reader, &h, &error) == CNN_OK &&
			h->field_count == 0 &&
			cnn_reader_record(reader, &rec, &error) == CNN_END,
		    "a segment without a record");
		ok(cnn_reader_header(reader, &h, &error) == CNN_OK &&
			h->field_count == 1 && h->fields[0].dtype == CNN_U8 &&
			h->fields[0].rank == 0,
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
	refused("x: truncated after record 1 "
		"(tensor-cat --repair keeps the complete records)");
	ended_by("records");
	byte(2);
	refused("end: declares 2 records, but 1 were read");
	ended_by("samples");
	byte(4);
	refused("end: declares 4 samples, but 3 were read");
	size = 0;
	header("data", 0);
	map(1);
	str("end");
	map(1);
	str("xxh3");
	str("0123456789abcdeg");
	refused("end: xxh3 must be 16 hexadecimal digits");
	size = 0;
	header("data", 0);
	map(1);
	str("end");
	byte(3);
	refused("x: end: not a map");
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
			strstr(error.text, "end: declares digest 0123456789abcdef, "),
		    "a digest that is another's");
		cnn_reader_close(reader);
	}
}

int main(void)
{
	test_foreign();
	test_bad_tensors();
	test_records();
	test_headers();
	test_ends();
	free(buf);
	return done();
}
