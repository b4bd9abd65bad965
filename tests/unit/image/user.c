/* SPDX-License-Identifier: Apache-2.0 */
#include "user.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

char *user_path(const struct user *user, const char *path)
{
    return xasprintf("%s/%s", user->directory, path);
}

void user_init(struct user *user)
{
    char directory[] = "/tmp/ruche-user-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    *user = (struct user){ .directory = xstrdup(directory) };
    user->etc = user_path(user, "etc");
    user->run = user_path(user, "run");
    user->home = user_path(user, "home");
    user->bin = user_path(user, "bin");
    user->environment = (struct registry_environment){
        .etc = user->etc,
        .run = user->run,
        .home = user->home,
        .path = user->bin,
    };
}

void user_done(struct user *user)
{
    struct err err;
    cr_assert_eq(tree_remove(AT_FDCWD, user->directory, &err), 0, "%s", err.text);
    free(user->directory);
    free(user->etc);
    free(user->run);
    free(user->home);
    free(user->bin);
}

static void put(const struct user *user, const char *path, const char *text, mode_t mode)
{
    struct err err;
    auto_free char *whole = user_path(user, path);
    auto_free char *directory = xstrdup(whole);
    *strrchr(directory, '/') = '\0';
    cr_assert_eq(dir_make_all(AT_FDCWD, directory, 0755, &err), 0, "%s", err.text);
    cr_assert_eq(file_save(AT_FDCWD, whole, text, strlen(text), mode, 0, &err), 0, "%s", err.text);
}

void user_put(const struct user *user, const char *path, const char *text)
{
    put(user, path, text, 0644);
}

void user_put_program(const struct user *user, const char *path, const char *text)
{
    put(user, path, text, 0755);
}

char *user_get(const struct user *user, const char *path)
{
    struct err err;
    auto_free char *whole = user_path(user, path);
    char *data = NULL;
    size_t len;
    cr_assert_geq(file_load(AT_FDCWD, whole, 1 << 20, &data, &len, &err), 0, "%s", err.text);
    return data;
}

void user_remove(const struct user *user, const char *path)
{
    struct err err;
    auto_free char *whole = user_path(user, path);
    cr_assert_eq(tree_remove(AT_FDCWD, whole, &err), 0, "%s", err.text);
}
