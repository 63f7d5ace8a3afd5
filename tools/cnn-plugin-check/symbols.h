/* symbols.h - what a shared object exports. */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include "base/error.h"
#include <stddef.h>

/* The names of the functions and data that the file exports besides cnn_plugin_entry,
 * as text in names: "", "helper, table". Weak symbols, as C++ makes them, do not count.
 * A file whose tables are damaged or missing is an error. */
int exported_symbols(const char *path, char *names, size_t size, struct cnn_error *);

#endif
