/* repair.c - recovers the complete records of a damaged stream. */
#include "repair.h"

#include <stdio.h>
#include <string.h>

/* Whether the last item read is a segment's end. It starts with a map of one pair and
 * the key "end", which other writers may encode as str 8 or bin. */
static bool at_end_item(const struct cnn_operands *in)
{
	const void *item = NULL;
	size_t size = 0;

	return cnn_operands_item(in, &item, &size) && size > 6 &&
	    (!memcmp(item,
		 "\x81\xa3"
		 "end",
		 5) ||
		!memcmp(item,
		    "\x81\xd9\x03"
		    "end",
		    6) ||
		!memcmp(item,
		    "\x81\xc4\x03"
		    "end",
		    6));
}

/* Writes the header only once there is a record to follow it. */
static int repair_segment(struct cnn_operands *in, const struct cnn_header *header,
    struct cnn_writer *writer, struct cnn_repair *kept, struct cnn_error *e)
{
	struct cnn_error own = { 0 };
	struct cnn_record record;
	bool begun = false;
	int r, written = CNN_OK;

	while ((r = cnn_operands_record(in, &record, &own)) == CNN_OK) {
		if (!begun && (written = cnn_writer_header(writer, header, e)) < 0)
			return written;
		begun = true;
		if ((written = cnn_writer_record(writer, &record, e)) < 0)
			return written;
		kept->records++;
		kept->samples += record.samples;
	}
	if (r == CNN_END && !begun) { /* complete, but empty */
		written = cnn_writer_header(writer, header, e);
		begun = true;
	}
	if (begun && written == CNN_OK)
		written = cnn_writer_end(writer, NULL, e);
	kept->segments += begun;
	if (written < 0)
		return written;
	if (r < 0)
		cnn_fail(e, r, "%s", own.text);
	if (r < 0 && at_end_item(in))
		cnn_error_prefix(e, "nothing can be recovered");
	return r;
}

int cnn_repair(struct cnn_operands *in, struct cnn_output *out, struct cnn_repair *kept,
    struct cnn_error *e)
{
	const struct cnn_header *header;
	struct cnn_writer *writer;
	bool denied = false;
	int r = cnn_writer_open(&writer, out, e);

	*kept = (struct cnn_repair){ 0 };
	if (r < 0)
		return r;
	while ((r = cnn_operands_header(in, &header, e)) == CNN_OK) {
		if (!cnn_operands_item(in, &(const void *){ 0 }, &(size_t){ 0 })) {
			r = cnn_fail(e, CNN_EUSAGE,
			    "%s: not a tensor stream: nothing to repair",
			    cnn_operands_name(in));
			break;
		}
		r = repair_segment(in, header, writer, kept, e);
		denied = r < 0 && at_end_item(in);
		if (r < 0)
			break;
	}
	cnn_writer_close(writer);
	if (r == CNN_END)
		return CNN_OK;
	if (r != CNN_EDATA || denied || !kept->records)
		return r;
	snprintf(kept->damage, sizeof kept->damage, "%s", e->text);
	*e = (struct cnn_error){ 0 };
	return CNN_OK;
}
