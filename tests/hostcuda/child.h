/* child.h - runs a function in a child process with its own environment, and keeps its
 * output and status. hostcuda reads its settings once per process. */
#ifndef CHILD_H
#define CHILD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	int status; /* from waitpid */
	char out[1 << 14], err[1 << 14];
};

static inline void child_read(FILE *f, char *text, size_t bytes)
{
	rewind(f);
	text[fread(text, 1, bytes - 1, f)] = '\0';
	fclose(f);
}

/* `environment` is "NAME=value NAME=value". The child exits with f's result. */
static inline void child_run(struct child *c, const char *environment, int (*f)(void *),
    void *data)
{
	FILE *out = tmpfile(), *err = tmpfile();
	pid_t pid;

	if (!out || !err) {
		perror("tmpfile");
		exit(2);
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		char *copy = strdup(environment);

		for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
			putenv(word);
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		exit(f(data));
	}
	if (pid < 0 || waitpid(pid, &c->status, 0) != pid) {
		perror("fork");
		exit(2);
	}
	child_read(out, c->out, sizeof c->out);
	child_read(err, c->err, sizeof c->err);
}

/* Prints the child's output as TAP diagnostics. */
static inline void child_show(const struct child *c)
{
	const char *line = c->err;

	printf("# status %04x, stdout: %.60s\n", (unsigned)c->status, c->out);
	while (*line) {
		size_t n = strcspn(line, "\n");

		printf("# %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
}

#endif
