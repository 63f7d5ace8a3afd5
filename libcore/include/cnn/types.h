/* cnn/types.h - return codes and element types that hosts and plugins share. */
#ifndef CNN_TYPES_H
#define CNN_TYPES_H

enum cnn_code {
	CNN_OK = 0,
	CNN_END = 1,	  /* no more records, segments or steps; not an error */
	CNN_EDATA = -1,	  /* the input is invalid -> exit 1 */
	CNN_EIO = -2,	  /* the operating system failed -> exit 1 */
	CNN_ENOMEM = -3,  /* memory, or a --max-memory, ran out     -> exit 1 */
	CNN_EUSAGE = -4,  /* the caller's request is invalid -> exit 2 */
	CNN_EPLUGIN = -5, /* no such plugin, provider or device     -> exit 3 */
};

enum cnn_dtype {
	CNN_DTYPE_NONE,
	CNN_U8,
	CNN_I8,
	CNN_I16,
	CNN_I32,
	CNN_I64,
	CNN_F16,
	CNN_F32,
	CNN_F64,
	CNN_BOOL,
	CNN_BF16,
	CNN_DTYPE_COUNT
};

#define CNN_MAX_RANK 8

#endif
