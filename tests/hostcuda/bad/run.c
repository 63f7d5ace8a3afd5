/* run.c - checks that each faulty kernel is reported by its name and with the right
 * words, and that its correct twin is not reported and gives the same result for every
 * order of threads.
 *
 * 	run FOLDER		FOLDER has plain/NAME.so and trace/NAME.so
 * 	run FILE.so SOUND	one of them, for valgrind or a debugger */
#include "../child.h"
#include "../../unit/tap.h"

#include <dlfcn.h>
#include <signal.h>

#define SEEDS 8

#ifdef __SANITIZE_ADDRESS__
#define ASAN true
#else
#define ASAN false
#endif

/* What happens if a fault is not reported by name. */
static const char CHANGES[] = "(the result changes with the seed)";
static const char NAN_RESULT[] = "(the result is NaN)";
static const char UNSEEN[] = "(it is not seen)";

/* The words of the report in a plain and in a traced build. */
static const struct fault {
	const char *name, *plain, *trace;
} faults[] = {
	{ "missing_barrier", CHANGES, "race" },
	{ "missing_syncwarp", CHANGES, "race" },
	{ "race_between_blocks", CHANGES, "race" },
	{ "lost_update", UNSEEN, "race" },
	{ "last_block", UNSEEN, "race" },
	{ "wmma_mapping", CHANGES, CHANGES },
	{ "off_by_one_read", "out of bounds", "out of bounds" },
	{ "off_by_one_slack", NAN_RESULT, "out of bounds" },
	{ "off_by_one_write", "out of bounds", "out of bounds" },
	{ "before_the_start", "out of bounds", "out of bounds" },
	{ "beyond_shared", "out of bounds", "out of bounds" },
	{ "far_beyond_shared", "out of bounds", "out of bounds" },
	{ "null_pointer", "null pointer", "null pointer" },
	{ "use_after_free", "use after free", "use after free" },
	{ "freed_argument", "argument 2 points to memory that was freed",
	    "argument 2 points to memory that was freed" },
	{ "host_argument", "argument 2 points to host memory",
	    "argument 2 points to host memory" },
	{ "host_in_struct", "argument 2 holds a pointer to host memory",
	    "argument 2 holds a pointer to host memory" },
	{ "uninitialised_global", NAN_RESULT, "uninitialised" },
	{ "uninitialised_shared", NAN_RESULT, "uninitialised" },
	{ "copy_without_wait", NAN_RESULT, "uninitialised" },
	{ "misaligned_vector", "misaligned", "misaligned" },
	{ "too_much_shared", "65536 bytes of shared memory",
	    "65536 bytes of shared memory" },
	{ "too_many_threads", "a block of (1056,1,1) threads",
	    "a block of (1056,1,1) threads" },
	{ "divergent_barrier", "divergent barrier", "divergent barrier" },
	{ "skipped_barrier", "divergent barrier", "divergent barrier" },
	{ "endless_spin", "deadlock", "deadlock" },
	{ "inactive_lane", "reads an inactive lane", "reads an inactive lane" },
	{ "wrong_mask", "not in its own mask", "not in its own mask" },
	{ "different_operations", "different warp operations",
	    "different warp operations" },
	{ "wmma_leading_dimension", "leading dimension 17", "leading dimension 17" },
	{ "wmma_unaligned", "not aligned to 32 bytes", "not aligned to 32 bytes" },
	{ "wmma_unloaded", "the accumulator was never loaded",
	    "the accumulator was never loaded" },
	{ "wmma_missing_lane", "lane 5 has ended", "lane 5 has ended" },
	{ "division_by_zero", "division by zero", "division by zero" },
};

struct job {
	char file[4096];
	int sound;
};

static int run_one(void *data)
{
	const struct job *job = data;
	void *so = dlopen(job->file, RTLD_NOW | RTLD_LOCAL);
	void (*run)(int);

	if (!so) {
		fprintf(stderr, "%s\n", dlerror());
		return 2;
	}
	run = (void (*)(int))dlsym(so, "run");
	if (!run)
		return 2;
	run(job->sound);
	fflush(stdout);
	return 0;
}

static void run_with(struct child *c, const struct job *job, int seed)
{
	char environment[64];

	snprintf(environment, sizeof environment, "HOSTCUDA_SEED=%d", seed);
	child_run(c, environment, run_one, (void *)job);
}

/* True if the run ended with a report that names the kernel. */
static bool reports(const struct child *c, const char *name, const char *word)
{
	char start[128];
	const char *line;

	/* A fault ends the program; a refused launch only gives an error. */
	if (c->status == 0 && strncmp(c->out, "cuda", 4))
		return false;
	snprintf(start, sizeof start, "hostcuda: %s: ", name);
	line = strstr(c->err, start);
	return line && (line == c->err || ASAN) && strstr(line, word);
}

static bool clean(const struct child *c)
{
	return c->status == 0 && !*c->err;
}

static void check_fault(const struct job *job, const char *name, const char *build,
    const char *word)
{
	static struct child first, c;
	bool good = false;

	run_with(&c, job, 1);
	if (word == CHANGES) {
		first = c;
		for (int seed = 2; seed <= SEEDS && clean(&c) && !good; seed++) {
			run_with(&c, job, seed);
			good = clean(&c) && strcmp(c.out, first.out);
		}
	} else if (word == NAN_RESULT)
		good = clean(&c) && strstr(c.out, "nan");
	else if (word == UNSEEN)
		good = clean(&c);
	else
		good = reports(&c, name, word);
	if (!ok(good, "%s, %s: %s", name, build, word))
		child_show(&c);
}

static void check_sound(const struct job *job, const char *name, const char *build)
{
	static struct child first, c;
	bool good = true;

	for (int seed = 0; seed < 4 && good; seed++) {
		run_with(&c, job, seed);
		good = clean(&c) && *c.out && strncmp(c.out, "cuda", 4) &&
		    !strstr(c.out, "nan") && (seed == 0 || !strcmp(c.out, first.out));
		if (seed == 0)
			first = c;
	}
	if (!ok(good, "%s, %s: the correct twin is not reported", name, build))
		child_show(&c);
}

static void check_build(const char *folder, const char *build, const struct fault *f,
    const char *word)
{
	struct job job;

	snprintf(job.file, sizeof job.file, "%s/%s/%s.so", folder, build, f->name);
	job.sound = 0;
	check_fault(&job, f->name, build, word);
	job.sound = 1;
	check_sound(&job, f->name, build);
}

static void check_host(const char *folder)
{
	static struct child c;
	struct job job;

	snprintf(job.file, sizeof job.file, "%s/plain/host_reads_device.so", folder);
	job.sound = 0;
	run_with(&c, &job, 1);
	if (!ok(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT &&
		    strstr(c.err,
			"hostcuda: host code touched device memory: byte 4 of the device allocation"),
		"the host cannot read device memory"))
		child_show(&c);
	job.sound = 1;
	check_sound(&job, "host_reads_device", "plain");
}

/* valgrind reports where an uninitialised result is used. */
static void check_valgrind(const char *self, const char *folder)
{
	static const char *const names[] = { "uninitialised_global",
		"uninitialised_shared" };
	char command[9000];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (ASAN || system("command -v valgrind > /dev/null 2>&1")) {
			skip("valgrind sees what is uninitialised",
			    ASAN ? "with AddressSanitizer" : "no valgrind");
			continue;
		}
		for (int sound = 0; sound < 2; sound++) {
			snprintf(command, sizeof command,
			    "valgrind -q --error-exitcode=9 %s %s/plain/%s.so %d "
			    "> /dev/null 2>&1",
			    self, folder, names[i], sound);
			ok(WEXITSTATUS(system(command)) == (sound ? 0 : 9),
			    "%s, valgrind: %s", names[i],
			    sound ? "the correct twin is not reported" : "it is seen");
		}
	}
}

int main(int argc, char **argv)
{
	struct job job;

	if (argc == 3) {
		snprintf(job.file, sizeof job.file, "%s", argv[1]);
		job.sound = atoi(argv[2]);
		return run_one(&job);
	}
	if (argc != 2) {
		fprintf(stderr, "usage: run FOLDER | run FILE.so SOUND\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		const char *bounds = "out of bounds";

		/* AddressSanitizer knows the bounds to the byte, and reports them
		 * first. */
		check_build(argv[1], "plain", &faults[i],
		    ASAN && !strcmp(faults[i].trace, bounds) ? bounds :
							       faults[i].plain);
		check_build(argv[1], "trace", &faults[i], faults[i].trace);
	}
	check_host(argv[1]);
	check_valgrind(argv[0], argv[1]);
	return done();
}
