/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/share.h"

#include <string.h>
#include <sys/stat.h>

#include "engine/record_part.h"

static const char container_prefix[] = "container:";

bool mode_shares(const char *mode)
{
    return mode && text_starts(mode, container_prefix);
}

const char *mode_shared(const char *mode)
{
    return mode + sizeof(container_prefix) - 1;
}

/* The namespaces that are another container's together with its user namespace. */
enum { SHARED_MODES = 4 };

static const char *shared_mode(const struct container_namespaces *namespaces, size_t i)
{
    const char *const modes[SHARED_MODES] = { namespaces->network, namespaces->pid, namespaces->ipc,
                                              namespaces->uts };
    return mode_shares(modes[i]) ? modes[i] : NULL;
}

const char *share_first(const struct container_namespaces *namespaces)
{
    const char *mode = NULL;
    for (size_t i = 0; i < SHARED_MODES && !mode; i++)
        mode = shared_mode(namespaces, i);
    return mode;
}

void share_complete(struct container_namespaces *namespaces)
{
    const char *mode = share_first(namespaces);
    if (mode && !namespaces->user)
        namespaces->user = xstrdup(mode);
}

static int find_running(struct engine *engine, const char *mode, struct container **ret_other,
                        struct err *err)
{
    auto_drop(container) *other = NULL;
    if (container_find(engine, mode_shared(mode), &other, err) < 0 ||
        container_check(other, err) < 0)
        return -1;
    if (!state_is_running(&other->state)) /* one that is paused keeps its namespaces */
        return err_set(err, ERR_CONFLICT,
                       "container %s, whose namespace is to be shared, is not running; start it "
                       "first",
                       container_label(other));
    *ret_other = other;
    other = NULL;
    return 0;
}

static char *namespace_path(const struct container *of, const char *file)
{
    return xasprintf("/proc/%lld/ns/%s", (long long)of->state.pid, file);
}

int share_path(struct engine *engine, const char *mode, const char *file, char **ret_path,
               struct err *err)
{
    auto_drop(container) *other = NULL;
    if (find_running(engine, mode, &other, err) < 0)
        return -1;
    *ret_path = namespace_path(other, file);
    return 0;
}

static bool same_userns(const struct container *one, const struct container *other)
{
    auto_free char *path = namespace_path(one, "user");
    auto_free char *other_path = namespace_path(other, "user");
    struct stat status;
    struct stat other_status;
    return stat(path, &status) == 0 && stat(other_path, &other_status) == 0 &&
           status.st_dev == other_status.st_dev && status.st_ino == other_status.st_ino;
}

/* The others whose namespaces it shares live in the same user namespace. */
static int check_others(struct engine *engine, const struct container_namespaces *namespaces,
                        const struct container *owner, struct err *err)
{
    for (size_t i = 0; i < SHARED_MODES; i++) {
        auto_drop(container) *other = NULL;
        const char *mode = shared_mode(namespaces, i);
        if (!mode || strcmp(mode, namespaces->user) == 0)
            continue;
        if (find_running(engine, mode, &other, err) < 0)
            return -1;
        if (same_userns(owner, other))
            continue;
        auto_free char *label = xstrdup(container_label(other));
        (void)err_set(err, ERR_CONFLICT, "containers %s and %s have different user namespaces",
                      container_label(owner), label);
        return err_hint(err, "namespaces of both can be shared only if one of them was started "
                             "with a namespace of the other");
    }
    return 0;
}

int share_find(struct engine *engine, const struct container_config *config,
               struct share *ret_share, struct err *err)
{
    auto_drop(container) *owner = NULL;
    const struct container_namespaces *namespaces = &config->namespaces;
    *ret_share = (struct share){};
    if (!mode_shares(namespaces->user))
        return 0;
    if (find_running(engine, namespaces->user, &owner, err) < 0 ||
        check_others(engine, namespaces, owner, err) < 0)
        return -1;
    const struct container_state *state = &owner->state;
    *ret_share = (struct share){
        .id = xstrdup(owner->config.id),
        .label = xstrdup(container_label(owner)),
        .userns = state->userns && text_starts(state->userns, "private"),
        .first = (uint32_t)state->subid,
    };
    return 0;
}

void share_done(struct share *share)
{
    free(share->id);
    free(share->label);
}
