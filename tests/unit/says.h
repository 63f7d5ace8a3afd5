/* says.h - checks the code and the text of an error. */
#ifndef SAYS_H
#define SAYS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static inline bool says(const struct cnn_error *e, int code, const char *what)
{
	bool good = e->code == code && strstr(e->text, what);

	if (!good)
		printf("# got %d \"%s\", want %d \"%s\"\n", e->code, e->text, code,
		    what);
	return good;
}

#endif
