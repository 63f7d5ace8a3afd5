/* sha256.h - SHA-256 as hexadecimal text, as in the catalogue. */
#ifndef MNIST_FETCH_SHA256_H
#define MNIST_FETCH_SHA256_H

#include "base/error.h"
#include <stddef.h>

#define CNN_SHA256_TEXT 65 /* 64 digits and NUL */

struct cnn_sha256;

/* Starts a digest, which the caller frees. */
int cnn_sha256_new(struct cnn_sha256 **, struct cnn_error *);
int cnn_sha256_add(struct cnn_sha256 *, const void *, size_t, struct cnn_error *);
/* Gets the digest of everything added. Nothing may be added afterwards. */
int cnn_sha256_text(struct cnn_sha256 *, char text[CNN_SHA256_TEXT],
    struct cnn_error *);
void cnn_sha256_free(struct cnn_sha256 *);

#endif
