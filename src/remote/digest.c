/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

bool digest_matches(const char *digest, const void *at, size_t len, bool *ret_known)
{
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned value_len = 0;
    bool is_256 = text_starts(digest, "sha256:"), is_512 = text_starts(digest, "sha512:");
    const EVP_MD *algorithm = is_512 ? EVP_sha512() : EVP_sha256();
    *ret_known = is_256 || is_512;
    if (!*ret_known || EVP_Digest(at, len, value, &value_len, algorithm, NULL) != 1)
        return false;
    const char *hex = strchr(digest, ':') + 1;
    if (strlen(hex) != (size_t)value_len * 2)
        return false;
    for (unsigned i = 0; i < value_len; i++) {
        char two[3];
        snprintf(two, sizeof(two), "%02x", value[i]);
        if (memcmp(hex + (size_t)i * 2, two, 2) != 0)
            return false;
    }
    return true;
}
