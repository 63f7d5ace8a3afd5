/* apart.c - the cases of one kernel, in a process of their own. */
#include "apart.h"
#include "case.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 60	 /* of one case */
#define FAILURES_SHOWN 5 /* without -v */

/* What the child leaves behind, however it ends. */
struct share {
	unsigned cases, failures;
	const char *volatile doing; /* the plugin's function */
	char what[300];		    /* the case */
	bool done;
	/* Not the plugin's: then nothing else here counts */
	struct cnn_error error;
	bool net_used[APART_NETS];
	char net_error[APART_NETS][200];
	unsigned hidden; /* failures that are not in details */
	size_t used;
	char details[1 << 18];
};

struct child {
	struct trial trial; /* comes first, for report() and begin() */
	struct share *share;
	const struct apart *apart;
	struct subject subject;
	char shown[FAILURES_SHOWN][200]; /* reasons of failures */
	unsigned shown_count;
};

/* --- in the child ----------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void write_line(struct share *s,
    const char *fmt, ...)
{
	const size_t room = sizeof(s->details) - s->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->details + s->used, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		s->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* Without -v a few failures are shown, and each reason once. */
static bool is_shown(struct child *c, const char *text)
{
	const size_t n = strlen(c->share->what);
	const char *reason = strncmp(text, c->share->what, n) == 0 ? text + n : text;

	if (c->apart->verbose)
		return true;
	for (unsigned i = 0; i < c->shown_count; i++)
		if (strncmp(c->shown[i], reason, sizeof(c->shown[i]) - 1) == 0)
			return false;
	if (c->shown_count == FAILURES_SHOWN)
		return false;
	snprintf(c->shown[c->shown_count++], sizeof(c->shown[0]), "%s", reason);
	return true;
}

static void report(struct trial *t, bool good, const char *text)
{
	struct child *c = (struct child *)t;
	struct share *s = c->share;

	s->failures += !good;
	if (good ? c->apart->verbose : is_shown(c, text))
		write_line(s, "      %s%s\n", good ? "ok: " : "", text);
	else
		s->hidden += !good;
}

static void begin(struct trial *t, const char *what)
{
	struct child *c = (struct child *)t;

	snprintf(c->share->what, sizeof(c->share->what), "%s", what);
	c->share->doing = NULL;
	alarm(SECONDS);
}

static void try_case(struct child *c, const struct test_case *tried)
{
	struct layer_chain chain;
	struct cnn_error e = { 0 };
	unsigned before = c->share->failures;

	if (c->share->error.code != CNN_OK)
		return;
	if (chain_parse(&chain, c->trial.plugins, tried->net, tried->inputs, &e) !=
	    CNN_OK)
		claim_failed(&c->trial, &e, "%s of %s", tried->net, tried->inputs);
	else
		c->share->cases += check_case(&c->trial, &c->subject, &chain, tried);
	/* One whose every call failed was tried, too. */
	if (c->share->cases == 0 && c->share->failures > before)
		c->share->cases = 1;
}

/* Has this net the kernel's run? */
static bool is_run(struct child *c, const char *net, const char *inputs,
    const char *run)
{
	struct layer_chain chain;
	struct cnn_error e = { 0 };
	char name[200];

	if (chain_parse(&chain, c->trial.plugins, net, inputs, &e) != CNN_OK) {
		trial_ran_out(&c->trial, &e);
		return false;
	}
	chain_run_name(&chain, name, sizeof(name));
	return strcmp(name, run) == 0;
}

/* The cases that the author gave. */
static void try_nets(struct child *c, const char *run)
{
	const struct apart *a = c->apart;

	for (size_t i = 0; i < a->net_count; i++) {
		struct case_list list = { 0 };
		struct cnn_error e = { 0 };

		if (make_cases_of(&list, c->trial.plugins, a->nets[i], a->inputs[i],
			&e) != CNN_OK &&
		    !trial_ran_out(&c->trial, &e))
			snprintf(c->share->net_error[i], sizeof(c->share->net_error[i]),
			    "%.199s", e.text);
		for (size_t k = 0; k < list.count; k++) {
			if (!is_run(c, list.cases[k].net, list.cases[k].inputs, run))
				continue;
			c->share->net_used[i] = true;
			try_case(c, &list.cases[k]);
		}
		case_list_free(&list);
	}
}

static void try_kernel(struct child *c, const struct cnn_kernel *kernel)
{
	struct case_list list = { 0 };
	struct cnn_error e = { 0 };
	size_t known = 0;

	c->subject = c->trial.subject;
	c->subject.kernel = kernel;
	c->subject.doing = &c->share->doing;
	begin(&c->trial, kernel->run);
	for (size_t i = 0; i < test_case_count; i++)
		if (is_run(c, test_cases[i].net, test_cases[i].inputs, kernel->run)) {
			try_case(c, &test_cases[i]);
			known++;
		}
	if (known == 0 &&
	    make_cases(&list, c->trial.plugins, kernel->run, &e) != CNN_OK &&
	    !trial_ran_out(&c->trial, &e) && c->apart->net_count == 0)
		claim(&c->trial, false, "%s", e.text);
	for (size_t i = 0; i < list.count; i++)
		try_case(c, &list.cases[i]);
	known += list.count;
	case_list_free(&list);
	try_nets(c, kernel->run);
	if (c->share->cases == 0 && c->share->failures == 0)
		claim(&c->trial, false,
		    "it takes none of %zu cases (its cost is 0): give "
		    "one that it takes with --net and --input",
		    known);
}

/* A definition alone: shapes, parameters, operations. */
static void try_definition(struct child *c, const char *type)
{
	struct case_list list = { 0 };
	struct cnn_error e = { 0 };

	begin(&c->trial, type);
	if (make_cases(&list, c->trial.plugins, type, &e) != CNN_OK &&
	    !trial_ran_out(&c->trial, &e))
		claim(&c->trial, false, "%s", e.text);
	for (size_t i = 0; i < list.count; i++) {
		struct layer_chain chain;
		double flops = 0;

		begin(&c->trial, list.cases[i].net);
		c->share->cases++;
		if (chain_parse(&chain, c->trial.plugins, list.cases[i].net,
			list.cases[i].inputs, &e) != CNN_OK) {
			claim_failed(&c->trial, &e, "%s of %s", list.cases[i].net,
			    list.cases[i].inputs);
			continue;
		}
		if (chain.defs[0]->flops)
			flops = chain.defs[0]->flops(&chain.nodes[0]);
		claim(&c->trial, isfinite(flops) && flops >= 0,
		    "%s of %s: %g operations", list.cases[i].net, list.cases[i].inputs,
		    flops);
	}
	case_list_free(&list);
}

_Noreturn static void run_child(struct apart *a, struct share *share,
    const struct cnn_kernel *kernel, const char *type)
{
	static const int fatal[] = { SIGALRM, SIGSEGV, SIGBUS, SIGABRT, SIGFPE,
		SIGILL };
	struct child c = {
		.trial = { .plugins = a->plugins,
		    .oracle = a->oracle,
		    .device = a->plugin->device,
		    .provider = a->plugin->provider,
		    .title = "",
		    .no_gradients = a->no_gradients,
		    .error = &share->error,
		    .report = report,
		    .begin = begin },
		.share = share,
		.apart = a,
	};

	prctl(PR_SET_DUMPABLE, 0); /* no file core */
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], SIG_DFL);
	if (!kernel)
		try_definition(&c, type);
	else if (trial_open(&c.trial, a->isa, &share->error) == CNN_OK) {
		try_kernel(&c, kernel);
		begin(&c.trial, "the end");
		trial_close(&c.trial);
	}
	share->done = true;
	_exit(0);
}

/* --- in the parent ---------------------------------------------------------------- */

/* A process that ended early is a failure of the plugin. SIGKILL is not: it comes from
 * the operating system when memory runs out, or from somebody else. */
static int say_end(struct share *s, int status, struct cnn_error *e)
{
	const char *doing = s->doing ? s->doing : "a function of the definition";

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return cnn_fail(e, CNN_ENOMEM,
		    "%s: the process was killed (out of memory?)", s->what);
	s->failures++;
	if (s->cases == 0)
		s->cases = 1;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		write_line(s, "      %s: %s did not return within %d s\n", s->what,
		    doing, SECONDS);
	else if (WIFSIGNALED(status))
		write_line(s, "      %s: %s crashed: %s\n", s->what, doing,
		    strsignal(WTERMSIG(status)));
	else
		write_line(s, "      %s: %s ended the process with exit status %d\n",
		    s->what, doing, WEXITSTATUS(status));
	return CNN_OK;
}

static int wait_for(pid_t pid, int *status)
{
	pid_t r;

	while ((r = waitpid(pid, status, 0)) < 0 && errno == EINTR)
		;
	return r < 0 ? -1 : 0;
}

int check_apart(struct apart *a, const struct cnn_kernel *kernel, const char *type,
    struct verdict *v, struct cnn_error *e)
{
	struct share *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0, r = CNN_OK;
	pid_t pid;

	*v = (struct verdict){ 0 };
	if (s == MAP_FAILED)
		return cnn_fail_errno(e, errno, "a process");
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_child(a, s, kernel, type);
	if (pid < 0 || wait_for(pid, &status) != 0) {
		r = cnn_fail_errno(e, errno, "a process");
		munmap(s, sizeof(*s));
		return r;
	}
	if (s->error.code != CNN_OK)
		r = cnn_fail(e, s->error.code, "%s", s->error.text);
	else if (!s->done)
		r = say_end(s, status, e);
	if (r != CNN_OK) {
		munmap(s, sizeof(*s));
		return r;
	}
	if (s->hidden > 0)
		write_line(s, "      and %u more (-v shows all)\n", s->hidden);
	for (size_t i = 0; i < a->net_count; i++) {
		a->net_used[i] |= s->net_used[i];
		if (*s->net_error[i])
			memcpy(a->net_error[i], s->net_error[i],
			    sizeof(a->net_error[i]));
	}
	v->cases = s->cases;
	v->failures = s->failures;
	v->details = strndup(s->details, s->used);
	munmap(s, sizeof(*s));
	return v->details ? CNN_OK : cnn_fail_errno(e, ENOMEM, "a process");
}
