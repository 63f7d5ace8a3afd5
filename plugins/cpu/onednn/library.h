/* library.h - the functions of oneDNN, which is opened when a kernel is first created.
 *
 * A plugin that linked oneDNN would load it for every net, and could not be loaded
 * where it is not installed. The table is filled once and never changes.
 */
#ifndef ONEDNN_LIBRARY_H
#define ONEDNN_LIBRARY_H

#include <cnn/plugin.h>
#include <dnnl.h>
#include <dnnl_debug.h>
#include <stdbool.h>

/* clang-format off */
#if DNNL_VERSION_MAJOR < 3
#define OD_FUNCTIONS_OF_VERSION(F) \
	F(memory_desc_init_by_tag) F(primitive_desc_create) \
	F(pooling_forward_desc_init) F(pooling_backward_desc_init) \
	F(inner_product_forward_desc_init) F(inner_product_backward_data_desc_init) \
	F(inner_product_backward_weights_desc_init) \
	F(dilated_convolution_forward_desc_init) \
	F(dilated_convolution_backward_data_desc_init) \
	F(dilated_convolution_backward_weights_desc_init)
#else
#define OD_FUNCTIONS_OF_VERSION(F) \
	F(memory_desc_create_with_tag) F(memory_desc_clone) F(memory_desc_destroy) \
	F(pooling_forward_primitive_desc_create) \
	F(pooling_backward_primitive_desc_create) \
	F(inner_product_forward_primitive_desc_create) \
	F(inner_product_backward_data_primitive_desc_create) \
	F(inner_product_backward_weights_primitive_desc_create) \
	F(convolution_forward_primitive_desc_create) \
	F(convolution_backward_data_primitive_desc_create) \
	F(convolution_backward_weights_primitive_desc_create)
#endif

#define OD_FUNCTIONS(F) OD_FUNCTIONS_OF_VERSION(F) \
	F(engine_create) F(engine_destroy) F(set_max_cpu_isa) F(status2str) \
	F(stream_create) F(stream_destroy) F(stream_wait) \
	F(primitive_attr_create) F(primitive_attr_destroy) \
	F(primitive_attr_set_scratchpad_mode) \
	F(primitive_create) F(primitive_destroy) F(primitive_execute) \
	F(primitive_desc_destroy) F(primitive_desc_query) F(primitive_desc_query_md) \
	F(reorder_primitive_desc_create) \
	F(memory_create) F(memory_destroy) F(memory_set_data_handle) \
	F(memory_desc_equal) F(memory_desc_get_size)
/* clang-format on */

struct od_library {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member's name */
#define OD_MEMBER(name) __typeof__(&dnnl_##name) name;
	OD_FUNCTIONS(OD_MEMBER)
#undef OD_MEMBER
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
	void (*omp_set_num_threads)(int); /* of the OpenMP that oneDNN uses */
#endif
};

/* od_dnnl.engine_create is dnnl_engine_create. */
extern struct od_library od_dnnl;

/* Returns false if oneDNN is missing or lacks a function; -v shows which. */
bool od_library_open(const struct cnn_host *);

#endif
