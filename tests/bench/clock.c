/* clock - runs a command, and says what it took
 *
 *   cc -O2 -o clock tests/bench/clock.c
 *   ./clock [-n RUNS] [-w WAIT] [-p | -o FILE] COMMAND [ARGUMENT ...]
 *
 * Prints of the median of RUNS runs: seconds from before the fork to the end, the
 * most memory it held in MiB, page faults; and what share of the processors' time
 * others took meanwhile. For WAIT seconds it looks for a quiet moment to begin, and
 * where others took more than a fiftieth all the same, does all anew; of several
 * tries the one that was disturbed least counts: what is chosen by is never the
 * result. The command's output goes nowhere, through a pipe to cat (-p), or to
 * FILE. Exits 1 if the command fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS 1000
#define DISTURBED 0.02

struct cost {
	double seconds, mib, faults, cpu; /* cpu: seconds of it and its pipe's end */
};

static void die(const char *what)
{
	fprintf(stderr, "clock: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static pid_t start(char *const *command, int in, int out)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if ((in >= 0 && dup2(in, 0) < 0) || dup2(out, 1) < 0)
			die("dup2");
		execvp(command[0], command);
		die(command[0]);
	}
	return pid;
}

static void finish(pid_t pid, const char *name, struct cost *c)
{
	struct rusage r;
	int status;

	if (wait4(pid, &status, 0, &r) < 0)
		die("wait4");
	if (status != 0) {
		fprintf(stderr, "clock: %s failed\n", name);
		exit(1);
	}
	c->mib = (double)r.ru_maxrss / 1024;
	c->faults = (double)(r.ru_minflt + r.ru_majflt);
	c->cpu += (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	    1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static struct cost run(char *const *command, int through_pipe, int out)
{
	char *const cat[] = { "cat", NULL };
	struct cost c = { 0 };
	int ends[2];
	double begun = now();
	pid_t reader, pid;

	if (!through_pipe) {
		finish(start(command, -1, out), command[0], &c);
	} else {
		if (pipe2(ends, O_CLOEXEC) < 0)
			die("pipe");
		reader = start(cat, ends[0], out);
		pid = start(command, -1, ends[1]);
		close(ends[0]);
		close(ends[1]);
		finish(reader, cat[0], &c);
		finish(pid, command[0], &c);
	}
	c.seconds = now() - begun;
	return c;
}

/* Seconds that all processors together have been at work since the start. */
static double busy(void)
{
	double user, nice, system, idle, wait, irq, soft, steal;
	FILE *f = fopen("/proc/stat", "r");

	if (!f ||
	    fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system,
		&idle, &wait, &irq, &soft, &steal) != 8)
		die("/proc/stat");
	fclose(f);
	return (user + nice + system + irq + soft + steal) /
	    (double)sysconf(_SC_CLK_TCK);
}

static double share(double cpu, double begun)
{
	return cpu / ((now() - begun) * (double)sysconf(_SC_NPROCESSORS_ONLN));
}

static void wait_for_quiet(double until)
{
	double begun, before;

	if (now() >= until)
		return;

	do {
		begun = now();
		before = busy();
		usleep(250000);
	} while (share(busy() - before, begun) > DISTURBED && now() < until);
}

static int by_seconds(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

int main(int argc, char **argv)
{
	static struct cost costs[MAX_RUNS];
	struct cost best = { 0 };
	const char *path = NULL;
	double least = 1e9, others = 0, until = now();
	int runs = 1, through_pipe = 0, option;
	char unfinished[4096];

	while ((option = getopt(argc, argv, "+n:w:po:")) != -1)
		switch (option) {
		case 'n': runs = atoi(optarg); break;
		case 'w': until += atof(optarg); break;
		case 'p': through_pipe = 1; break;
		case 'o': path = optarg; break;
		default: return 2;
		}
	if (optind == argc || runs < 1 || runs > MAX_RUNS) {
		fputs("usage: clock [-n RUNS] [-w WAIT] [-p | -o FILE] COMMAND ...\n",
		    stderr);
		return 2;
	}
	snprintf(unfinished, sizeof unfinished, "%s.unfinished", path ? path : "");
	do {
		double begun, before, own = 0;
		int out = open(path ? unfinished : "/dev/null",
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		if (out < 0)
			die(path);
		wait_for_quiet(until);
		begun = now();
		before = busy();
		for (int i = 0; i < runs; i++) {
			costs[i] = run(argv + optind, through_pipe, out);
			own += costs[i].cpu;
		}
		close(out);
		others = share(busy() - before - own, begun);
		others = others > 0 ? others : 0;
		if (others < least) {
			least = others;
			qsort(costs, (size_t)runs, sizeof *costs, by_seconds);
			best = costs[runs / 2];
			if (path && rename(unfinished, path) < 0)
				die(path);
		}
	} while (others > DISTURBED && now() < until);
	if (path)
		unlink(unfinished);
	printf("%.6f\t%.1f\t%.0f\t%.3f\n", best.seconds, best.mib, best.faults, least);
	return 0;
}
