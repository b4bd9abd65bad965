/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/subid.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* 1879048192 to 2147352575 is what systemd's list of id ranges (UIDS-GIDS.md) leaves to nobody.
     */
    POOL_FIRST = 1879048192,
    POOL_SLOTS = 4095,
};

struct pool {
    uint32_t first;
    uint32_t slots;
};

/* One range is used, and only as far as users and groups have it alike. */
static bool pool_named(const char *name, const char *users, const char *groups,
                       struct pool *ret_pool)
{
    struct id_maps maps = {};
    id_map_find_subids(&maps.uid, users, name, UINT32_MAX, 0);
    id_map_find_subids(&maps.gid, groups, name, UINT32_MAX, 0);
    bool usable = maps.uid.len && maps.gid.len &&
                  maps.uid.at[0].outside == maps.gid.at[0].outside &&
                  maps.uid.at[0].count >= SUBID_COUNT && maps.gid.at[0].count >= SUBID_COUNT;
    if (usable) {
        uint32_t count = maps.uid.at[0].count < maps.gid.at[0].count ? maps.uid.at[0].count
                                                                     : maps.gid.at[0].count;
        *ret_pool = (struct pool){ maps.uid.at[0].outside, count / SUBID_COUNT };
    }
    id_maps_done(&maps);
    return usable;
}

static int pool_find(struct pool *ret_pool, struct err *err)
{
    static const char names[][8] = { "ruche", "root" };
    auto_free char *users = NULL;
    auto_free char *groups = NULL;
    *ret_pool = (struct pool){ POOL_FIRST, POOL_SLOTS };
    if (subids_load("/etc/subuid", &users, err) < 0)
        return -1;
    if (!users || subids_load("/etc/subgid", &groups, err) < 0)
        return users ? -1 : 0;
    for (size_t i = 0; i < array_size(names) && groups; i++)
        if (pool_named(names[i], users, groups, ret_pool))
            return 0;
    return 0;
}

/* Containers start looking at different slots, so that a thousand of them do not all try the first
 * ones. */
static uint32_t slot_guess(const char *id, uint32_t slots)
{
    auto_free char *digits = xstrndup(id, 8);
    return (uint32_t)(strtoul(digits, NULL, 16) % slots);
}

int subid_lease(struct engine *engine, const char *id, uint32_t *ret_first, struct err *err)
{
    struct pool pool;
    int run_fd;
    if (pool_find(&pool, err) < 0 || engine_run_fd(engine, &run_fd, err) < 0)
        return -1;
    uint32_t guess = slot_guess(id, pool.slots);
    for (uint32_t i = 0; i < pool.slots; i++) {
        uint32_t first = pool.first + (guess + i) % pool.slots * SUBID_COUNT;
        char path[32];
        (void)snprintf(path, sizeof(path), "subids/%u", first);
        int result = symlinkat(id, run_fd, path);
        if (result < 0 && errno == ENOENT) {
            if (mkdirat(run_fd, "subids", 0700) < 0 && errno != EEXIST)
                return err_sys(err, "make %s/subids", engine->run);
            result = symlinkat(id, run_fd, path);
        }
        if (result == 0) {
            *ret_first = first;
            return 0;
        }
        if (errno != EEXIST)
            return err_sys(err, "lease a range of user ids");
    }
    (void)err_set(err, ERR_CONFLICT, "no range of user ids is free: all %u are in use", pool.slots);
    return err_hint(err, "give the user ruche more in /etc/subuid and /etc/subgid");
}

int subid_guess(const char *id, uint32_t *ret_first, struct err *err)
{
    struct pool pool;
    if (pool_find(&pool, err) < 0)
        return -1;
    *ret_first = pool.first + slot_guess(id, pool.slots) * SUBID_COUNT;
    return 0;
}

void subid_release(struct engine *engine, const char *id, uint32_t first)
{
    struct err ignored = {};
    int run_fd;
    char path[32];
    char holder[CONTAINER_ID_LEN + 1];
    if (!first || engine_run_fd(engine, &run_fd, &ignored) < 0)
        return;
    (void)snprintf(path, sizeof(path), "subids/%u", first);
    ssize_t len = readlinkat(run_fd, path, holder, sizeof(holder));
    if (len == CONTAINER_ID_LEN && memcmp(holder, id, CONTAINER_ID_LEN) == 0)
        (void)unlinkat(run_fd, path, 0);
}
