/* store.h - where fetched files are kept: a data set's folder in
 * the cache, or a temporary one where there can be no cache.
 *
 * Nothing comes in but what has the digest that the catalogue gives, and
 * nothing goes out before it was compared once more.
 */
#ifndef MNIST_FETCH_STORE_H
#define MNIST_FETCH_STORE_H

#include "catalogue.h"

#include "base/error.h"
#include "stream/io.h"
#include <stdbool.h>

struct cnn_store {
	char *folder;        /* NULL: there is none yet */
	bool temporary;      /* goes when the store is closed */
	int lock;            /* descriptor of the lock file, -1 */
	bool full;           /* it could not be written: no source is to blame */
};

/* The place of a data set's files: $XDG_CACHE_HOME/cnntools/FOLDER, else
 * ~/.cache/cnntools/FOLDER. Makes nothing yet. */
int cnn_store_open(struct cnn_store *, const char *folder, struct cnn_error *);
void cnn_store_close(struct cnn_store *);

/* The verified part, positioned at its start, or CNN_END if it is not there or
 * (*damaged is then set) not what it should be. */
int cnn_store_find(struct cnn_store *, const struct cnn_part *,
	struct cnn_input **, bool *damaged, struct cnn_error *);

/* Makes the folder and takes its lock, so that nobody else fetches into it
 * until the store is closed. `wait` false: CNN_END if somebody holds the lock.
 * Without it, nothing may be put into the store. */
int cnn_store_lock(struct cnn_store *, bool wait, struct cnn_error *);

/* Turns to a temporary folder, which needs no lock. */
int cnn_store_make_temporary(struct cnn_store *, struct cnn_error *);

/* Looks whether `in`, or what it holds if it is compressed or an archive, is
 * one or more of the parts, by digest alone, and keeps these; bit i of *taken
 * says that parts[i] was among them. If none was, that is no error, and *miss
 * says what was wrong with what came nearest. Takes the input over. */
int cnn_store_offer(struct cnn_store *, const struct cnn_part *const *parts,
	size_t count, struct cnn_input *in, unsigned *taken, struct cnn_error *miss,
	struct cnn_error *);

/* "FOLDER/NAME.part", where a download of the part grows; free() it.
 * NULL: out of memory. */
char *cnn_store_partial(const struct cnn_store *, const struct cnn_part *);

/* A file's path in the store's folder; free() it. NULL: out of memory. */
char *cnn_store_path(const struct cnn_store *, const char *name);

/* Removes a folder with all that is in it, following no link; silent about failure,
 * as it is for what is temporary. */
void cnn_remove_folder(const char *path);

#endif
