/* train-options-private.h - the table behind train-options.h.
 *
 *   train-options.c  the command line, checkpoints
 *   train-names.c    --optimizer and --schedule: names with arguments
 *   train-options.def  the table
 *   train-rows.c     the rows, and the value of a row
 */
#ifndef TRAIN_OPTIONS_PRIVATE_H
#define TRAIN_OPTIONS_PRIVATE_H

#include "train-options.h"

enum cnn_train_flags {
	RESULT = 1,	/* changes the result: recorded in the history */
	KEPT = 2,	/* saved in a checkpoint, restored on a resume */
	MAY_CHANGE = 4, /* kept, but a resume may change it; absent if not set */
	OPEN = 8,	/* other code adds choices: checked where it is used */
	/* Kept, but absent in checkpoints of older versions; they get the default */
	LATER = 16,
	NAMED = 32, /* a name with arguments, kept as two entries */
	SHORT = 64, /* short form of an argument of --optimizer, kept with it */
};

struct cnn_train_row {
	const char *name;
	char letter;
	enum cnn_option_type type;
	size_t offset; /* in struct cnn_train_options */
	const char *arg, *help;
	unsigned flags;
	double min, max;     /* as in struct cnn_option; UINT, FLOAT */
	const char *choices; /* of a CHOICE */
	/* A choice that is resolved to another before use, so it is never kept */
	const char *stand_in;
	double number;					  /* default of UINT, FLOAT */
	const char *text;				  /* default of a CHOICE, STR */
	bool (*names)(size_t i, struct cnn_spec_entry *); /* of a NAMED one */
};

/* The table; the name of the last row is NULL. */
extern const struct cnn_train_row cnn_train_rows[];
#define AT(member) offsetof(struct cnn_train_options, member)

/* An option's value; the type is in its row. */
union cnn_train_value {
	uint64_t u;
	double f;
	const char *text;
	bool flag;
};

union cnn_train_value cnn_row_get(const struct cnn_train_options *,
    const struct cnn_train_row *);
void cnn_row_set(struct cnn_train_options *, const struct cnn_train_row *,
    union cnn_train_value);
/* The default value of a row. */
union cnn_train_value cnn_row_initial(const struct cnn_train_row *);
/* Whether the option was given on the command line. */
bool cnn_row_given(const struct cnn_train_options *, const struct cnn_train_row *);
/* The option's key in a checkpoint, for example weight_decay. It is also the name of
 * the argument that the option is a short form of. */
const char *cnn_row_key(const struct cnn_train_row *, char key[32]);
/* Whether the command line would accept the value and a checkpoint may hold it. */
bool cnn_row_fits(const struct cnn_train_row *, union cnn_train_value);
bool cnn_row_same(const struct cnn_train_row *, union cnn_train_value,
    union cnn_train_value);
/* Reads the value from a checkpoint's map; false if it is missing or has another
 * type. */
bool cnn_row_load(const struct cnn_train_row *, const struct cnn_value *map,
    const char *key, union cnn_train_value *);
/* Fail because a checkpoint's entry is missing or invalid (CNN_EDATA), or because it
 * contradicts the command line (CNN_EUSAGE). */
int cnn_row_invalid(const char *key, struct cnn_error *);
int cnn_row_conflict(const struct cnn_train_row *, struct cnn_error *);

/* train-names.c: a NAMED row in a checkpoint. */
bool cnn_train_names_save(const struct cnn_train_options *,
    const struct cnn_train_row *, struct cnn_value *map);
int cnn_train_names_load(struct cnn_train_options *, const struct cnn_train_row *,
    const struct cnn_value *map, struct cnn_plugins *, struct cnn_error *);
/* Sets the short forms from the arguments, and the texts of --optimizer and --schedule
 * from the arguments that have no short form. */
void cnn_train_names_settle(struct cnn_train_options *);

#endif
