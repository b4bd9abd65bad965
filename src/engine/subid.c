/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/subid.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/record_part.h"

enum {
    /* 1879048192 to 2147352575 is what systemd's list of id ranges (UIDS-GIDS.md) leaves to nobody.
     */
    POOL_FIRST = 1879048192,
    POOL_SLOTS = 4095,
    ROOT_SLOTS_MIN = 16, /* of a line that is not ruche's own */
    PATH_SIZE = 32,
};

struct pool {
    uint32_t first;
    uint32_t slots;
};

/* In the order they are used up. */
struct pools {
    struct pool at[2];
    size_t len;
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

/* What is given to ruche by name is all it takes. A line of root's may be there for others: a single
 * range is what LXC gives all containers of root's together, and is left to them. */
static void pools_choose(const char *users, const char *groups, struct pools *ret_pools)
{
    struct pool named;
    *ret_pools = (struct pools){ .at = { { POOL_FIRST, POOL_SLOTS } }, .len = 1 };
    if (!users || !groups)
        return;
    if (pool_named("ruche", users, groups, &named)) {
        ret_pools->at[0] = named;
    } else if (pool_named("root", users, groups, &named) && named.slots >= ROOT_SLOTS_MIN) {
        ret_pools->at[1] = ret_pools->at[0];
        ret_pools->at[0] = named;
        ret_pools->len = 2;
    }
}

static int pools_find(struct pools *ret_pools, struct err *err)
{
    auto_free char *users = NULL;
    auto_free char *groups = NULL;
    if (subids_load("/etc/subuid", &users, err) < 0 ||
        (users && subids_load("/etc/subgid", &groups, err) < 0))
        return -1;
    pools_choose(users, groups, ret_pools);
    return 0;
}

static const char *lease_path(uint32_t first, char *buffer)
{
    (void)snprintf(buffer, PATH_SIZE, "subids/%u", first);
    return buffer;
}

/* Containers start looking at different slots, so that a thousand of them do not all try the first
 * ones. */
static uint32_t slot_guess(const char *id, uint32_t slots)
{
    auto_free char *digits = xstrndup(id, 8);
    return (uint32_t)(strtoul(digits, NULL, 16) % slots);
}

/* Returns 1, or 0 if somebody has it. */
static int slot_take(struct engine *engine, int run_fd, const char *id, uint32_t first,
                     struct err *err)
{
    char path[PATH_SIZE];
    int taken = symlinkat(id, run_fd, lease_path(first, path));
    if (taken < 0 && errno == ENOENT) {
        if (mkdirat(run_fd, "subids", 0700) < 0 && errno != EEXIST)
            return err_sys(err, "make %s/subids", engine->run);
        taken = symlinkat(id, run_fd, path);
    }
    if (taken < 0 && errno != EEXIST)
        return err_sys(err, "lease a range of user ids");
    return taken == 0;
}

/* Returns 1, or 0: all are in use. */
static int pool_lease(struct engine *engine, int run_fd, const char *id, struct pool pool,
                      uint32_t *ret_first, struct err *err)
{
    uint32_t guess = slot_guess(id, pool.slots);
    for (uint32_t i = 0; i < pool.slots; i++) {
        uint32_t first = pool.first + (guess + i) % pool.slots * SUBID_COUNT;
        int taken = slot_take(engine, run_fd, id, first, err);
        if (taken > 0)
            *ret_first = first;
        if (taken != 0)
            return taken;
    }
    return 0;
}

static int pools_lease(struct engine *engine, int run_fd, const char *id, const struct pools *pools,
                       uint32_t *ret_first, struct err *err)
{
    int leased = 0;
    for (size_t i = 0; i < pools->len && leased == 0; i++)
        leased = pool_lease(engine, run_fd, id, pools->at[i], ret_first, err);
    return leased;
}

int subid_lease(struct engine *engine, const char *id, uint32_t *ret_first, struct err *err)
{
    struct pools pools;
    int run_fd;
    if (pools_find(&pools, err) < 0 || engine_run_fd(engine, &run_fd, err) < 0)
        return -1;
    int leased = pools_lease(engine, run_fd, id, &pools, ret_first, err);
    if (leased == 0 && subid_sweep(engine) > 0)
        leased = pools_lease(engine, run_fd, id, &pools, ret_first, err);
    if (leased != 0)
        return leased < 0 ? -1 : 0;
    uint32_t slots = 0;
    for (size_t i = 0; i < pools.len; i++)
        slots += pools.at[i].slots;
    (void)err_set(err, ERR_CONFLICT, "no range of user ids is free: all %u are in use", slots);
    return err_hint(err, "give the user ruche more in /etc/subuid and /etc/subgid");
}

int subid_guess(const char *id, uint32_t *ret_first, struct err *err)
{
    struct pools pools;
    if (pools_find(&pools, err) < 0)
        return -1;
    *ret_first = pools.at[0].first + slot_guess(id, pools.at[0].slots) * SUBID_COUNT;
    return 0;
}

/* --- the end of a lease ------------------------------------------------------------------------- */

/* What a lease says, by ids of CONTAINER_ID_LEN digits. */
struct lease {
    char id[CONTAINER_ID_LEN + 1];
    char
        owner[CONTAINER_ID_LEN + 1]; /* who the range was made for, if it was shared since; or "" */
};

static bool lease_read(int run_fd, const char *path, struct lease *ret_lease)
{
    char text[2 * CONTAINER_ID_LEN + 2];
    *ret_lease = (struct lease){};
    ssize_t len = readlinkat(run_fd, path, text, sizeof(text));
    bool shared = len == 2 * CONTAINER_ID_LEN + 1 && text[CONTAINER_ID_LEN] == '+';
    if (len != CONTAINER_ID_LEN && !shared)
        return false;
    memcpy(ret_lease->id, text, CONTAINER_ID_LEN);
    if (shared)
        memcpy(ret_lease->owner, text + CONTAINER_ID_LEN + 1, CONTAINER_ID_LEN);
    return container_id_valid(ret_lease->id) && (!shared || container_id_valid(ret_lease->owner));
}

/* Those who share a range take their turns; who has one of his own waits for none of them. */
static int leases_lock(int run_fd)
{
    auto_close int fd = openat(run_fd, "subids", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || flock(fd, LOCK_EX) < 0 ? -1 : take_fd(fd);
}

/* By rename, so that nobody takes the range meanwhile. */
static int lease_change(int run_fd, const char *path, const char *id, const char *owner)
{
    auto_free char *text = xasprintf("%s+%s", id, owner);
    auto_free char *passing = xasprintf("subids/+%s", id);
    (void)unlinkat(run_fd, passing, 0); /* of one who was killed here */
    if (symlinkat(text, run_fd, passing) == 0 && renameat(run_fd, passing, run_fd, path) == 0)
        return 0;
    int saved = errno;
    (void)unlinkat(run_fd, passing, 0);
    errno = saved;
    return -1;
}

int subid_share(struct engine *engine, const char *id, const char *owner, uint32_t first,
                struct err *err)
{
    char path[PATH_SIZE];
    int run_fd;
    if (engine_run_fd(engine, &run_fd, err) < 0)
        return -1;
    auto_close int lock = leases_lock(run_fd);
    if (lock < 0 || lease_change(run_fd, lease_path(first, path), id, owner) < 0)
        return err_sys(err, "lease the range of user ids of container %.*s", CONTAINER_ID_SHORT_LEN,
                       owner);
    return 0;
}

/* Who else has the ids, and runs: one whose process has ended may have given up the lease already,
 * though its end is not recorded yet, and all who share a pid namespace end at once. */
static bool lease_heir(struct engine *engine, int run_fd, const struct lease *lease, uint32_t first,
                       char *ret_id)
{
    auto_done(strings) ids = {};
    struct err ignored = {};
    if (dir_list(run_fd, "containers", &ids, &ignored) < 0)
        return false;
    for (size_t i = 0; i < ids.len; i++) {
        auto_done(container_state) state = {};
        if (!container_id_valid(ids.at[i]) || strcmp(ids.at[i], lease->id) == 0 ||
            state_find(engine, ids.at[i], true, &state, &ignored) <= 0 || state.subid != first ||
            state_process_lives(&state, &ignored) == 0)
            continue;
        memcpy(ret_id, ids.at[i], CONTAINER_ID_LEN + 1);
        return true;
    }
    return false;
}

static bool lease_pass_on(struct engine *engine, int run_fd, const char *path,
                          const struct lease *known)
{
    struct lease lease;
    char heir[CONTAINER_ID_LEN + 1];
    uint32_t first = (uint32_t)strtoul(strchr(path, '/') + 1, NULL, 10);
    auto_close int lock = leases_lock(run_fd);
    if (lock < 0 || !lease_read(run_fd, path, &lease) || strcmp(lease.id, known->id) != 0)
        return false;
    if (!lease_heir(engine, run_fd, &lease, first, heir))
        return unlinkat(run_fd, path, 0) == 0;
    return lease_change(run_fd, path, heir, lease.owner) == 0;
}

static bool lease_release_of(struct engine *engine, int run_fd, const char *path, const char *id)
{
    struct lease lease;
    if (!lease_read(run_fd, path, &lease) || strcmp(lease.id, id) != 0)
        return false;
    return *lease.owner ? lease_pass_on(engine, run_fd, path, &lease)
                        : unlinkat(run_fd, path, 0) == 0;
}

void subid_release(struct engine *engine, const char *id, uint32_t first)
{
    struct err ignored = {};
    int run_fd;
    char path[PATH_SIZE];
    if (first && engine_run_fd(engine, &run_fd, &ignored) == 0)
        (void)lease_release_of(engine, run_fd, lease_path(first, path), id);
}

/* Of a container that is gone: as nobody else has its id, and we its lock, nobody will release or
 * renew the lease. */
static bool lease_reclaim(struct engine *engine, int run_fd, const char *path)
{
    struct lease lease;
    auto_close int lock = -1;
    if (!lease_read(run_fd, path, &lease) || record_exists(engine, lease.id) ||
        record_locked(engine, lease.id) || record_lock(engine, lease.id, NULL, &lock, NULL) < 0)
        return false;
    bool gone = !record_exists(engine, lease.id);
    if (gone) {
        /* taking the lock may have done it */
        (void)lease_release_of(engine, run_fd, path, lease.id);
        (void)run_dir_clear(engine, run_fd, lock, lease.id);
    }
    return gone;
}

/* id: NULL for those of all containers that are gone. */
static size_t leases_release(struct engine *engine, const char *id)
{
    auto_done(strings) names = {};
    struct err ignored = {};
    size_t n = 0;
    int run_fd;
    if (engine_run_fd(engine, &run_fd, &ignored) < 0 ||
        dir_list(run_fd, "subids", &names, &ignored) < 0)
        return 0;
    for (size_t i = 0; i < names.len; i++) {
        auto_free char *path = xasprintf("subids/%s", names.at[i]);
        n += id ? lease_release_of(engine, run_fd, path, id) : lease_reclaim(engine, run_fd, path);
    }
    return n;
}

void subid_release_all(struct engine *engine, const char *id)
{
    (void)leases_release(engine, id); /* most have none */
}

size_t subid_sweep(struct engine *engine)
{
    return leases_release(engine, NULL);
}
