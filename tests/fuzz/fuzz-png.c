/* fuzz-png - PNG pictures, with corrected checksums. */
#include "fuzz.h"

#include "../../formats/format.h"

static void read_png(struct cnn_input *in, struct fuzz_result *r)
{
	fuzz_codec(&cnn_codec_png, in, r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_read(data, size, read_png);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	return fuzz_mutate(data, size, room, seed);
}
