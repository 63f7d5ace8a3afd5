/* make-cases.c - cases made from the definitions of a run's layers. */
#include "cases.h"
#include "chain.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CASES 150 /* of a run */
#define MOST_OPTIONS 8 /* of an argument */
#define SHAPES_EACH 2  /* of a net that differs in one argument */

/* Those that an infer() refuses are passed over. */
static const char *const shapes[] = { "7", "3x8x7", "1x5x5", "2x3x4" };
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

struct options {
	size_t count;
	char text[MOST_OPTIONS][32];
};

__attribute__((format(printf, 2, 3))) static void add_option(struct options *o,
    const char *fmt, ...)
{
	char text[32];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < o->count; i++)
		if (strcmp(o->text[i], text) == 0)
			return;
	if (o->count < MOST_OPTIONS)
		memcpy(o->text[o->count++], text, sizeof(text));
}

static bool fits(const struct cnn_arg *a, double x)
{
	return x >= a->min && x <= a->max;
}

static void whole_options(struct options *o, const struct cnn_arg *a)
{
	const char *const pairs[] = { "2x3", "3x1" },
			  *const lists[] = { "1,2", "2,1,1,2" };

	if (fabs(a->min) <= 1000)
		add_option(o, "%.0f", a->min);
	for (int i = 1; i <= 3; i++)
		if (fits(a, i))
			add_option(o, "%d", i);
	for (int i = 0; i < 2 && fits(a, 1) && fits(a, 3) && a->type == CNN_ARG_PAIR;
	     i++)
		add_option(o, "%s", pairs[i]);
	for (int i = 0; i < 2 && fits(a, 1) && fits(a, 2) && a->type == CNN_ARG_LIST;
	     i++)
		add_option(o, "%s", lists[i]);
}

static void real_options(struct options *o, const struct cnn_arg *a)
{
	const double tried[] = { a->min, 0.3, 2, a->max };

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
		if (fits(a, tried[i]) && fabs(tried[i]) <= 100)
			add_option(o, "%.9g", tried[i]);
}

static void choice_options(struct options *o, const struct cnn_arg *a)
{
	for (const char *c = a->choices; *c; c += strcspn(c, "|"), c += *c == '|')
		add_option(o, "%.*s", (int)strcspn(c, "|"), c);
}

/* A few values of an argument, the smallest first. */
static struct options options_of(const struct cnn_arg *a)
{
	struct options o = { 0 };

	if (a->type == CNN_ARG_BOOL) {
		add_option(&o, "false");
		add_option(&o, "true");
	} else if (a->type == CNN_ARG_CHOICE) {
		choice_options(&o, a);
	} else if (a->type == CNN_ARG_FLOAT) {
		real_options(&o, a);
	} else {
		whole_options(&o, a);
	}
	return o;
}

/* --- nets ------------------------------------------------------------------------- */

struct maker {
	struct case_list *list;
	struct cnn_plugins *plugins;
	const struct cnn_layer_def *defs[CNN_MAX_RUN];
	uint32_t count;
	struct cnn_error misfit; /* why a net did not take some inputs */
};

/* net = the run's layers; required arguments have their option number `base`, and
 * argument a of node i has the text `value`, if there is one. */
static void write_net(const struct maker *m, size_t base, uint32_t i, uint32_t a,
    const char *value, char *net, size_t size)
{
	size_t n = 0;

	for (uint32_t k = 0; k < m->count && n < size; k++) {
		const struct cnn_layer_def *d = m->defs[k];

		n += (size_t)snprintf(net + n, size - n, "%s%s", k ? " | " : "",
		    d->type);
		for (uint32_t j = 0; j < d->arg_count && n < size; j++) {
			const struct options o = options_of(&d->args[j]);
			const char *text = NULL;

			if (value && k == i && j == a)
				text = value;
			else if (d->args[j].required && o.count > 0)
				text = o.text[base < o.count ? base : o.count - 1];
			if (text)
				n += (size_t)snprintf(net + n, size - n, " %s=%s",
				    d->args[j].name, text);
		}
	}
}

/* Adds a case if the net takes these inputs. */
static int add_case(struct case_list *list, struct cnn_plugins *plugins,
    const char *net, const char *inputs, struct cnn_error *e)
{
	struct test_case *cases, *made;
	struct layer_chain c;
	int r;

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->cases[i].net, net) == 0 &&
		    strcmp(list->cases[i].inputs, inputs) == 0)
			return CNN_OK;
	if ((r = chain_parse(&c, plugins, net, inputs, e)) != CNN_OK)
		return r;
	for (uint32_t i = 0; i < c.input_count; i++)
		if (chain_count(&c.inputs[i]) == 0)
			return cnn_fail(e, CNN_EDATA, "%s: an empty shape", inputs);
	cases = reallocarray(list->cases, list->count + 1, sizeof(*cases));
	if (!cases)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	list->cases = cases;
	made = &cases[list->count];
	*made = (struct test_case){ .net = strdup(net),
		.inputs = strdup(inputs),
		.samples = 3,
		.microbatch = 2,
		.values = DISTINCT };
	if (!made->net || !made->inputs) {
		free((char *)made->net);
		free((char *)made->inputs);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	list->count++;
	return CNN_OK;
}

/* Adds a case if the net takes these inputs; then *added grows. An error if memory runs
 * out. */
static int try_shape(struct maker *m, const char *net, const char *inputs,
    size_t *added, struct cnn_error *e)
{
	struct cnn_error why = { 0 };
	int r = add_case(m->list, m->plugins, net, inputs, &why);

	if (r == CNN_ENOMEM)
		return cnn_fail(e, r, "%s", why.text);
	if (r == CNN_OK)
		++*added;
	else
		cnn_fail(&m->misfit, r, "%s", why.text);
	return CNN_OK;
}

/* Adds cases of the first `most` shapes that fit, in each number of inputs. *added (may
 * be NULL): how many. An error if memory runs out. */
static int add_shapes(struct maker *m, const char *net, size_t most, size_t *added,
    struct cnn_error *e)
{
	const struct cnn_layer_def *first = m->defs[0];
	const bool loss = first->flags & CNN_LAYER_LOSS; /* a target is added */
	const uint32_t least = loss ? 1 : first->min_inputs;
	const uint32_t counts[] = { least, least + 1, first->max_inputs };
	size_t all = 0;
	int r = CNN_OK;

	for (size_t k = 0; k < (loss ? 1 : 3); k++) {
		size_t of_count = 0;

		if (counts[k] > first->max_inputs || (k == 2 && counts[2] <= least + 1))
			continue;
		for (size_t i = 0; r == CNN_OK && i < SHAPES && of_count < most &&
		     m->list->count < MOST_CASES;
		     i++) {
			char inputs[100] = "";
			size_t n = 0;

			for (uint32_t j = 0; j < counts[k]; j++)
				n += (size_t)snprintf(inputs + n, sizeof(inputs) - n,
				    "%s%s", j ? " " : "", shapes[i]);
			r = try_shape(m, net, inputs, &of_count, e);
		}
		all += of_count;
	}
	if (added)
		*added = all;
	return r;
}

static int find_layers(struct maker *m, const char *run, struct cnn_error *e)
{
	char text[256], *save = NULL;
	int r = CNN_OK;

	snprintf(text, sizeof(text), "%s", run);
	for (char *type = strtok_r(text, "+", &save); type && r == CNN_OK;
	     type = strtok_r(NULL, "+", &save)) {
		if (m->count == CNN_MAX_RUN)
			return cnn_fail(e, CNN_EPLUGIN, "%s: a run of too many layers",
			    run);
		r = cnn_layer_find(m->plugins, type, &m->defs[m->count++], e);
	}
	return r;
}

int make_cases(struct case_list *list, struct cnn_plugins *plugins, const char *run,
    struct cnn_error *e)
{
	struct maker m = { .list = list, .plugins = plugins };
	const size_t before = list->count;
	size_t base = 0, added;
	bool found = false;
	char net[400];
	int r = find_layers(&m, run, e);

	if (r != CNN_OK)
		return r;
	for (size_t k = 0; k < 3; k++) {
		write_net(&m, k, 0, 0, NULL, net, sizeof(net));
		if ((r = add_shapes(&m, net, SHAPES, &added, e)) != CNN_OK)
			return r;
		if (added > 0 && !found) {
			base = k;
			found = true;
		}
	}
	for (uint32_t i = 0; i < m.count; i++)
		for (uint32_t a = 0; a < m.defs[i]->arg_count; a++) {
			const struct options o = options_of(&m.defs[i]->args[a]);

			for (size_t k = 0; k < o.count; k++) {
				write_net(&m, base, i, a, o.text[k], net, sizeof(net));
				r = add_shapes(&m, net, SHAPES_EACH, NULL, e);
				if (r != CNN_OK)
					return r;
			}
		}
	return list->count > before ?
	    CNN_OK :
	    cnn_fail(e, CNN_EDATA,
		"no case fits its definition (%s): give one with --net and --input",
		m.misfit.text);
}

int make_cases_of(struct case_list *list, struct cnn_plugins *plugins, const char *net,
    const char *inputs, struct cnn_error *e)
{
	struct maker m = { .list = list, .plugins = plugins, .count = 1 };
	size_t added = 0;
	char type[64];
	int r;

	if (inputs)
		return add_case(list, plugins, net, inputs, e);
	net += strspn(net, " ");
	snprintf(type, sizeof(type), "%.*s", (int)strcspn(net, " |"), net);
	r = cnn_layer_find(plugins, type, &m.defs[0], e);
	if (r == CNN_OK)
		r = add_shapes(&m, net, SHAPES, &added, e);
	if (r == CNN_OK && added == 0)
		r = cnn_fail(e, m.misfit.code, "%s", m.misfit.text);
	return r;
}

void case_list_free(struct case_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free((char *)list->cases[i].net);
		free((char *)list->cases[i].inputs);
	}
	free(list->cases);
	*list = (struct case_list){ 0 };
}
