/* log.c - see log.h. */
#include "log.h"

#include "base/printable.h"

#include <math.h>
#include <stdio.h>

void log_begin(struct train_log *l, const struct cnn_program *program, uint64_t samples)
{
	*l = (struct train_log){ .program = program, .stream = samples == 0 };
	l->start_ns = l->mark_ns = cnn_clock_ns();
	cnn_progress_start(&l->progress, "train", samples);
}

/* Adds a step to the means. A skipped step has gradients that overflowed, and possibly a
 * loss that is not finite. */
static void count(struct train_log *l, const struct cnn_train_status *s)
{
	const double weight = l->counted ? 0.02 : 1;
	const double samples = (double)s->samples;

	l->loss += weight * (s->loss - l->loss);
	l->accuracy += weight * (s->accuracy - l->accuracy);
	l->part.loss += samples * s->loss;
	l->part.accuracy += samples * s->accuracy;
	l->part.counted += s->samples;
	l->counted += s->samples;
}

void log_step(struct train_log *l, const struct cnn_train_status *s)
{
	char note[120];
	int n = 0;

	if (!s->skipped)
		count(l, s);
	l->part.steps++;
	l->part.samples += s->samples;
	l->steps++;
	l->samples += s->samples;
	l->step = s->step;
	l->epoch = s->epoch;
	if (!l->stream)
		n = snprintf(note, sizeof note, "epoch %llu  ",
		    (unsigned long long)s->epoch + !s->epoch_ends);
	snprintf(note + n, sizeof note - (size_t)n, "loss %.4f  acc %.2f%%",
	    cnn_printable_number(l->loss), 100 * l->accuracy);
	cnn_progress_update(&l->progress, l->samples, "samples", note);
}

void log_pause(struct train_log *l)
{
	if (l->mark_ns)
		l->busy_ns += cnn_clock_ns() - l->mark_ns;
	l->mark_ns = 0;
}

void log_resume(struct train_log *l)
{
	l->mark_ns = cnn_clock_ns();
}

static double mean(double sum, uint64_t count)
{
	return cnn_printable_number(count ? sum / (double)count : (double)NAN);
}

/* Prints the line of the current part and begins the next one. */
static void print_part(struct train_log *l, const char *what,
    const struct cnn_evaluation *val)
{
	const struct log_part *p = &l->part;
	char validation[120] = "";

	log_pause(l);
	if (val)
		snprintf(validation, sizeof validation,
		    ", validation loss %.4f, validation accuracy %.2f %%",
		    cnn_evaluation_loss(val), 100 * cnn_evaluation_accuracy(val));
	cnn_message(l->program, 1,
	    "%s%llu step%s, loss %.4f, accuracy %.2f %%%s, %.0f samples/s", what,
	    (unsigned long long)p->steps, p->steps == 1 ? "" : "s",
	    mean(p->loss, p->counted), 100 * mean(p->accuracy, p->counted), validation,
	    l->busy_ns ? 1e9 * (double)p->samples / (double)l->busy_ns : 0);
	l->part = (struct log_part){ 0 };
	l->busy_ns = 0;
}

void log_epoch(struct train_log *l, const struct cnn_evaluation *val)
{
	char what[40];

	snprintf(what, sizeof what, "epoch %llu: ", (unsigned long long)l->epoch);
	print_part(l, what, val);
}

void log_end(struct train_log *l)
{
	char what[60] = "";

	cnn_progress_end(&l->progress);
	l->total_ns = cnn_clock_ns() - l->start_ns;
	if (l->part.steps == 0)
		return;
	if (!l->stream)
		snprintf(what, sizeof what,
		    "epoch %llu, unfinished: ", (unsigned long long)l->epoch + 1);
	print_part(l, what, NULL);
}

void log_summary(const struct train_log *l)
{
	char epochs[60] = "";

	if (l->steps == 0)
		return;
	if (!l->stream)
		snprintf(epochs, sizeof epochs, "%llu epoch%s, ",
		    (unsigned long long)l->epoch, l->epoch == 1 ? "" : "s");
	cnn_message(l->program, 1, "finished: %s%llu step%s; %llu samples in %.1f s",
	    epochs, (unsigned long long)l->step, l->step == 1 ? "" : "s",
	    (unsigned long long)l->samples, (double)l->total_ns * 1e-9);
}
