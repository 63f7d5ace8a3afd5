/* choice.h - one of several words. */
#ifndef CNN_CHOICE_H
#define CNN_CHOICE_H

/* Returns the index, from 0, of the word in choices ("nearest|bilinear"), or -1 if it
 * is not one of them. */
int cnn_choice_find(const char *choices, const char *word);

#endif
