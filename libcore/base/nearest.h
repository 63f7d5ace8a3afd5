/* nearest.h - suggests the word that was meant by a misspelt one. */
#ifndef CNN_NEAREST_H
#define CNN_NEAREST_H

#include <stddef.h>

#define CNN_NEAREST_WORD 64 /* bytes of a word, with its NUL; longer ones are ignored */

struct cnn_nearest {
	const char *wrong;	     /* borrowed */
	char word[CNN_NEAREST_WORD]; /* the nearest so far, "" if none is near */
	size_t distance;	     /* of that word */
	char hint[CNN_NEAREST_WORD + 40];
};

void cnn_nearest_init(struct cnn_nearest *, const char *wrong);
/* Keeps the word if it is near and nearer than those before: if few insertions,
 * deletions, replacements of a character and swaps of two neighbours make it the same.
 * One is few; for each four characters of the wrong word, one more. */
void cnn_nearest_offer(struct cnn_nearest *, const char *word);
/* Offers each word of a list such as "nearest|bilinear". */
void cnn_nearest_offer_choices(struct cnn_nearest *, const char *choices);
/* " (did you mean PREFIXword?)", or "" if no word is near. Valid as long as the
 * struct. */
const char *cnn_nearest_hint(struct cnn_nearest *, const char *prefix);

#endif
