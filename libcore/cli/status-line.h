/* status-line.h - the last line of a terminal on standard error, which other text
 * replaces. */
#ifndef CNN_STATUS_LINE_H
#define CNN_STATUS_LINE_H

/* Shows the text in place of the line that is shown. It must be narrower than the
 * terminal, because a wrapped line cannot be overwritten. */
void cnn_status_line_show(const char *text);
/* Erases the line. Call it before any other text is printed on standard error. Does
 * nothing if no line is shown. */
void cnn_status_line_hide(void);

#endif
