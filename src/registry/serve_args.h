/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The options of `ruche registry serve`, which ruche checks and hands on, and ruche-registry serves by.
 */
#include <sys/socket.h>

#include "base/option.h"

struct registry_serve_args {
    const char *listen;
    const char *tls_cert;
    const char *tls_key;
    const char *htpasswd;
    const char *log_format;
    bool read_only;
};

extern const struct option registry_serve_table[];

/* Where it listens. */
struct registry_address {
    struct sockaddr_storage socket;
    socklen_t len;
    bool loopback;
};

/* Checks what can be checked without touching anything. */
int registry_serve_check(const struct registry_serve_args *args,
                         struct registry_address *ret_address, struct err *err);
/* Adds "127.0.0.1:5000". */
void registry_address_format(const struct registry_address *address, struct str *out);
