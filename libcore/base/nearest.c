/* nearest.c - see nearest.h. */
#include "nearest.h"

#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance. Both lengths are below CNN_NEAREST_WORD. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	/* Row i has the distances of the first i characters of a to each start of b. The
	 * current row and the two above it are kept. */
	size_t rows[3][CNN_NEAREST_WORD];

	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		const size_t *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = least(above[j], row[j - 1]) + 1;
			row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], second[j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

void cnn_nearest_init(struct cnn_nearest *near, const char *wrong)
{
	*near = (struct cnn_nearest){ .wrong = wrong };
	near->distance = strlen(wrong) / 4 + 2; /* a word must be nearer */
}

static void offer(struct cnn_nearest *near, const char *word, size_t size)
{
	const size_t wrong = strlen(near->wrong);
	size_t d;

	if (wrong >= CNN_NEAREST_WORD || size >= CNN_NEAREST_WORD)
		return;
	d = distance(near->wrong, wrong, word, size);
	/* Words that share no character are not near. */
	if (d >= near->distance || d >= wrong || d >= size)
		return;
	near->distance = d;
	memcpy(near->word, word, size);
	near->word[size] = '\0';
}

void cnn_nearest_offer(struct cnn_nearest *near, const char *word)
{
	offer(near, word, strlen(word));
}

void cnn_nearest_offer_choices(struct cnn_nearest *near, const char *choices)
{
	while (*choices) {
		size_t n = strcspn(choices, "|");

		offer(near, choices, n);
		choices += n + (choices[n] == '|');
	}
}

const char *cnn_nearest_hint(struct cnn_nearest *near, const char *prefix)
{
	near->hint[0] = '\0';
	if (*near->word)
		snprintf(near->hint, sizeof near->hint, " (did you mean %.8s%s?)",
		    prefix, near->word);
	return near->hint;
}
