/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

struct digest {
    EVP_MD_CTX *context;
};

int digest_prepare(struct err *err)
{
    /* openssl.cnf may load providers of whoever wrote it; SHA-256 is in libcrypto itself. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return err_set(err, ERR_SYSTEM, "libcrypto does not start");
    auto_drop(digest) *probe = digest_new();
    if (!probe)
        return err_set(err, ERR_SYSTEM, "libcrypto has no SHA-256");
    return 0;
}

struct digest *digest_new(void)
{
    auto_drop(digest) *digest = xnew(struct digest);
    digest->context = EVP_MD_CTX_new();
    if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
        return NULL;
    return take_ptr(digest);
}

void digest_add(struct digest *digest, const void *at, size_t len)
{
    (void)EVP_DigestUpdate(digest->context, at, len); /* arithmetic cannot fail */
}

void digest_text(struct digest *digest, char text[static DIGEST_TEXT_SIZE])
{
    unsigned char value[EVP_MAX_MD_SIZE] = {};
    unsigned len = 0;
    (void)EVP_DigestFinal_ex(digest->context, value, &len);
    int at = snprintf(text, DIGEST_TEXT_SIZE, "sha256:");
    for (unsigned i = 0; i < 32; i++)
        at += snprintf(text + at, (size_t)(DIGEST_TEXT_SIZE - at), "%02x", value[i]);
}

void digest_free(struct digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}
