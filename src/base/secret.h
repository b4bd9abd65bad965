/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Text that must not stay in memory: auto_secret char *password = NULL; is overwritten before it is
 * released. */
#include <stdlib.h>
#include <string.h>

/* NULL is fine. */
static inline void secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static inline void secret_free_at(char **secret)
{
    secret_free(*secret);
}

#define auto_secret __attribute__((cleanup(secret_free_at), unused))
