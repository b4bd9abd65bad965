/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * POSIX access control lists as the attributes system.posix_acl_* hold them: what the kernel makes
 * of one that is set, and of the mode it is set beside.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/str.h"

enum acl_result {
    ACL_INVALID,
    ACL_MODE_ONLY, /* it says nothing that a mode does not */
    ACL_KEPT,
};

/* Checks a list and gives it as the kernel would read it back, closed up to out. *mode, unless
 * NULL, is of the file whose access it rules, and becomes what the list says. */
enum acl_result acl_take(const void *value, size_t len, mode_t *mode, struct str *out);
/* Changes a valid list as chmod does. */
void acl_chmod(void *value, size_t len, mode_t mode);
