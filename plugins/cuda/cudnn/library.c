/* library.c - see library.h. */
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

/* The tests have a library of their own. */
#ifndef CUDNN_FILE
#define CUDNN_FILE libcudnn.so.CUDNN_MAJOR
#endif

struct cudnn_library cudnn;

static const char *why; /* NULL: it is open */

/* Sets *function, a function pointer of any type, to the symbol. */
static bool find(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, sizeof symbol);
	return symbol != NULL;
}

static void open_once(void)
{
	/* Never closed: its kernels stay registered with the CUDA runtime. */
	void *library = dlopen(TEXT(CUDNN_FILE), RTLD_NOW | RTLD_LOCAL);
	bool all = true;

	if (!library) {
		why = TEXT(CUDNN_FILE) " cannot be opened";
		return;
	}
#define FIND(name) all &= find(library, "cudnn" #name, &cudnn.name);
	CUDNN_FUNCTIONS(FIND)
#undef FIND
	if (!all)
		why = TEXT(CUDNN_FILE) " lacks a function";
}

const char *cudnn_library_open(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, open_once);
	return why;
}
