/* choice.c - see choice.h. */
#include "choice.h"

#include <string.h>

int cnn_choice_find(const char *choices, const char *word)
{
	const size_t size = strlen(word);

	for (int number = 0;; number++, choices++) {
		size_t n = strcspn(choices, "|");

		if (n == size && memcmp(choices, word, n) == 0)
			return number;
		choices += n;
		if (*choices == '\0')
			return -1;
	}
}
