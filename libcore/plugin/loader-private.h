/* loader-private.h - declarations shared by the loader's files. */
#ifndef LOADER_PRIVATE_H
#define LOADER_PRIVATE_H

#include "loader.h"

#include <pthread.h>
#include <sys/stat.h>

struct cnn_plugins {
	pthread_mutex_t lock; /* held while plugins are opened */
	char **folders;	      /* in search order */
	size_t folder_count;
	struct cnn_plugin *found; /* sorted by device, provider, name */
	size_t found_count;
};

/* Lists the plugins in the folders: dirs, $CNN_PLUGIN_PATH, the installed one
 * (loader-scan.c). */
int cnn_scan_all(struct cnn_plugins *, const char *const *dirs, size_t count,
    struct cnn_error *);
/* Refuses a file or folder that another user could have put code into. */
int cnn_scan_trust(const char *path, const struct stat *, struct cnn_error *);
/* The same for the folder of a file, whose path is absolute. */
int cnn_scan_trust_folder(const char *path, struct cnn_error *);
/* Lists a file under the names in its entry, in place of one that had them. *plugin is
 * not open. */
int cnn_scan_put(struct cnn_plugins *, const char *path,
    const struct cnn_plugin_entry *, struct cnn_plugin **plugin, struct cnn_error *);

/* Whether the text matches [a-z][a-z0-9_]* (loader-check.c). */
bool cnn_is_layer_type(const char *);
/* Checks the members that come first: magic, version, size. */
int cnn_check_version(const struct cnn_plugin *, const struct cnn_plugin_entry *,
    struct cnn_error *);
/* Checks that the entry has our version, is complete and agrees with its path. Calls no
 * function of the plugin. */
int cnn_check_entry(const struct cnn_plugin *, const struct cnn_plugin_entry *,
    struct cnn_error *);
/* Whether two definitions of one type agree in everything that the text of a net
 * depends on. */
bool cnn_same_definition(const struct cnn_layer_def *, const struct cnn_layer_def *);
/* The same of two definitions of one optimizer. */
bool cnn_same_optimizer(const struct cnn_optimizer_def *,
    const struct cnn_optimizer_def *);

#endif
