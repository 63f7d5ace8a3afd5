/* codec.c - the list of formats. A new one needs a file and a line here. */
#include "format.h"

#include <stdio.h>
#include <string.h>

const struct cnn_codec *const cnn_codecs[] = {
	&cnn_codec_idx,
	&cnn_codec_npy,
	&cnn_codec_png,
	NULL,
};

const struct cnn_codec *cnn_codec_find(const char *name)
{
	for (size_t i = 0; cnn_codecs[i]; i++)
		if (!strcmp(cnn_codecs[i]->name, name))
			return cnn_codecs[i];
	return NULL;
}

const char *cnn_codec_choices(const char *first)
{
	static char text[256];
	size_t n = (size_t)snprintf(text, sizeof text, "%s", first);

	for (size_t i = 0; cnn_codecs[i] && n < sizeof text; i++)
		if (cnn_codecs[i]->write)
			n += (size_t)snprintf(text + n, sizeof text - n, "|%s",
			    cnn_codecs[i]->name);
	return text;
}

int cnn_codec_sniff(struct cnn_input *in, const struct cnn_codec **codec,
    struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;

	*codec = NULL;
	for (size_t i = 0; cnn_codecs[i]; i++) {
		int r = cnn_input_peek(in, cnn_codecs[i]->probe_bytes, &p, &have, e);

		if (r < 0)
			return r;
		if (cnn_codecs[i]->probe(p, have)) {
			*codec = cnn_codecs[i];
			return CNN_OK;
		}
	}
	return CNN_OK;
}
