/* Words that were meant by misspelt ones. */
#include "tap.h"

#include "base/nearest.h"

#include <string.h>

static void suggests(const char *wrong, const char *choices, const char *want)
{
	struct cnn_nearest near;

	cnn_nearest_init(&near, wrong);
	cnn_nearest_offer_choices(&near, choices);
	if (!ok(strcmp(near.word, want) == 0, "%s of %s: %s", wrong, choices,
		*want ? want : "none"))
		printf("# got %s\n", near.word);
}

int main(void)
{
	const char *layers =
	    "conv2d|linear|relu|tanh|maxpool2d|avgpool2d|cross_entropy";
	char longest[200];
	struct cnn_nearest near;

	suggests("con2d", layers, "conv2d");
	suggests("conv22d", layers, "conv2d");
	suggests("conv3d", layers, "conv2d");
	suggests("conv", layers, "conv2d");
	suggests("linaer", layers, "linear");
	suggests("tnah", layers, "tanh");
	suggests("maxpool", layers, "maxpool2d");
	suggests("crossentropyloss", layers, "cross_entropy");
	suggests("sdg", "adam|sgd", "sgd");
	suggests("dense", layers, "");
	suggests("", layers, "");
	suggests("x", "a|b", "");
	suggests("lion", "adam|sgd", "");
	suggests("bd", "ab|bc|abd", "bc"); /* the first of equals */
	suggests("abcde", "abxde|abcd|abcdf|bcde", "abxde");
	suggests("abcde", "abcdxf|abcd", "abcd"); /* the nearer, though later */
	suggests("ca", "abc|ac", "ac");

	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	suggests(longest, "aaa", "");
	suggests("aaa", longest, "");
	longest[64] = '\0';
	suggests(longest, longest + 1, "");
	longest[63] = '\0';
	suggests(longest, longest + 1, longest + 1);

	cnn_nearest_init(&near, "relv");
	ok(!strcmp(cnn_nearest_hint(&near, "--"), ""), "no hint without a word");
	cnn_nearest_offer(&near, "tanh");
	cnn_nearest_offer(&near, "relu");
	ok(!strcmp(cnn_nearest_hint(&near, "--"), " (did you mean --relu?)"), "a hint");
	return done();
}
