/* hostcuda-launch.h - a launch as a closure: the kernel, its arguments by value, and a
 * list of the arguments with their kinds. */
#ifndef HOSTCUDA_LAUNCH_H
#define HOSTCUDA_LAUNCH_H

#include "hostcuda.h"

#include <type_traits>

/* Without it, pointers inside structs are not checked. */
#if defined __has_builtin
#if __has_builtin(__builtin_clear_padding)
#define HOSTCUDA_CLEAR_PADDING 1
#endif
#endif
#ifndef HOSTCUDA_CLEAR_PADDING
#define HOSTCUDA_CLEAR_PADDING 0
#endif

namespace hostcuda
{

/* The arguments in order, and the call that passes them on. */
template <class... P> struct pack;

template <> struct pack<> {
	template <class F, class... Done> void call(F kernel, Done... done) const
	{
		kernel(done...);
	}
	void describe(const char *, struct hostcuda_argument *)
	{
	}
};

template <class First, class... Rest> struct pack<First, Rest...> {
	First first;
	pack<Rest...> rest;

	explicit pack(First f, Rest... r) : first(f), rest(r...)
	{
	}

	template <class F, class... Done> void call(F kernel, Done... done) const
	{
		rest.call(kernel, done..., first);
	}

	void describe(const char *closure, struct hostcuda_argument *a)
	{
		static_assert(std::is_trivially_copyable<First>::value,
		    "a kernel's arguments are copied byte by byte");
		a->kind = std::is_pointer<First>::value ? HOSTCUDA_POINTER :
		    HOSTCUDA_CLEAR_PADDING && std::is_class<First>::value ?
							  HOSTCUDA_STRUCT :
							  HOSTCUDA_PLAIN;
#if HOSTCUDA_CLEAR_PADDING
		/* Leftover bytes in the padding may look like a pointer. */
		if constexpr (std::is_class<First>::value)
			__builtin_clear_padding(&first);
#endif
		a->offset = (size_t)((const char *)&first - closure);
		a->bytes = sizeof first;
		rest.describe(closure, a + 1);
	}
};

constexpr size_t total()
{
	return 0;
}

template <class... Rest> constexpr size_t total(size_t first, Rest... rest)
{
	return first + total(rest...);
}

template <class... P> struct closure {
	void (*kernel)(P...);
	pack<P...> arguments;

	static void run(const void *self)
	{
		const closure *c = (const closure *)self;

		c->arguments.call(c->kernel);
	}
};

/* The equivalent of <<<...>>>: a callable that takes the kernel's arguments, each of
 * which is converted like in any call. */
template <class... P> struct configured {
	const char *name;
	void (*kernel)(P...);
	dim3 grid, block;
	size_t shared_bytes;
	cudaStream_t stream;

	void operator()(P... values) const
	{
		closure<P...> c = { kernel, pack<P...>(values...) };
		struct hostcuda_argument arguments[sizeof...(P) + 1];

		c.arguments.describe((const char *)&c, arguments);
		struct hostcuda_launch launch = { name, (const void *)kernel,
			closure<P...>::run, &c, sizeof c, arguments, sizeof...(P),
			total(sizeof(P)...), grid, block, shared_bytes, stream };
		hostcuda_launch(&launch);
	}
};

template <class... P>
configured<P...> configure(const char *name, void (*kernel)(P...), dim3 grid,
    dim3 block, size_t shared_bytes, cudaStream_t stream)
{
	return configured<P...>{ name, kernel, grid, block, shared_bytes, stream };
}

} // namespace hostcuda

#define HOSTCUDA_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
	::hostcuda::configure(#kernel, kernel, grid, block, shared_bytes, \
	    (cudaStream_t)(stream))(__VA_ARGS__)

/* Like in C, for a kernel without a cast. */
template <class... P>
inline cudaError_t cudaFuncSetAttribute(void (*kernel)(P...),
    enum cudaFuncAttribute attribute, int value)
{
	return cudaFuncSetAttribute((const void *)kernel, attribute, value);
}

/* CUDA's C++ header has these too. */
template <class T> inline cudaError_t cudaMalloc(T **pointer, size_t bytes)
{
	return cudaMalloc((void **)(void *)pointer, bytes);
}

template <class T>
inline cudaError_t cudaMallocHost(T **pointer, size_t bytes, unsigned int flags = 0)
{
	return cudaHostAlloc((void **)(void *)pointer, bytes, flags);
}

template <class T>
inline cudaError_t cudaHostAlloc(T **pointer, size_t bytes, unsigned int flags)
{
	return cudaHostAlloc((void **)(void *)pointer, bytes, flags);
}

#endif
