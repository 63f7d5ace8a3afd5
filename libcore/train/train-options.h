/* train-options.h - the options of a training run, each stated once.
 *
 * A row of the table says an option's name, type, range, choices, default and help,
 * whether it changes the result, and whether a resume may change it. Parser, --help, the
 * history entry, checkpoints and the checks of --resume read that row. A new option is a
 * member of struct cnn_train_options, a row, and the code that does it.
 */
#ifndef CNN_TRAIN_OPTIONS_H
#define CNN_TRAIN_OPTIONS_H

#include "base/error.h"
#include "base/value.h"
#include "cli/option.h"
#include "executor/executor.h"

#define CNN_MAX_EPOCHS 1000000
#define CNN_TRAIN_OPTIONS_MAX 32         /* rows */

struct cnn_train_options {
	/* Of the table. */
	uint64_t epochs;                 /* in all; UINT64_MAX: --steps decides */
	uint64_t steps;                  /* of this run; 0: --epochs decides */
	uint64_t batch, shard_size, seed;
	double lr, momentum, weight_decay;
	double grad_clip;                /* most that the gradients' norm may be; 0: any */
	const char *optimizer;           /* "adam", "sgd" */
	const char *schedule;            /* "constant", "linear", "cosine" */
	const char *amp;                 /* "off", "bf16", "fp16" */
	const char *isa;                 /* that the plugins are held to */
	bool no_shuffle;
	bool stream;                     /* samples are fed, in their order */
	bool fast, tf32, tune;           /* enum cnn_policy's */
	bool resume;                     /* go on from the model's state */
	bool time_epochs;                /* fill in cnn_train_status.seconds */
	bool given[CNN_TRAIN_OPTIONS_MAX];   /* on the command line, by row */
	/* The caller's. */
	uint64_t save_every;             /* the caller may save after each so many
	                                  * steps, and after each epoch; 0: after
	                                  * epochs alone */
	bool device_given;
	struct cnn_compute on;
};

/* The defaults. */
void cnn_train_options_init(struct cnn_train_options *);

/* Fills in the command line's rows for these options, which must outlive them; returns
 * how many. `rows` has room for CNN_TRAIN_OPTIONS_MAX. */
size_t cnn_train_options_rows(struct cnn_train_options *, struct cnn_option *rows);

/* Was it given on the command line? */
bool cnn_train_options_given(const struct cnn_train_options *, const char *name);

/* Writes the options that a checkpoint keeps into its map, under their names with _ for
 * -. False when memory is out. */
bool cnn_train_options_save(const struct cnn_train_options *, struct cnn_value *map);

/* Takes them from there. A value that the command line would not take is CNN_EDATA, and
 * one that contradicts what was given CNN_EUSAGE. Texts stay the map's. */
int cnn_train_options_load(struct cnn_train_options *, const struct cnn_value *map,
	struct cnn_error *);

#endif
