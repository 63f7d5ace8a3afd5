/* tensor-view - shows the images of a data set. */
#include "formats/operand/operand.h"
#include "tools/tensor-view/view.h"

#include "cli/option.h"
#include "max-memory.h"
#include "cli/progress.h"
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_WIDTH 80 /* used if there is no terminal */

static const char *image = "image", *label = "label", *png;
static uint64_t wanted = 12, columns, scale;

static uint64_t max_memory = MAX_MEMORY_DEFAULT;

static const struct cnn_option options[] = {
	{ "count", 'n', CNN_OPT_UINT, &wanted, "N", "number of images", .min = 1 },
	{ "columns", 'c', CNN_OPT_UINT, &columns, "N",
	    "images side by side; by default as many as fit", .min = 1, .max = 10000 },
	{ "image", 'i', CNN_OPT_STR, &image, "NAME", "field of the images" },
	{ "label", 'l', CNN_OPT_STR, &label, "NAME", "field of the labels" },
	{ "png", 'p', CNN_OPT_STR, &png, "FILE",
	    "write the images to FILE as one PNG, with captions" },
	{ "scale", 's', CNN_OPT_UINT, &scale, "N",
	    "magnify the images of --png N times", .min = 1, .max = 64 },
	MAX_MEMORY_OPTION(max_memory),
	{ NULL },
};

static const struct cnn_program program = {
	"tensor-view",
	"[FILE ...]",
	"Shows the images of a data set",
	options,
	0,
	-1,
};

static size_t terminal_width(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col :
								       DEFAULT_WIDTH;
}

static int show(struct cnn_view *v, struct cnn_error *e)
{
	struct cnn_output *out;
	int r;

	if (!v->samples->samples)
		return cnn_fail(e, CNN_EDATA, "no images");
	if (png) {
		if ((r = cnn_output_open(&out, png, true, e)) < 0)
			return r;
		if ((r = cnn_view_sheet(v, out, e)) == CNN_OK)
			return cnn_output_commit(out, e);
		cnn_output_abort(out);
		return r;
	}
	if ((r = cnn_view_print(v, stdout, e)) < 0)
		return r;
	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		return cnn_fail_errno(e, errno ? errno : EIO,
		    "standard output: can't write");
	return CNN_OK;
}

/* Collects the first images, then reads the operands to their end, so that only
 * verified images are shown. Skips models. */
static int collect(struct cnn_operands *in, struct cnn_columns *samples,
    struct cnn_header **own, struct cnn_error *e)
{
	const struct cnn_header *header;
	struct cnn_record record;
	int r;

	while ((r = cnn_operands_header(in, &header, e)) == CNN_OK) {
		size_t n;

		if (header->kind != CNN_DATA ||
		    (*own && !cnn_header_compatible(*own, header)))
			continue;
		if (!*own) {
			r = cnn_view_check(header, image, cnn_operands_name(in), e);
			if (r == CNN_OK && !(*own = cnn_header_copy(header)))
				r = cnn_fail(e, CNN_ENOMEM, "out of memory");
			if (r < 0 || (r = cnn_columns_init(samples, *own, e)) < 0)
				return r;
		}
		while ((r = cnn_operands_record(in, &record, e)) == CNN_OK) {
			n = wanted - samples->samples < record.samples ?
			    (size_t)(wanted - samples->samples) :
			    record.samples;
			if ((r = cnn_columns_append(samples, &record, 0, n, e)) < 0)
				break;
		}
		if (r < 0)
			return r;
	}
	return r == CNN_END ? CNN_OK : r;
}

int main(int argc, char **argv)
{
	static const char *const standard[] = { "-" };
	struct cnn_operands *in = NULL;
	struct cnn_header *header = NULL;
	struct cnn_columns samples = { 0 };
	struct cnn_error e = { 0 };
	int first = cnn_options_parse(&program, argc, argv), r;
	size_t count = (size_t)(argc - first);

	max_memory_set(max_memory);
	if (scale && !png)
		cnn_usage(&program, "--scale applies only to --png");
	r = cnn_operands_open(&in, count ? (const char *const *)argv + first : standard,
	    count ? count : 1, NULL, &e);
	if (r == CNN_OK)
		r = collect(in, &samples, &header, &e);
	if (r == CNN_OK)
		show(
		    &(struct cnn_view){
			.samples = &samples,
			.image = image,
			.label = label,
			.columns = columns,
			.fancy = cnn_fancy(STDOUT_FILENO),
			.width = terminal_width(),
			.scale = scale ? (size_t)scale : 1,
		    },
		    &e);
	cnn_columns_free(&samples);
	cnn_header_free(header);
	cnn_operands_close(in);
	return cnn_finish(&program, &e);
}
