/* store.h - keeps fetched files: in a data set's folder in the cache, or in a temporary
 * folder if there can be no cache.
 *
 * Only files with the catalogue's digest are stored, and each is verified again when it
 * is used.
 */
#ifndef MNIST_FETCH_STORE_H
#define MNIST_FETCH_STORE_H

#include "catalogue.h"

#include "base/error.h"
#include "stream/io.h"
#include <stdbool.h>

struct cnn_store {
	char *folder;	/* NULL: not known yet */
	bool temporary; /* removed when the store is closed */
	int lock;	/* descriptor of the lock file, or -1 */
	bool full;	/* writing failed: not the source's fault */
};

/* Determines the folder of a data set's files: $XDG_CACHE_HOME/cnntools/FOLDER, or else
 * ~/.cache/cnntools/FOLDER. Does not create anything. */
int cnn_store_open(struct cnn_store *, const char *folder, struct cnn_error *);
void cnn_store_close(struct cnn_store *);

/* Opens the verified part at its start. CNN_END if it is missing or, with *damaged set,
 * does not verify. */
int cnn_store_find(struct cnn_store *, const struct cnn_part *, struct cnn_input **,
    bool *damaged, struct cnn_error *);

/* Creates the folder and locks it, so that no other process fetches into it until the
 * store is closed. If `wait` is false and the lock is taken, returns CNN_END. Nothing
 * may be stored without the lock. */
int cnn_store_lock(struct cnn_store *, bool wait, struct cnn_error *);

/* Switches to a temporary folder, which needs no lock. */
int cnn_store_make_temporary(struct cnn_store *, struct cnn_error *);

/* Checks by digest whether `in`, or its contents if it is compressed or an archive, is
 * one or more of the parts, and stores those. Bit i of *taken is set if parts[i] was
 * among them. If none was, that is not an error, and *miss gives the reason. Takes
 * ownership of the input. */
int cnn_store_offer(struct cnn_store *, const struct cnn_part *const *parts,
    size_t count, struct cnn_input *in, unsigned *taken, struct cnn_error *miss,
    struct cnn_error *);

/* "FOLDER/NAME.part", the partial download of the part. The caller frees it. NULL if
 * memory runs out. */
char *cnn_store_partial(const struct cnn_store *, const struct cnn_part *);

/* The path of a file in the store's folder. The caller frees it. NULL if memory runs
 * out. */
char *cnn_store_path(const struct cnn_store *, const char *name);

/* Removes a folder and everything in it without following links. Does not report
 * failure: it is for temporary folders. */
void cnn_remove_folder(const char *path);

#endif
