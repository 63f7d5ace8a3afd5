/* choice.h - one of several words. */
#ifndef CNN_CHOICE_H
#define CNN_CHOICE_H

/* The number, from 0, of the word in choices, "nearest|bilinear"; -1: it is none of
 * them. */
int cnn_choice_find(const char *choices, const char *word);

#endif
