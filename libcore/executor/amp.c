/* amp.c - see amp.h. */
#include "amp.h"

#include <cnn/types.h>
#include <string.h>

uint32_t cnn_amp_dtype(const char *amp)
{
	return strcmp(amp, "bf16") == 0 ? CNN_BF16 :
	    strcmp(amp, "fp16") == 0	? CNN_F16 :
					  CNN_F32;
}
