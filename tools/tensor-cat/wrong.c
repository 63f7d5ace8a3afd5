/* wrong.c - see wrong.h. */
#include "wrong.h"

int cnn_wrong_check(const struct cnn_header *h, const char *label, const char *where,
    struct cnn_error *e)
{
	const char *const names[] = { label, "class" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct cnn_field *f = cnn_header_find(h, names[i]);

		if (!f)
			return cnn_fail(e, CNN_EDATA,
			    "%s: no field %s: --wrong needs labels and the classes "
			    "that cnn-predict adds%s",
			    where, names[i], i ? "" : " (--label names another field)");
		if (f->rank != 0 || !cnn_dtype_is_integer(f->dtype))
			return cnn_fail(e, CNN_EDATA,
			    "%s: field %s: --wrong needs one integer per sample", where,
			    names[i]);
	}
	return CNN_OK;
}

static int64_t value(struct cnn_record *record, const char *name, size_t i)
{
	const struct cnn_tensor *t = cnn_record_find(record, name);
	int64_t x;

	cnn_to_i64(t->dtype,
	    (const unsigned char *)t->data + i * cnn_dtype_size(t->dtype), 1, &x);
	return x;
}

bool cnn_wrong_at(struct cnn_record *record, const char *label, size_t i)
{
	return value(record, label, i) != value(record, "class", i);
}
