/* stat-private.h - the statistics that stat.c computes and stat-print.c prints. */
#ifndef TENSOR_STAT_STAT_PRIVATE_H
#define TENSOR_STAT_STAT_PRIVATE_H

#include "content.h"
#include "stat.h"

#define STAT_CLASSES 65536 /* labels below this are counted individually */

struct stat_field {
	uint64_t count;	 /* of finite elements */
	uint64_t others; /* infinities and NaNs */
	double min, max;
	double shift; /* the first element, subtracted before summing */
	double sum, squares;
};

struct cnn_stat {
	const struct cnn_header *header;
	struct stat_field *fields; /* in header order */
	struct cnn_content *content;
	size_t records, samples;
	const struct cnn_field *label; /* an integer per sample, or NULL */
	uint64_t *labels;	       /* occurrences of each */
	size_t label_count;
	uint64_t label_others; /* negative or too large */
};

/* For a field with at least one element. */
double stat_mean(const struct stat_field *);
double stat_deviation(const struct stat_field *);

#endif
