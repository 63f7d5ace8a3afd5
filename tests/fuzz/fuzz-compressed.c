/* fuzz-gzip - gzip: the output of the inflating input. */
#include "fuzz.h"

#include "../../formats/gzip.h"

static void read_gzip(struct cnn_input *in, struct fuzz_result *r)
{
	if ((r->code = cnn_gzip_wrap(&in, &r->e)) == CNN_OK)
		r->code = fuzz_drain(in, r);
	cnn_input_close(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_read(data, size, read_gzip);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	return fuzz_mutate(data, size, room, seed);
}
