/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists. Those that run have a directory in run/containers; one small file in it says all a list
 * shows. For all others one file of the record is read. Whoever lists all of them also comes across
 * those whose creation was cut off, and throws these away.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "engine/record_part.h"
#include "engine/subid.h"

enum {
    HALF_MADE_SHOWN_S = 2,
    HALF_MADE_AGE_S = 60,
};

void container_states_done(struct container_states *states)
{
    for (size_t i = 0; i < states->len; i++)
        container_state_done(&states->at[i]);
    free(states->at);
    *states = (struct container_states){};
}

static void set_unknown(struct container_state *state, const char *id, const char *why)
{
    *state = (struct container_state){
        .status = CONTAINER_UNKNOWN,
        .id = xstrdup(id),
        .name = xstrdup(""),
        .created = xstrdup(""),
        .error = xstrdup(why),
    };
}

/* Creation takes less than a millisecond: what is old and has no configuration will never get one.
 * Its maker would fail to write into what is not there any more. Until then it is shown. Returns 1
 * with a state, or 0. */
static int half_made(struct engine *engine, int root_fd, const char *id,
                     struct container_state *ret_state)
{
    char path[RECORD_PATH_SIZE];
    struct stat status;
    if (fstatat(root_fd, record_path(id, NULL, path), &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    int64_t age_s = time(NULL) - status.st_mtime;
    if (age_s >= HALF_MADE_AGE_S && trash_put_record(root_fd, id, NULL) > 0)
        (void)trash_delete(engine, id, NULL); /* the next sweep tries again */
    if (age_s < HALF_MADE_SHOWN_S || age_s >= HALF_MADE_AGE_S)
        return 0;
    set_unknown(ret_state, id, "its creation was cut off");
    return 1;
}

/* Of a container that removed itself while its monitor was killed: no record is left to find it by.
 */
static void run_dir_sweep(struct engine *engine, int run_fd, const char *id)
{
    auto_close int fd = -1;
    if (record_exists(engine, id) || record_locked(engine, id) ||
        record_lock(engine, id, NULL, &fd, NULL) < 0)
        return;
    if (!record_exists(engine, id))
        (void)run_dir_clear(engine, run_fd, fd, id); /* the next sweep tries again */
}

/* Where records were listed: what their run directories do not tell of. */
static void run_dirs_sweep(struct engine *engine, int run_fd)
{
    auto_done(strings) ids = {};
    struct err ignored = {};
    if (dir_list(run_fd, "containers", &ids, &ignored) < 0)
        return;
    for (size_t i = 0; i < ids.len; i++)
        if (container_id_valid(ids.at[i]))
            run_dir_sweep(engine, run_fd, ids.at[i]);
}

/* One that never ran, or whose state cannot be read. Returns 1, or 0: it is none, or gone
 * meanwhile. */
static int list_record(struct engine *engine, int root_fd, const char *id, const struct err *why,
                       struct container_state *ret_state)
{
    struct container_config config = {};
    struct err err = {};
    int found = record_load_config(engine, id, &config, &err);
    if (found == 0)
        return half_made(engine, root_fd, id, ret_state);
    if (found < 0)
        set_unknown(ret_state, id, err.text);
    if (found > 0) {
        state_init(ret_state, &config);
        container_config_done(&config);
    }
    if (found > 0 && why->kind != ERR_NONE) {
        ret_state->status = CONTAINER_UNKNOWN;
        ret_state->error = xstrdup(why->text);
    }
    return 1;
}

static int newest_first(const void *a, const void *b)
{
    const struct container_state *first = a, *second = b;
    int order =
        strcmp(second->created ? second->created : "", first->created ? first->created : "");
    return order != 0 ? order : strcmp(first->id, second->id);
}

int container_list(struct engine *engine, enum container_list_flags flags,
                   struct container_states *ret_states, struct err *err)
{
    bool all = flags & CONTAINER_LIST_ALL;
    auto_done(strings) ids = {};
    int fd, run_fd;
    if (engine_run_fd(engine, &run_fd, err) < 0 || engine_root_fd(engine, &fd, err) < 0 ||
        dir_list(all ? fd : run_fd, "containers", &ids, err) < 0)
        return err_wrap(err, "list containers");

    struct container_states states = { .at = ids.len > 0 ? xcalloc(ids.len, sizeof(*states.at))
                                                         : NULL };
    for (size_t i = 0; i < ids.len; i++) {
        struct err why = {};
        if (!container_id_valid(ids.at[i]))
            continue;
        int found = state_find(engine, ids.at[i], !all, &states.at[states.len], &why);
        if (found <= 0 && all)
            found = list_record(engine, fd, ids.at[i], &why, &states.at[states.len]);
        if (found == 0 && !all)
            run_dir_sweep(engine, run_fd, ids.at[i]);
        states.len += found > 0;
    }
    if (all) {
        run_dirs_sweep(engine, run_fd);
        (void)subid_sweep(engine);
    }
    if (states.len > 1)
        qsort(states.at, states.len, sizeof(*states.at), newest_first);
    *ret_states = states;
    return 0;
}

/* image_users of image/image.h. */
int engine_image_users(void *context, struct pairs *users, struct err *err)
{
    struct engine *engine = context;
    auto_done(strings) records = {};
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0 ||
        dir_list(root_fd, "containers", &records, err) < 0)
        return -1;
    for (size_t i = 0; i < records.len; i++) {
        struct container_config config = {};
        if (!container_id_valid(records.at[i]))
            continue;
        int found = record_load_config(engine, records.at[i], &config, err);
        if (found < 0)
            return err_wrap(err, "find the images in use");
        if (found > 0 && config.image_id && !pairs_value(users, config.image_id))
            pairs_put(users, config.image_id, config.name ? config.name : config.id);
        container_config_done(&config);
    }
    return image_mounts_add(engine, users, err); /* they are in use too */
}
