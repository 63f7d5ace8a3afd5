/* error.c - error messages that keep the first cause. */
#include "error.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

int cnn_vfail(struct cnn_error *e, int code, const char *fmt, va_list ap)
{
	if (e && e->code == CNN_OK) {
		e->code = code;
		e->err = 0;
		vsnprintf(e->text, sizeof e->text, fmt, ap);
	}
	return code;
}

int cnn_fail(struct cnn_error *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cnn_vfail(e, code, fmt, ap);
	va_end(ap);
	return code;
}

int cnn_fail_errno(struct cnn_error *e, int err, const char *fmt, ...)
{
	int r = err == ENOMEM ? CNN_ENOMEM : CNN_EIO;
	char reason[128];
	size_t used;
	va_list ap;

	if (!e || e->code != CNN_OK)
		return r;
	va_start(ap, fmt);
	cnn_vfail(e, r, fmt, ap);
	va_end(ap);
	e->err = err;
	used = strlen(e->text);
	snprintf(e->text + used, sizeof e->text - used, ": %s",
	    strerror_r(err, reason, sizeof reason));
	return r;
}

void cnn_error_prefix(struct cnn_error *e, const char *fmt, ...)
{
	char prefix[sizeof e->text / 2];
	size_t n, keep;
	va_list ap;

	if (!e || e->code == CNN_OK)
		return;
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof prefix - 2, fmt, ap);
	va_end(ap);
	strcat(prefix, ": ");
	n = strlen(prefix);
	if (!strncmp(e->text, prefix, n)) /* there already: nested inputs */
		return;			  /* can have the same name */
	keep = strlen(e->text);
	if (keep > sizeof e->text - n - 1)
		keep = sizeof e->text - n - 1;
	memmove(e->text + n, e->text, keep);
	e->text[n + keep] = '\0';
	memcpy(e->text, prefix, n);
}

int cnn_exit_status(int code)
{
	switch (code) {
	case CNN_OK:
	case CNN_END: return 0;
	case CNN_EUSAGE: return 2;
	case CNN_EPLUGIN: return 3;
	default: return 1;
	}
}

void cnn_known_add(struct cnn_known *list, const char *fmt, ...)
{
	const size_t left = sizeof list->text - list->used;
	va_list ap;
	int n;

	n = snprintf(list->text + list->used, left, "%s", list->used ? ", " : "");
	if ((size_t)n >= left)
		return;
	list->used += (size_t)n;
	va_start(ap, fmt);
	n = vsnprintf(list->text + list->used, left - (size_t)n, fmt, ap);
	va_end(ap);
	if (n > 0)
		list->used += (size_t)n;
	if (list->used > sizeof list->text - 1)
		list->used = sizeof list->text - 1;
}

const char *cnn_known_text(const struct cnn_known *list)
{
	return list->used ? list->text : "none";
}
