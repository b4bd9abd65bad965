/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Compiled filters kept in a directory. Worth it for profiles given by names, of which libseccomp
 * must be asked for hundreds; the default profile carries its numbers and is compiled faster than a
 * file is read.
 */
#include "kernel/seccomp.h"

/* Like seccomp_compile, by way of a file in the directory: read if it was made from the very same
 * rules and is whole, else written anew. A directory that cannot be read or written is no failure.
 */
int seccomp_cached(int cache_dirfd, const struct seccomp_rules *rules,
                   struct seccomp_filter *ret_filter, struct err *err);
