/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Two trees, compared to the byte: types, modes, owners, times, attributes, links, data, holes. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { SAME_PIECE = 1 << 20, SAME_LIST = 64 << 10, SAME_BLOCK = 4096 };

struct same {
    const char *path; /* for messages */
    time_t now;       /* a time from then on was given by nobody, and not compared */
    bool no_times;    /* of directories */
};

static inline int name_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names and values of a file's extended attributes, sorted. */
static inline void xattrs_of(int dir, const char *name, struct str *out)
{
    auto_free char *path = xasprintf("/proc/self/fd/%d/%s", dir, name);
    auto_free char *names = xmalloc(SAME_LIST), *value = xmalloc(2 * SAME_LIST);
    auto_done(strings) sorted = {};
    ssize_t len = llistxattr(path, names, SAME_LIST);
    for (char *at = names; at < names + len; at += strlen(at) + 1)
        strings_add(&sorted, at);
    if (sorted.len > 0)
        qsort(sorted.at, sorted.len, sizeof(char *), name_order);
    for (size_t i = 0; i < sorted.len; i++) {
        ssize_t value_len = lgetxattr(path, sorted.at[i], value, 2 * SAME_LIST);
        str_addf(out, "%s=%zd:", sorted.at[i], value_len);
        for (ssize_t k = 0; k < value_len; k++)
            str_addf(out, "%02x", (unsigned char)value[k]);
        str_add_char(out, '\n');
    }
}

/* Where data begins and ends, in blocks. */
static inline void data_of(int fd, struct str *out)
{
    off_t end = 0, begin;
    while ((begin = lseek(fd, end, SEEK_DATA)) >= 0) {
        end = lseek(fd, begin, SEEK_HOLE);
        str_addf(out, "%lld-%lld ", (long long)begin / SAME_BLOCK,
                 (long long)(end + SAME_BLOCK - 1) / SAME_BLOCK);
    }
}

static inline void same_data(int dir_a, int dir_b, const char *name, const struct same *same)
{
    auto_free char *at = xmalloc(SAME_PIECE), *bt = xmalloc(SAME_PIECE);
    auto_close int a = openat(dir_a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    auto_close int b = openat(dir_b, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    cr_assert(a >= 0 && b >= 0, "%s/%s cannot be read", same->path, name);
    /* Of what is large only the data. */
    off_t offset = 0;
    while ((offset = lseek(a, offset, SEEK_DATA)) >= 0) {
        ssize_t n = pread(a, at, SAME_PIECE, offset), m = pread(b, bt, SAME_PIECE, offset);
        cr_assert(n > 0 && m == n && memcmp(at, bt, (size_t)n) == 0, "%s/%s: other data near %lld",
                  same->path, name, (long long)offset);
        offset += n;
    }
    /* A file system that knows no holes says that all is data. */
    auto_done(str) data_a = {};
    auto_done(str) data_b = {};
    struct stat st;
    cr_assert_eq(fstat(b, &st), 0);
    data_of(a, &data_a);
    data_of(b, &data_b);
    if (lseek(b, 0, SEEK_HOLE) < st.st_size || lseek(b, 0, SEEK_DATA) != 0)
        cr_assert_str_eq(str_text(&data_b), str_text(&data_a), "%s/%s: other holes", same->path,
                         name);
}

static inline void same_entry(int dir_a, int dir_b, const char *name, const struct same *same)
{
    struct stat a, b;
    auto_done(str) xattrs_a = {};
    auto_done(str) xattrs_b = {};
    const char *path = same->path;
    cr_assert_eq(fstatat(dir_a, name, &a, AT_SYMLINK_NOFOLLOW), 0, "%s/%s", path, name);
    cr_assert_eq(fstatat(dir_b, name, &b, AT_SYMLINK_NOFOLLOW), 0, "%s/%s is missing", path, name);
    cr_assert_eq(a.st_mode, b.st_mode, "%s/%s: mode %o, not %o", path, name, b.st_mode, a.st_mode);
    cr_assert_eq(a.st_uid, b.st_uid, "%s/%s: owner", path, name);
    cr_assert_eq(a.st_gid, b.st_gid, "%s/%s: group", path, name);
    cr_assert_eq(a.st_rdev, b.st_rdev, "%s/%s: device", path, name);
    cr_assert_eq(a.st_nlink, b.st_nlink, "%s/%s: %u links, not %u", path, name,
                 (unsigned)b.st_nlink, (unsigned)a.st_nlink);
    if (!S_ISDIR(a.st_mode))
        cr_assert_eq(a.st_size, b.st_size, "%s/%s: size", path, name);
    if (a.st_mtim.tv_sec < same->now && !(S_ISDIR(a.st_mode) && same->no_times)) {
        cr_assert_eq(a.st_mtim.tv_sec, b.st_mtim.tv_sec, "%s/%s: time", path, name);
        cr_assert_eq(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec, "%s/%s: nanoseconds", path, name);
    }
    xattrs_of(dir_a, name, &xattrs_a);
    xattrs_of(dir_b, name, &xattrs_b);
    cr_assert_str_eq(str_text(&xattrs_b), str_text(&xattrs_a), "%s/%s: attributes", path, name);
    if (S_ISREG(a.st_mode))
        same_data(dir_a, dir_b, name, same);
    if (S_ISLNK(a.st_mode)) {
        char target_a[4096] = {}, target_b[4096] = {};
        cr_assert_gt(readlinkat(dir_a, name, target_a, sizeof(target_a) - 1), 0);
        cr_assert_gt(readlinkat(dir_b, name, target_b, sizeof(target_b) - 1), 0);
        cr_assert_str_eq(target_b, target_a, "%s/%s: target", path, name);
    }
}

/* Compares the directory a with b, and all below. */
static inline void same_tree(int dir_a, int dir_b, const struct same *same)
{
    auto_done(strings) names_a = {};
    auto_done(strings) names_b = {};
    struct err err;
    same_entry(dir_a, dir_b, ".", same);
    cr_assert_eq(dir_list(dir_a, ".", &names_a, &err), 1, "%s", err.text);
    cr_assert_eq(dir_list(dir_b, ".", &names_b, &err), 1, "%s: %s", same->path, err.text);
    if (names_a.len > 0)
        qsort(names_a.at, names_a.len, sizeof(char *), name_order);
    if (names_b.len > 0)
        qsort(names_b.at, names_b.len, sizeof(char *), name_order);
    for (size_t i = 0; i < names_a.len && i < names_b.len; i++)
        cr_assert_str_eq(names_b.at[i], names_a.at[i], "in %s", same->path);
    cr_assert_eq(names_a.len, names_b.len, "%s: %zu names, not %zu", same->path, names_b.len,
                 names_a.len);
    for (size_t i = 0; i < names_a.len; i++) {
        const char *name = names_a.at[i];
        struct stat st;
        same_entry(dir_a, dir_b, name, same);
        cr_assert_eq(fstatat(dir_a, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        if (!S_ISDIR(st.st_mode))
            continue;
        auto_free char *path = xasprintf("%s/%s", same->path, name);
        auto_close int a = openat(dir_a, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_close int b = openat(dir_b, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const struct same below = { path, same->now, same->no_times };
        same_tree(a, b, &below);
    }
}
