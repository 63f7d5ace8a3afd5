/* fuzz-operand - a file in any format, as the tools accept it: the content decides. It
 * is read like tensor-cat, -shuf, -stat, -view and cnn-step do. */
#include "fuzz.h"

#include "tools/tensor-cat/convert.h"
#include "formats/operand/operand.h"
#include "tools/tensor-cat/repair.h"
#include "tools/tensor-shuf/shuffle.h"
#include "tools/tensor-stat/stat.h"
#include "tools/tensor-view/view.h"

#include "train/dataset.h"
#include "cli/option.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HELD ((size_t)1 << 20)	 /* bytes of pictures held for display */
#define LEARNT ((size_t)4 << 20) /* and for training */
/* A sample is held by the reader, by the converter and by the writer. */
#define CONVERTED (FUZZ_FIXED + ((size_t)128 << 20))
#define WIDE 200 /* pictures with larger sides are not drawn */

static int file;
static char path[32];

static const struct cnn_option no_options[] = { { NULL } };
static const struct cnn_program program = { "fuzz", "", "", no_options, 0, -1 };

/* A file, because a FIFO can be read only once and a file is perhaps read twice. */
static void set_file(const uint8_t *data, size_t size)
{
	if (!file) {
		file = memfd_create("x", MFD_CLOEXEC);
		fuzz_check(file > 0, "no memory file");
		snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	}
	fuzz_check(ftruncate(file, 0) == 0 &&
		pwrite(file, data, size, 0) == (ssize_t)size,
	    "the file can't be written");
}

static struct cnn_operands *open_as(const struct cnn_operand_options *o,
    struct fuzz_result *r)
{
	const char *const paths[] = { path };
	struct cnn_operands *in = NULL;

	r->code = cnn_operands_open(&in, paths, 1, o, &r->e);
	return r->code < 0 ? NULL : in;
}

static struct cnn_operands *open_file(struct fuzz_result *r)
{
	return open_as(NULL, r);
}

/* --- operations on a segment ------------------------------------------------------ */

static void show_picture(const struct cnn_header *h, struct cnn_record *rec)
{
	struct cnn_error e = { 0 };
	struct cnn_columns columns;
	struct cnn_view v = { &columns, "image", "label", 2, true, 40 };
	const struct cnn_field *f = cnn_header_find(h, "image");
	struct cnn_output *out;
	size_t n = rec->samples < 3 ? rec->samples : 3;

	if (!n || cnn_view_check(h, "image", "x", &e) < 0 ||
	    f->shape[f->rank - 1] > WIDE || f->shape[f->rank - 2] > WIDE)
		return;
	if (cnn_columns_init(&columns, h, &e) == CNN_OK &&
	    columns.row[f - h->fields] < HELD &&
	    cnn_columns_append(&columns, rec, 0, n, &e) == CNN_OK) {
		v.fancy = rec->samples % 2 != 0;
		cnn_view_print(&v, fuzz_nowhere(), &e);
		out = fuzz_output();
		if (cnn_view_sheet(&v, out, &e) == CNN_OK)
			cnn_output_commit(out, &e);
		else
			cnn_output_abort(out);
	}
	cnn_columns_free(&columns);
}

static size_t bytes_per_sample(const struct cnn_dataset *set)
{
	size_t bytes = 0;

	for (size_t i = 0; i < set->column_count; i++)
		bytes += set->columns[i].sample_bytes;
	return bytes;
}

static void read_segment(struct cnn_operands *in, const struct cnn_header *h,
    struct fuzz_result *r)
{
	struct cnn_error own = { 0 };
	struct cnn_stat *stat = cnn_stat_new(h);
	struct cnn_dataset *set;
	struct cnn_record rec;
	bool learns;

	fuzz_check(stat && cnn_dataset_new(&set, "image", "label", &own) == CNN_OK,
	    "no memory");
	learns = h->kind == CNN_DATA &&
	    cnn_dataset_segment(set, h, false, &own) == CNN_OK;
	while ((r->code = cnn_operands_record(in, &rec, &r->e)) == CNN_OK) {
		fuzz_add_record(r, &rec);
		if (cnn_stat_add(stat, &rec, &own) < 0)
			fuzz_check(own.code < 0, "without a message");
		if (learns && rec.samples * bytes_per_sample(set) < LEARNT &&
		    cnn_dataset_append(set, &rec, &own) == CNN_OK)
			cnn_dataset_drop(set, set->samples / 2);
		if (h->kind == CNN_DATA)
			show_picture(h, &rec);
	}
	if (r->code == CNN_END) {
		cnn_stat_print(stat, fuzz_nowhere(), 1);
		cnn_stat_print_tsv(stat, fuzz_nowhere(), 1);
		cnn_stat_print_json(stat, fuzz_nowhere(), 1);
	}
	cnn_stat_free(stat);
	cnn_dataset_free(set);
}

static void read_all(struct fuzz_result *r)
{
	const struct cnn_header *h;
	struct cnn_operands *in = open_file(r);
	size_t models;

	if (!in)
		return;
	r->code = cnn_operands_models_first(in, &models, &r->e);
	while (
	    r->code >= 0 && (r->code = cnn_operands_header(in, &h, &r->e)) == CNN_OK) {
		fuzz_add_header(r, h);
		read_segment(in, h, r);
	}
	cnn_operands_close(in);
}

/* --- operations on all segments --------------------------------------------------- */

static void convert_all(const struct cnn_convert_options *o, struct fuzz_result *r)
{
	const struct cnn_operand_options lenient = { .skip_bad = true, .tables = true };
	const struct cnn_header *h;
	struct cnn_convert *c;
	struct cnn_operands *in = open_as(o->reshape ? &lenient : NULL, r);
	struct cnn_output *out;

	if (!in)
		return;
	out = fuzz_output();
	fuzz_check(cnn_convert_open(&c, o, out, &r->e) == CNN_OK, "no memory");
	while ((r->code = cnn_operands_header(in, &h, &r->e)) == CNN_OK)
		if ((r->code = cnn_convert_segment(c, in, h, &r->e)) < 0)
			break;
	if (r->code == CNN_END)
		r->code = cnn_convert_end(c, &r->e);
	cnn_convert_close(c);
	cnn_output_abort(out);
	cnn_operands_close(in);
}

static void shuffle_all(uint64_t buffer, struct fuzz_result *r)
{
	const struct cnn_header *h;
	struct cnn_operands *in = open_file(r);
	struct cnn_output *out = fuzz_output();
	struct cnn_header *first = NULL;
	struct cnn_shuffle *s = NULL;
	struct cnn_writer *w;
	struct cnn_record rec;

	fuzz_check(cnn_writer_open(&w, out, &r->e) == CNN_OK, "no memory");
	if (in && (r->code = cnn_operands_header(in, &h, &r->e)) == CNN_OK &&
	    h->kind == CNN_DATA && (first = cnn_header_copy(h)) &&
	    (r->code = cnn_writer_header(w, first, &r->e)) == CNN_OK)
		r->code = cnn_shuffle_open(&s, first, w, 1, buffer, &r->e);
	while (s && (r->code = cnn_operands_record(in, &rec, &r->e)) == CNN_OK)
		if ((r->code = cnn_shuffle_add(s, &rec, &r->e)) < 0)
			break;
	if (s && r->code == CNN_END && (r->code = cnn_shuffle_end(s, &r->e)) == CNN_OK)
		r->code = cnn_writer_end(w, NULL, &r->e);
	cnn_shuffle_close(s);
	cnn_header_free(first);
	cnn_writer_close(w);
	cnn_output_abort(out);
	cnn_operands_close(in);
}

static void repair(struct fuzz_result *r)
{
	struct cnn_operands *in = open_file(r);
	struct cnn_output *out = fuzz_output();
	struct cnn_repair kept;

	if (in)
		r->code = cnn_repair(in, out, &kept, &r->e);
	cnn_output_abort(out);
	cnn_operands_close(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char image[] = "image";
	char *fields[] = { image };
	const struct cnn_reshape_options shapes[] = {
		{ .column = 1 },
		{ .column = UINT64_MAX,
		    .squeeze = true,
		    .transpose = true,
		    .shapes = { { .rank = 2, .shape = { 4, 5 } } },
		    .shape_count = 1 },
		{ .column = UINT64_MAX, .squeeze = true, .transpose = true },
	};
	const struct cnn_convert_options ways[] = {
		{ .last = UINT64_MAX, .program = &program },
		{ .last = UINT64_MAX, .batch = 3, .program = &program },
		{ .first = 1, .last = 4, .program = &program },
		{ .last = UINT64_MAX,
		    .fields = fields,
		    .field_count = 1,
		    .to = &cnn_codec_idx,
		    .program = &program },
		{ .last = UINT64_MAX,
		    .fields = fields,
		    .field_count = 1,
		    .to = &cnn_codec_npy,
		    .program = &program },
		{ .last = 1,
		    .fields = fields,
		    .field_count = 1,
		    .to = &cnn_codec_png,
		    .program = &program },
		{ .last = UINT64_MAX, .reshape = &shapes[0], .program = &program },
		{ .last = UINT64_MAX, .reshape = &shapes[1], .program = &program },
		{ .last = UINT64_MAX,
		    .reshape = &shapes[2],
		    .batch = 3,
		    .program = &program },
	};
	struct fuzz_result once = { 0 }, r = { 0 };
	size_t way = size % 11; /* one of the operations each time */

	set_file(data, size);
	fuzz_begin(size, FUZZ_FIXED);
	read_all(&once);
	fuzz_check((once.code < 0) == (once.e.code != CNN_OK),
	    "code %d, but the message is \"%s\"", once.code, once.e.text);
	fuzz_begin(size, CONVERTED);
	if (way < sizeof ways / sizeof *ways)
		convert_all(&ways[way], &r);
	else if (way == 9)
		shuffle_all(size / 11 % 3, &r);
	else
		repair(&r);
	fuzz_end();
	fuzz_check(r.code >= 0 || r.e.code, "code %d without a message", r.code);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	return fuzz_mutate(data, size, room, seed);
}
