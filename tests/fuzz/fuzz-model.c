/* fuzz-model - models and checkpoints in tensor streams: read, written, run, and
 * trained further. */
#include "fuzz.h"

#include "net/model.h"

/* The bytes of an accepted model: its parameters and what is stored with them. */
static size_t model_bytes(const struct cnn_model *m)
{
	size_t floats = 0;

	for (size_t i = 0; i < m->graph->param_count; i++) {
		floats += m->graph->params[i].count;
		for (uint32_t k = 0; k < m->moment_count; k++)
			floats += m->moments[k][i] ? m->graph->params[i].count : 0;
	}
	return floats * sizeof(float);
}

static void read_model(struct cnn_input *in, struct fuzz_result *r)
{
	const struct cnn_header *h;
	struct cnn_model *m = NULL;
	struct cnn_reader *reader;
	struct cnn_record rec;

	if ((r->code = cnn_reader_open(&reader, in, &r->e)) < 0)
		return;
	while (!m && (r->code = cnn_reader_header(reader, &h, &r->e)) == CNN_OK) {
		if (h->kind != CNN_MODEL)
			continue;
		r->code =
		    cnn_model_begin(&m, "x", h, fuzz_plugins(), FUZZ_MODEL, &r->e);
		fuzz_check(!m || model_bytes(m) <= FUZZ_MODEL,
		    "%zu bytes of parameters", model_bytes(m));
		while (r->code == CNN_OK &&
		    (r->code = cnn_reader_record(reader, &rec, &r->e)) == CNN_OK)
			r->code = cnn_model_add(m, &rec, &r->e);
		if (r->code == CNN_END)
			r->code = cnn_model_finish(m, &r->e);
		if (r->code < 0)
			break;
		for (size_t i = 0; i < m->graph->param_count; i++)
			fuzz_add(r, m->params[i],
			    m->graph->params[i].count * sizeof(float));
		if (r->flavour == 0)
			fuzz_model(m);
	}
	cnn_model_free(m);
	cnn_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_read(data, size, read_model);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	return fuzz_mutate(data, size, room, seed);
}
