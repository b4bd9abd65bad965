/* SPDX-License-Identifier: Apache-2.0 */
/* Layers on top of each other, as overlayfs shows them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "transfer/merge.h"

enum { LAYERS = 3 };

static char scratch_path[] = "/tmp/ruche-merge-XXXXXX";
static int layers[LAYERS]; /* topmost first */
static struct str seen;
static struct err err;

static void scratch_open(void)
{
    cr_assert_not_null(mkdtemp(scratch_path));
    int scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < LAYERS; i++) {
        auto_free char *name = xasprintf("%zu", i);
        cr_assert_eq(dir_open_made(scratch, name, 0755, &layers[i], &err), 0);
    }
    close(scratch);
}

static void scratch_close(void)
{
    for (size_t i = 0; i < LAYERS; i++)
        close(layers[i]);
    str_done(&seen);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0, "%s", err.text);
}

TestSuite(merge, .init = scratch_open, .fini = scratch_close, .timeout = 600);

static void make_directory(size_t layer, const char *path)
{
    cr_assert_eq(dir_make_all(layers[layer], path, 0755, &err), 0, "%s", err.text);
}

/* A file as long as it lies deep, so that it shows which it is. */
static void make_file(size_t layer, const char *path)
{
    cr_assert_eq(file_save(layers[layer], path, "xxx", layer, 0644, 0, &err), 0, "%s", err.text);
}

static void make_whiteout(size_t layer, const char *path)
{
    if (mknodat(layers[layer], path, S_IFCHR, makedev(0, 0)) == 0)
        return;
    scratch_close(); /* whoever skips is not cleaned up after */
    cr_skip_test("a whiteout cannot be made here");
}

static void make_opaque(size_t layer, const char *path)
{
    auto_close int fd = openat(layers[layer], path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) == 0)
        return;
    scratch_close();
    cr_skip_test("the file system has no extended attributes");
}

static int visit(void *context, const struct merge_entry *entry, struct err *ret_err)
{
    struct stat st;
    (void)context;
    (void)ret_err;
    str_addf(&seen, "%s", entry->path);
    if (S_ISDIR(entry->st.st_mode)) {
        str_add(&seen, "/");
        cr_assert_eq(fstat(entry->directory, &st), 0);
    } else {
        str_addf(&seen, "=%d", (int)entry->st.st_size);
        cr_assert_eq(fstatat(entry->directory, entry->name, &st, AT_SYMLINK_NOFOLLOW), 0);
    }
    cr_assert_eq(st.st_ino, entry->st.st_ino);
    str_add(&seen, " ");
    return 0;
}

static void sees(size_t n, const char *expected)
{
    str_clear(&seen);
    cr_assert_eq(merge_walk(layers, n, visit, NULL, &err), 0, "%s", err.text);
    cr_assert_str_eq(str_text(&seen), expected);
}

Test(merge, upper_ones_replace_lower_ones)
{
    make_file(2, "a");
    make_file(2, "b");
    make_file(1, "b");
    make_file(0, "c");
    sees(3, "/ a=2 b=1 c=0 ");
    sees(1, "/ c=0 ");
}

Test(merge, directories_have_what_all_layers_put_in)
{
    make_directory(2, "d/e");
    make_directory(1, "d");
    make_directory(0, "d/e/f");
    make_file(2, "d/e/low");
    make_file(1, "d/middle");
    make_file(0, "d/e/f/top");
    make_file(0, "z");
    sees(3, "/ z=0 d/ d/middle=1 d/e/ d/e/low=2 d/e/f/ d/e/f/top=0 ");
}

Test(merge, a_whiteout_hides_and_is_not_seen)
{
    make_directory(2, "d");
    make_file(2, "d/low");
    make_file(2, "f");
    make_whiteout(1, "d");
    make_whiteout(1, "f");
    sees(3, "/ ");
    /* what comes anew on top of it has nothing of what was below */
    make_directory(0, "d");
    make_file(0, "d/new");
    sees(3, "/ d/ d/new=0 ");
}

Test(merge, an_opaque_directory_hides_what_is_below)
{
    make_directory(2, "d/e");
    make_file(2, "d/low");
    make_directory(1, "d/e");
    make_file(1, "d/middle");
    make_directory(0, "d");
    make_opaque(1, "d");
    sees(3, "/ d/ d/middle=1 d/e/ ");
    make_opaque(0, "d");
    sees(3, "/ d/ ");
}

Test(merge, another_type_hides_too)
{
    make_directory(2, "d");
    make_file(2, "d/low");
    make_file(1, "d");
    sees(3, "/ d=1 ");
    make_directory(0, "d");
    sees(3, "/ d/ ");
    sees(1, "/ d/ ");
}

Test(merge, links_lead_nowhere)
{
    make_directory(2, "d");
    make_file(2, "d/low");
    cr_assert_eq(symlinkat("/etc", layers[1], "d"), 0);
    cr_assert_eq(symlinkat("../..", layers[0], "up"), 0);
    sees(3, "/ d=4 up=5 ");
}

static int visit_failing(void *context, const struct merge_entry *entry, struct err *ret_err)
{
    size_t *left = context;
    return (*left)-- > 0 ? 0 : err_set(ret_err, ERR_SYSTEM, "%s", entry->path);
}

/* Whatever is still waiting is released, which a sanitizer sees. */
Test(merge, an_error_ends_it)
{
    make_directory(0, "a/b");
    make_directory(0, "c/d");
    for (size_t before = 0; before < 5; before++) {
        size_t left = before;
        cr_assert_eq(merge_walk(layers, 3, visit_failing, &left, &err), -1, "%zu", before);
    }
}

/* A directory that goes, or becomes a link, between being seen and being read. */
static int visit_removing(void *context, const struct merge_entry *entry, struct err *ret_err)
{
    (void)context;
    (void)ret_err;
    str_addf(&seen, "%s ", entry->path);
    if (*entry->path == '\0') {
        cr_assert_eq(unlinkat(layers[0], "a", AT_REMOVEDIR), 0);
        cr_assert_eq(unlinkat(layers[0], "b", AT_REMOVEDIR), 0);
        cr_assert_eq(symlinkat("/etc", layers[0], "b"), 0);
    }
    return 0;
}

Test(merge, what_goes_away_meanwhile_was_not_there)
{
    make_directory(0, "a");
    make_directory(0, "b");
    make_directory(0, "c");
    cr_assert_eq(merge_walk(layers, 1, visit_removing, NULL, &err), 0, "%s", err.text);
    cr_assert_str_eq(str_text(&seen), " b c ");
}

static int visit_uncovering(void *context, const struct merge_entry *entry, struct err *ret_err)
{
    (void)context;
    (void)ret_err;
    str_addf(&seen, "%s ", entry->path);
    if (strcmp(entry->path, "file") == 0)
        cr_assert_eq(unlinkat(layers[0], "d", AT_REMOVEDIR), 0);
    return 0;
}

/* What was below it is hidden by now, and has nothing to lie in. */
Test(merge, a_directory_that_goes_away_takes_along_what_is_below)
{
    make_directory(1, "d/e");
    make_file(1, "d/low");
    make_directory(0, "d");
    make_file(0, "file");
    cr_assert_eq(merge_walk(layers, 2, visit_uncovering, NULL, &err), 0, "%s", err.text);
    cr_assert_str_eq(str_text(&seen), " file ");
}
