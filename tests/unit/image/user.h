/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Root, with a home, an /etc, a /run and a directory of programs of his own, all below one that is
 * made for the test and removed after it. */
#include <stdbool.h>

#include "image/registry_environment.h"

struct user {
    char *directory;
    char *etc, *run, *home, *bin;
    struct registry_environment environment; /* with etc, run, home, path */
};

void user_init(struct user *user);
void user_done(struct user *user);
/* Writes a file, with the directories above it; the path is below the user's directory. */
void user_put(const struct user *user, const char *path, const char *text);
/* The same, as a program: a shell script. */
void user_put_program(const struct user *user, const char *path, const char *text);
/* The file's text, or NULL if there is none. Owned by the caller. */
char *user_get(const struct user *user, const char *path);
void user_remove(const struct user *user, const char *path);
char *user_path(const struct user *user, const char *path);
