/* fuzz-net - the net language, up to a net that is run and trained.
 *
 * A net that exceeds the limit is refused before it is allocated. */
#include "fuzz.h"

#include "net/model.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cnn_plugins *plugins = fuzz_plugins();
	struct cnn_error e = { 0 };
	struct cnn_net *net = NULL;
	struct cnn_graph *g = NULL;
	struct cnn_model *m = NULL;
	const char *text = (const char *)data;
	int parsed, built, made;

	/* A type may be the name of a plugin, which is then opened and stays open. */
	fuzz_begin(64 * size, FUZZ_COMPUTE);
	parsed = cnn_net_parse(&net, "x.net", text, size, &e);
	fuzz_check((parsed < 0) == !net && (parsed < 0) == (e.code != 0), "net");
	cnn_net_free(net);
	e = (struct cnn_error){ 0 };
	built = cnn_graph_build(&g, "x.net", text, size, plugins, &e);
	fuzz_check((built < 0) == !g && (built < 0) == (e.code != 0), "graph");
	fuzz_check(parsed == CNN_OK || built < 0, "a graph of a text that is no net");
	fuzz_check(!g || (g->text_size == size && memcmp(g->text, text, size) == 0),
	    "the text is not kept");
	cnn_graph_free(g);
	e = (struct cnn_error){ 0 };
	made = cnn_model_new(&m, "x.net", text, size, plugins, 1, FUZZ_MODEL, &e);
	fuzz_check((made < 0) == !m && (made < 0) == (e.code != 0), "model");
	if (m)
		fuzz_model(m);
	cnn_model_free(m);
	fuzz_end();
	return 0;
}
