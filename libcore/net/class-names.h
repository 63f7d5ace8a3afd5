/* class-names.h - the names under which tables show the classes of a model. */
#ifndef CNN_CLASS_NAMES_H
#define CNN_CLASS_NAMES_H

#include "base/error.h"
#include "base/value.h"

/* Makes the names to show of an array of strings, one for each. They are printable
 * (base/printable.h) and all distinct: if two strings look the same, '#' and the class's
 * number follow each of them, and also each that ends in '#' and digits. A string that
 * looks like the number of a class without a name, which is one from the array's count
 * up to `classes`, is treated as one of two that look the same. The caller frees the
 * names with cnn_class_names_free(). */
int cnn_class_names(char ***names, const struct cnn_value *strings, size_t classes,
    struct cnn_error *);
void cnn_class_names_free(char **names, size_t count);

#endif
