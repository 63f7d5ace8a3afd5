/* library.h - the functions of cuDNN, which is opened when a kernel is first created.
 *
 * A plugin that linked cuDNN would load hundreds of megabytes for every net, and could
 * not be loaded where cuDNN is not installed. The table is filled once and never
 * changes.
 */
#ifndef CUDNN_LIBRARY_H
#define CUDNN_LIBRARY_H

#include <cudnn_graph.h>

/* clang-format off */
#define CUDNN_FUNCTIONS(F) \
	F(Create) F(Destroy) F(SetStream) F(GetErrorString) F(GetLastErrorString) \
	F(BackendCreateDescriptor) F(BackendDestroyDescriptor) F(BackendFinalize) \
	F(BackendSetAttribute) F(BackendGetAttribute) F(BackendExecute)
/* clang-format on */

struct cudnn_library {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member's name */
#define CUDNN_MEMBER(name) __typeof__(&cudnn##name) name;
	CUDNN_FUNCTIONS(CUDNN_MEMBER)
#undef CUDNN_MEMBER
};

/* cudnn.Create is cudnnCreate. */
extern struct cudnn_library cudnn;

/* Returns NULL, or the reason why there is no cuDNN: "libcudnn.so.9 cannot be
 * opened". */
const char *cudnn_library_open(void);

#endif
