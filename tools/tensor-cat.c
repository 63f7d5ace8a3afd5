/* tensor-cat - concatenates and converts tensor streams. */
#include "tools/tensor-cat/convert.h"
#include "tools/tensor-cat/repair.h"
#include "max-memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *to = "stream", *range, *pick, *label, *fields, *output;
static struct cnn_list named, shapes;
static struct cnn_reshape_options reshape = { .column = UINT64_MAX };
static bool wrong;
static uint64_t batch;
static bool repair, skip_bad;

static uint64_t max_memory = MAX_MEMORY_DEFAULT;

static struct cnn_option options[] = {
	{ "to", 't', CNN_OPT_CHOICE, &to, "FORMAT", "write this format" },
	{ "range", 'r', CNN_OPT_STR, &range, "A:B",
	    "write only samples A to B - 1; either may be omitted", CNN_OPT_RESULT },
	{ "pick", 0, CNN_OPT_STR, &pick, "LIST|FILE",
	    "write only these samples, in this order: 3,17,5-9, or a line each in FILE",
	    CNN_OPT_RESULT },
	{ "wrong", 0, CNN_OPT_FLAG, &wrong, NULL,
	    "write only samples whose predicted class differs from the label",
	    CNN_OPT_RESULT | CNN_OPT_IF_SET },
	{ "label", 0, CNN_OPT_STR, &label, "NAME",
	    "field of the labels, for --wrong [label]", CNN_OPT_RESULT },
	{ "fields", 'f', CNN_OPT_STR, &fields, "NAME,...",
	    "write only these fields, in this order", CNN_OPT_RESULT },
	{ "batch", 'b', CNN_OPT_UINT, &batch, "N", "put N samples in each record",
	    .min = 1 },
	{ "field", 'F', CNN_OPT_LIST, &named, "NAME=FILE",
	    "read the array in FILE as the field NAME; may be repeated" },
	{ "column", 0, CNN_OPT_UINT, &reshape.column, "N",
	    "take number N, from 0, of each row of the field label", CNN_OPT_RESULT,
	    .max = UINT32_MAX },
	{ "squeeze", 0, CNN_OPT_FLAG, &reshape.squeeze, NULL,
	    "drop the axes of length 1 of all samples",
	    CNN_OPT_RESULT | CNN_OPT_IF_SET },
	{ "reshape", 0, CNN_OPT_LIST, &shapes, "SHAPE",
	    "give the samples of image this shape; FIELD=SHAPE: of FIELD",
	    CNN_OPT_RESULT },
	{ "transpose", 0, CNN_OPT_FLAG, &reshape.transpose, NULL,
	    "swap the last two axes of image", CNN_OPT_RESULT | CNN_OPT_IF_SET },
	{ "skip-bad", 0, CNN_OPT_FLAG, &skip_bad, NULL,
	    "leave out pictures that are damaged or of another shape",
	    CNN_OPT_RESULT | CNN_OPT_IF_SET },
	MAX_MEMORY_OPTION(max_memory),
	{ "output", 'o', CNN_OPT_STR, &output, "FILE",
	    "write to FILE instead of standard output" },
	{ "repair", 0, CNN_OPT_FLAG, &repair, NULL,
	    "recover the complete records of a damaged stream" },
	{ NULL },
};

static const struct cnn_program program = {
	"tensor-cat",
	"[FILE ...]",
	"Concatenates and converts tensor streams",
	options,
	0,
	-1,
};

/* "5:" and "05:" are the same range and must give the same history, so normalize. */
static int parse_options(struct cnn_convert_options *o, struct cnn_error *e)
{
	static char canonical[48];
	int r;

	*o = (struct cnn_convert_options){
		.last = UINT64_MAX,
		.batch = batch,
		.to = cnn_codec_find(to),
		.program = &program,
	};
	if (range && (r = cnn_range_parse(range, &o->first, &o->last, e)) < 0)
		return r;
	if (o->last == UINT64_MAX)
		snprintf(canonical, sizeof canonical, "%ju:", (uintmax_t)o->first);
	else
		snprintf(canonical, sizeof canonical, "%ju:%ju", (uintmax_t)o->first,
		    (uintmax_t)o->last);
	if (range)
		range = canonical;
	if (fields && (r = cnn_names_parse(fields, &o->fields, &o->field_count, e)) < 0)
		return r;
	for (size_t i = 0; i < shapes.count; i++)
		if ((r = cnn_reshape_parse(&reshape, shapes.items[i], e)) < 0)
			return r;
	if (cnn_reshape_wanted(&reshape))
		o->reshape = &reshape;
	if (label && !wrong)
		return cnn_fail(e, CNN_EUSAGE, "--label applies only to --wrong");
	if (wrong)
		o->wrong = label = label ? label : "label";
	if (pick && (range || wrong))
		return cnn_fail(e, CNN_EUSAGE,
		    "--pick can't be combined with --range or --wrong: pipe the output "
		    "to another tensor-cat");
	if (repair &&
	    (range || pick || wrong || fields || batch || named.count || skip_bad ||
		o->reshape || o->to))
		return cnn_fail(e, CNN_EUSAGE,
		    "--repair can't be combined with "
		    "conversion options: convert its output");
	return CNN_OK;
}

/* Whether an operand or the file of --field is standard input. */
static bool uses_standard_input(const char *const *paths, size_t count)
{
	bool uses = false;

	for (size_t i = 0; i < count; i++)
		uses |= strcmp(paths[i], "-") == 0;
	for (size_t i = 0; i < named.count; i++) {
		const char *file = strchr(named.items[i], '=');

		uses |= file && strcmp(file, "=-") == 0;
	}
	return uses;
}

/* The same samples give the same history, whatever the list was read from. */
static int parse_pick(struct cnn_convert_options *o, struct cnn_pick_list *list,
    struct cnn_error *e)
{
	static char canonical[CNN_PICK_TEXT];
	int r = cnn_pick_parse(pick, list, e);

	if (r == CNN_OK)
		r = cnn_pick_text(list, canonical, e);
	pick = canonical;
	o->pick = list;
	return r;
}

/* Says so if the options select nothing. */
static void report_none(const struct cnn_convert *convert)
{
	if ((range || pick || wrong) && !cnn_convert_kept(convert))
		cnn_message(&program, 1, "%s%s%s: selects no samples (there are %ju)",
		    range    ? "--range " :
			pick ? "--pick" :
			       "--wrong",
		    range ? range : "", range && wrong ? " --wrong" : "",
		    (uintmax_t)cnn_convert_seen(convert));
}

static int convert_all(const struct cnn_convert_options *o, struct cnn_operands *in,
    struct cnn_output *out, struct cnn_error *e)
{
	const struct cnn_header *header;
	struct cnn_convert *convert;
	const char *why;
	size_t skipped;
	int r = cnn_convert_open(&convert, o, out, e);

	if (r < 0)
		return r;
	while ((r = cnn_operands_header(in, &header, e)) == CNN_OK)
		if ((r = cnn_convert_segment(convert, in, header, e)) < 0)
			break;
	if (r == CNN_END)
		r = cnn_convert_end(convert, e);
	if (r == CNN_OK && (skipped = cnn_operands_skipped(in, &why)))
		cnn_message(&program, 1, "left out %zu bad picture%s; the first: %s",
		    skipped, skipped > 1 ? "s" : "", why);
	if (r == CNN_OK)
		report_none(convert);
	cnn_convert_close(convert);
	return r;
}

static int repair_all(struct cnn_operands *in, struct cnn_output *out,
    struct cnn_error *e)
{
	struct cnn_repair kept;
	int r = cnn_repair(in, out, &kept, e);

	if (r == CNN_OK && *kept.damage)
		cnn_message(&program, 0, "%s", kept.damage);
	if (r == CNN_OK)
		cnn_message(&program, 0, "kept %zu records, %zu samples", kept.records,
		    kept.samples);
	return r;
}

int main(int argc, char **argv)
{
	static const char *const standard[] = { "-" };
	struct cnn_convert_options o;
	struct cnn_operand_options arrays;
	struct cnn_pick_list list = { 0 };
	struct cnn_operands *in = NULL;
	struct cnn_output *out = NULL;
	struct cnn_error e = { 0 };
	const char *const *paths;
	size_t count;
	int first, r;

	options[0].choices = cnn_codec_choices("stream");
	first = cnn_options_parse(&program, argc, argv);
	max_memory_set(max_memory);
	paths = (const char *const *)argv + first;
	count = (size_t)(argc - first);
	if (!count && !named.count) {
		paths = standard;
		count = 1;
	}
	if ((r = parse_options(&o, &e)) < 0)
		goto out;
	arrays = (struct cnn_operand_options){ named.items, named.count, o.fields,
		o.field_count, skip_bad, reshape.column != UINT64_MAX };
	if (repair && count > 1) {
		r = cnn_fail(&e, CNN_EUSAGE, "--repair takes one stream at a time");
		goto out;
	}
	if (pick && strcmp(pick, "-") == 0 && uses_standard_input(paths, count)) {
		r = cnn_fail(&e, CNN_EUSAGE,
		    "--pick -: standard input is an operand: name a file with the list "
		    "or with the data");
		goto out;
	}
	if (pick && (r = parse_pick(&o, &list, &e)) < 0)
		goto out;
	if ((r = cnn_operands_open(&in, paths, count, &arrays, &e)) < 0 ||
	    (r = cnn_output_open(&out, output, true, &e)) < 0)
		goto out;
	r = repair ? repair_all(in, out, &e) : convert_all(&o, in, out, &e);
	if (r == CNN_OK) {
		cnn_output_commit(out, &e);
		out = NULL;
	}
out:
	cnn_output_abort(out);
	cnn_operands_close(in);
	cnn_names_free(o.fields, o.field_count);
	cnn_reshape_options_free(&reshape);
	cnn_pick_list_free(&list);
	free(named.items);
	free(shapes.items);
	return cnn_finish(&program, &e);
}
