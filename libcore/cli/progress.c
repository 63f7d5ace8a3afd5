/* progress.c - a progress line on standard error. */
#include "progress.h"

#include "option.h"
#include "status-line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_NS 100000000u
#define BAR_MAX 20 /* width of the bar */
#define BAR_MIN 4
#define MAX_LINE 512

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

/* Appends to the line, as much as it has room for. */
__attribute__((format(printf, 2, 3))) static void add(char line[MAX_LINE],
    const char *fmt, ...)
{
	size_t used = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + used, MAX_LINE - used, fmt, ap);
	va_end(ap);
}

static void add_time(char line[MAX_LINE], double seconds)
{
	uint64_t s = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 1000000000;

	if (s >= 3600)
		add(line, "%" PRIu64 ":%02u:%02u", s / 3600, (unsigned)(s / 60 % 60),
		    (unsigned)(s % 60));
	else
		add(line, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
}

/* --- the parts of the line -------------------------------------------------------- */

/* The state to draw. */
struct view {
	const char *label, *unit, *note;
	uint64_t done, total;
	double seconds; /* since the start */
};

/* The most important parts are the label and the percentage (or, without a total, the
 * number). Then follow the parts of the note, the time left, the bar and the rate. */
struct choice {
	size_t note; /* bytes of the note that are shown */
	bool left, bar, rate;
};

/* Chooses the `count` most important parts besides the first. False if there are not as
 * many. */
static bool choose(const char *note, size_t count, struct choice *c)
{
	*c = (struct choice){ 0 };
	while (count > 0 && note[c->note]) {
		const char *end = strstr(note + c->note + 1, "  ");

		c->note = end ? (size_t)(end - note) : strlen(note);
		count--;
	}
	c->left = count > 0;
	c->bar = count > 1;
	c->rate = count > 2;
	return count <= 3;
}

/* Appends the parts after the bar. */
static void add_parts(char line[MAX_LINE], const struct view *v, const struct choice *c)
{
	double rate = v->seconds > 0 ? (double)v->done / v->seconds : 0;
	char number[32];

	if (v->total == 0)
		add(line, " %s %s", grouped(v->done, number), v->unit);
	else
		add(line, " %d%%",
		    v->done < v->total ?
			(int)((double)v->done / (double)v->total * 100) :
			100);
	if (c->note)
		add(line, "  %.*s", (int)c->note, v->note);
	if (c->rate)
		add(line, "  %s %s/s", grouped((uint64_t)rate, number), v->unit);
	if (c->left && v->total > v->done && rate > 0) {
		add(line, "  ");
		add_time(line, (double)(v->total - v->done) / rate);
		add(line, " left");
	}
}

/* Appends " [####----]" of this width. */
static void add_bar(char line[MAX_LINE], const struct view *v, int width)
{
	char bar[BAR_MAX];
	int full = v->done < v->total ?
	    (int)((double)v->done / (double)v->total * width) :
	    width;

	memset(bar, '#', (size_t)full);
	memset(bar + full, '-', (size_t)(width - full));
	add(line, " [%.*s]", width, bar);
}

/* Writes the line with the chosen parts. False if it has more than `room`
 * characters. */
static bool compose(char line[MAX_LINE], const struct view *v, const struct choice *c,
    int room)
{
	char parts[MAX_LINE] = "";
	int width;

	add_parts(parts, v, c);
	*line = '\0';
	add(line, "%s", v->label);
	width = room - (int)strlen(line) - (int)strlen(parts) - 3;
	if (c->bar && v->total > 0 && width < BAR_MIN)
		return false;
	if (c->bar && v->total > 0)
		add_bar(line, v, width < BAR_MAX ? width : BAR_MAX);
	add(line, "%s", parts);
	return (int)strlen(line) <= room;
}

/* Writes a line of at most `room` characters: as many whole parts as fit, the most
 * important first. The first part is truncated if even that does not fit. */
static void draw_line(char line[MAX_LINE], const struct view *v, int room)
{
	char more[MAX_LINE];
	struct choice c;

	choose(v->note, 0, &c);
	if (!compose(line, v, &c, room))
		line[room > 0 && room < MAX_LINE ? room : 0] = '\0';
	for (size_t count = 1; choose(v->note, count, &c); count++) {
		if (!compose(more, v, &c, room))
			break;
		memcpy(line, more, sizeof more);
	}
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
	struct view v = { p->label, unit, note ? note : "", done, p->total, 0 };
	char line[MAX_LINE];
	uint64_t now;

	if (!p->on || (now = cnn_clock_ns()) - p->last_ns < INTERVAL_NS)
		return;
	p->last_ns = now;
	v.seconds = (double)(now - p->start_ns) * 1e-9;
	draw_line(line, &v, columns() - 1);
	cnn_status_line_show(line);
}

void cnn_progress_end(struct cnn_progress *p)
{
	if (p->on)
		cnn_status_line_hide();
	p->on = false;
}
