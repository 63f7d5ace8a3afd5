/* stat.h - statistics of a segment. */
#ifndef TENSOR_STAT_STAT_H
#define TENSOR_STAT_STAT_H

#include "stream/stream.h"
#include <stdio.h>

struct cnn_stat;

/* The header must outlive the statistics. Returns NULL if memory runs out. */
struct cnn_stat *cnn_stat_new(const struct cnn_header *);
void cnn_stat_free(struct cnn_stat *);
/* Adds a record of the segment. */
int cnn_stat_add(struct cnn_stat *, const struct cnn_record *, struct cnn_error *);

/* Call these after the last record. They print a table for people, `key<TAB>value`
 * lines, or one JSON object on a line. `segment` counts from 1. Nothing printed depends
 * on the division into records, except the number of records. */
void cnn_stat_print(const struct cnn_stat *, FILE *, size_t segment);
void cnn_stat_print_tsv(const struct cnn_stat *, FILE *, size_t segment);
void cnn_stat_print_json(const struct cnn_stat *, FILE *, size_t segment);

#endif
