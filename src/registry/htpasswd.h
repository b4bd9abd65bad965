/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The file of `htpasswd -B`: a line "user:hash" each. Hashes are those crypt(3) knows and that are
 * slow to guess: bcrypt, yescrypt, scrypt, SHA-crypt; the others that htpasswd can write (MD5, SHA-1,
 * DES, plain) are refused when the file is read.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

struct htpasswd;

/* Reads the file's text; errors name the line. */
int htpasswd_parse(const char *text, size_t len, struct htpasswd **ret_htpasswd, struct err *err);
void htpasswd_free(struct htpasswd *htpasswd);
DROP(htpasswd);
/* Whether the password is the user's. Takes as long for users that do not exist. From any thread. */
bool htpasswd_check(const struct htpasswd *htpasswd, const char *user, const char *password);

/* Takes "Basic dXNlcjpwYXNz" apart. False: it is none, or holds a zero byte. Owned by the caller. */
bool basic_parse(const char *header, char **ret_user, char **ret_password);
