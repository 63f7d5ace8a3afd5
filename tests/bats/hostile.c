/* hostile - one tool against every damaged copy of a stream.
 *
 *     hostile cut|flip STRIDE[:FIRST] FILE TOOL [ARG ...]
 *
 * Cuts FILE at every STRIDE-th byte, from byte FIRST (0) on, or flips a bit of it, and
 * runs the tool
 * with the copy for an argument {} and a fresh path for {o}. The tool must exit
 * 1 (3 where a net now has an unknown layer), name the copy and what is wrong
 * with it on standard error, print nothing that could pass for a result and
 * leave no output. A flip inside the end item may leave a stream that is right
 * (an unknown key, no digest): then the tool may exit 0, with the result it has
 * for FILE. The first offsets where it does otherwise are printed, and the exit
 * status is 1. (A program and no script, for there are many thousand runs.) */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM (1 << 20) /* of what a tool says or writes */

struct bytes {
	char data[ROOM + 1];
	size_t size;
};

static char copy[32], out[32];
static int out_fd, err_fd; /* the tool's standard output and error */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int make(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | flags, 0600);

	if (fd < 0)
		die(path);
	return fd;
}

/* The bytes of an open file; false if it is not open. */
static bool slurp(int fd, struct bytes *b)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, b->data, ROOM, 0);

	b->size = n < 0 ? 0 : (size_t)n;
	b->data[b->size] = '\0';
	return n >= 0;
}

/* The exit status; 128 + n for a signal. */
static int run(char **argv, struct bytes *said)
{
	posix_spawn_file_actions_t a;
	int status;
	pid_t pid;

	if (ftruncate(out_fd, 0) < 0 || ftruncate(err_fd, 0) < 0)
		die("scratch");
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_addopen(&a, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&a, out_fd, 1);
	posix_spawn_file_actions_adddup2(&a, err_fd, 2);
	if ((errno = posix_spawnp(&pid, argv[0], &a, NULL, argv, environ)))
		die(argv[0]);
	posix_spawn_file_actions_destroy(&a);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	slurp(err_fd, said);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What the tool gave: its output file, else what it printed. */
static bool result(struct bytes *b)
{
	int fd = open(out, O_RDONLY);
	bool there = slurp(fd, b);

	if (there)
		close(fd);
	else
		slurp(out_fd, b);
	return there;
}

static bool equal(const struct bytes *a, const struct bytes *b)
{
	return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* Does it say "TOOL: COPY: something", or "TOOL: COPY:LINE: something"? */
static bool names_place(const char *said, const char *tool)
{
	char start[100];
	size_t n = (size_t)snprintf(start, sizeof start, "%s: %s:", tool, copy);
	const char *at = strstr(said, start);

	return at && (at == said || at[-1] == '\n') &&
	    strspn(at + n, "0123456789: ") < strcspn(at + n, "\n");
}

int main(int argc, char **argv)
{
	static struct bytes whole, damaged, right, got, said;
	size_t end = 0, stride, first, runs = 0, bad = 0;
	bool flip, copies;
	char *tool, *colon;
	int fd;

	if (argc < 5)
		return 2;
	flip = strcmp(argv[1], "flip") == 0;
	stride = strtoul(argv[2], &colon, 10);
	first = *colon ? strtoul(colon + 1, NULL, 10) % stride : 0;
	tool = argv[4];
	snprintf(copy, sizeof copy, "hostile.%d", (int)getpid());
	snprintf(out, sizeof out, "hostile.%d.out", (int)getpid());
	for (int i = 4; i < argc; i++)
		argv[i] = strcmp(argv[i], "{}") == 0 ? copy :
		    strcmp(argv[i], "{o}") == 0	     ? out :
						       argv[i];
	if ((fd = open(argv[3], O_RDONLY)) < 0 || !slurp(fd, &whole))
		die(argv[3]);
	close(fd);
	/* Emptied before each run, and appended to, since the offset is shared. */
	out_fd = make(copy, O_APPEND);
	unlink(copy);
	err_fd = make(copy, O_APPEND);
	unlink(copy);
	fd = make(copy, 0);
	if (pwrite(fd, whole.data, whole.size, 0) != (ssize_t)whole.size)
		die(copy);
	for (size_t i = 0; i + 5 <= whole.size; i++)
		if (memcmp(whole.data + i,
			"\x81\xa3"
			"end",
			5) == 0)
			end = i;
	if (!end || run(argv + 4, &said) != 0) {
		printf("%s: the whole stream is refused: %s", tool, said.data);
		return 1;
	}
	result(&right);
	unlink(out);
	copies = equal(&right, &whole); /* it must give what it was given */

	/* From the end: what is cut off is not written again. */
	for (size_t i = first + (whole.size - first - 1) / stride * stride;;
	     i -= stride) {
		char byte = (char)(whole.data[i] ^ 1 << i % 8);
		const char *why = NULL;
		int status;
		bool left;

		if (flip ? pwrite(fd, &byte, 1, (off_t)i) != 1 :
			   ftruncate(fd, (off_t)i) < 0)
			die(copy);
		status = run(argv + 4, &said);
		runs++;
		left = result(&got);
		if (status == 0 && flip && i >= end) {
			memcpy(damaged.data, whole.data, whole.size);
			damaged.size = whole.size;
			damaged.data[i] = byte;
			why = equal(&got, copies ? &damaged : &right) ?
			    NULL :
			    "another result";
		} else if (status != 1 &&
		    !(status == 3 && strstr(said.data, ": no such layer type") &&
			strstr(said.data, "; known: "))) {
			why = "not exit 1";
		} else if (!names_place(said.data, tool)) {
			why = "no message, or one without the place";
		} else if (left) {
			why = "an output file is left";
		} else if (i < end && got.size > 0 && equal(&got, &right)) {
			why = "a result all the same";
		}
		unlink(out);
		if (why && bad++ < 5)
			printf("%s: %s at %zu of %zu: exit %d: %s\n%s", tool, argv[1],
			    i, whole.size, status, why, said.data);
		if (flip && pwrite(fd, &whole.data[i], 1, (off_t)i) != 1)
			die(copy);
		if (i == first)
			break;
	}
	unlink(copy);
	printf("%s: %s: %zu runs, %zu wrong\n", tool, argv[1], runs, bad);
	return bad > 0;
}
