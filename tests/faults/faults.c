/* faults - runs one job of a tool, and makes each of its calls fail in turn.
 *
 *     faults [OPTION ...] NAME TOOL [ARG ...]
 *
 *     -s SHIM      shim.so
 *     -f FAULTS    only these: "write=EIO,malloc=ENOMEM"
 *     -n MOST      at most this many runs per fault, spread over the calls; 0: all
 *     -i FILE      standard input
 *     -w FILE      a file that the job writes: always complete or absent
 *     -t FILE      a tensor stream that it rewrites repeatedly: complete or absent
 *     -l FILE      a file that it writes line by line, and that may be cut
 *     -v           its output may vary
 *     -e           an interrupted write may be reported as an error: the job uses
 *                  stdio, which does not resume it
 *     -p           it runs several threads: no mmap, see shim.c
 *     -b TEXT      what it must never print on standard output
 *
 * Runs in the current folder, which holds the job's files and nothing else. The job
 * runs first without a fault, then with call 1 of a kind failing, then call 2, and so
 * on to the last. In every case the tool must end by itself, with exit status 0 and the
 * result of the first run, or with exit status 1 (3 if a plugin was not available) and
 * a message that begins with its name. If its output could not be flushed to the disk,
 * it must fail. It must not end by a signal or take more than some seconds. It leaves
 * only its output files behind, and these complete. Interrupted reads or writes and
 * short ones are no failures: they require exit status 0.
 *
 * Prints one line of TAP per fault, without a plan. Exits 0 if all pass. */
#include "shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOM (1 << 20) /* for a tool's messages, output or file */
#define SECONDS 20     /* after that it counts as hanging */
#define SHOWN 4	       /* failures shown per fault */

struct bytes {
	char data[ROOM];
	size_t size;
	bool there;
};

static const struct fault {
	const char *call, *as;
	bool works;
} faults[] = {
	{ "read", "EIO", false },
	{ "read", "EINTR", true },
	{ "read", "short", true },
	{ "write", "ENOSPC+", false },
	{ "write", "EIO", false },
	{ "write", "EINTR", true },
	{ "write", "short", true },
	{ "open", "EACCES", false },
	{ "open", "EMFILE", false },
	{ "close", "EIO", false },
	{ "rename", "EIO", false },
	{ "fsync", "EIO", false },
	{ "stat", "EIO", false },
	{ "seek", "EIO", false },
	{ "list", "EIO", false },
	{ "mmap", "ENOMEM", false },
	{ "thread", "EAGAIN", false },
	{ "fork", "EAGAIN", false },
	{ "malloc", "ENOMEM", false },
	{ "malloc", "ENOMEM+", false },
};

/* An output file of the job. */
enum kind { WHOLE, STREAM, LOG };
static struct output {
	const char *name;
	enum kind kind;
	struct bytes first;
} outputs[4];
static size_t output_count;

static char *shim, *only, *input = "/dev/null", *banned;
static size_t most;
static bool varies, tells_interrupts, has_threads;
static struct bytes printed, said, now;
static char left[256]; /* name of an unexpected file */
static struct report *report;
static int report_fd, out_fd, err_fd;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* --- files ------------------------------------------------------------------------ */

static void slurp(int fd, struct bytes *b)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, b->data, ROOM, 0);

	b->there = n >= 0;
	b->size = n < 0 ? 0 : (size_t)n;
}

static void slurp_file(const char *name, struct bytes *b)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	slurp(fd, b);
	if (fd >= 0)
		close(fd);
}

static bool equal(const struct bytes *a, const struct bytes *b)
{
	return a->there == b->there && a->size == b->size &&
	    memcmp(a->data, b->data, a->size) == 0;
}

static const struct output *find_output(const char *name)
{
	for (size_t i = 0; i < output_count; i++)
		if (strcmp(outputs[i].name, name) == 0)
			return &outputs[i];
	return NULL;
}

/* Removes the files that are not in `known`, one name per line. Returns true if there
 * was one. */
static bool clean(const char *known)
{
	DIR *dir = opendir(".");
	const struct dirent *d;
	char line[260];

	*left = '\0';
	if (!dir)
		die(".");
	while ((d = readdir(dir))) {
		snprintf(line, sizeof line, "\n%s\n", d->d_name);
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    strstr(known, line) || find_output(d->d_name))
			continue;
		snprintf(left, sizeof left, "%s", d->d_name);
		unlink(d->d_name);
	}
	closedir(dir);
	return !*left;
}

/* The names in the folder: "\na\nb\n". */
static char *list(void)
{
	static char names[16 << 10] = "\n";
	DIR *dir = opendir(".");
	const struct dirent *d;
	size_t n = 1;

	if (!dir)
		die(".");
	while ((d = readdir(dir)))
		if (!find_output(d->d_name) && n < sizeof names - 300)
			n += (size_t)snprintf(names + n, sizeof names - n, "%s\n",
			    d->d_name);
	closedir(dir);
	return names;
}

/* --- runs ------------------------------------------------------------------------- */

/* The environment plus the shim's variables. */
static char **environment(const struct fault *f, unsigned long n)
{
	static char call[32], as[32], number[48], fd[32], preload[4200];
	static char *env[512];
	size_t count = 0;

	for (char **e = environ; *e && count < 500; e++)
		if (strncmp(*e, "FAULT", 5) != 0 ||
		    strncmp(*e, "FAULT_OBJECTS=", 14) == 0)
			env[count++] = *e;
	snprintf(call, sizeof call, "FAULT=%s", f->call);
	snprintf(as, sizeof as, "FAULT_AS=%s", f->as);
	snprintf(number, sizeof number, "FAULT_N=%lu", n);
	snprintf(fd, sizeof fd, "FAULT_FD=%d", report_fd);
	snprintf(preload, sizeof preload, "LD_PRELOAD=%s", shim);
	env[count++] = call;
	env[count++] = as;
	env[count++] = number;
	env[count++] = fd;
	env[count++] = preload;
	env[count] = NULL;
	return env;
}

/* The exit status; 128 + n for a signal, 128 if it had to be killed. */
static int wait_for(pid_t pid)
{
	const struct timespec patience = { .tv_sec = SECONDS };
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) == 0)
		if (sigtimedwait(&set, NULL, &patience) < 0 && errno == EAGAIN) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return 128;
		}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(char **argv, const struct fault *f, unsigned long n)
{
	posix_spawn_file_actions_t a;
	posix_spawnattr_t attributes;
	sigset_t none;
	pid_t pid;
	int status;

	for (size_t i = 0; i < output_count; i++)
		unlink(outputs[i].name);
	if (ftruncate(out_fd, 0) < 0 || ftruncate(err_fd, 0) < 0)
		die("scratch");
	atomic_store(&report->seen, 0);
	atomic_store(&report->failed, 0);
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_addopen(&a, 0, input, O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&a, out_fd, 1);
	posix_spawn_file_actions_adddup2(&a, err_fd, 2);
	if ((errno = posix_spawnp(&pid, argv[0], &a, &attributes, argv,
		 environment(f, n))))
		die(argv[0]);
	posix_spawn_file_actions_destroy(&a);
	posix_spawnattr_destroy(&attributes);
	status = wait_for(pid);
	slurp(out_fd, &printed);
	slurp(err_fd, &said);
	return status;
}

/* --- checks ----------------------------------------------------------------------- */

/* True if a stream has its end record. The bytes before it were written in order. */
static bool has_end(const struct bytes *b)
{
	return b->size > 0 &&
	    memmem(b->data, b->size,
		"\x81\xa3"
		"end\x83\xa7records",
		13) &&
	    b->size > 60 && memmem(b->data + b->size - 30, 30, "\xa4xxh3\xb0", 6);
}

static const char *look_at_outputs(bool done)
{
	for (size_t i = 0; i < output_count; i++) {
		const struct output *o = &outputs[i];

		slurp_file(o->name, &now);
		if (done && o->first.there && !now.there)
			return "a result is missing";
		if (done && !equal(&now, &o->first))
			return "another result";
		if (!now.there || equal(&now, &o->first) || o->kind == LOG)
			continue;
		if (o->kind == WHOLE || !has_end(&now))
			return "a part of a result stands under its name";
	}
	return NULL;
}

static bool starts(const struct bytes *b, const char *tool)
{
	const char *slash = strrchr(tool, '/');
	size_t n;

	tool = slash ? slash + 1 : tool;
	n = strlen(tool);
	return b->size > n + 3 && memcmp(b->data, tool, n) == 0 &&
	    memcmp(b->data + n, ": ", 2) == 0 && b->data[b->size - 1] == '\n';
}

/* Describes the error of a run, or NULL. */
static const char *judge(const struct fault *f, int status, const char *tool,
    const struct bytes *first, const char *known)
{
	static char text[320];
	const char *why;

	if (status == 128)
		return "it hangs";
	if (status > 128) {
		snprintf(text, sizeof text, "killed by signal %d", status - 128);
		return text;
	}
	if (status == SHIM_BROKEN)
		return "the shim failed";
	if (status != 0 &&
	    ((f->works &&
		 !(tells_interrupts && strcmp(f->as, "EINTR") == 0 &&
		     strcmp(f->call, "write") == 0)) ||
		atomic_load(&report->failed) == 0))
		return "it fails, and need not";
	if (status == 0 && strcmp(f->call, "fsync") == 0 &&
	    atomic_load(&report->failed) > 0)
		return "it says nothing";
	if (status == 2 || status > 3)
		return "neither exit 0 nor 1";
	if (status != 0 && !starts(&said, tool))
		return "no message, or none with the tool's name";
	if (banned && memmem(printed.data, printed.size, banned, strlen(banned)))
		return "it prints what it must not";
	if ((why = look_at_outputs(status == 0)))
		return why;
	if (status == 0 && !varies && !equal(&printed, first))
		return "it prints something else";
	if (!clean(known)) {
		snprintf(text, sizeof text, "a file is left: %s", left);
		return text;
	}
	return NULL;
}

/* --- a job ------------------------------------------------------------------------ */

static size_t test_job(const char *name, char **argv, const struct fault *f,
    const struct bytes *first, const char *known)
{
	unsigned long calls, step = 1, runs = 0, bad = 0;
	bool all = strcmp(f->as, "short") == 0;
	const char *why;
	int status = run(argv, f, 0);

	calls = atomic_load(&report->seen);
	if ((why = judge(f, status, argv[0], first, known)))
		bad++;
	if (why)
		printf("# %s: only counted: exit %d: %s\n", name, status, why);
	if (all)
		calls = calls ? 1 : 0;
	if (most && calls > most)
		step = (calls + most - 1) / most;
	/* Try all of the first calls, in which a tool is set up. The number of calls
	 * may vary by a few, so the loop ends when no call failed any more. */
	for (unsigned long n = 1;; n += n < most / 2 ? 1 : step) {
		status = run(argv, f, n);
		runs++;
		if ((why = judge(f, status, argv[0], first, known)) && bad++ < SHOWN)
			printf("# call %lu of %lu: exit %d: %s: %.*s", n, calls, status,
			    why, (int)said.size, said.data);
		if (why && (said.size == 0 || said.data[said.size - 1] != '\n'))
			putchar('\n');
		if (all || atomic_load(&report->failed) == 0)
			break;
	}
	printf("%sok - %s: %s %s: %lu calls, %lu runs\n", bad ? "not " : "", name,
	    f->call, f->as, calls, runs);
	return bad;
}

/* True if the fault was selected. */
static bool wanted(const struct fault *f)
{
	char pair[64];
	const char *at;
	size_t n;

	if (has_threads && strcmp(f->call, "mmap") == 0)
		return false;
	if (!only)
		return true;
	n = (size_t)snprintf(pair, sizeof pair, "%s=%s", f->call, f->as);
	at = strstr(only, pair);
	return at && (at == only || at[-1] == ',') && (!at[n] || at[n] == ',');
}

static void add_output(const char *name, enum kind kind)
{
	if (output_count == sizeof outputs / sizeof *outputs) {
		errno = E2BIG;
		die(name);
	}
	outputs[output_count].name = name;
	outputs[output_count++].kind = kind;
}

static void prepare(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Append the tools' output, since they share our file offset. */
	out_fd = memfd_create("out", MFD_CLOEXEC);
	err_fd = memfd_create("err", MFD_CLOEXEC);
	report_fd = memfd_create("report", 0);
	if (out_fd < 0 || err_fd < 0 || report_fd < 0 ||
	    fcntl(out_fd, F_SETFL, O_APPEND) < 0 ||
	    fcntl(err_fd, F_SETFL, O_APPEND) < 0 ||
	    ftruncate(report_fd, sizeof *report) < 0)
		die("scratch");
	report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED,
	    report_fd, 0);
	if (report == MAP_FAILED)
		die("scratch");
}

int main(int argc, char **argv)
{
	static const struct fault none = { "read", "EIO", true };
	static struct bytes first;
	const char *name, *known;
	size_t bad = 0;
	int option, status;

	while ((option = getopt(argc, argv, "+s:f:n:i:w:t:l:b:vep")) != -1)
		switch (option) {
		case 's': shim = optarg; break;
		case 'f': only = optarg; break;
		case 'n': most = strtoul(optarg, NULL, 10); break;
		case 'i': input = optarg; break;
		case 'w': add_output(optarg, WHOLE); break;
		case 't': add_output(optarg, STREAM); break;
		case 'l': add_output(optarg, LOG); break;
		case 'b': banned = optarg; break;
		case 'v': varies = true; break;
		case 'e': tells_interrupts = true; break;
		case 'p': has_threads = true; break;
		default: return 2;
		}
	if (argc - optind < 2 || !shim)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare();
	name = argv[optind];
	argv += optind + 1;
	known = list();
	status = run(argv, &none, 0);
	first = printed;
	for (size_t i = 0; i < output_count; i++)
		slurp_file(outputs[i].name, &outputs[i].first);
	if (status != 0 || !clean(known)) {
		printf("not ok - %s: exit %d when nothing fails: %.*s\n", name, status,
		    (int)said.size, said.data);
		return 1;
	}
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (wanted(&faults[i]))
			bad += test_job(name, argv, &faults[i], &first, known);
	return bad > 0;
}
