/* fuzz-rows - rows of plain elements, for any shape that a codec reports.
 *
 * The first bytes are the type, the rank, the form and 8 bytes per axis; the last of
 * these says how many of them are used. */
#include "fuzz.h"

#include "../../formats/rows.h"

#include <string.h>

static struct cnn_codec plain;

static int open_rows(struct cnn_array **array, struct cnn_input *in,
    struct cnn_error *e)
{
	struct cnn_tensor shape = { 0 };
	struct cnn_rows_form form = { 0 };
	unsigned char head[3], axis[8];
	int r = cnn_input_read(in, head, sizeof head, e);

	if (r == CNN_OK) {
		shape.dtype = head[0] % (CNN_DTYPE_COUNT - 1) + 1;
		shape.rank = head[1] % CNN_MAX_RANK + 1;
		form.big_endian = head[2] & 1;
		form.fortran = head[2] & 2;
		if (head[2] & 4 && shape.dtype == CNN_I32)
			form.unsigned_size = 2;
		if (head[2] & 4 && shape.dtype == CNN_I64)
			form.unsigned_size = head[2] & 8 ? 8 : 4;
	}
	for (int i = 0; r == CNN_OK && i < shape.rank; i++) {
		if ((r = cnn_input_read(in, axis, sizeof axis, e)) < 0)
			break;
		memcpy(&shape.shape[i], axis, sizeof axis);
		shape.shape[i] >>= axis[7] % 64;
	}
	if (r == CNN_OK)
		return cnn_rows_open(array, in, &shape, &form, e);
	cnn_input_close(in);
	return r;
}

static int write_rows(const struct cnn_tensor *t, struct cnn_output *out,
    struct cnn_error *e)
{
	return cnn_rows_write(t, out, t->rank & 1, e);
}

static void read_rows(struct cnn_input *in, struct fuzz_result *r)
{
	fuzz_codec(&plain, in, r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	plain.open = open_rows;
	plain.write = write_rows;
	fuzz_read(data, size, read_rows);
	return 0;
}
