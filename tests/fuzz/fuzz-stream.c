/* fuzz-stream - tensor streams: cnn_reader, followed by cnn_writer.
 *
 * Everything that was read can be written, and then reads the same. */
#include "fuzz.h"

#include "base/value.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define AGAIN ((size_t)48 << 10) /* longest stream that is written again, */
#define PIPE (1 << 20)		 /* into a pipe of this size */

/* Flavour 2 reads only the headers. */
static void read_segments(struct cnn_reader *reader, struct fuzz_result *result)
{
	const struct cnn_header *h;
	struct cnn_record rec;
	const void *item;
	size_t size;

	while ((result->code = cnn_reader_header(reader, &h, &result->e)) == CNN_OK) {
		struct cnn_header *copy = cnn_header_copy(h);

		fuzz_check(copy && cnn_header_compatible(h, copy),
		    "a copy that differs");
		cnn_value_print_json(fuzz_nowhere(), copy->meta);
		cnn_value_print_json(fuzz_nowhere(), copy->history);
		fuzz_add_header(result, copy);
		cnn_header_free(copy);
		cnn_reader_item(reader, &item, &size);
		fuzz_check(size > 0, "a header of no bytes");
		while (result->flavour != 2 &&
		    (result->code = cnn_reader_record(reader, &rec, &result->e)) ==
			CNN_OK) {
			fuzz_add_record(result, &rec);
			cnn_reader_item(reader, &item, &size);
			fuzz_add(result, item, size);
		}
		if (result->code < 0)
			return;
	}
}

static void read_stream(struct cnn_input *in, struct fuzz_result *result)
{
	struct cnn_reader *reader;

	if ((result->code = cnn_reader_open(&reader, in, &result->e)) == CNN_OK)
		read_segments(reader, result);
	cnn_reader_close(reader);
}

/* --- written again ---------------------------------------------------------------- */

/* Like the other digest, but of the content only: the items' bytes may differ. */
static void read_content(struct cnn_reader *reader, struct cnn_writer *w,
    struct fuzz_result *result)
{
	const struct cnn_header *h;
	struct cnn_record rec;
	int r;

	while ((r = cnn_reader_header(reader, &h, &result->e)) == CNN_OK) {
		if (w && cnn_writer_header(w, h, &result->e) < 0)
			break;
		fuzz_add_header(result, h);
		for (size_t i = 0; i < h->field_count; i++)
			fuzz_add(result, &h->fields[i].has_scale,
			    sizeof h->fields[i].has_scale);
		while ((r = cnn_reader_record(reader, &rec, &result->e)) == CNN_OK) {
			fuzz_add_record(result, &rec);
			if (w && cnn_writer_record(w, &rec, &result->e) < 0)
				break;
		}
		if (result->e.code || (w && cnn_writer_end(w, NULL, &result->e) < 0))
			break;
	}
	result->code = result->e.code ? result->e.code : r;
}

/* True for data that can be read and not written: our encoding of a header or of a row
 * would be too long. */
static bool is_refused(const struct cnn_error *e)
{
	return e->code == CNN_EDATA &&
	    (strstr(e->text, "header of ") ||
		strncmp(e->text, "one row of a tensor takes ", 26) == 0);
}

static void write_again(const uint8_t *data, size_t size)
{
	struct fuzz_result first = { 0 }, second = { 0 };
	struct cnn_reader *reader;
	struct cnn_writer *w;
	struct cnn_output *out;
	struct cnn_input *in;
	struct cnn_error e = { 0 };
	char path[32];
	int fds[2];

	fuzz_check(pipe2(fds, O_CLOEXEC) == 0 &&
		fcntl(fds[1], F_SETPIPE_SZ, PIPE) >= PIPE,
	    "no pipe");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fds[1]);
	fuzz_check(cnn_input_memory(&in, "x", data, size, &e) == CNN_OK &&
		cnn_reader_open(&reader, in, &e) == CNN_OK &&
		cnn_output_open(&out, path, true, &e) == CNN_OK &&
		cnn_writer_open(&w, out, &e) == CNN_OK,
	    "%s", e.text);
	read_content(reader, w, &first);
	cnn_reader_close(reader);
	cnn_writer_close(w);
	cnn_output_commit(out, &e);
	close(fds[1]);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fds[0]);
	fuzz_check(cnn_input_open(&in, path, &e) == CNN_OK &&
		cnn_reader_open(&reader, in, &e) == CNN_OK,
	    "%s", e.text);
	close(fds[0]);
	read_content(reader, NULL, &second);
	cnn_reader_close(reader);
	if (!is_refused(&first.e))
		fuzz_agree(&first, &second, "written and read again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_result records = { 0 }, headers = { .flavour = 2 };
	struct cnn_input *in;

	fuzz_read(data, size, read_stream);
	fuzz_check(cnn_input_memory(&in, "x", data, size, &records.e) == CNN_OK,
	    "memory");
	read_stream(in, &records);
	fuzz_check(cnn_input_memory(&in, "x", data, size, &headers.e) == CNN_OK,
	    "memory");
	read_stream(in, &headers);
	headers.digest = records.digest;
	fuzz_agree(&records, &headers, "by its headers");
	if (records.code == CNN_END && size <= AGAIN)
		write_again(data, size);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	return fuzz_mutate(data, size, room, seed);
}
