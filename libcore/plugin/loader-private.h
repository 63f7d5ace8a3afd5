/* loader-private.h - declarations shared by the loader's files. Each file calls only
 * those above it:
 *
 *   loader-check.c   checks an entry before any function of the plugin is called
 *   loader-scan.c    lists the folders without opening a file in them
 *   loader.c         opens files that pass these checks
 *   loader-find.c    finds plugins, optimizers and definitions by name, and opens
 *                    plugins until it has found one
 *
 * Ownership: struct cnn_plugins owns its list and the names and paths in it. An entry
 * belongs to the plugin's file, which is never closed, so entries and everything that
 * they point to outlive the list.
 *
 * The lock: while it is held, plugins are opened, and `entry` and `incomplete` of a
 * listed plugin are set. A thread that has opened a plugin reads its entry without the lock,
 * because an open entry does not change. The list itself changes only in
 * cnn_plugins_open() and, under the lock, in cnn_plugins_add(). The latter moves
 * elements and may replace an open one, so nothing else may use the list meanwhile.
 * Functions whose names end in _locked, and static ones with the comment "The lock is
 * held", must be called with the lock held; all others take it themselves if they need
 * it.
 */
#ifndef LOADER_PRIVATE_H
#define LOADER_PRIVATE_H

#include "loader.h"

#include <pthread.h>
#include <sys/stat.h>

struct cnn_plugins {
	pthread_mutex_t lock;
	char **folders; /* in search order */
	size_t folder_count;
	/* Sorted by device, provider, name; those of cnn_plugins_add() come last */
	struct cnn_plugin *found;
	size_t found_count;
	/* Paths of shared objects in these folders that are not plugins by their place or
	 * name; sorted */
	char **strays;
	size_t stray_count;
};

/* --- loader-check.c --------------------------------------------------------------- */

/* Whether the text matches [a-z][a-z0-9_]*. */
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
/* The same for two definitions of one optimizer. */
bool cnn_same_optimizer(const struct cnn_optimizer_def *,
    const struct cnn_optimizer_def *);

/* --- loader-scan.c ---------------------------------------------------------------- */

/* Lists the plugins in the folders: dirs, $CNN_PLUGIN_PATH, the installed one. */
int cnn_scan_all(struct cnn_plugins *, const char *const *dirs, size_t count,
    struct cnn_error *);
/* Refuses a file or folder that another user could have put code into. */
int cnn_scan_trust(const char *path, const struct stat *, struct cnn_error *);
/* The same for the folder of the file at an absolute path. */
int cnn_scan_trust_folder(const char *path, struct cnn_error *);
/* Lists a file under the names in its entry, in place of a plugin that has them.
 * *plugin is not open yet. */
int cnn_scan_put(struct cnn_plugins *, const char *path,
    const struct cnn_plugin_entry *, struct cnn_plugin **plugin, struct cnn_error *);

/* --- loader.c --------------------------------------------------------------------- */

/* cnn_plugin_open() for a caller that holds the lock. */
int cnn_plugin_open_locked(struct cnn_plugins *, struct cnn_plugin *,
    struct cnn_error *);

#endif
