/* dataset-private.h - shared by the files of a data set. Each file calls only those
 * above it:
 *
 *   dataset.c           the columns: created, looked up, filled, freed
 *   dataset-graph.c     checks columns against a graph, digests them, and passes them
 *                       to an executor
 *   dataset-segment.c   turns the fields of the first segment into columns, and checks
 *                       that later segments have the same fields
 */
#ifndef DATASET_PRIVATE_H
#define DATASET_PRIVATE_H

#include "dataset.h"

/* The name in the data of the field that nets call `field`. */
const char *cnn_dataset_name(const struct cnn_dataset *, const char *field);
/* Fails because no column has what nets call `field`. */
int cnn_dataset_lacks_column(const struct cnn_dataset *, const char *field,
    struct cnn_error *);
/* Fails because the data lack what nets call `field`; known: a list of the fields that
 * they have. */
int cnn_dataset_lacks(const struct cnn_dataset *, const char *field,
    const struct cnn_known *known, struct cnn_error *);
/* Whether the graph's output depends on its input number i. If not, the input is a
 * target. */
bool cnn_output_needs(const struct cnn_graph *, uint32_t i);
/* The file that has this field of the sample (a number that counts dropped ones); NULL if
 * it is not known. field NULL: any field. */
const struct cnn_origin *cnn_dataset_origin(const struct cnn_dataset *,
    const char *field, size_t sample);
/* Whether the field with this name in the data is kept as a column. */
bool cnn_dataset_keeps(const struct cnn_dataset *, const char *name);

/* Checks that the class names of a field, `is`, equal those that it had before, `was`,
 * as cnn_dataset_check_classes() does. Either may be NULL. */
int cnn_check_class_names(const char *field, const struct cnn_value *is,
    const struct cnn_value *was, const char *where, struct cnn_error *);

#endif
