/* analyzer.h - what clang's analyzer can't see from one file: cnn_fail returns
 * the code it was given, and codes of failures are negative. Included before
 * everything else by build-aux/lint.sh, never by a compiler. */
#ifndef CNN_ANALYZER_H
#define CNN_ANALYZER_H

#include "base/error.h"

#define cnn_fail(e, code, ...) ((void)cnn_fail((e), (code), __VA_ARGS__), (code))
#define cnn_fail_errno(e, err, ...) \
	((void)cnn_fail_errno((e), (err), __VA_ARGS__), CNN_EIO)

#endif
