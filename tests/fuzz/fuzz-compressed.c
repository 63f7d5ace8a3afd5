/* fuzz-compressed - gzip, bzip2, xz, zstd: the output of the decompressing input. */
#include "fuzz.h"

#include "../../formats/compressed.h"

static void read_compressed(struct cnn_input *in, struct fuzz_result *r)
{
	const unsigned char *p;
	size_t have;

	r->code = cnn_input_peek(in, CNN_COMPRESSED_PROBE, &p, &have, &r->e);
	if (r->code == CNN_OK && cnn_compressed_probe(p, have) &&
	    (r->code = cnn_compressed_wrap(&in, &r->e)) == CNN_OK)
		r->code = fuzz_drain(in, r);
	cnn_input_close(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_read(data, size, read_compressed);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	return fuzz_mutate(data, size, room, seed);
}
