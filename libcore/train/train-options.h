/* train-options.h - the options of a training run, each defined once.
 *
 * A row of the table holds an option's name, type, range, choices, default and help,
 * whether it changes the result, and whether a resume may change it. The parser,
 * --help, the history entry, checkpoints and the checks of --resume all use that row. A
 * new option needs a member in struct cnn_train_options, a row, and the code that
 * implements it.
 */
#ifndef CNN_TRAIN_OPTIONS_H
#define CNN_TRAIN_OPTIONS_H

#include "base/error.h"
#include "base/spec.h"
#include "base/value.h"
#include "cli/option.h"
#include "executor/executor.h"
#include "schedule.h"

#define CNN_MAX_EPOCHS 1000000
#define CNN_TRAIN_OPTIONS_MAX 32 /* maximum number of rows */

struct cnn_train_options {
	/* Set from the table. */
	uint64_t epochs; /* in total; UINT64_MAX: --steps decides */
	uint64_t steps;	 /* in this run; 0: --epochs decides */
	uint64_t batch, microbatch_size, seed;
	double lr, momentum, weight_decay;
	double grad_clip; /* maximum gradient norm; 0: no limit */
	/* A name, or NAME:KEY=VALUE,... cnn_train_options_resolve() parses them and
	 * points them to optimizer_text and schedule_text, which omit defaults and the
	 * arguments that are members here (momentum, weight_decay). */
	const char *optimizer, *schedule;
	const char *amp; /* "off", "bf16", "fp16" */
	const char *isa; /* highest instruction set to use */
	bool no_shuffle;
	bool stream;			   /* samples are fed as they arrive */
	bool fast, tf32, tune;		   /* bits of enum cnn_policy */
	bool resume;			   /* continue from the model's state */
	bool time_epochs;		   /* fill in cnn_train_status.seconds */
	bool given[CNN_TRAIN_OPTIONS_MAX]; /* on the command line, by row index */
	/* Set by cnn_train_options_resolve() and by a resume. */
	const struct cnn_optimizer_def *optimizer_def;
	const struct cnn_schedule *schedule_def; /* never auto */
	struct cnn_arg_value optimizer_args[CNN_SPEC_ARGS],
	    schedule_args[CNN_SPEC_ARGS];
	char optimizer_text[CNN_SPEC_NAME + CNN_SPEC_TEXT];
	char schedule_text[CNN_SPEC_NAME + CNN_SPEC_TEXT];
	/* Set by the caller. */
	/* The caller may save after every save_every steps and after each epoch; 0:
	 * only after each epoch */
	uint64_t save_every;
	bool device_given;
	struct cnn_compute on;
};

/* Sets the defaults. */
void cnn_train_options_init(struct cnn_train_options *);

/* Fills in the command line's rows for these options and returns their number. The
 * options must outlive the rows. `rows` must have room for CNN_TRAIN_OPTIONS_MAX. */
size_t cnn_train_options_rows(struct cnn_train_options *, struct cnn_option *rows);

/* Whether the option was given on the command line. */
bool cnn_train_options_given(const struct cnn_train_options *, const char *name);

/* After the command line: parses --optimizer and --schedule, and sets the optimizer's
 * arguments from their short forms, --momentum and --weight-decay. A contradiction or
 * an unknown name is CNN_EUSAGE. The plugins may define optimizers; NULL: only the
 * built-in ones are known. */
int cnn_train_options_resolve(struct cnn_train_options *, struct cnn_plugins *,
    struct cnn_error *);

/* Writes the options that belong in a checkpoint to its map, with _ for - in their
 * names. All arguments of the optimizer are saved in optimizer_args. Returns false
 * if memory runs out. */
bool cnn_train_options_save(const struct cnn_train_options *, struct cnn_value *map);

/* Reads resolved options from the map of a checkpoint. A value that the command line
 * would reject is CNN_EDATA; one that contradicts an option given there is CNN_EUSAGE.
 * The map keeps ownership of strings. */
int cnn_train_options_load(struct cnn_train_options *, const struct cnn_value *map,
    struct cnn_plugins *, struct cnn_error *);

#endif
