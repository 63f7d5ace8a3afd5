/* tensor-shuf - writes the samples of a data set in random order. */
#include "formats/operand/operand.h"
#include "formats/history.h"
#include "tools/tensor-shuf/shuffle.h"

#include "cli/option.h"
#include "max-memory.h"

static const char *output;
static uint64_t seed, buffer, max_memory = MAX_MEMORY_DEFAULT;

static const struct cnn_option options[] = {
	{ "seed", 's', CNN_OPT_UINT, &seed, "N", "seed of the random order",
	    CNN_OPT_RESULT },
	{ "buffer", 'b', CNN_OPT_UINT, &buffer, "N",
	    "hold N samples at a time; 0: all, for a uniform shuffle", CNN_OPT_RESULT,
	    .max = UINT32_MAX },
	MAX_MEMORY_OPTION(max_memory),
	{ "output", 'o', CNN_OPT_STR, &output, "FILE",
	    "write to FILE instead of standard output" },
	{ NULL },
};

static const struct cnn_program program = {
	"tensor-shuf",
	"[FILE ...]",
	"Shuffles the samples of a data set",
	options,
	0,
	-1,
};

/* Writes a copy of the first header, with this run in its history. */
static int begin(struct cnn_header **copy, const struct cnn_header *header,
    struct cnn_writer *writer, struct cnn_error *e)
{
	int r;

	if (!(*copy = cnn_header_copy(header)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	r = history_add((*copy)->history, &program, e);
	return r < 0 ? r : cnn_writer_header(writer, *copy, e);
}

static int shuffle_all(struct cnn_operands *in, struct cnn_writer *writer,
    struct cnn_error *e)
{
	struct cnn_header *first = NULL;
	struct cnn_shuffle *shuffle = NULL;
	const struct cnn_header *header;
	struct cnn_record record;
	int r;

	while ((r = cnn_operands_header(in, &header, e)) == CNN_OK) {
		if (header->kind != CNN_DATA)
			r = cnn_fail(e, CNN_EDATA,
			    "%s: a model has no samples to shuffle",
			    cnn_operands_name(in));
		else if (!first && (r = begin(&first, header, writer, e)) == CNN_OK &&
		    (r = cnn_shuffle_open(&shuffle, first, writer, seed, buffer, e)) ==
			CNN_OK)
			cnn_shuffle_expect(shuffle, cnn_operands_expected(in, header));
		else if (first && !cnn_header_compatible(first, header))
			r = cnn_fail(e, CNN_EDATA,
			    "%s: its fields differ from those of the data before it",
			    cnn_operands_name(in));
		while (
		    r == CNN_OK && (r = cnn_operands_record(in, &record, e)) == CNN_OK)
			if (buffer ||
			    (r = cnn_operands_hold(in, &record,
				 cnn_shuffle_row(shuffle), cnn_shuffle_room(shuffle),
				 e)) == CNN_OK)
				r = cnn_shuffle_add(shuffle, &record, e);
		if (r < 0)
			break;
	}
	if (r == CNN_END && (r = cnn_shuffle_end(shuffle, e)) == CNN_OK)
		r = cnn_writer_end(writer, NULL, e);
	cnn_shuffle_close(shuffle);
	cnn_header_free(first);
	return r;
}

int main(int argc, char **argv)
{
	static const char *const standard[] = { "-" };
	struct cnn_operands *in = NULL;
	struct cnn_output *out = NULL;
	struct cnn_writer *writer = NULL;
	struct cnn_error e = { 0 };
	int first = cnn_options_parse(&program, argc, argv), r;
	size_t count = (size_t)(argc - first);

	max_memory_set(max_memory);

	if ((r = cnn_operands_open(&in,
		 count ? (const char *const *)argv + first : standard,
		 count ? count : 1, NULL, &e)) < 0 ||
	    (r = cnn_output_open(&out, output, true, &e)) < 0 ||
	    (r = cnn_writer_open(&writer, out, &e)) < 0)
		goto out;
	if ((r = shuffle_all(in, writer, &e)) == CNN_OK) {
		cnn_output_commit(out, &e);
		out = NULL;
	}
out:
	cnn_writer_close(writer);
	cnn_output_abort(out);
	cnn_operands_close(in);
	return cnn_finish(&program, &e);
}
