/* dataset.h - samples held in memory for training and inference.
 *
 * A data set is a list of columns, each a field of the data. It keeps the fields that
 * the net reads, and the label; until the net is known, it keeps all.
 */
#ifndef CNN_DATASET_H
#define CNN_DATASET_H

#include "base/error.h"
#include "executor/executor.h"
#include "net/graph.h"
#include "stream/stream.h"

struct cnn_column {
	char *name; /* in the data */
	/* As stored. One integer per sample is stored as CNN_I32, with -1 for values that
	 * are negative or too large */
	enum cnn_dtype dtype;
	int rank;
	size_t shape[CNN_MAX_RANK]; /* of one sample */
	size_t sample_bytes;
	unsigned char *data;	   /* [samples], unconverted */
	double scale, offset;	   /* value = element * scale + offset */
	struct cnn_value *classes; /* array of str, or NULL */
	size_t lost;		   /* number of values stored as -1 */
	size_t lost_at;		   /* sample of the first of them */
	int64_t lost_value;	   /* its value */
};

/* Where samples come from. */
struct cnn_origin {
	char *file;   /* for messages */
	char *field;  /* in the data, if the file has only this one, otherwise NULL */
	size_t first; /* number of the file's first sample, counting dropped ones */
	size_t base;  /* the same of the first file joined with this one */
};

struct cnn_dataset {
	/* Names in the data of the fields that nets call image and label; not owned */
	const char *image, *label;
	const struct cnn_graph *graph; /* decides which fields are kept; NULL: all */
	struct cnn_column *columns;    /* set by the first segment */
	size_t column_count;
	bool begun; /* the first segment has been seen */
	size_t samples;
	size_t dropped;		    /* samples dropped from the front so far */
	size_t room;		    /* capacity of the columns, in samples */
	struct cnn_origin *origins; /* of all samples not dropped, in order */
	size_t origin_count;
	/* About how many samples there will be, to make room at once; 0: unknown */
	size_t expected;
	size_t bytes; /* of the columns, counted for --max-memory */
};

/* image and label are the names of the fields (usually "image" and "label") and must
 * outlive the dataset. */
int cnn_dataset_new(struct cnn_dataset **, const char *image, const char *label,
    struct cnn_error *);
void cnn_dataset_free(struct cnn_dataset *);

/* Keeps only the fields that the graph reads, and the label. The graph must outlive the
 * dataset. If there are data, they must have the fields that the graph reads (without
 * `targets`, those that its output needs). */
int cnn_dataset_use(struct cnn_dataset *, const struct cnn_graph *, bool targets,
    struct cnn_error *);

/* The column that nets call `field`, or NULL. */
const struct cnn_column *cnn_dataset_find(const struct cnn_dataset *,
    const char *field);
/* The column of labels, or NULL if there is none with one integer per sample. */
const struct cnn_column *cnn_dataset_labels(const struct cnn_dataset *);
/* The label of a sample; -1 if it has none. */
int32_t cnn_dataset_label(const struct cnn_dataset *, size_t sample);

/* Names the file of the samples that follow, from the one `after` samples ahead; for
 * messages. field: its only field, if it is joined with files of other fields, otherwise
 * NULL. Copies both. */
int cnn_dataset_from(struct cnn_dataset *, const char *file, const char *field,
    size_t after, struct cnn_error *);
/* Puts the name of the file that has the sample (a number that counts dropped ones) before
 * the message, unless it begins with the name of one of the data's files. */
void cnn_dataset_blame(const struct cnn_dataset *, size_t sample, struct cnn_error *);

/* Starts a segment, whose fields must agree with those of earlier segments. Once the
 * graph is known, all fields that it reads must be present; without `targets`, only
 * those that its output needs. */
int cnn_dataset_segment(struct cnn_dataset *, const struct cnn_header *, bool targets,
    struct cnn_error *);
/* Appends the samples of a record of that segment. */
int cnn_dataset_append(struct cnn_dataset *, struct cnn_record *, struct cnn_error *);
/* Bytes that are held of each sample. */
size_t cnn_dataset_row(const struct cnn_dataset *);
/* Gives back room that no sample has: none will follow. */
void cnn_dataset_trim(struct cnn_dataset *);
/* Drops the first n samples; the others move to the front. */
void cnn_dataset_drop(struct cnn_dataset *, size_t n);

/* XXH3-64 over the contents of the fields that the graph reads, and over the type,
 * scale and shape of the first of them, as 16 hexadecimal digits. Does not depend on
 * how the samples were divided into records. */
void cnn_dataset_digest(const struct cnn_dataset *, const struct cnn_graph *,
    char digest[17]);

/* Checks that the class names of the labels equal the given ones. The error names the
 * first difference; `where` says where the given names come from, for example "the
 * model". If either has no class names, there is nothing to check. */
int cnn_dataset_check_classes(const struct cnn_dataset *, const struct cnn_value *,
    const char *where, struct cnn_error *);

/* Checks that the fields that the graph reads (without `targets`, that its output
 * needs) are present and have its shapes, and that the indices of samples `first` and
 * later are below their limits. An error names the field, and for a wrong value also
 * the first sample that has one: its file and its number in this file. */
int cnn_dataset_check(const struct cnn_dataset *, const struct cnn_graph *,
    bool targets, size_t first, struct cnn_error *);
/* Checks that every sample has a label, and that it is below `classes`. */
int cnn_dataset_check_labels(const struct cnn_dataset *, size_t classes,
    struct cnn_error *);

/* Samples first .. first + count - 1 of a checked data set, for an executor. Without
 * `targets`, fields that the graph's output does not need are left out. */
struct cnn_rows cnn_dataset_rows(const struct cnn_dataset *, const struct cnn_graph *,
    bool targets, size_t first, size_t count);

#endif
