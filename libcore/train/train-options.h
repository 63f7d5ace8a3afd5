/* train-options.h - the options of a training run, each defined once.
 *
 * A row of train-options.def holds an option's name, type, range, choices, default and
 * help, whether it changes the result, and whether a resume may change it. The members
 * of struct cnn_train_options, the parser, --help, the history entry, checkpoints and
 * the checks of --resume all come from that row.
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

/* The C types of the options. */
#define CNN_TRAIN_UINT uint64_t
#define CNN_TRAIN_FLOAT double
#define CNN_TRAIN_FLAG bool
#define CNN_TRAIN_CHOICE const char *
#define CNN_TRAIN_STR const char *

enum {
#define ROW(TYPE, MEMBER, ...) CNN_TRAIN_NUMBER_##MEMBER,
#include "train-options.def"
#undef ROW
	CNN_TRAIN_OPTIONS, /* the number of rows */
};

struct cnn_train_options {
	/* Set from the table: uint64_t epochs, double lr, const char *optimizer ... */
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member's name */
#define ROW(TYPE, MEMBER, ...) CNN_TRAIN_##TYPE MEMBER;
#include "train-options.def"
#undef ROW
	bool given[CNN_TRAIN_OPTIONS]; /* on the command line, by row index */
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
 * options must outlive the rows. `rows` must have room for CNN_TRAIN_OPTIONS. */
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
