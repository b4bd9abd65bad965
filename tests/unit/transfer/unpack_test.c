/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that a stranger made, unpacked beside a canary that must not change. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "tar_make.h"
#include "transfer/tar.h"
#include "transfer/unpack.h"

/* ---- unpacking ---- */

static char scratch_path[] = "/tmp/ruche-unpack-XXXXXX";
static int scratch = -1; /* with "layer", and "canary" beside it */
static int layer = -1;
static struct strings warnings;
static int devices;

static void scratch_open(void)
{
    umask(0);
    tar_prepare();
    cr_assert_not_null(mkdtemp(scratch_path));
    scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err err;
    cr_assert_eq(dir_open_made(scratch, "layer", 0755, &layer, &err), 0);
    cr_assert_eq(file_save(scratch, "canary", "alive", 5, 0644, 0, &err), 0);
}

static void scratch_close(void)
{
    struct err err;
    auto_free char *canary = NULL;
    auto_done(strings) names = {};
    struct stat st;
    size_t len;
    cr_assert_eq(file_load(scratch, "canary", 100, &canary, &len, &err), 1);
    cr_assert_str_eq(canary, "alive");
    cr_assert_eq(fstatat(scratch, "canary", &st, AT_SYMLINK_NOFOLLOW), 0);
    cr_assert_eq(st.st_nlink, 1, "somebody linked to the canary");
    cr_assert_eq(dir_list(scratch, ".", &names, &err), 1);
    cr_assert_eq(names.len, 2, "something was made outside of the layer");
    strings_done(&warnings);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0);
}

TestSuite(unpack, .init = scratch_open, .fini = scratch_close, .timeout = 600);

static int device_seen(void *context, const struct member *member, struct err *err)
{
    (void)context;
    (void)member;
    (void)err;
    devices++;
    return 0;
}

static void warning_seen(void *context, const char *text)
{
    (void)context;
    strings_add(&warnings, text);
}

static int progress_seen(void *context, uint64_t bytes, struct err *err)
{
    (void)context;
    (void)bytes;
    (void)err;
    return 0;
}

static struct unpack_limits limits = { .max_bytes = 1 << 30, .max_entries = 1000 };

static int unpack_bytes(const struct str *archive, struct err *err)
{
    const struct sink_help help = { .device = device_seen, .warning = warning_seen };
    struct unpack_result result;
    auto_close int fd = memfd_create("archive", MFD_CLOEXEC);
    cr_assert_eq(fd_write_all(fd, archive->at, archive->len), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    auto_drop(stream) *stream = stream_new(fd, 0);
    auto_drop(sink) *sink = directory_sink_new(layer, &help);
    return unpack_layer(stream, sink, &limits, &help, progress_seen, &result, err);
}

static int unpack_entries(const struct entry *entries, size_t len, struct err *err)
{
    auto_done(str) archive = {};
    archive_make(&archive, entries, len);
    return unpack_bytes(&archive, err);
}

#define good(...)                                                                                  \
    do {                                                                                           \
        const struct entry entries_[] = { __VA_ARGS__ };                                           \
        struct err err_ = {};                                                                      \
        cr_assert_eq(unpack_entries(entries_, array_size(entries_), &err_), 0, "%s", err_.text);   \
    } while (0)

/* Refused, and the error holds the words. */
#define bad(words, ...)                                                                            \
    do {                                                                                           \
        const struct entry entries_[] = { __VA_ARGS__ };                                           \
        struct err err_ = {};                                                                      \
        cr_assert_lt(unpack_entries(entries_, array_size(entries_), &err_), 0, "not refused");     \
        cr_assert_not_null(strstr(err_.text, words), "\"%s\" without \"%s\"", err_.text, words);   \
    } while (0)

static struct stat look(const char *path)
{
    struct stat st = {};
    cr_assert_eq(fstatat(layer, path, &st, AT_SYMLINK_NOFOLLOW), 0, "%s is missing", path);
    return st;
}

static bool there(const char *path)
{
    struct stat st;
    return fstatat(layer, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void holds(const char *path, const char *text)
{
    auto_free char *data = NULL;
    size_t len;
    struct err err;
    cr_assert_eq(file_load(layer, path, 1 << 20, &data, &len, &err), 1, "%s", path);
    cr_assert_str_eq(data, text);
}

static bool whiteout(const char *path)
{
    struct stat st = look(path);
    return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static bool opaque(const char *path)
{
    char value[8];
    auto_close int fd = openat(layer, path, O_RDONLY | O_DIRECTORY);
    cr_assert_geq(fd, 0);
    return fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

/* ---- what is right ---- */

Test(unpack, keeps_modes_times_and_types)
{
    good({ .name = "./", .type = '5', .mode = 0711, .mtime = 50 },
         { .name = "dir", .type = '5', .mode = 01777, .mtime = 100 },
         { .name = "dir/set", .type = '0', .text = "x", .mode = 04755, .mtime = 200 },
         { .name = "dir/link", .type = '2', .text = "../nowhere", .mtime = 300 },
         { .name = "dir/hard", .type = '1', .text = "dir/set" },
         { .name = "dir/fifo", .type = '6', .mode = 0620, .mtime = 400 },
         { .name = "empty", .type = '0', .mode = 0400 });
    cr_assert_eq(look(".").st_mode & 07777, 0711);
    cr_assert_eq(look(".").st_mtim.tv_sec, 50);
    cr_assert_eq(look("dir").st_mode & 07777, 01777);
    cr_assert_eq(look("dir").st_mtim.tv_sec, 100, "a directory's time is set last");
    cr_assert_eq(look("dir/set").st_mode & 07777, 04755);
    cr_assert_eq(look("dir/set").st_mtim.tv_sec, 200);
    cr_assert_eq(look("dir/set").st_nlink, 2);
    cr_assert_eq(look("dir/hard").st_ino, look("dir/set").st_ino);
    cr_assert(S_ISLNK(look("dir/link").st_mode));
    cr_assert_eq(look("dir/link").st_mtim.tv_sec, 300);
    cr_assert(S_ISFIFO(look("dir/fifo").st_mode));
    cr_assert_eq(look("dir/fifo").st_mode & 07777, 0620);
    cr_assert_eq(look("empty").st_size, 0);
    cr_assert_eq(warnings.len, 0);
}

Test(unpack, missing_parents_are_made)
{
    good({ .name = "a/b/c/file", .type = '0', .text = "x" });
    cr_assert_eq(look("a/b").st_mode & 07777, 0755);
    holds("a/b/c/file", "x");
}

Test(unpack, a_group_is_not_inherited)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    good({ .name = "staff", .type = '5', .mode = 02775, .owner = 50 },
         { .name = "staff/dir", .type = '5', .owner = 7 },
         { .name = "staff/file", .type = '0', .text = "x", .owner = 7 },
         { .name = "staff/link", .type = '2', .text = "x", .owner = 7 });
    cr_assert_eq(look("staff").st_gid, 50);
    cr_assert_eq(look("staff").st_mode & 07777, 02775);
    cr_assert_eq(look("staff/dir").st_gid, 7);
    cr_assert_eq(look("staff/dir").st_mode & 07777, 0755);
    cr_assert_eq(look("staff/file").st_gid, 7);
    cr_assert_eq(look("staff/link").st_gid, 7);
}

Test(unpack, the_later_of_two_counts_whatever_its_type)
{
    good({ .name = "x", .type = '0', .text = "first" },
         { .name = "x", .type = '0', .text = "second" });
    holds("x", "second");
    good({ .name = "x", .type = '5' }, { .name = "x/deep/er", .type = '0', .text = "y" });
    holds("x/deep/er", "y");
    good({ .name = "x", .type = '2', .text = "elsewhere" });
    cr_assert(S_ISLNK(look("x").st_mode));
    good({ .name = "x", .type = '5' }, { .name = "x/deep", .type = '5' },
         { .name = "x", .type = '0', .text = "file" });
    holds("x", "file");
    good({ .name = "x", .type = '5', .mode = 0700 }, { .name = "x/kept", .type = '0', .text = "k" },
         { .name = "x", .type = '5', .mode = 0755 });
    holds("x/kept", "k");
    cr_assert_eq(look("x").st_mode & 07777, 0755);
}

Test(unpack, a_replaced_file_leaves_its_hard_links_alone)
{
    good({ .name = "a", .type = '0', .text = "one" }, { .name = "b", .type = '1', .text = "a" },
         { .name = "a", .type = '0', .text = "two" });
    holds("a", "two");
    holds("b", "one");
}

Test(unpack, hard_links_to_oneself_and_to_symbolic_links)
{
    good({ .name = "a", .type = '0', .text = "one" }, { .name = "a", .type = '1', .text = "./a" },
         { .name = "s", .type = '2', .text = "a" }, { .name = "t", .type = '1', .text = "s" });
    holds("a", "one");
    cr_assert(S_ISLNK(look("t").st_mode), "the link itself is linked, not what it leads to");
}

Test(unpack, links_on_the_way_lead_inside_the_layer)
{
    good({ .name = "usr/bin", .type = '5' }, { .name = "bin", .type = '2', .text = "usr/bin" },
         { .name = "bin/tool", .type = '0', .text = "t" },
         { .name = "abs", .type = '2', .text = "/usr" },
         { .name = "abs/bin/more", .type = '0', .text = "m" });
    holds("usr/bin/tool", "t");
    holds("usr/bin/more", "m");
    cr_assert(S_ISLNK(look("bin").st_mode));
}

Test(unpack, whiteouts_become_character_devices)
{
    good({ .name = "dir", .type = '5' }, { .name = "dir/.wh.gone", .type = '0' },
         { .name = ".wh.also", .type = '0', .text = "content does not matter" },
         { .name = "new/.wh.deep", .type = '0' },
         { .name = ".wh.link", .type = '2', .text = "../canary" });
    cr_assert(whiteout("dir/gone"));
    cr_assert(whiteout("also"));
    cr_assert(whiteout("new/deep"));
    cr_assert(whiteout("link"));
}

Test(unpack, opaque_directories)
{
    good({ .name = "dir", .type = '5' }, { .name = "dir/.wh..wh..opq", .type = '0' },
         { .name = "dir/own", .type = '0', .text = "x" },
         { .name = "implied/.wh..wh..opq", .type = '0' }, { .name = "plain", .type = '5' });
    cr_assert(opaque("dir"));
    cr_assert(opaque("implied"));
    cr_assert_not(opaque("plain"));
    cr_assert_not(opaque("."));
    holds("dir/own", "x");
}

Test(unpack, a_whiteout_does_not_hide_what_its_own_layer_brings)
{
    good({ .name = "f", .type = '0', .text = "x" }, { .name = ".wh.f", .type = '0' },
         { .name = "d", .type = '5' }, { .name = "d/f", .type = '0', .text = "y" },
         { .name = ".wh.d", .type = '0' }, { .name = ".wh.g", .type = '0' },
         { .name = "g", .type = '0', .text = "z" }, { .name = ".wh.e", .type = '0' },
         { .name = "e", .type = '5' }, { .name = "e/f", .type = '0', .text = "w" });
    holds("f", "x");
    holds("d/f", "y");
    cr_assert(opaque("d"), "d of the layers below is hidden, ours is not");
    holds("g", "z");
    holds("e/f", "w");
    cr_assert(opaque("e"));
}

Test(unpack, bookkeeping_of_old_union_file_systems_is_passed_over)
{
    good({ .name = ".wh..wh.plnk", .type = '5' },
         { .name = ".wh..wh.plnk/1.2", .type = '0', .text = "x" },
         { .name = ".wh..wh.aufs", .type = '0' }, { .name = "real", .type = '0', .text = "r" });
    cr_assert_not(there(".wh..wh.plnk"));
    cr_assert_not(there(".wh..wh.aufs"));
    holds("real", "r");
}

Test(unpack, devices_are_asked_for)
{
    good({ .name = "dev", .type = '5' },
         { .name = "dev/null", .type = '3', .major = 1, .minor = 3 },
         { .name = "dev/sda", .type = '4', .major = 8 }, { .name = "dev/gone", .type = '3' });
    cr_assert_eq(devices, 2);
    cr_assert_not(there("dev/null"));
    cr_assert(whiteout("dev/gone"), "0:0 is the form of a whiteout");
}

Test(unpack, names_are_bytes)
{
    auto_done(str) archive = {};
    struct err err = {};
    const struct entry raw = { .name = "latin-\xe9", .type = '0', .text = "l" },
                       pax = { .name = "short", .type = '0', .text = "p" };
    entry_add(&archive, &raw);
    pax_add(&archive, "path",
            "gr\xc3\xbc\xc3\x9f"
            "e",
            8);
    entry_add(&archive, &pax);
    archive_end(&archive);
    cr_assert_eq(unpack_bytes(&archive, &err), 0, "%s", err.text);
    holds("latin-\xe9", "l");
    holds("gr\xc3\xbc\xc3\x9f"
          "e",
          "p");
}

Test(unpack, attributes_are_kept)
{
    auto_done(str) archive = {};
    struct err err = {};
    char value[8] = {};
    const struct entry file = { .name = "f", .type = '0', .text = "x" };
    pax_add(&archive, "SCHILY.xattr.user.note", "hello", 5);
    entry_add(&archive, &file);
    archive_end(&archive);
    cr_assert_eq(unpack_bytes(&archive, &err), 0, "%s", err.text);
    auto_close int fd = openat(layer, "f", O_RDONLY);
    cr_assert_eq(fgetxattr(fd, "user.note", value, sizeof(value)), 5);
    cr_assert_str_eq(value, "hello");
    cr_assert_eq(warnings.len, 0);
}

Test(unpack, foreign_attributes_are_dropped_with_one_warning)
{
    auto_done(str) archive = {};
    struct err err = {};
    char value[64];
    const struct entry one = { .name = "one", .type = '0', .text = "x" },
                       two = { .name = "two", .type = '0', .text = "x" };
    pax_add(&archive, "SCHILY.xattr.security.selinux", "label", 5);
    entry_add(&archive, &one);
    pax_add(&archive, "SCHILY.xattr.security.selinux", "label", 5);
    entry_add(&archive, &two);
    archive_end(&archive);
    cr_assert_eq(unpack_bytes(&archive, &err), 0, "%s", err.text);
    auto_close int fd = openat(layer, "one", O_RDONLY);
    cr_assert_lt(fgetxattr(fd, "security.selinux", value, sizeof(value)), 0);
    cr_assert_eq(warnings.len, 1);
    cr_assert_not_null(strstr(warnings.at[0], "security.selinux"));
}

Test(unpack, sparse_files_have_holes)
{
    auto_done(str) archive = {};
    struct err err = {};
    /* GNU.sparse 1.0: the map stands before the data, here one region at the end of 1 GiB. */
    auto_done(str) body = {};
    str_add(&body, "1\n1073741819\n5\n");
    block_fill(&body);
    str_add(&body, "hello");
    const struct entry file = { .name = "GNUSparseFile.0/big", .type = '0' };
    pax_add(&archive, "GNU.sparse.major", "1", 1);
    auto_done(str) pax = {};
    pax_add(&pax, "GNU.sparse.name", "big", 3);
    /* One extended header holds all records. */
    str_clear(&archive);
    auto_done(str) records = {};
    str_add(&records, "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n23 GNU.sparse.name=big\n"
                      "34 GNU.sparse.realsize=1073741824\n");
    const struct entry header = { .name = "pax", .type = 'x' };
    header_add(&archive, &header, records.len);
    str_add_bytes(&archive, records.at, records.len);
    block_fill(&archive);
    header_add(&archive, &file, body.len);
    str_add_bytes(&archive, body.at, body.len);
    block_fill(&archive);
    archive_end(&archive);

    cr_assert_eq(unpack_bytes(&archive, &err), 0, "%s", err.text);
    struct stat st = look("big");
    cr_assert_eq(st.st_size, 1073741824);
    cr_assert_lt(st.st_blocks, 1024, "the hole takes no room");
    char tail[6] = {};
    auto_close int fd = openat(layer, "big", O_RDONLY);
    cr_assert_eq(pread(fd, tail, 5, 1073741819), 5);
    cr_assert_str_eq(tail, "hello");
}

/* ---- what is not ---- */

Test(unpack, parents_in_names_are_refused)
{
    bad("..", { .name = "../canary", .type = '0', .text = "dead" });
    bad("..", { .name = "a/../../canary", .type = '0', .text = "dead" });
    bad("..", { .name = "../new", .type = '5' });
    bad("..", { .name = "../.wh.canary", .type = '0' });
    bad("..", { .name = "../.wh..wh..opq", .type = '0' });
}

Test(unpack, absolute_names_begin_at_the_root)
{
    good({ .name = "/etc/passwd", .type = '0', .text = "mine" });
    holds("etc/passwd", "mine");
}

Test(unpack, links_out_of_the_layer_lead_nowhere)
{
    good({ .name = "up", .type = '2', .text = ".." },
         { .name = "up/canary", .type = '0', .text = "inside" });
    holds("canary", "inside");
    good({ .name = "far", .type = '2', .text = "../../../../../.." },
         { .name = "far/new", .type = '0', .text = "inside" });
    holds("new", "inside");
    bad("leads to nothing", { .name = "abs", .type = '2', .text = "/no/such/directory" },
        { .name = "abs/file", .type = '0', .text = "x" });
    bad("directory", { .name = "loop", .type = '2', .text = "loop" },
        { .name = "loop/file", .type = '0', .text = "x" });
}

Test(unpack, a_link_is_replaced_and_not_written_through)
{
    good({ .name = "c", .type = '2', .text = "../canary" },
         { .name = "c", .type = '0', .text = "mine" });
    holds("c", "mine");
    good({ .name = "d", .type = '2', .text = ".." }, { .name = "d", .type = '5' },
         { .name = "d/canary", .type = '0', .text = "mine" });
    holds("d/canary", "mine");
    good({ .name = "o", .type = '2', .text = ".." }, { .name = "o/.wh..wh..opq", .type = '0' });
    cr_assert(opaque("."), "the link leads to the layer's own root");
}

Test(unpack, hard_links_reach_only_members_of_the_layer)
{
    bad("hard link", { .name = "x", .type = '1', .text = "/etc/passwd" });
    bad("..", { .name = "x", .type = '1', .text = "../canary" });
    bad("hard link", { .name = "x", .type = '1', .text = "missing" });
    bad("hard link", { .name = "up", .type = '2', .text = ".." },
        { .name = "x", .type = '1', .text = "up/canary" });
    bad("hard link", { .name = "real", .type = '5' },
        { .name = "real/f", .type = '0', .text = "x" },
        { .name = "via", .type = '2', .text = "real" },
        { .name = "x", .type = '1', .text = "via/f" });
    bad("link", { .name = "d", .type = '5' }, { .name = "x", .type = '1', .text = "d" });
    bad("hard link", { .name = "x", .type = '1', .text = "/" });
}

Test(unpack, a_hard_link_is_no_way_to_write)
{
    /* The link to a symbolic link is replaced like any other name. */
    good({ .name = "s", .type = '2', .text = "../canary" },
         { .name = "h", .type = '1', .text = "s" }, { .name = "h", .type = '0', .text = "mine" });
    holds("h", "mine");
}

Test(unpack, the_root_is_a_directory)
{
    bad("root", { .name = "/", .type = '2', .text = "/etc" });
    bad("root", { .name = ".", .type = '0', .text = "x" });
    bad("root", { .name = "./", .type = '6' });
    bad("hard link", { .name = "x", .type = '0', .text = "y" },
        { .name = "d", .type = '1', .text = "." });
}

Test(unpack, files_are_no_parents)
{
    bad("directory", { .name = "f", .type = '0', .text = "x" },
        { .name = "f/g", .type = '0', .text = "y" });
    bad("directory", { .name = ".wh.f", .type = '0' }, { .name = "f/g", .type = '0', .text = "y" });
}

Test(unpack, overlay_attributes_are_refused)
{
    static const char *const names[] = {
        "SCHILY.xattr.user.overlay.redirect",
        "SCHILY.xattr.trusted.overlay.opaque",
        "LIBARCHIVE.xattr.user.overlay.metacopy",
    };
    for (size_t i = 0; i < array_size(names); i++) {
        auto_done(str) archive = {};
        struct err err = {};
        const struct entry file = { .name = "f", .type = '0', .text = "x" };
        pax_add(&archive, names[i], "eQ==", 4);
        entry_add(&archive, &file);
        archive_end(&archive);
        cr_assert_lt(unpack_bytes(&archive, &err), 0, "%s", names[i]);
        cr_assert_not_null(strstr(err.text, "overlay"), "%s", err.text);
    }
}

Test(unpack, truncated_archives_name_the_member)
{
    auto_done(str) archive = {};
    struct err err = {};
    const struct entry file = { .name = "half", .type = '0' };
    header_add(&archive, &file, 5000);
    str_add(&archive, "only this");
    cr_assert_lt(unpack_bytes(&archive, &err), 0);
    cr_assert_not_null(strstr(err.text, "member half"), "%s", err.text);
}

Test(unpack, sizes_that_lie)
{
    auto_done(str) archive = {};
    struct err err = {};
    const struct entry huge = { .name = "huge", .type = '0' },
                       next = { .name = "next", .type = '0', .text = "x" };
    header_add(&archive, &huge, (size_t)07777777777);
    entry_add(&archive, &next);
    archive_end(&archive);
    cr_assert_lt(unpack_bytes(&archive, &err), 0);

    str_clear(&archive);
    const struct entry small = { .name = "small", .type = '0' };
    header_add(&archive, &small, 1);
    for (int i = 0; i < 3; i++)
        str_addf(&archive, "%0512d", 7); /* more data than it says: no header behind it */
    archive_end(&archive);
    cr_assert_lt(unpack_bytes(&archive, &err), 0);
}

Test(unpack, sparse_maps_past_the_end)
{
    auto_done(str) archive = {};
    auto_done(str) body = {};
    struct err err = {};
    auto_done(str) records = {};
    str_add(&records, "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n23 GNU.sparse.name=big\n"
                      "27 GNU.sparse.realsize=100\n");
    str_add(&body, "1\n1048576\n5\n");
    block_fill(&body);
    str_add(&body, "hello");
    const struct entry header = { .name = "pax", .type = 'x' }, file = { .name = "s", .type = '0' };
    header_add(&archive, &header, records.len);
    str_add_bytes(&archive, records.at, records.len);
    block_fill(&archive);
    header_add(&archive, &file, body.len);
    str_add_bytes(&archive, body.at, body.len);
    block_fill(&archive);
    archive_end(&archive);
    cr_assert_lt(unpack_bytes(&archive, &err), 0);
    cr_assert_not_null(strstr(err.text, "big"), "%s", err.text);
}

Test(unpack, garbage)
{
    auto_done(str) archive = {};
    struct err err = {};
    const struct entry file = { .name = "f", .type = '0', .text = "x" };
    str_addf(&archive, "%0512d", 1);
    cr_assert_lt(unpack_bytes(&archive, &err), 0);

    str_clear(&archive);
    entry_add(&archive, &file);
    archive_end(&archive);
    str_add(&archive, "trailing");
    cr_assert_lt(unpack_bytes(&archive, &err), 0);
    cr_assert_not_null(strstr(err.text, "follows"), "%s", err.text);

    /* Far behind, in a block of its own. */
    str_clear(&archive);
    entry_add(&archive, &file);
    for (int i = 0; i < 2000; i++)
        archive_end(&archive);
    str_add(&archive, "trailing");
    cr_assert_lt(unpack_bytes(&archive, &err), 0);

    str_clear(&archive);
    entry_add(&archive, &file);
    for (int i = 0; i < 2000; i++)
        archive_end(&archive);
    cr_assert_eq(unpack_bytes(&archive, &err), 0, "padding is no garbage: %s", err.text);
}

Test(unpack, limits)
{
    limits = (struct unpack_limits){ .max_bytes = 9, .max_entries = 3 };
    good({ .name = "a", .type = '0', .text = "12345" },
         { .name = "b", .type = '0', .text = "1234" });
    bad("limit", { .name = "a", .type = '0', .text = "12345" },
        { .name = "b", .type = '0', .text = "12345" });
    bad("more than 3", { .name = "a", .type = '5' }, { .name = "b", .type = '5' },
        { .name = "c", .type = '5' }, { .name = "d", .type = '5' });
}

Test(unpack, errors_show_no_control_bytes)
{
    struct err err = {};
    const struct entry entries[] = {
        { .name = "\x1b[2J../x\n", .type = '0', .text = "x" },
        { .name = "\x1b]0;owned\x07/../y", .type = '0', .text = "x" }
    };
    cr_assert_lt(unpack_entries(entries, 2, &err), 0);
    for (const char *c = err.text; *c; c++)
        cr_assert_geq((unsigned char)*c, ' ');
    const struct entry link = { .name = "x", .type = '1', .text = "\x1b[2J\n" };
    cr_assert_lt(unpack_entries(&link, 1, &err), 0);
    for (const char *c = err.text; *c; c++)
        cr_assert_geq((unsigned char)*c, ' ');
}
