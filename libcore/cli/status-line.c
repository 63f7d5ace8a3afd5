/* status-line.c - see status-line.h. */
#include "status-line.h"

#include <stdio.h>
#include <string.h>

/* The number of characters shown. The lock of stderr guards it. */
static int shown;

void cnn_status_line_show(const char *text)
{
	int length = (int)strlen(text);

	flockfile(stderr);
	/* Blanks erase the rest of a longer line. */
	fprintf(stderr, "\r%s%*s", text, shown > length ? shown - length : 0, "");
	shown = length;
	funlockfile(stderr);
}

void cnn_status_line_hide(void)
{
	flockfile(stderr);
	if (shown > 0)
		fprintf(stderr, "\r%*s\r", shown, "");
	shown = 0;
	funlockfile(stderr);
}
