/* amp.h - mixed precision by name. */
#ifndef CNN_AMP_H
#define CNN_AMP_H

#include <stdint.h>

/* The values of --amp. */
#define CNN_AMP_CHOICES "off|bf16|fp16"

/* The type that CNN_LAYER_HALF layers compute in: CNN_F32, CNN_BF16 or CNN_F16. */
uint32_t cnn_amp_dtype(const char *amp);

#endif
