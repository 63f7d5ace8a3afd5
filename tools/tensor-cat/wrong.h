/* wrong.h - samples whose predicted class differs from their label. */
#ifndef TENSOR_CAT_WRONG_H
#define TENSOR_CAT_WRONG_H

#include "stream/stream.h"

/* Checks that samples have the fields `label` and "class", one integer each. If not,
 * returns CNN_EDATA and names the missing or unsuitable field. */
int cnn_wrong_check(const struct cnn_header *, const char *label, const char *where,
    struct cnn_error *);

/* Whether the class of sample i differs from its label. The record's header has been
 * checked. */
bool cnn_wrong_at(struct cnn_record *, const char *label, size_t i);

#endif
