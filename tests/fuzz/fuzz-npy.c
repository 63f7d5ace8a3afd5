/* fuzz-npy - numpy's array files. */
#include "fuzz.h"

#include "../../formats/format.h"

static void read_npy(struct cnn_input *in, struct fuzz_result *r)
{
	fuzz_codec(&cnn_codec_npy, in, r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_read(data, size, read_npy);
	return 0;
}
