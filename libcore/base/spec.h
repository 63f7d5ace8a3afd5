/* spec.h - a name with arguments, as one text: NAME or NAME:KEY=VALUE,KEY=VALUE.
 *
 * --optimizer and --schedule take such a text. A comma ends a value, except within a
 * LIST: there, a part without '=' is the list's next number, as in at=30,60,gamma=0.1.
 */
#ifndef CNN_SPEC_H
#define CNN_SPEC_H

#include "args.h"

#define CNN_SPEC_NAME 32   /* bytes of a name, with its NUL */
#define CNN_SPEC_ARGS 16   /* maximum number of arguments */
#define CNN_SPEC_TEXT 4096 /* room for the text of any arguments */

/* A name with its summary and arguments, from its definition. */
struct cnn_spec_entry {
	const char *name, *summary;
	const struct cnn_arg *args;
	uint32_t arg_count;
};

/* Copies the name, truncated if it is too long, and returns the text of the arguments,
 * or NULL if there is no colon. */
const char *cnn_spec_name(const char *spec, char name[CNN_SPEC_NAME]);

/* Parses the text of the arguments (NULL: none) into values[count]. Arguments that are
 * not given get their defaults. The message of CNN_EDATA names the invalid argument. */
int cnn_spec_parse(const struct cnn_arg *, uint32_t count, const char *text,
    struct cnn_arg_value *values, struct cnn_error *);

/* Writes the arguments as text: all of them, or only those that differ from their
 * defaults. Parsing the text gives the same values. */
void cnn_spec_print(const struct cnn_arg *, uint32_t count,
    const struct cnn_arg_value *values, bool all, char text[CNN_SPEC_TEXT]);

#endif
