/* stat-private.h - what stat.c counts and stat-print.c prints. */
#ifndef TENSOR_STAT_STAT_PRIVATE_H
#define TENSOR_STAT_STAT_PRIVATE_H

#include "content.h"
#include "stat.h"

#define STAT_CLASSES 65536   /* labels from 0 up to this are counted one by one */

struct stat_field {
	uint64_t count;              /* finite elements */
	uint64_t others;             /* infinite ones, and those that are no number */
	double min, max;
	double shift;                /* the first element: sums are about it */
	double sum, squares;
};

struct cnn_stat {
	const struct cnn_header *header;
	struct stat_field *fields;   /* as in the header */
	struct cnn_content *content;
	size_t records, samples;
	const struct cnn_field *label;     /* an integer a sample, or NULL */
	uint64_t *labels;            /* how often each occurs */
	size_t label_count;
	uint64_t label_others;       /* negative ones, and very large ones */
};

/* Of a field with elements. */
double stat_mean(const struct stat_field *);
double stat_deviation(const struct stat_field *);

#endif
