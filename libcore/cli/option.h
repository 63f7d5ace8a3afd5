/* option.h - one table from which a tool gets its parser, its --help and its entry in a
 * stream's history.
 */
#ifndef CNN_OPTION_H
#define CNN_OPTION_H

#include "base/error.h"
#include "base/spec.h"
#include "base/value.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cnn_option_type {
	CNN_OPT_FLAG,	/* bool *: set by presence ("no-shuffle") */
	CNN_OPT_UINT,	/* uint64_t *: min .. max */
	CNN_OPT_FLOAT,	/* double *: fmin .. fmax */
	CNN_OPT_STR,	/* const char ** */
	CNN_OPT_CHOICE, /* const char **: one of choices */
	CNN_OPT_LIST,	/* struct cnn_list *: may be repeated */
};

struct cnn_list {
	const char **items;
	size_t count;
};

enum {
	CNN_OPT_RESULT = 1, /* changes the result: recorded in the history */
	CNN_OPT_IF_SET = 2, /* a flag that is recorded only if it is set */
};

struct cnn_option {
	const char *name; /* long name; NULL ends the table */
	char letter;	  /* short name or 0 */
	enum cnn_option_type type;
	/* Holds the default before parsing. A number outside its limits, or a NULL
	 * string, means "not set": neither shown nor recorded */
	void *value;
	/* Name of the argument in --help; NULL: N, X, TEXT or WORD, by type */
	const char *arg;
	const char *help; /* one line, no full stop */
	unsigned flags;
	uint64_t min, max; /* CNN_OPT_UINT; max 0: no limit */
	/* CNN_OPT_FLOAT; both 0: no limit; fmax may be INFINITY */
	double fmin, fmax;
	const char *choices; /* CNN_OPT_CHOICE: "off|bf16|fp16" */
	bool *given;	     /* set to true if the option is given, or NULL */
	/* For a CNN_OPT_STR that is a name with arguments (base/spec.h), otherwise
	 * NULL. Describes name number i for --help; false past the last. The tool
	 * parses the text itself. */
	bool (*names)(size_t i, struct cnn_spec_entry *);
};

struct cnn_program {
	const char *name;		  /* "tensor-cat" */
	const char *operands;		  /* "[FILE ...]", "" */
	const char *summary;		  /* one line, no full stop */
	const struct cnn_option *options; /* NULL: only the common ones */
	int min_operands, max_operands;	  /* max -1: any number */
};

/* Verbosity from -q and -v, which every tool has: 0 (-q), 1 (default), 2 (-v), 3 … */
extern int cnn_verbosity;

/* Parses argv. Handles --help and --version (prints, exits 0) and bad usage (prints to
 * standard error, exits 2), so only tools may call it. From then on, warnings
 * (base/warning.h) are printed as messages. Returns the index of the first operand. */
int cnn_options_parse(const struct cnn_program *, int argc, char **argv);

/* Prints "tool: text" and a reference to --help on standard error; exits 2. */
_Noreturn void cnn_usage(const struct cnn_program *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends the tool's entry to the array: {"tool", "version", "options": {…}}, with the
 * effective values of the options marked CNN_OPT_RESULT, in table order. Returns false
 * if memory runs out. */
bool cnn_history_add(struct cnn_value *history, const struct cnn_program *);

/* Prints "tool: text" unless *e is CNN_OK, and returns the exit status. */
int cnn_finish(const struct cnn_program *, const struct cnn_error *e);

/* Prints "tool: text" on standard error if the verbosity is at least `level`. */
void cnn_message(const struct cnn_program *, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
