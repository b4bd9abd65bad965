/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/field.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/str.h"

enum {
    PASSWD_MAX_BYTES = 16 << 20,
    SUBIDS_MAX_BYTES = 16 << 20,
    COMPLAINT_MAX_BYTES = 4096, /* of what newuidmap says */
};

/* (uid_t)-1 is no id. */
static const uint64_t ids_end = UINT32_MAX;

void id_maps_done(struct id_maps *maps)
{
    free(maps->uid.at);
    free(maps->gid.at);
    *maps = (struct id_maps){};
}

void id_map_add(struct id_map *map, uint32_t inside, uint32_t outside, uint32_t count)
{
    if (count == 0)
        return;
    map->at = xrealloc(map->at, map->len + 1, sizeof(*map->at));
    map->at[map->len++] = (struct id_extent){ inside, outside, count };
}

bool id_map_outside(const struct id_map *map, uint32_t inside, uint32_t *ret_outside)
{
    for (size_t i = 0; i < map->len; i++) {
        const struct id_extent *extent = &map->at[i];
        if (inside < extent->inside || inside - extent->inside >= extent->count)
            continue;
        *ret_outside = extent->outside + (inside - extent->inside);
        return true;
    }
    return false;
}

static bool id_read(struct view text, uint64_t highest, uint64_t *ret_value)
{
    auto_free char *copy = xstrndup(text.at, text.len);
    struct err ignored;
    return number_parse_unsigned(copy, highest, "id", ret_value, &ignored) == 0;
}

/* "OWNER:FIRST:COUNT". False: another's, or not of that form, which subuid(5)'s own tools pass over
 * as well. */
static bool subids_of_line(struct view line, const char *name, uint32_t id, uint64_t *ret_first,
                           uint64_t *ret_count)
{
    struct view owner, first;
    if (!view_cut(&line, ':', &owner) || !view_cut(&line, ':', &first))
        return false;
    uint64_t number;
    bool mine = name && view_is(owner, name);
    if (!mine && !(id_read(owner, ids_end - 1, &number) && number == id))
        return false;
    if (!id_read(first, ids_end - 1, ret_first) || !id_read(line, ids_end, ret_count))
        return false;
    return *ret_first + *ret_count <= ids_end;
}

int subids_load(const char *path, char **ret_text, struct err *err)
{
    size_t len;
    *ret_text = NULL;
    return file_load(AT_FDCWD, path, SUBIDS_MAX_BYTES, ret_text, &len, err) < 0 ? -1 : 0;
}

void id_map_find_subids(struct id_map *map, const char *text, const char *name, uint32_t id,
                        uint32_t first_inside)
{
    struct view rest = view_of(text);
    struct view line;
    uint64_t inside = first_inside;
    bool more = true;
    while (more && map->len < ID_MAP_MAX) {
        uint64_t first, count;
        more = view_cut(&rest, '\n', &line);
        if (!subids_of_line(line, name, id, &first, &count) || inside + count > ids_end)
            continue;
        id_map_add(map, (uint32_t)inside, (uint32_t)first, (uint32_t)count);
        inside += count;
    }
}

int id_map_add_subids(struct id_map *map, const char *path, const char *name, uint32_t id,
                      uint32_t first_inside, struct err *err)
{
    auto_free char *text = NULL;
    if (subids_load(path, &text, err) < 0)
        return -1;
    if (text)
        id_map_find_subids(map, text, name, id, first_inside);
    return 0;
}

/* The user's name in /etc/passwd, since a static program has no NSS; NULL if it is not there. */
static int user_name(uid_t uid, char **ret_name, struct err *err)
{
    auto_free char *data = NULL;
    size_t len = 0;
    *ret_name = NULL;
    int found = file_load(AT_FDCWD, "/etc/passwd", PASSWD_MAX_BYTES, &data, &len, err);
    if (found <= 0)
        return found;

    struct view rest = { data, len };
    struct view line;
    bool more = true;
    while (more) {
        struct view name, password, id;
        uint64_t number;
        more = view_cut(&rest, '\n', &line);
        if (!view_cut(&line, ':', &name) || !view_cut(&line, ':', &password) ||
            !view_cut(&line, ':', &id) || !id_read(id, ids_end - 1, &number) || number != uid)
            continue;
        *ret_name = xstrndup(name.at, name.len);
        return 0;
    }
    return 0;
}

int id_maps_of_user(struct id_maps *ret_maps, struct err *err)
{
    auto_free char *name = NULL;
    auto_done(id_maps) maps = {};
    uid_t uid = geteuid();

    if (user_name(uid, &name, err) < 0)
        return -1;
    id_map_add(&maps.uid, 0, uid, 1);
    id_map_add(&maps.gid, 0, getegid(), 1);
    /* /etc/subgid is by the user too, not by the group: subgid(5). */
    if (id_map_add_subids(&maps.uid, "/etc/subuid", name, uid, 1, err) < 0 ||
        id_map_add_subids(&maps.gid, "/etc/subgid", name, uid, 1, err) < 0)
        return -1;
    *ret_maps = maps;
    maps = (struct id_maps){};
    return 0;
}

static void id_map_format(const struct id_map *map, struct str *out)
{
    for (size_t i = 0; i < map->len; i++)
        str_addf(out, "%u %u %u\n", map->at[i].inside, map->at[i].outside, map->at[i].count);
}

/* Writes uid_map or gid_map, whole in one write as the kernel wants it. -1 with errno. */
static int map_poke(pid_t pid, const char *file, const struct id_map *map)
{
    auto_done(str) text = {};
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    id_map_format(map, &text);
    return file_poke(AT_FDCWD, path, str_text(&text));
}

static bool map_is_one(const struct id_map *map, uint32_t id)
{
    return map->len == 1 && map->at[0].count == 1 && map->at[0].outside == id;
}

/* What an unprivileged process may write by itself: its own id, once it has given up setgroups(2).
 */
static int maps_poke_single(const struct id_maps *maps, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
    if (file_poke(AT_FDCWD, path, "deny") < 0)
        return -1;
    if (map_poke(pid, "uid_map", &maps->uid) < 0)
        return -1;
    return map_poke(pid, "gid_map", &maps->gid);
}

/* Waits for a child of ours, and adds what it wrote to the pipe to the error unless it ended well.
 */
static int helper_wait(const char *program, pid_t child, int pipe_end, struct err *err)
{
    auto_free char *complaint = NULL;
    size_t len = 0;
    struct err unread;
    int status;

    if (file_load_fd(pipe_end, COMPLAINT_MAX_BYTES, &complaint, &len, &unread) < 0)
        complaint = NULL;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(err, "wait for %s", program);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;

    auto_done(str) text = {};
    while (complaint && len > 0 && complaint[len - 1] == '\n')
        len--;
    text_escape(&text, complaint ? complaint : "", complaint ? len : 0);
    return err_set(err, ERR_DENIED, "%s failed: %s", program,
                   text.len > 0 ? text.at : "it gave no reason");
}

/* newuidmap PID INSIDE OUTSIDE COUNT… */
static int map_by_helper(const char *program, const struct id_map *map, pid_t pid, struct err *err)
{
    auto_done(strings) args = {};
    strings_add(&args, program);
    strings_addf(&args, "%d", (int)pid);
    for (size_t i = 0; i < map->len; i++) {
        strings_addf(&args, "%u", map->at[i].inside);
        strings_addf(&args, "%u", map->at[i].outside);
        strings_addf(&args, "%u", map->at[i].count);
    }

    auto_close int read_end = -1;
    auto_close int write_end = -1;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    read_end = ends[0];
    write_end = ends[1];

    pid_t child;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, write_end, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, write_end, STDERR_FILENO);
    int errnum = posix_spawnp(&child, program, &actions, NULL, args.at, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (errnum != 0) {
        errno = errnum;
        err_sys(err, "run %s", program);
        return errnum == ENOENT ? err_hint(err, "install it (Debian: uidmap)") : -1;
    }
    fd_close(&write_end);
    return helper_wait(program, child, read_end, err);
}

int id_maps_write(const struct id_maps *maps, pid_t pid, struct err *err)
{
    if (geteuid() == 0) {
        if (map_poke(pid, "uid_map", &maps->uid) < 0 || map_poke(pid, "gid_map", &maps->gid) < 0)
            return err_sys(err, "write the id maps of a user namespace");
        return 0;
    }
    if (map_is_one(&maps->uid, geteuid()) && map_is_one(&maps->gid, getegid())) {
        if (maps_poke_single(maps, pid) < 0)
            return err_sys(err, "write the id maps of a user namespace");
        return 0;
    }
    if (map_by_helper("newuidmap", &maps->uid, pid, err) < 0)
        return -1;
    return map_by_helper("newgidmap", &maps->gid, pid, err);
}
