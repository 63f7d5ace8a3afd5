/* progress.c - a progress line on standard error. */
#include "progress.h"

#include "option.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_NS 100000000u
#define BAR_WIDTH 20

uint64_t cnn_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool cnn_fancy(int fd)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	return isatty(fd) && term && strcmp(term, "dumb") && (!no_color || !*no_color);
}

static int columns(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return 80;
}

/* Formats 12345 as "12,345". */
static char *grouped(uint64_t n, char buf[32])
{
	char digits[24];
	int count = snprintf(digits, sizeof digits, "%" PRIu64, n);
	char *p = buf;

	for (int i = 0; i < count; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}

static void print_time(FILE *f, double seconds)
{
	uint64_t s = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 1000000000;

	if (s >= 3600)
		fprintf(f, "%" PRIu64 ":%02u:%02u", s / 3600, (unsigned)(s / 60 % 60),
		    (unsigned)(s % 60));
	else
		fprintf(f, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
}

/* Prints the part after the bar. */
static void compose(FILE *f, const struct cnn_progress *p, uint64_t done,
    double seconds, const char *unit, const char *note)
{
	double rate = seconds > 0 ? (double)done / seconds : 0;
	char number[32];

	if (p->total > 0)
		fprintf(f, " %d%%",
		    done < p->total ? (int)((double)done / (double)p->total * 100) :
				      100);
	else
		fprintf(f, " %s %s", grouped(done, number), unit);
	if (note)
		fprintf(f, "  %s", note);
	fprintf(f, "  %s %s/s", grouped((uint64_t)rate, number), unit);
	if (p->total > done && rate > 0) {
		fputs("  ", f);
		print_time(f, (double)(p->total - done) / rate);
		fputs(" left", f);
	}
}

/* Writes " [####----]" as wide as `room` allows, or nothing if it is too narrow. */
static void draw_bar(char *bar, const struct cnn_progress *p, uint64_t done, int room)
{
	int width = room - 3 < BAR_WIDTH ? room - 3 : BAR_WIDTH, full;

	bar[0] = '\0';
	if (p->total == 0 || width < 4)
		return;
	full = done < p->total ? (int)((double)done / (double)p->total * width) : width;
	strcpy(bar, " [");
	memset(bar + 2, '#', (size_t)full);
	memset(bar + 2 + full, '-', (size_t)(width - full));
	strcpy(bar + 2 + width, "]");
}

void cnn_progress_start(struct cnn_progress *p, const char *label, uint64_t total)
{
	*p = (struct cnn_progress){
		.on = cnn_verbosity >= 1 && cnn_fancy(STDERR_FILENO),
		.label = label,
		.total = total,
	};
	/* Nothing is drawn before one interval has passed: shorter work needs no
	 * progress line. */
	p->start_ns = p->last_ns = p->on ? cnn_clock_ns() : 0;
}

void cnn_progress_update(struct cnn_progress *p, uint64_t done, const char *unit,
    const char *note)
{
	char line[512] = "", bar[BAR_WIDTH + 4];
	uint64_t now;
	int width, front, length;
	FILE *f;

	if (!p->on || (now = cnn_clock_ns()) - p->last_ns < INTERVAL_NS)
		return;
	p->last_ns = now;
	f = fmemopen(line, sizeof line, "w");
	if (!f)
		return;
	compose(f, p, done, (double)(now - p->start_ns) * 1e-9, unit, note);
	fclose(f);
	line[sizeof line - 1] = '\0';

	/* Cut the line to the width of the terminal, since a wrapped line cannot be
	 * overwritten. Pad with blanks to erase the rest of the previous line. */
	width = columns() - 1;
	draw_bar(bar, p, done, width - (int)strlen(p->label) - (int)strlen(line));
	front = (int)(strlen(p->label) + strlen(bar));
	length = front + (int)strlen(line);
	if (length > width)
		length = width > front ? width : front;
	fprintf(stderr, "\r%s%s%.*s%*s", p->label, bar, length - front, line,
	    p->drawn > (uint64_t)length ? (int)p->drawn - length : 0, "");
	p->drawn = (uint64_t)length;
}

void cnn_progress_end(struct cnn_progress *p)
{
	if (p->on && p->drawn > 0)
		fprintf(stderr, "\r%*s\r", (int)p->drawn, "");
	p->on = false;
}
