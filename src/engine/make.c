/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a record to a running container: the range of ids, the files of /etc, the specification, the
 * runtime. The same plan is told, and not carried out, by --dry-run.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/create.h"
#include "engine/monitor.h"
#include "engine/share.h"
#include "engine/spec.h"
#include "engine/subid.h"
#include "image/image.h"

struct making {
    struct engine *engine;
    struct container *container;
    struct start_plan plan;
    struct id_maps maps;
    char *run_dir; /* containers/<id> of the run directory */
    struct runtime_request request;
};

static void making_done(struct making *making)
{
    start_plan_done(&making->plan);
    free(making->run_dir);
    id_maps_done(&making->maps);
}

/* --- files ------------------------------------------------------------------------------------ */

static bool network_is_host(const struct container_config *config)
{
    return config->namespaces.network && strcmp(config->namespaces.network, "host") == 0;
}

/* Where they are made, and for whom: they are the container's root's, so that nothing has to map
 * their owner, which the file system they lie on may not be able to (tmpfs before kernel 6.3). */
struct files {
    int directory;
    uint32_t uid; /* of the host; UINT32_MAX: whoever makes them, an ordinary user */
    uint32_t gid;
};

static int file_make(const struct files *files, const char *name, const char *text, size_t len,
                     struct err *err)
{
    auto_close int fd =
        openat(files->directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || fd_write_all(fd, text, len) < 0 ||
        (files->uid != UINT32_MAX && fchown(fd, files->uid, files->gid) < 0))
        return err_sys(err, "write %s for the container", name);
    return 0;
}

/* Who knows the network the container has: its /etc, or the run directory of the container that has
 * it too. NULL: nobody, it is a new one. Owned by the caller. */
static char *files_of_network(const struct engine *engine, const struct container_config *config)
{
    const char *network = config->namespaces.network;
    if (mode_shares(network))
        return xasprintf("%s/containers/%s", engine->run, mode_shared(network));
    return network_is_host(config) ? xstrdup("/etc") : NULL;
}

static int file_copy(const struct files *files, const char *from, const char *name, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", from, name);
    auto_free char *text = NULL;
    size_t len = 0;
    if (file_load(AT_FDCWD, path, 1 << 20, &text, &len, err) < 0)
        return -1;
    return file_make(files, name, text ? text : "", len, err);
}

static int files_write(const struct engine *engine, const struct container_config *config,
                       const struct files *files, struct err *err)
{
    auto_done(str) text = {};
    auto_free char *hostname =
        config->hostname ? xstrdup(config->hostname) : xstrndup(config->id, CONTAINER_ID_SHORT_LEN);
    str_addf(&text, "%s\n", hostname);
    if (file_make(files, "hostname", text.at, text.len, err) < 0)
        return -1;
    auto_free char *from = files_of_network(engine, config);
    if (from)
        return file_copy(files, from, "hosts", err) < 0
                   ? -1
                   : file_copy(files, from, "resolv.conf", err);
    str_clear(&text);
    str_addf(&text, "127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n",
             hostname);
    if (file_make(files, "hosts", text.at, text.len, err) < 0)
        return -1;
    return file_make(files, "resolv.conf", "", 0, err); /* no network, nobody to ask */
}

static int files_make(const struct making *making, struct err *err)
{
    const struct engine *engine = making->engine;
    const struct container_config *config = &making->container->config;
    auto_free char *path = xasprintf("%s/containers/%s", engine->run, config->id);
    auto_close int run_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run_dir < 0)
        return err_sys(err, "open %s", path);
    struct files files = { .directory = run_dir };
    if (engine->rootless)
        files.uid = UINT32_MAX;
    else if (!id_map_outside(&making->maps.uid, 0, &files.uid) ||
             !id_map_outside(&making->maps.gid, 0, &files.gid))
        files.uid = files.gid = 0; /* the user namespace is the host's */
    return files_write(engine, config, &files, err);
}

/* --- ids and layers --------------------------------------------------------------------------- */

static int maps_make(struct engine *engine, const struct container *container,
                     const struct share *share, struct id_maps *ret_maps, uint32_t *ret_first,
                     struct err *err)
{
    const char *id = container->config.id;
    *ret_first = 0;
    if (engine->rootless)
        return id_maps_of_user(ret_maps, err);
    if (share->id ? subid_share(engine, id, share->id, share->first, err) < 0
                  : subid_lease(engine, id, ret_first, err) < 0)
        return -1;
    if (share->id)
        *ret_first = share->first;
    id_map_add(&ret_maps->uid, 0, *ret_first, SUBID_COUNT);
    id_map_add(&ret_maps->gid, 0, *ret_first, SUBID_COUNT);
    return 0;
}

/* Topmost first, as overlay wants them. */
static int layers_list(struct engine *engine, const struct container_config *config,
                       struct strings *layers, struct err *err)
{
    struct images *images;
    if (config->layers.len > 0 && engine_images(engine, &images, err) < 0)
        return -1;
    for (size_t i = config->layers.len; i-- > 0;) {
        auto_free char *path = image_layer_path(images, config->layers.at[i]);
        strings_addf(layers, "%s/%s", engine->root, path);
    }
    return 0;
}

/* --- the start -------------------------------------------------------------------------------- */

/* While the child makes its network namespace: the record, if it is still to be made, and the files
 * of /etc. */
static int making_directories(void *context, struct err *err)
{
    struct making *making = context;
    if (making->container->unmade && container_record(making->engine, making->container, err) < 0)
        return -1;
    return files_make(making, err);
}

static int making_prepare(struct engine *engine, const struct container_config *config, bool userns,
                          struct making *making, struct err *err)
{
    auto_done(strings) layers = {};
    const struct cgroup_host *cgroups;
    making->run_dir = xasprintf("%s/containers/%s", engine->run, config->id);
    if (layers_list(engine, config, &layers, err) < 0 ||
        engine_cgroups(engine, &cgroups, err) < 0 ||
        start_plan_make(engine, config, userns ? &making->maps : NULL, &layers, making->run_dir,
                        &making->plan, err) < 0)
        return -1;
    enum runtime_flags flags = RUNTIME_MAKE_CWD | RUNTIME_MAP_OWNERS;
    /* A process with CAP_SYS_ADMIN was given it to mount; Landlock would take that back. */
    if (!config->privileged && !strings_have(&config->cap_add, "SYS_ADMIN") &&
        !strings_have(&config->cap_add, "CAP_SYS_ADMIN") && !strings_have(&config->cap_add, "ALL"))
        flags |= RUNTIME_LANDLOCK;
    if (config->init)
        flags |= RUNTIME_INIT;
    making->request = (struct runtime_request){
        .spec = &making->plan.spec,
        .rootfs = &making->plan.rootfs,
        .user = making->plan.user,
        .groups = &config->groups,
        .cgroups = cgroups,
        .optional_limits = making->plan.optional_limits,
        .device_sources = &making->plan.device_sources,
        .seccomp = making->plan.seccomp,
        .flags = flags,
        .seccomp_cache = -1,
        .own_files = making->run_dir,
        .lent = making->plan.lent,
        .lender = making->plan.lender,
        .prepare = making_directories,
        .prepare_context = making,
        .stdio = { -1, -1, -1 },
    };
    return 0;
}

/* The kernel takes a mount namespace apart before it tells the parent that its last process ended.
 * Nobody waits for that while the monitor holds it: it is the monitor's to drop, after the caller
 * was told. Whoever lent a directory of his own may want to unmount it then, and is not kept
 * waiting. */
static bool holds_mounts(const struct monitor *monitor)
{
    const struct container_config *config = &monitor->container->config;
    return monitor->attached && !config->rootfs && !config->mounts.len;
}

static void size_set(struct spec_process *process, const struct terminal_size *size)
{
    if (!process->terminal || !size->rows)
        return;
    process->console_size = xnew(struct spec_console_size);
    *process->console_size = (struct spec_console_size){ size->rows, size->columns };
}

static int make_once(const struct monitor *monitor, bool userns, const struct share *share,
                     struct runtime_process *ret_process, struct err *err)
{
    struct engine *engine = monitor->engine;
    struct container *container = monitor->container;
    auto_done(making) making = { .engine = engine, .container = container };
    uint32_t first = 0;
    if (userns && maps_make(engine, container, share, &making.maps, &first, err) < 0)
        return -1;
    int result = making_prepare(engine, &container->config, userns, &making, err);
    if (result == 0) {
        if (holds_mounts(monitor))
            making.request.flags |= RUNTIME_HOLD_MOUNTS;
        memcpy(making.request.stdio, monitor->stdio, sizeof(making.request.stdio));
        making.request.listener = monitor->listener;
        making.request.listener_context = monitor->listener_context;
        size_set(making.plan.spec.process, &monitor->size);
        result = runtime_create(&making.request, ret_process, err);
    }
    if (result < 0) {
        subid_release(engine, container->config.id, first);
        return -1;
    }
    struct container_state *state = &container->state;
    state->subid = first;
    free(state->cgroup);
    state->hierarchies = ret_process->hierarchies;
    state->cgroup = ret_process->in_cgroup ? xstrdup(making.plan.spec.linux->cgroups_path) : NULL;
    return 0;
}

static void userns_record(struct container_state *state, bool userns, const char *why)
{
    free(state->userns);
    state->userns = !userns ? xasprintf("host (%s)", why)
                    : why   ? xasprintf("private (%s)", why)
                            : xstrdup("private");
}

/* Which user namespace it is to have, and why it is not one of its own: owned by the caller. */
static int userns_choose(struct engine *engine, const struct container_config *config,
                         struct share *share, bool *ret_userns, char **ret_why, struct err *err)
{
    const char *why;
    bool userns = container_wants_userns(engine, config, &why);
    if (userns && share_find(engine, config, share, err) < 0)
        return -1;
    *ret_userns = userns && (!share->id || share->userns);
    *ret_why = share->id ? xasprintf("that of container %s", share->label)
               : why     ? xstrdup(why)
                         : NULL;
    return 0;
}

int container_make(const struct monitor *monitor, struct runtime_process *ret_process,
                   struct str *warnings, struct err *err)
{
    struct engine *engine = monitor->engine;
    struct container *container = monitor->container;
    const struct container_config *config = &container->config;
    auto_done(share) share = {};
    auto_free char *why = NULL;
    bool userns;
    if (userns_choose(engine, config, &share, &userns, &why, err) < 0)
        return -1;
    int result = make_once(monitor, userns, &share, ret_process, err);
    bool may_fall_back = userns && !engine->rootless && (!config->namespaces.user || share.id) &&
                         err->kind == ERR_UNMAPPABLE;
    if (result < 0 && may_fall_back) {
        str_addf(warnings, "%s: the container shares the host's user namespace", err->text);
        userns = false;
        free(why);
        why = xstrdup("a mount whose owners cannot be mapped");
        *err = (struct err){};
        result = make_once(monitor, false, &share, ret_process, err);
    }
    if (result < 0 && userns && err->kind == ERR_UNMAPPABLE)
        (void)err_hint(err,
                       "without --userns private the container shares the host's user namespace");
    userns_record(&container->state, userns, why);
    return result;
}

int container_dry_run(struct engine *engine, const struct container *container,
                      runtime_listener *listener, void *context, struct err *err)
{
    const struct container_config *config = &container->config;
    auto_done(making) making = { .engine = engine };
    auto_done(share) share = {};
    auto_free char *why = NULL;
    bool userns;
    if (userns_choose(engine, config, &share, &userns, &why, err) < 0 ||
        (userns && engine->rootless && id_maps_of_user(&making.maps, err) < 0))
        return -1;
    if (userns && !engine->rootless) {
        uint32_t first = share.first;
        if (!share.id && subid_guess(config->id, &first, err) < 0)
            return -1;
        id_map_add(&making.maps.uid, 0, first, SUBID_COUNT);
        id_map_add(&making.maps.gid, 0, first, SUBID_COUNT);
    }
    if (making_prepare(engine, config, userns, &making, err) < 0)
        return -1;
    making.request.listener = listener;
    making.request.listener_context = context;
    return runtime_dry_run(&making.request, err);
}
