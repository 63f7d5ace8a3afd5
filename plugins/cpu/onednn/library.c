/* library.c - see library.h. */
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define FILE_NAME TEXT(DNNL_SONAME) /* provider.mk */

struct od_library od_dnnl;

static const char *why = "not tried"; /* NULL: it is open */

/* Sets *function, a function pointer of any type, to the symbol. */
static bool find(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, sizeof symbol);
	return symbol != NULL;
}

static void open_once(void)
{
	/* Never closed: its threads may still run. */
	void *library = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL);
	bool all = true;

	if (!library) {
		why = "cannot be opened";
		return;
	}
#define FIND(name) all &= find(library, "dnnl_" #name, &od_dnnl.name);
	OD_FUNCTIONS(FIND)
#undef FIND
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
	all &= find(library, "omp_set_num_threads", &od_dnnl.omp_set_num_threads);
#endif
	why = all ? NULL : "lacks a function";
}

bool od_library_open(const struct cnn_host *host)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, open_once);
	if (why)
		host->log(host, 2, "cpu/onednn: " FILE_NAME " %s", why);
	return !why;
}
