/* sha256.c - SHA-256 with OpenSSL, which uses the CPU's instructions for it. */
#include "sha256.h"

#include <openssl/evp.h>
#include <stdio.h>

/* The handle is OpenSSL's context. */
static EVP_MD_CTX *context(struct cnn_sha256 *d)
{
	return (EVP_MD_CTX *)d;
}

static int failed(struct cnn_error *e)
{
	return cnn_fail(e, CNN_EIO, "libcrypto does not support SHA-256");
}

int cnn_sha256_new(struct cnn_sha256 **digest, struct cnn_error *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	*digest = (struct cnn_sha256 *)ctx;
	if (!ctx)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		return CNN_OK;
	cnn_sha256_free(*digest);
	*digest = NULL;
	return failed(e);
}

int cnn_sha256_add(struct cnn_sha256 *d, const void *data, size_t size,
    struct cnn_error *e)
{
	return EVP_DigestUpdate(context(d), data, size) == 1 ? CNN_OK : failed(e);
}

int cnn_sha256_text(struct cnn_sha256 *d, char text[CNN_SHA256_TEXT],
    struct cnn_error *e)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned size;

	if (EVP_DigestFinal_ex(context(d), bytes, &size) != 1 ||
	    2 * size + 1 != CNN_SHA256_TEXT)
		return failed(e);
	for (unsigned i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return CNN_OK;
}

void cnn_sha256_free(struct cnn_sha256 *d)
{
	EVP_MD_CTX_free(context(d));
}
