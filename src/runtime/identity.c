/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and groups as the container's own /etc/passwd and /etc/group name them. The caller is
 * inside the container and has no allocation: the files are read through one buffer, line by line,
 * and are never trusted. A line longer than the buffer, a number that is none, a file that is no
 * regular file name nobody. What is all digits is a number and never a name, so no file can turn it
 * into another user.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "runtime/start.h"

enum {
    FIELDS_MAX = 7,
    FILE_MAX = 64 << 20,
};

struct lines {
    int fd;
    size_t begin;
    size_t end;
    size_t total;
    bool too_long; /* the line's beginning did not fit and is gone */
    char buffer[16384];
};

static int lines_open(struct lines *lines, const char *path)
{
    struct stat status;
    lines->begin = lines->end = lines->total = 0;
    lines->fd = file_openat2(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0,
                             RESOLVE_NO_MAGICLINKS);
    if (lines->fd < 0)
        return -1;
    if (fstat(lines->fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        fd_close(&lines->fd);
        return -1;
    }
    return 0;
}

/* False at the file's end, and where it is too long: then there are no more lines at all, not even
 * half of one. */
static bool lines_fill(struct lines *lines)
{
    memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    if (lines->end == sizeof(lines->buffer)) {
        lines->end = 0;
        lines->too_long = true;
    }
    ssize_t n = read(lines->fd, lines->buffer + lines->end, sizeof(lines->buffer) - lines->end);
    if (n < 0 || lines->total > FILE_MAX)
        lines->end = 0;
    if (n <= 0 || lines->total > FILE_MAX)
        return false;
    lines->end += (size_t)n;
    lines->total += (size_t)n;
    return true;
}

/* The next line; false at the end of the file. */
static bool lines_cut(struct lines *lines, struct view *ret_line)
{
    char *newline;
    while (!(newline = memchr(lines->buffer + lines->begin, '\n', lines->end - lines->begin))) {
        if (lines_fill(lines))
            continue;
        if (lines->begin == lines->end)
            return false;
        newline = lines->buffer + lines->end; /* a last line without its end */
        break;
    }
    *ret_line = (struct view){ lines->buffer + lines->begin,
                               (size_t)(newline - lines->buffer) - lines->begin };
    lines->begin = (size_t)(newline - lines->buffer) + (newline < lines->buffer + lines->end);
    return true;
}

/* The next line's fields; how many there are, 0 at the end of the file. */
static size_t lines_next(struct lines *lines, struct view fields[FIELDS_MAX])
{
    struct view rest;
    do {
        lines->too_long = false;
        if (!lines_cut(lines, &rest))
            return 0;
    } while (lines->too_long);
    size_t n = 0;
    bool more = true;
    while (more && n < FIELDS_MAX)
        more = view_cut(&rest, ':', &fields[n++]);
    return n;
}

/* Ids are whole decimal numbers below 2^32-1, which means "no change" to setuid(2). */
static bool id_parse(struct view text, uint32_t *ret_id)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.at[i] - '0');
    }
    if (value >= UINT32_MAX)
        return false;
    *ret_id = (uint32_t)value;
    return true;
}

static bool all_digits(struct view text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.len > 0;
}

static bool views_same(struct view a, struct view b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

struct account {
    char name[256]; /* "" when there is no entry */
    uint32_t uid;
    uint32_t gid;
};

static void home_set(struct identity *identity, struct view home)
{
    if (home.len == 0 || home.len > sizeof(identity->home) - sizeof("HOME="))
        return;
    memcpy(identity->home, "HOME=", 5);
    memcpy(identity->home + 5, home.at, home.len);
    identity->home[5 + home.len] = '\0';
}

/* Finds the first entry with that name or, for a number, that uid. */
static bool account_find(struct lines *lines, struct view wanted, bool by_id,
                         struct account *account, struct identity *identity)
{
    struct view fields[FIELDS_MAX];
    size_t n;
    if (lines_open(lines, "/etc/passwd") < 0)
        return false;
    bool found = false;
    while (!found && (n = lines_next(lines, fields)) > 0) {
        uint32_t uid;
        uint32_t gid;
        if (n < 6 || !id_parse(fields[2], &uid) || !id_parse(fields[3], &gid))
            continue;
        found = by_id ? uid == account->uid : views_same(fields[0], wanted);
        if (!found)
            continue;
        account->uid = uid;
        account->gid = gid;
        if (fields[0].len < sizeof(account->name))
            memcpy(account->name, fields[0].at, fields[0].len);
        home_set(identity, fields[5]);
    }
    (void)close(lines->fd);
    return found;
}

static void group_add(struct identity *identity, uint32_t gid)
{
    for (size_t i = 0; i < identity->n_groups; i++)
        if (identity->groups[i] == gid)
            return;
    if (identity->n_groups < START_GROUPS_MAX)
        identity->groups[identity->n_groups++] = gid;
}

static bool group_has_member(struct view members, const char *name)
{
    struct view member;
    bool more = true;
    while (more) {
        more = view_cut(&members, ',', &member);
        if (view_is(member, name))
            return true;
    }
    return false;
}

/* Adds the groups the account is a member of. */
static void groups_of(struct lines *lines, const char *name, struct identity *identity)
{
    struct view fields[FIELDS_MAX];
    size_t n;
    if (!*name || lines_open(lines, "/etc/group") < 0)
        return;
    while ((n = lines_next(lines, fields)) > 0) {
        uint32_t gid;
        if (n >= 4 && id_parse(fields[2], &gid) && group_has_member(fields[3], name))
            group_add(identity, gid);
    }
    (void)close(lines->fd);
}

static int group_find(struct lines *lines, struct view wanted, uint32_t *ret_gid, struct err *err)
{
    if (id_parse(wanted, ret_gid))
        return 0;
    bool found = false;
    struct view fields[FIELDS_MAX];
    size_t n;
    if (!all_digits(wanted) && wanted.len && lines_open(lines, "/etc/group") == 0) {
        while (!found && (n = lines_next(lines, fields)) > 0)
            found = n >= 3 && views_same(fields[0], wanted) && id_parse(fields[2], ret_gid);
        (void)close(lines->fd);
    }
    if (found)
        return 0;
    char name[256];
    size_t len = wanted.len < sizeof(name) ? wanted.len : sizeof(name) - 1;
    memcpy(name, wanted.at, len);
    name[len] = '\0';
    return err_plain(err, ERR_NOT_FOUND, 0,
                     "no such group in the container's /etc/group (a number always works)", name);
}

static int user_find(struct lines *lines, const char *text, struct identity *identity,
                     struct err *err)
{
    struct view rest = view_of(text);
    struct view user;
    bool has_group = view_cut(&rest, ':', &user);
    struct account account = {};
    bool by_id = id_parse(user, &account.uid);
    bool found = (by_id || (user.len && !all_digits(user))) &&
                 account_find(lines, user, by_id, &account, identity);
    if (!found && !by_id)
        return err_plain(err, ERR_NOT_FOUND, 0,
                         "no such user in the container's /etc/passwd (a number always works)",
                         text);
    identity->uid = account.uid;
    identity->gid = account.gid;
    if (has_group)
        return group_find(lines, rest, &identity->gid, err);
    groups_of(lines, account.name, identity);
    return 0;
}

int identity_find(const struct plan_process *process, struct identity *ret_identity,
                  struct err *err)
{
    struct lines lines;
    struct identity *identity = ret_identity;
    identity->uid = process->uid;
    identity->gid = process->gid;
    identity->n_groups = 0;
    identity->home[0] = '\0';
    for (size_t i = 0; i < process->n_groups; i++)
        group_add(identity, process->groups[i]);
    for (size_t i = 0; process->group_names && i < process->group_names->len; i++) {
        uint32_t gid = 0;
        if (group_find(&lines, view_of(process->group_names->at[i]), &gid, err) < 0)
            return -1;
        group_add(identity, gid);
    }
    identity->n_asked = identity->n_groups;
    if (process->user && user_find(&lines, process->user, identity, err) < 0)
        return -1;
    if (!process->user && process->home_missing) {
        struct account account = { .uid = process->uid };
        (void)account_find(&lines, (struct view){}, true, &account, identity); /* "/" stands in */
    }
    if (!identity->home[0])
        memcpy(identity->home, "HOME=/", sizeof("HOME=/"));
    return 0;
}
