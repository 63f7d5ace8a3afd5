/* shuffle.c - shuffles in memory or through a buffer. */
#include "shuffle.h"
#include "formats/operand/columns.h"

#include "base/random.h"
#include <stdlib.h>
#include <string.h>

#define WORDS 256

struct cnn_shuffle {
	struct cnn_columns held;
	struct cnn_columns ready; /* the record being filled */
	size_t step;		  /* samples per record */
	struct cnn_writer *writer;
	uint64_t seed, buffer;
	uint64_t drawn; /* positions in the buffer drawn so far */
	uint32_t words[WORDS];
};

int cnn_shuffle_open(struct cnn_shuffle **shuffle, const struct cnn_header *header,
    struct cnn_writer *writer, uint64_t seed, uint64_t buffer, struct cnn_error *e)
{
	struct cnn_shuffle *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	s->writer = writer;
	s->seed = seed;
	s->buffer = buffer;
	if ((r = cnn_columns_init(&s->held, header, e)) < 0 ||
	    (r = cnn_columns_init(&s->ready, header, e)) < 0) {
		cnn_shuffle_close(s);
		return r;
	}
	s->step = cnn_columns_record_samples(&s->ready);
	*shuffle = s;
	return CNN_OK;
}

void cnn_shuffle_close(struct cnn_shuffle *s)
{
	if (!s)
		return;
	cnn_columns_free(&s->held);
	cnn_columns_free(&s->ready);
	free(s);
}

void cnn_shuffle_expect(struct cnn_shuffle *s, size_t samples)
{
	s->held.expected = s->buffer && samples > s->buffer ? s->buffer : samples;
}

size_t cnn_shuffle_row(const struct cnn_shuffle *s)
{
	return cnn_columns_row(&s->held);
}

size_t cnn_shuffle_room(const struct cnn_shuffle *s)
{
	return s->held.room - s->held.samples;
}

static int flush(struct cnn_shuffle *s, struct cnn_error *e)
{
	struct cnn_record record;

	cnn_columns_view(&s->ready, 0, s->ready.samples, &record);
	s->ready.samples = 0;
	return cnn_writer_record(s->writer, &record, e);
}

/* Draws a position in the full buffer. Random words are generated in blocks. */
static uint32_t draw(struct cnn_shuffle *s)
{
	if (s->drawn % WORDS == 0)
		cnn_random_words(s->seed,
		    cnn_random_stream(CNN_RANDOM_SHUFFLE, "buffer"), 0, s->drawn, WORDS,
		    s->words);
	return (uint32_t)(s->words[s->drawn++ % WORDS] * s->buffer >> 32);
}

/* Puts sample `at` of the record in place of a random one, which is moved to
 * `ready`. */
static int exchange(struct cnn_shuffle *s, const struct cnn_record *record, size_t at,
    struct cnn_error *e)
{
	uint32_t place = draw(s);
	size_t all = s->held.samples;
	int r = cnn_columns_pick(&s->ready, &s->held, &place, 1, e);

	if (r < 0)
		return r;
	s->held.samples = place;
	r = cnn_columns_append(&s->held, record, at, 1, e);
	s->held.samples = all;
	return r == CNN_OK && s->ready.samples == s->step ? flush(s, e) : r;
}

int cnn_shuffle_add(struct cnn_shuffle *s, const struct cnn_record *record,
    struct cnn_error *e)
{
	size_t n = record->samples;
	int r;

	if (s->buffer && n > s->buffer - s->held.samples)
		n = s->buffer - s->held.samples;
	if (n > UINT32_MAX - s->held.samples)
		return cnn_fail(e, CNN_EDATA, "more than %u samples", UINT32_MAX);
	r = cnn_columns_append(&s->held, record, 0, n, e);
	for (; r == CNN_OK && n < record->samples; n++)
		r = exchange(s, record, n, e);
	return r;
}

int cnn_shuffle_end(struct cnn_shuffle *s, struct cnn_error *e)
{
	size_t left = s->held.samples;
	uint32_t *perm = reallocarray(NULL, left + 1, sizeof *perm);
	int r = CNN_OK;

	if (!perm)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	cnn_random_permutation(s->seed, 0, perm, left);
	for (size_t at = 0, n; r == CNN_OK && at < left; at += n) {
		n = s->step - s->ready.samples;
		if (n > left - at)
			n = left - at;
		r = cnn_columns_pick(&s->ready, &s->held, perm + at, n, e);
		if (r == CNN_OK && s->ready.samples == s->step)
			r = flush(s, e);
	}
	if (r == CNN_OK && s->ready.samples)
		r = flush(s, e);
	free(perm);
	return r;
}
