/* vector_types.h - CUDA's small vectors and dim3, for C and C++.
 *
 * Types of 2, 4, 8 and 16 bytes are aligned to their size, as in CUDA, so that
 * -fsanitize=alignment finds a vector load from a misaligned address. */
#ifndef HOSTCUDA_VECTOR_TYPES_H
#define HOSTCUDA_VECTOR_TYPES_H

#include <stddef.h>

#define HOSTCUDA_ALIGNED(n) __attribute__((aligned(n)))

/* name, element type, the alignment of 1, 2, 3 and 4 elements */
#define HOSTCUDA_VECTORS(name, type, a1, a2, a3, a4) \
	struct HOSTCUDA_ALIGNED(a1) name##1 \
	{ \
		type x; \
	}; \
	struct HOSTCUDA_ALIGNED(a2) name##2 \
	{ \
		type x, y; \
	}; \
	struct HOSTCUDA_ALIGNED(a3) name##3 \
	{ \
		type x, y, z; \
	}; \
	struct HOSTCUDA_ALIGNED(a4) name##4 \
	{ \
		type x, y, z, w; \
	}; \
	typedef struct name##1 name##1; \
	typedef struct name##2 name##2; \
	typedef struct name##3 name##3; \
	typedef struct name##4 name##4; \
	__attribute__((unused)) static inline name##1 make_##name##1(type x) \
	{ \
		name##1 v = { x }; \
		return v; \
	} \
	__attribute__((unused)) static inline name##2 make_##name##2(type x, type y) \
	{ \
		name##2 v = { x, y }; \
		return v; \
	} \
	__attribute__((unused)) static inline name##3 make_##name##3(type x, type y, \
	    type z) \
	{ \
		name##3 v = { x, y, z }; \
		return v; \
	} \
	__attribute__((unused)) static inline name##4 make_##name##4(type x, type y, \
	    type z, type w) \
	{ \
		name##4 v = { x, y, z, w }; \
		return v; \
	}

HOSTCUDA_VECTORS(char, signed char, 1, 2, 1, 4)
HOSTCUDA_VECTORS(uchar, unsigned char, 1, 2, 1, 4)
HOSTCUDA_VECTORS(short, short, 2, 4, 2, 8)
HOSTCUDA_VECTORS(ushort, unsigned short, 2, 4, 2, 8)
HOSTCUDA_VECTORS(int, int, 4, 8, 4, 16)
HOSTCUDA_VECTORS(uint, unsigned int, 4, 8, 4, 16)
HOSTCUDA_VECTORS(long, long, 8, 16, 8, 16)
HOSTCUDA_VECTORS(ulong, unsigned long, 8, 16, 8, 16)
HOSTCUDA_VECTORS(longlong, long long, 8, 16, 8, 16)
HOSTCUDA_VECTORS(ulonglong, unsigned long long, 8, 16, 8, 16)
HOSTCUDA_VECTORS(float, float, 4, 8, 4, 16)
HOSTCUDA_VECTORS(double, double, 8, 16, 8, 16)

struct dim3 {
	unsigned int x, y, z;
#ifdef __cplusplus
	constexpr dim3(unsigned int vx = 1, unsigned int vy = 1, unsigned int vz = 1)
	    : x(vx), y(vy), z(vz)
	{
	}
	constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z)
	{
	}
	constexpr operator uint3() const
	{
		return uint3{ x, y, z };
	}
#endif
};
typedef struct dim3 dim3;

#endif
