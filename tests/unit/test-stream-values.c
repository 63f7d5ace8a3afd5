/* Numbers and shapes in tensor streams of other programs: NumPy's scalars, the counts of an
 * end, and samples without elements. */
#include "stream-bytes.h"
#include "tap.h"

/* A NumPy scalar as msgpack-numpy writes it */
static void scalar(const char *type, const void *bytes, size_t n)
{
	map(3);
	key("nd", true);
	byte(0xc2);
	key("type", true);
	str(type);
	key("data", true);
	bin(bytes, n);
}

/* Whether a value of the header that has been written like this is printed as `want`. */
static bool scalar_is(const char *type, const void *bytes, size_t n, const char *want)
{
	struct cnn_reader *reader;
	const struct cnn_header *h = NULL;
	struct cnn_record rec;
	char *text = NULL;
	size_t length;
	FILE *f = open_memstream(&text, &length);
	bool good;

	size = 0;
	header("data", 1);
	str("meta");
	map(1);
	str("x");
	scalar(type, bytes, n);
	end();
	read_all(&reader, &rec, &h);
	if (h)
		cnn_value_print_json(f, h->meta);
	fclose(f);
	good = !strcmp(text, want);
	free(text);
	cnn_reader_close(reader);
	return good;
}

static void test_scalars(void)
{
	struct cnn_reader *reader;
	const struct cnn_header *h;
	struct cnn_record rec;

	ok(scalar_is("<i8", "\xfb\xff\xff\xff\xff\xff\xff\xff", 8, "{\"x\": -5}") &&
		scalar_is("|i1", "\x80", 1, "{\"x\": -128}") &&
		scalar_is("<i4", "\x05\0\0\0", 4, "{\"x\": 5}"),
	    "signed NumPy scalars are numbers");
	ok(scalar_is("<u8", "\xff\xff\xff\xff\xff\xff\xff\xff", 8,
	       "{\"x\": 18446744073709551615}") &&
		scalar_is(">u2", "\x01\x02", 2, "{\"x\": 258}") &&
		scalar_is("|u1", "\xff", 1, "{\"x\": 255}"),
	    "so are unsigned ones, in any byte order");
	ok(scalar_is("<f4", "\0\0\xc0\x3f", 4, "{\"x\": 1.5}") &&
		scalar_is("<f8", "\0\0\0\0\0\0\xf8\xbf", 8, "{\"x\": -1.5}") &&
		scalar_is("<f2", "\0\x3e", 2, "{\"x\": 1.5}"),
	    "and floats");
	ok(scalar_is("|b1", "\1", 1, "{\"x\": true}"), "and booleans");
	ok(!scalar_is("<i4", "\1\0", 2, "{\"x\": 1}") &&
		!scalar_is("<c8", "\1\0\0\0\0\0\0\0", 8, "{\"x\": 1}") &&
		!scalar_is("<f1", "\1", 1, "{\"x\": 1.0}"),
	    "other maps are not");

	size = 0;
	header("data", 1);
	str("fields");
	map(1);
	str("x");
	map(4);
	str("dtype");
	str("uint8");
	str("shape");
	array(1);
	scalar("<i8", "\2\0\0\0\0\0\0\0", 8);
	str("scale");
	scalar("<f8", "\0\0\0\0\0\0\xe0\x3f", 8);
	str("offset");
	scalar("<i8", "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	end();
	ok(read_all(&reader, &rec, &h) == CNN_OK && h->fields[0].rank == 1 &&
		h->fields[0].shape[0] == 2 && h->fields[0].scale == 0.5 &&
		h->fields[0].offset == -1,
	    "a field's shape, scale and offset may be NumPy scalars");
	cnn_reader_close(reader);

	ended_by("records");
	scalar("<i8", "\2\0\0\0\0\0\0\0", 8);
	refused("end: declares 2 records, but 1 were read");
}

/* The count of an end is refused unless it is an integer. */
static void test_end_counts(const char *key)
{
	char why[64];

	for (int i = 0; i < 5; i++) {
		ended_by(key);
		switch (i) {
		case 0: byte(0xfb); break; /* -5 */
		case 1: str("3"); break;
		case 2:
			array(1);
			byte(3);
			break;
		case 3: byte(0xc0); break; /* nil */
		default:
			byte(0xcb); /* 3.0 */
			number(0x4008000000000000, 8);
		}
		snprintf(why, sizeof why, "x: end: %s must be an integer >= 0", key);
		refused(why);
	}
}

static void test_no_elements(void)
{
	static const uint64_t many = 1000000000;

	size = 0;
	header("data", 1);
	str("fields");
	map(1);
	str("x");
	map(2);
	str("dtype");
	str("uint8");
	str("shape");
	array(2);
	byte(3);
	byte(0);
	end();
	refused("header: field x: 3x0 has no elements");
	begin();
	tensor(&(struct foreign){ "|u1", "", 2, { many, 0 }, "", 0 });
	end();
	refused("record 0: field x: 0 has no elements");
}

int main(void)
{
	test_scalars();
	test_end_counts("records");
	test_end_counts("samples");
	test_no_elements();
	free(buf);
	return done();
}
