/* loader-scan.c - lists the plugin folders.
 *
 * Folders are listed, but nothing in them is opened: a run on the CPU never touches a
 * CUDA file, and no path is ever built from the contents of a stream.
 */
#include "loader-private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cnn_scan_trust(const char *path, const struct stat *st, struct cnn_error *e)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return cnn_fail(e, CNN_EPLUGIN,
		    "%s: refused: belongs to another user (%u)", path,
		    (unsigned)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return cnn_fail(e, CNN_EPLUGIN,
		    "%s: refused: others can write to it (chmod go-w)", path);
	return CNN_OK;
}

/* Whether name consists of `length` characters from a-z, 0-9 and `more`. */
static bool is_name(const char *name, size_t length, const char *more)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') &&
		    !(name[i] >= '0' && name[i] <= '9') && !strchr(more, name[i]))
			return false;
	return length > 0;
}

static bool is_object(const char *file)
{
	const size_t length = strlen(file);

	return length > 3 && *file != '.' && strcmp(file + length - 3, ".so") == 0;
}

/* Notes a file for the message that says that something was not found. */
static int add_stray(struct cnn_plugins *p, const char *folder, const char *file,
    struct cnn_error *e)
{
	char **strays = reallocarray(p->strays, p->stray_count + 1, sizeof *strays);

	if (strays)
		p->strays = strays;
	if (!strays || asprintf(&strays[p->stray_count], "%s/%s", folder, file) < 0)
		return cnn_fail_errno(e, ENOMEM, "%s", folder);
	p->stray_count++;
	return CNN_OK;
}

/* Records DEVICE/PROVIDER/NAME.so, unless an earlier folder had it. */
static int add_file(struct cnn_plugins *p, const char *folder, const char *device,
    const char *provider, const char *file, struct cnn_error *e)
{
	size_t length = strlen(file);
	struct cnn_plugin *f;

	if (!is_object(file))
		return CNN_OK;
	if (!is_name(file, length - 3, "_+-"))
		return add_stray(p, folder, file, e);
	length -= 3;
	for (size_t i = 0; i < p->found_count; i++) {
		f = &p->found[i];
		if (!strcmp(f->device, device) && !strcmp(f->provider, provider) &&
		    !strncmp(f->name, file, length) && f->name[length] == '\0')
			return CNN_OK;
	}
	f = reallocarray(p->found, p->found_count + 1, sizeof *f);
	if (!f)
		return cnn_fail_errno(e, ENOMEM, "%s", folder);
	p->found = f;
	f += p->found_count++;
	*f = (struct cnn_plugin){
		.device = strdup(device),
		.provider = strdup(provider),
		.name = strndup(file, length),
	};
	if (asprintf(&f->path, "%s/%s", folder, file) < 0)
		f->path = NULL;
	if (!f->device || !f->provider || !f->name || !f->path)
		return cnn_fail_errno(e, ENOMEM, "%s", folder);
	return CNN_OK;
}

/* Lists a folder of plugins (device and provider NULL), of one device (provider NULL),
 * or of one provider. */
static int scan(struct cnn_plugins *p, const char *folder, const char *device,
    const char *provider, struct cnn_error *e)
{
	DIR *dir = opendir(folder);
	struct dirent *d;
	struct stat st;
	int r = CNN_OK;

	if (!dir && device && (errno == ENOTDIR || errno == ENOENT))
		return CNN_OK; /* a stray file or a dangling link */
	if (!dir || fstat(dirfd(dir), &st) != 0) {
		r = cnn_fail_errno(e, errno, "%s", folder);
		goto out;
	}
	r = cnn_scan_trust(folder, &st, e);
	while (r == CNN_OK && (errno = 0, d = readdir(dir))) {
		char *inner;

		if (provider) {
			r = add_file(p, folder, device, provider, d->d_name, e);
			continue;
		}
		if (is_object(d->d_name))
			r = add_stray(p, folder, d->d_name, e);
		if (!is_name(d->d_name, strlen(d->d_name), "_"))
			continue;
		if (asprintf(&inner, "%s/%s", folder, d->d_name) < 0) {
			r = cnn_fail_errno(e, ENOMEM, "%s", folder);
			break;
		}
		r = scan(p, inner, device ? device : d->d_name,
		    device ? d->d_name : NULL, e);
		free(inner);
	}
	if (r == CNN_OK && errno != 0)
		r = cnn_fail_errno(e, errno, "%s", folder);
out:
	if (dir)
		closedir(dir);
	return r;
}

/* Lists one folder and adds it to the folders searched. */
static int scan_folder(struct cnn_plugins *p, const char *folder, struct cnn_error *e)
{
	char **folders = reallocarray(p->folders, p->folder_count + 1, sizeof *folders);

	if (folders)
		p->folders = folders;
	if (!folders || !(folders[p->folder_count] = strdup(folder)))
		return cnn_fail_errno(e, ENOMEM, "%s", folder);
	p->folder_count++;
	return scan(p, folder, NULL, NULL, e);
}

/* Lists the folders of $CNN_PLUGIN_PATH. A missing folder is skipped, as in $PATH; a
 * relative one, which would depend on the current folder, is refused. */
static int scan_path(struct cnn_plugins *p, const char *path, struct cnn_error *e)
{
	int r = CNN_OK;

	while (r == CNN_OK) {
		size_t n = strcspn(path, ":");
		char *folder;

		if (*path != '/')
			return cnn_fail(e, CNN_EUSAGE,
			    "CNN_PLUGIN_PATH: %.*s: must be "
			    "absolute: plugins are never loaded from the current "
			    "directory",
			    n ? (int)n : 7, n ? path : "(empty)");
		folder = strndup(path, n);
		if (!folder)
			return cnn_fail_errno(e, ENOMEM, "CNN_PLUGIN_PATH");
		if (access(folder, F_OK) == 0 || errno != ENOENT)
			r = scan_folder(p, folder, e);
		free(folder);
		if (path[n] == '\0')
			break;
		path += n + 1;
	}
	return r;
}

int cnn_own_folder(const char *name, char **folder, struct cnn_error *e)
{
	static const char *const places[] = { "lib/cnntools", "build" };
	char *exe = realpath("/proc/self/exe", NULL), *slash;
	int r = CNN_OK;

	/* realpath fails if the executable was deleted; then there is nothing to
	 * find. */
	*folder = NULL;
	if (!exe)
		return CNN_OK;
	for (int up = 0; up < 2; up++)
		if ((slash = strrchr(exe, '/')))
			*slash = '\0';
	for (size_t i = 0; r == CNN_OK && !*folder && i < 2; i++) {
		if (asprintf(folder, "%s/%s/%s", exe, places[i], name) < 0) {
			*folder = NULL;
			r = cnn_fail_errno(e, ENOMEM, "%s", exe);
		} else if (access(*folder, F_OK) != 0) {
			free(*folder);
			*folder = NULL;
		}
	}
	free(exe);
	return r;
}

static int scan_own(struct cnn_plugins *p, struct cnn_error *e)
{
	char *folder;
	int r = cnn_own_folder("plugins", &folder, e);

	if (folder)
		r = scan_folder(p, folder, e);
	free(folder);
	return r;
}

static int by_place(const void *a, const void *b)
{
	const struct cnn_plugin *x = a, *y = b;
	int order = strcmp(x->device, y->device);

	if (order == 0)
		order = strcmp(x->provider, y->provider);
	return order ? order : strcmp(x->name, y->name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int cnn_scan_all(struct cnn_plugins *p, const char *const *dirs, size_t count,
    struct cnn_error *e)
{
	const char *path = secure_getenv("CNN_PLUGIN_PATH");
	int r = CNN_OK;

	for (size_t i = 0; r == CNN_OK && i < count; i++) {
		if (*dirs[i] == '\0')
			return cnn_fail(e, CNN_EUSAGE,
			    "--plugin-dir: the directory's name is empty");
		r = scan_folder(p, dirs[i], e);
		if (r != CNN_OK)
			cnn_error_prefix(e, "--plugin-dir");
	}
	if (r == CNN_OK && path && *path)
		r = scan_path(p, path, e);
	if (r == CNN_OK)
		r = scan_own(p, e);
	/* Sort: readdir order must not affect the selection. */
	if (r == CNN_OK && p->found_count > 0)
		qsort(p->found, p->found_count, sizeof *p->found, by_place);
	if (r == CNN_OK && p->stray_count > 0)
		qsort(p->strays, p->stray_count, sizeof *p->strays, by_text);
	return r;
}

/* --- a file by its path ----------------------------------------------------------- */

int cnn_scan_trust_folder(const char *path, struct cnn_error *e)
{
	char *folder = strndup(path, (size_t)(strrchr(path, '/') - path) + 1);
	struct stat st;
	int r;

	if (!folder)
		return cnn_fail_errno(e, ENOMEM, "%s", path);
	r = stat(folder, &st) != 0 ? cnn_fail_errno(e, errno, "%s", folder) :
				     cnn_scan_trust(folder, &st, e);
	free(folder);
	return r;
}

/* Returns the plugin with these names, or a new one; NULL if memory runs out. */
static struct cnn_plugin *place_of(struct cnn_plugins *p,
    const struct cnn_plugin_entry *entry)
{
	struct cnn_plugin *f;

	for (size_t i = 0; i < p->found_count; i++) {
		f = &p->found[i];
		if (!strcmp(f->device, entry->device) &&
		    !strcmp(f->name, entry->name) &&
		    !strcmp(f->provider, entry->provider))
			return f;
	}
	f = reallocarray(p->found, p->found_count + 1, sizeof *f);
	if (!f)
		return NULL;
	p->found = f;
	f += p->found_count++;
	*f = (struct cnn_plugin){ .device = strdup(entry->device),
		.provider = strdup(entry->provider),
		.name = strdup(entry->name) };
	return f->device && f->provider && f->name ? f : NULL;
}

int cnn_scan_put(struct cnn_plugins *p, const char *path,
    const struct cnn_plugin_entry *entry, struct cnn_plugin **out, struct cnn_error *e)
{
	char *copy;

	if (!entry->device || !entry->provider || !entry->name ||
	    !is_name(entry->device, strlen(entry->device), "_") ||
	    !is_name(entry->provider, strlen(entry->provider), "_") ||
	    !is_name(entry->name, strlen(entry->name), "_+-"))
		return cnn_fail(e, CNN_EPLUGIN,
		    "%s: not loaded: calls itself %s/%s/%s, "
		    "which no path can have: names consist of a-z, 0-9 and _",
		    path, entry->device ? entry->device : "",
		    entry->provider ? entry->provider : "",
		    entry->name ? entry->name : "");
	*out = place_of(p, entry);
	copy = strdup(path);
	if (!*out || !copy) {
		free(copy);
		return cnn_fail_errno(e, ENOMEM, "%s", path);
	}
	free((*out)->path);
	(*out)->path = copy;
	(*out)->entry = NULL;
	(*out)->incomplete = false;
	return CNN_OK;
}
