/* tensor-stat - describes the contents of a tensor stream. */
#include "formats/operand/operand.h"
#include "tools/tensor-stat/stat.h"

#include "cli/option.h"
#include "max-memory.h"
#include <errno.h>

static bool tsv, json;

static uint64_t max_memory = MAX_MEMORY_DEFAULT;

static const struct cnn_option options[] = {
	{ "tsv", 't', CNN_OPT_FLAG, &tsv, NULL, "print key<TAB>value lines" },
	{ "json", 'j', CNN_OPT_FLAG, &json, NULL, "print one JSON object per segment" },
	MAX_MEMORY_OPTION(max_memory),
	{ NULL },
};

static const struct cnn_program program = {
	"tensor-stat",
	"[FILE ...]",
	"Describes the contents of tensor streams",
	options,
	0,
	-1,
};

static int stat_segment(struct cnn_operands *in, const struct cnn_header *header,
    size_t segment, struct cnn_error *e)
{
	struct cnn_stat *stat = cnn_stat_new(header);
	struct cnn_record record;
	int r;

	if (!stat)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	while ((r = cnn_operands_record(in, &record, e)) == CNN_OK)
		if ((r = cnn_stat_add(stat, &record, e)) < 0)
			break;
	if (r == CNN_END)
		(json	    ? cnn_stat_print_json :
			tsv ? cnn_stat_print_tsv :
			      cnn_stat_print)(stat, stdout, segment);
	cnn_stat_free(stat);
	return r == CNN_END ? CNN_OK : r;
}

int main(int argc, char **argv)
{
	static const char *const standard[] = { "-" };
	const struct cnn_header *header;
	struct cnn_operands *in = NULL;
	struct cnn_error e = { 0 };
	int first = cnn_options_parse(&program, argc, argv), r;
	size_t count = (size_t)(argc - first), segment = 0;

	if (tsv && json)
		cnn_usage(&program, "--tsv and --json are mutually exclusive");
	max_memory_set(max_memory);
	r = cnn_operands_open(&in, count ? (const char *const *)argv + first : standard,
	    count ? count : 1, NULL, &e);
	while (r == CNN_OK && (r = cnn_operands_header(in, &header, &e)) == CNN_OK)
		r = stat_segment(in, header, ++segment, &e);
	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		cnn_fail_errno(&e, errno ? errno : EIO, "standard output: can't write");
	cnn_operands_close(in);
	return cnn_finish(&program, &e);
}
