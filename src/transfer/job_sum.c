/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digest of a file's bytes, or of a directory: of all that an image's layer says about what is
 * in it. Two directories into which one layer was unpacked have the same; times of directories, and
 * of access and change, do not count.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "transfer/beneath.h"
#include "transfer/digest.h"
#include "transfer/job.h"

enum {
    BUFFER_BYTES = 256 << 10,
    LINK_MAX_BYTES = 4096,
    LIST_MAX_BYTES = 64 << 10, /* the kernel's own limits */
    VALUE_MAX_BYTES = 64 << 10,
    PROGRESS_BYTES = 8 << 20,
};

struct sum {
    struct job *job;
    struct digest *digest;
    struct beneath beneath;
    char *buffer;
    uint64_t bytes;
    uint64_t told;
};

static void sum_done(struct sum *sum)
{
    digest_free(sum->digest);
    beneath_done(&sum->beneath);
    free(sum->buffer);
}

/* A number or a text, so that where one ends and the next begins is clear. */
static void add_number(struct sum *sum, uint64_t number)
{
    digest_add(sum->digest, &number, sizeof(number));
}

static void add_bytes(struct sum *sum, const void *at, size_t len)
{
    add_number(sum, len);
    digest_add(sum->digest, at, len);
}

static int add_content(struct sum *sum, int fd, struct err *err)
{
    ssize_t len;
    while ((len = read(fd, sum->buffer, BUFFER_BYTES)) != 0) {
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_sys(err, "read");
        digest_add(sum->digest, sum->buffer, (size_t)len);
        sum->bytes += (uint64_t)len;
        if (sum->bytes - sum->told < PROGRESS_BYTES)
            continue;
        sum->told = sum->bytes;
        if (channel_progress(&sum->job->channel, sum->bytes, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- extended attributes ---- */

static bool attribute_counts(const char *name)
{
    return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
           strncmp(name, "system.posix_acl_", 17) == 0;
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct strings *names)
{
    if (names->len > 1)
        qsort(names->at, names->len, sizeof(*names->at), name_compare);
}

static int add_attributes(struct sum *sum, int fd, struct err *err)
{
    auto_free char *list = xmalloc(LIST_MAX_BYTES);
    auto_free char *value = xmalloc(VALUE_MAX_BYTES);
    auto_done(strings) names = {};
    ssize_t len = flistxattr(fd, list, LIST_MAX_BYTES);
    if (len < 0 && errno != ENOTSUP)
        return err_sys(err, "list extended attributes");
    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(list + at) + 1)
        if (attribute_counts(list + at))
            strings_add(&names, list + at);
    sort(&names);
    for (size_t i = 0; i < names.len; i++) {
        ssize_t value_len = fgetxattr(fd, names.at[i], value, VALUE_MAX_BYTES);
        if (value_len < 0)
            return err_sys(err, "read extended attribute %s", names.at[i]);
        add_bytes(sum, names.at[i], strlen(names.at[i]));
        add_bytes(sum, value, (size_t)value_len);
    }
    return 0;
}

/* ---- directories ---- */

static void add_stat(struct sum *sum, const struct stat *st)
{
    add_number(sum, st->st_mode);
    add_number(sum, st->st_uid);
    add_number(sum, st->st_gid);
    if (S_ISDIR(st->st_mode))
        return;
    add_number(sum, st->st_nlink);
    add_number(sum, (uint64_t)st->st_mtim.tv_sec);
    add_number(sum, (uint64_t)st->st_mtim.tv_nsec);
    add_number(sum, S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0);
    add_number(sum, S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? st->st_rdev : 0);
}

static int add_file(struct sum *sum, int dirfd, const char *name, struct err *err)
{
    struct stat st;
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open");
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "it changes");
    return add_attributes(sum, fd, err) < 0 ? -1 : add_content(sum, fd, err);
}

static int add_link(struct sum *sum, int dirfd, const char *name, struct err *err)
{
    char target[LINK_MAX_BYTES];
    ssize_t len = readlinkat(dirfd, name, target, sizeof(target));
    if (len < 0)
        return err_sys(err, "read a link");
    add_bytes(sum, target, (size_t)len);
    return 0;
}

/* Adds what is in a directory but the directories, whose paths go on the list. */
static int add_entry(struct sum *sum, int dirfd, const char *path, const char *name,
                     struct strings *waiting, struct err *err)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "look at it");
    sum->job->entries++;
    add_bytes(sum, name, strlen(name));
    add_stat(sum, &st);
    if (S_ISDIR(st.st_mode))
        strings_addf(waiting, "%s%s%s", path, *path ? "/" : "", name);
    if (S_ISLNK(st.st_mode))
        return add_link(sum, dirfd, name, err);
    return S_ISREG(st.st_mode) ? add_file(sum, dirfd, name, err) : 0;
}

static int names_read(int fd, struct strings *names, struct err *err)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *directory = own < 0 ? NULL : fdopendir(own);
    if (!directory) {
        if (own >= 0)
            close(own);
        return err_sys(err, "read a directory");
    }
    const struct dirent *entry;
    errno = 0;
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            strings_add(names, entry->d_name);
    int failed = errno;
    closedir(directory);
    errno = failed;
    return failed ? err_sys(err, "read a directory") : 0;
}

static int add_directory(struct sum *sum, const char *path, struct strings *waiting,
                         struct err *err)
{
    auto_done(strings) names = {};
    auto_done(strings) below = {};
    auto_close int fd = beneath_directory(&sum->beneath, path);
    if (fd < 0)
        return err_sys(err, "open %s", path);
    add_bytes(sum, path, strlen(path));
    if (add_attributes(sum, fd, err) < 0 || names_read(fd, &names, err) < 0)
        return err_wrap(err, "%s", path);
    sort(&names);
    for (size_t i = 0; i < names.len; i++)
        if (add_entry(sum, fd, path, names.at[i], &below, err) < 0)
            return err_wrap(err, "%s/%s", path, names.at[i]);
    while (below.len > 0) {
        strings_add_taken(waiting, below.at[--below.len]);
        below.at[below.len] = NULL;
    }
    return 0;
}

static int add_tree(struct sum *sum, const struct stat *root, struct err *err)
{
    auto_done(strings) waiting = {};
    strings_add(&waiting, "");
    add_stat(sum, root);
    while (waiting.len > 0) {
        auto_free char *path = waiting.at[--waiting.len];
        waiting.at[waiting.len] = NULL;
        if (add_directory(sum, path, &waiting, err) < 0)
            return -1;
    }
    return 0;
}

int job_sum(struct job *job, struct err *err)
{
    auto_done(sum) sum = { .job = job, .digest = digest_new(), .buffer = xmalloc(BUFFER_BYTES) };
    struct transfer_event event = { .kind = TRANSFER_DIGESTS };
    char text[DIGEST_TEXT_SIZE];
    struct stat st;
    beneath_init(&sum.beneath, job->fds[1]);
    if (!sum.digest)
        return err_set(err, ERR_SYSTEM, "libcrypto has no SHA-256");
    if (fstat(job->fds[1], &st) < 0)
        return err_sys(err, "look at it");
    int result =
        S_ISDIR(st.st_mode) ? add_tree(&sum, &st, err) : add_content(&sum, job->fds[1], err);
    if (result < 0)
        return -1;
    digest_text(sum.digest, text);
    event.bytes = sum.bytes;
    event.number = job->entries;
    return channel_send(&job->channel, &event, text, text, err);
}
