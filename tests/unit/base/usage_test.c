/* SPDX-License-Identifier: Apache-2.0 */
#include "base/usage.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static char scratch_path[] = "/tmp/ruche-usage-XXXXXX";
static int root = -1;

static void begin(void)
{
    cr_assert_not_null(mkdtemp(scratch_path));
    root = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void end(void)
{
    struct err err;
    close(root);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0, "%s", err.text);
}

TestSuite(usage, .init = begin, .fini = end);

static void put(const char *path, size_t len)
{
    auto_free char *data = xcalloc(1, len + 1);
    struct err err;
    memset(data, 'x', len);
    cr_assert_eq(file_save(root, path, data, len, 0644, 0, &err), 0, "%s", err.text);
}

static uint64_t du(void)
{
    auto_free char *command = xasprintf("du -s --block-size=1 %s", scratch_path);
    FILE *pipe = popen(command, "r");
    uint64_t bytes = 0;
    cr_assert_eq(fscanf(pipe, "%" SCNu64, &bytes), 1);
    pclose(pipe);
    return bytes;
}

static uint64_t own(void)
{
    auto_done(usage) usage = {};
    struct err err;
    cr_assert_eq(usage_add(&usage, root, ".", &err), 0, "%s", err.text);
    return usage.bytes;
}

Test(usage, is_what_du_says)
{
    struct err err;
    cr_assert_eq(own(), du());
    put("a", 10);
    put("b", 100000);
    cr_assert_eq(dir_make_all(root, "d/e/f", 0755, &err), 0);
    put("d/e/f/c", 5000);
    cr_assert_eq(symlinkat("/nowhere", root, "d/link"), 0);
    cr_assert_eq(own(), du());
    cr_assert_gt(own(), 105000);
}

Test(usage, a_file_with_several_names_is_counted_once)
{
    struct err err;
    put("a", 100000);
    uint64_t before = own();
    cr_assert_eq(dir_make_all(root, "d", 0755, &err), 0);
    uint64_t with_directory = own();
    for (int i = 0; i < 200; i++) {
        auto_free char *name = xasprintf("d/%d", i);
        cr_assert_eq(linkat(root, "a", root, name, 0), 0);
    }
    cr_assert_gt(with_directory, before - 1);
    cr_assert_eq(own(), du());
    cr_assert_lt(own(), with_directory + 100000);
}

Test(usage, several_paths_share_what_was_counted)
{
    auto_done(usage) both = {};
    auto_done(usage) one = {};
    struct err err;
    cr_assert_eq(dir_make_all(root, "x", 0755, &err), 0);
    cr_assert_eq(dir_make_all(root, "y", 0755, &err), 0);
    put("x/a", 100000);
    cr_assert_eq(linkat(root, "x/a", root, "y/a", 0), 0);
    cr_assert_eq(usage_add(&one, root, "x", &err), 0);
    cr_assert_eq(usage_add(&both, root, "x", &err), 0);
    cr_assert_eq(usage_add(&both, root, "y", &err), 0);
    cr_assert_lt(both.bytes, one.bytes + 100000);
}

Test(usage, holes_take_no_room)
{
    auto_close int fd = openat(root, "hole", O_WRONLY | O_CREAT, 0644);
    cr_assert_eq(ftruncate(fd, 1 << 30), 0);
    cr_assert_lt(own(), 1 << 20);
}

Test(usage, absent_is_fine_and_links_are_not_followed)
{
    auto_done(usage) usage = {};
    struct err err;
    cr_assert_eq(usage_add(&usage, root, "none", &err), 0);
    cr_assert_eq(usage.bytes, 0);
    cr_assert_eq(symlinkat("/usr", root, "link"), 0);
    cr_assert_eq(usage_add(&usage, root, "link", &err), 0);
    cr_assert_eq(usage.files, 1);
}

Test(usage, deep_directories)
{
    struct err err;
    auto_done(str) path = {};
    for (int i = 0; i < 400; i++)
        str_add(&path, "d/");
    str_add(&path, "e");
    cr_assert_eq(dir_make_all(root, str_text(&path), 0755, &err), 0, "%s", err.text);
    auto_done(usage) usage = {};
    cr_assert_eq(usage_add(&usage, root, "d", &err), 0, "%s", err.text);
    cr_assert_eq(usage.files, 401);
}
