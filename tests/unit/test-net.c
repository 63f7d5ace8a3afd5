/* The net language as text: the meaning of its lines, and every error with its line
 * number. */
#include "tap.h"

#include "net/net.h"

#include <stdlib.h>
#include <string.h>

static struct cnn_net *parse(const char *text, struct cnn_error *e)
{
	struct cnn_net *net = NULL;

	*e = (struct cnn_error){ 0 };
	if (cnn_net_parse(&net, "x.net", text, strlen(text), e) < 0 && net)
		ok(false, "a net came with an error");
	return net;
}

static void refused(const char *text, const char *why)
{
	struct cnn_error e;
	struct cnn_net *net = parse(text, &e);

	if (!ok(!net && e.code == CNN_EDATA && !strcmp(e.text, why), "%s", why))
		printf("# said: %s\n", net ? "(it was taken)" : e.text);
	cnn_net_free(net);
}

static bool pair_is(const struct cnn_net_line *l, size_t i, const char *key,
    const char *value)
{
	return i < l->pair_count && !strcmp(l->pairs[i].key, key) &&
	    !strcmp(l->pairs[i].value, value);
}

static void test_lines(void)
{
	struct cnn_error e;
	struct cnn_net *n = parse("# a comment\n"
				  "\n"
				  "input 1x28x28     # the shape is a bare word\r\n"
				  "\tconv1: conv2d   out=32\tkernel=3x5 \n"
				  "relu#at once\n"
				  "skip: relu from=conv1\n"
				  "add from=relu1,skip,relu1\n"
				  "relu",
	    &e);

	if (!ok(n && n->count == 6, "blank lines and comments are none: six lines"))
		return;
	ok(n->lines[0].number == 3 && n->lines[1].number == 4 &&
		n->lines[5].number == 8,
	    "lines know their numbers");
	ok(!strcmp(n->lines[0].name, "input") && !strcmp(n->lines[0].type, "input") &&
		n->lines[0].pair_count == 1 &&
		pair_is(&n->lines[0], 0, "", "1x28x28") && n->lines[0].from_count == 0,
	    "the input is fed by nothing");
	ok(!strcmp(n->lines[1].name, "conv1") && !strcmp(n->lines[1].type, "conv2d") &&
		n->lines[1].pair_count == 2 && pair_is(&n->lines[1], 0, "out", "32") &&
		pair_is(&n->lines[1], 1, "kernel", "3x5"),
	    "a name, a type, its keys");
	ok(n->lines[1].from_count == 1 && n->lines[1].from[0] == 0,
	    "what says nothing comes from the line before");
	ok(!strcmp(n->lines[2].name, "relu1") && !strcmp(n->lines[5].name, "relu3"),
	    "a layer without a name is called by its type and number");
	ok(n->lines[3].from_count == 1 && n->lines[3].from[0] == 1 &&
		n->lines[3].pair_count == 0,
	    "from= names another");
	ok(n->lines[4].from_count == 3 && n->lines[4].from[0] == 2 &&
		n->lines[4].from[1] == 3 && n->lines[4].from[2] == 2,
	    "from= names several, in their order");
	cnn_net_free(n);
	n = parse("input 4\ninput 5 field=b\nadd from=input,input2\n", &e);
	ok(n && n->count == 3 && !strcmp(n->lines[1].name, "input2") &&
		n->lines[1].from_count == 0 && pair_is(&n->lines[1], 1, "field", "b") &&
		n->lines[2].from[1] == 1,
	    "a second input");
	cnn_net_free(n);
	cnn_net_free(NULL);
}

static void test_errors(void)
{
	refused("", "x.net: the net has no layers");
	refused("# nothing\n\n", "x.net: the net has no layers");
	refused("\nrelu\n", "x.net:2: the first layer must be the input: input CxHxW");
	refused("input 4\nrelu\nt: input 4 from=input\n",
	    "x.net:3: an input takes no from=");
	refused("input 4\nRelu\n", "x.net:2: Relu: layer types are lower case: relu");
	refused("input 4\na: MaxPool2d\n",
	    "x.net:2: MaxPool2d: layer types are lower case: maxpool2d");
	refused("input 4\nRe-lu\n", "x.net:2: Re-lu: invalid layer type");
	refused("input 4\n../x\n", "x.net:2: ../x: invalid layer type");
	refused("input 4\n2conv\n", "x.net:2: 2conv: invalid layer type");
	refused("input 4\nout=3 linear\n", "x.net:2: out=3: invalid layer type");
	refused("input 4\nfc: \n", "x.net:2: fc: the layer type is missing");
	refused("input 4\nf@c: relu\n",
	    "x.net:2: f@c: invalid name: use letters, digits and _.-");
	refused("input 4\n: relu\n",
	    "x.net:2: : invalid name: use letters, digits and _.-");
	refused("input 4\na: b: relu\n", "x.net:2: b:: invalid layer type");
	refused("input 4\na: relu\na: relu\n",
	    "x.net:3: a: this name is already used on line 2");
	refused("input 4\nrelu2: relu\nrelu\n",
	    "x.net:3: relu2: this name is already used on line 2");
	refused("input 4\nlinear out=3 out=4\n", "x.net:2: out= is given twice");
	refused("input 4\nlinear out=\n", "x.net:2: out=: must be key=value");
	refused("input 4\nlinear =3\n", "x.net:2: =3: must be key=value");
	refused("input 4\nrelu from=\n", "x.net:2: from=: needs the name of a layer");
	refused("input 4\nrelu from=,\n", "x.net:2: from=: needs the name of a layer");
	refused("input 4\nrelu from=input from=input\n",
	    "x.net:2: from= is given twice");
	refused("input 4\nrelu from=later\nlater: relu\n",
	    "x.net:2: from=later: no layer above has this name");
	refused("input 4\nfirst: relu\nrelu from=frist\n",
	    "x.net:3: from=frist: no layer above has this name (did you mean first?)");
	refused("input 4\nme: relu from=me\n",
	    "x.net:2: from=me: no layer above has this name");
	refused("input 4 from=input\n",
	    "x.net:1: from=input: no layer above has this name");
}

/* A text of `head` followed by `count` times `part`. */
static char *repeat(const char *head, const char *part, size_t count)
{
	size_t h = strlen(head), n = strlen(part);
	char *text = malloc(h + n * count + 1);

	memcpy(text, head, h);
	for (size_t i = 0; i < count; i++)
		memcpy(text + h + i * n, part, n);
	text[h + n * count] = '\0';
	return text;
}

static void test_bounds(void)
{
	struct cnn_error e = { 0 };
	struct cnn_net *net;
	char *text, *line;

	text = repeat("input 4\n", "relu\n", CNN_MAX_NODES - 1);
	net = parse(text, &e);
	ok(net && net->count == CNN_MAX_NODES &&
		!strcmp(net->lines[1023].name, "relu1023"),
	    "as many layers as are taken");
	cnn_net_free(net);
	free(text);
	text = repeat("input 4\n", "relu\n", CNN_MAX_NODES);
	refused(text, "x.net:1025: more than 1024 layers");
	free(text);

	text = repeat("input 4\nadd from=input", ",input", 63);
	net = parse(text, &e);
	ok(net && net->lines[1].from_count == 64, "from= takes 64 names");
	cnn_net_free(net);
	free(text);
	text = repeat("input 4\nadd from=input", ",input", 64);
	refused(text, "x.net:2: from=: more than 64 names");
	free(text);
	text = repeat("input 4\nrelu", " x", 33);
	refused(text, "x.net:2: more than 32 arguments");
	free(text);

	text = repeat("input 4\n", "n", 101);
	line = repeat(text, ": relu", 1);
	net = parse(line, &e);
	ok(!net && strstr(e.text, "x.net:2: ") == e.text &&
		strstr(e.text, "invalid name"),
	    "a name of 101 bytes is none");
	free(line);
	free(text);
	text = repeat("input 4\n", "n", 100);
	line = repeat(text, ": relu", 1);
	net = parse(line, &e);
	ok(net && strlen(net->lines[1].name) == 100, "one of 100 is");
	cnn_net_free(net);
	free(line);
	free(text);

	text = repeat("input 4\n#", "#", CNN_MAX_NET - 9);
	net = parse(text, &e);
	ok(net && net->count == 1, "64 KiB of text are taken");
	cnn_net_free(net);
	free(text);
	text = repeat("input 4\n#", "#", CNN_MAX_NET - 8);
	refused(text, "x.net: net of 65537 bytes is too large (at most 65536)");
	free(text);
}

static void test_bytes(void)
{
	struct cnn_error e = { 0 };
	struct cnn_net *net = NULL;
	/* No NUL at the end: a sanitizer sees a read past the end. */
	char *text = malloc(12);

	memcpy(text, "input 4\nrelu", 12);
	ok(cnn_net_parse(&net, "x", text, 12, &e) == CNN_OK && net->count == 2,
	    "the size ends the text");
	cnn_net_free(net);
	ok(cnn_net_parse(&net, "x", text, 0, &e) == CNN_EDATA && !net,
	    "none is no net");
	e = (struct cnn_error){ 0 };
	text[5] = '\0';
	ok(cnn_net_parse(&net, "x", text, 12, &e) == CNN_EDATA &&
		!strcmp(e.text, "x: not text"),
	    "a NUL inside is no text");
	/* Every byte value at every position: no crash, and a message if it is
	 * refused. */
	for (int at = 0; at < 12; at++)
		for (int c = 0; c < 256; c++) {
			memcpy(text, "input 4\nrelu", 12);
			text[at] = (char)c;
			e = (struct cnn_error){ 0 };
			if (cnn_net_parse(&net, "x", text, 12, &e) < 0 &&
			    (net || !*e.text))
				ok(false, "byte %d as %d", at, c);
			cnn_net_free(net);
		}
	ok(true, "any byte anywhere does no harm");
	free(text);
}

static void cleaned(const char *text, const char *want)
{
	/* No NUL at the end: a sanitizer sees a read past the end. */
	size_t size = strlen(text), n;
	char *copy = malloc(size ? size : 1);

	for (n = 0; n < size; n++)
		copy[n] = text[n];
	n = cnn_net_clean(copy, size);
	ok(n == strlen(want) && !memcmp(copy, want, n), "clean: %zu bytes of %zu", n,
	    size);
	free(copy);
}

static void test_clean(void)
{
	cleaned("", "");
	cleaned("input 3\n\nrelu", "input 3\n\nrelu");
	cleaned("\xef\xbb\xbfinput 3\r\n\r\nrelu\r", "input 3\n\nrelu");
	cleaned("\xef\xbb\xbf", "");
	cleaned("\xef\xbb", "\xef\xbb");
	cleaned("a\rb\r\n\xef\xbb\xbf", "a\rb\n\xef\xbb\xbf");
}

int main(void)
{
	test_clean();
	test_lines();
	test_errors();
	test_bounds();
	test_bytes();
	return done();
}
