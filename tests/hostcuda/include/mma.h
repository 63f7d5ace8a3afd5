/* mma.h - nvcuda::wmma for half and bfloat16, 16x16x16, 32x8x16 and 8x32x16.
 *
 * CUDA does not specify which lane holds which element; here the mapping depends on the
 * seed. As on the hardware, several lanes may hold the same element of a or b. Each
 * lane moves its own elements, so that a bad address is found in the lane that uses it.
 * The library computes the product once per warp. */
#ifndef HOSTCUDA_MMA_H
#define HOSTCUDA_MMA_H

#include "cuda_bf16.h"
#include "cuda_fp16.h"

#ifdef __cplusplus

namespace nvcuda
{
namespace wmma
{

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;

enum layout_t { mem_row_major, mem_col_major };

namespace hostcuda_tile
{

/* The rows, columns and elements per lane of each use; with copies of an element where
 * the hardware keeps several. */
template <class Use, int m, int n, int k, class T> struct shape;

template <int m, int n, int k, class T> struct shape<accumulator, m, n, k, T> {
	enum { rows = m, cols = n, elements = m * n / 32, use = HOSTCUDA_ACCUMULATOR };
};
template <int m, int n, int k> struct shape<matrix_a, m, n, k, __half> {
	enum { rows = m, cols = k, elements = 16, use = HOSTCUDA_A };
};
template <int m, int n, int k> struct shape<matrix_b, m, n, k, __half> {
	enum { rows = k, cols = n, elements = 16, use = HOSTCUDA_B };
};
template <int m, int n, int k> struct shape<matrix_a, m, n, k, __nv_bfloat16> {
	enum { rows = m, cols = k, elements = m * k / 32, use = HOSTCUDA_A };
};
template <int m, int n, int k> struct shape<matrix_b, m, n, k, __nv_bfloat16> {
	enum { rows = k, cols = n, elements = k * n / 32, use = HOSTCUDA_B };
};

template <class T> struct type;
template <> struct type<__half> {
	static const enum hostcuda_type value = HOSTCUDA_HALF;
};
template <> struct type<__nv_bfloat16> {
	static const enum hostcuda_type value = HOSTCUDA_BFLOAT16;
};
template <> struct type<float> {
	static const enum hostcuda_type value = HOSTCUDA_FLOAT;
};

} // namespace hostcuda_tile

template <class Use, int m, int n, int k, class T, class Layout = void>
struct fragment : hostcuda_tile::shape<Use, m, n, k, T> {
	static_assert((m == 16 && n == 16 && k == 16) ||
		(m == 32 && n == 8 && k == 16) || (m == 8 && n == 32 && k == 16),
	    "no such tile");
	typedef hostcuda_tile::shape<Use, m, n, k, T> tile;
	typedef T element_type;
	typedef T storage_element_type;
	enum { num_elements = tile::elements, num_storage_elements = tile::elements };
	T x[tile::elements];

	/* Poison until it is filled or loaded; the product checks for it. */
	fragment()
	{
		memset((void *)x, 0xff, sizeof x);
	}

	/* The row and column of element i of the running lane. */
	void place(int i, int *row, int *col) const
	{
		unsigned lane =
		    (threadIdx.x +
			blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) %
		    32;
		struct hostcuda_scatter s = hostcuda_scatter[tile::use];
		unsigned at = ((lane * tile::elements + (unsigned)i) * s.mul + s.add) %
		    (tile::rows * tile::cols);

		*row = (int)at / tile::cols;
		*col = (int)at % tile::cols;
	}

	struct hostcuda_part part() const
	{
		struct hostcuda_part p = { (void *)x, tile::elements,
			hostcuda_tile::type<T>::value };

		return p;
	}
};

template <class Use, int m, int n, int k, class T, class Layout, class Value>
inline void fill_fragment(fragment<Use, m, n, k, T, Layout> &f, const Value &value)
{
	for (int i = 0; i < f.num_elements; i++)
		f.x[i] = value;
}

namespace hostcuda_tile
{

template <class Fragment, class T>
inline void load(Fragment &f, const T *p, unsigned ldm, bool by_columns,
    const char *file, int line)
{
	hostcuda_wmma_transfer(HOSTCUDA_WMMA_LOAD, p, ldm, sizeof *p, by_columns, file,
	    line);
	for (int i = 0; i < f.num_elements; i++) {
		int row, col;

		f.place(i, &row, &col);
		f.x[i] = by_columns ? p[(size_t)col * ldm + row] :
				      p[(size_t)row * ldm + col];
	}
}

} // namespace hostcuda_tile

template <class Use, int m, int n, int k, class T>
inline void load_matrix_sync(fragment<Use, m, n, k, T, row_major> &f, const T *p,
    unsigned ldm, HOSTCUDA_HERE)
{
	hostcuda_tile::load(f, p, ldm, false, file, line);
}

template <class Use, int m, int n, int k, class T>
inline void load_matrix_sync(fragment<Use, m, n, k, T, col_major> &f, const T *p,
    unsigned ldm, HOSTCUDA_HERE)
{
	hostcuda_tile::load(f, p, ldm, true, file, line);
}

template <int m, int n, int k, class T>
inline void load_matrix_sync(fragment<accumulator, m, n, k, T> &f, const T *p,
    unsigned ldm, layout_t layout, HOSTCUDA_HERE)
{
	hostcuda_tile::load(f, p, ldm, layout == mem_col_major, file, line);
}

template <int m, int n, int k, class T>
inline void store_matrix_sync(T *p, const fragment<accumulator, m, n, k, T> &f,
    unsigned ldm, layout_t layout, HOSTCUDA_HERE)
{
	hostcuda_wmma_transfer(HOSTCUDA_WMMA_STORE, p, ldm, sizeof *p,
	    layout == mem_col_major, file, line);
	for (int i = 0; i < f.num_elements; i++) {
		int row, col;

		f.place(i, &row, &col);
		p[layout == mem_col_major ? (size_t)col * ldm + row :
					    (size_t)row * ldm + col] = f.x[i];
	}
}

template <int m, int n, int k, class T, class LayoutA, class LayoutB, class D, class C>
inline void mma_sync(fragment<accumulator, m, n, k, D> &d,
    const fragment<matrix_a, m, n, k, T, LayoutA> &a,
    const fragment<matrix_b, m, n, k, T, LayoutB> &b,
    const fragment<accumulator, m, n, k, C> &c, HOSTCUDA_HERE)
{
	static_assert(std::is_same<T, __half>::value ||
		(std::is_same<C, float>::value && std::is_same<D, float>::value),
	    "bfloat16 is summed in float");
	struct hostcuda_product p = { m, n, k, a.part(), b.part(), c.part(), d.part() };

	hostcuda_wmma_product(&p, file, line);
}

} // namespace wmma
} // namespace nvcuda

#endif /* __cplusplus */
#endif
