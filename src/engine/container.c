/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers made and found. An image may be removed while a container of it is being made: the
 * remover takes the image out of the index first and asks which containers use it then, so whoever
 * makes one looks at the index again after the record is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/create.h"
#include "engine/record_part.h"
#include "engine/share.h"
#include "engine/timestamp.h"
#include "image/image.h"
#include "image/platform.h"
#include "image/trust.h"

enum {
    ID_BYTES = 32,
    NAME_ATTEMPTS = 16,      /* of two words */
    NAME_LONG_ATTEMPTS = 16, /* and then with a number */
    CANDIDATES_SHOWN = 5,
};

void container_free(struct container *container)
{
    if (!container)
        return;
    container_config_done(&container->config);
    container_state_done(&container->state);
    free(container);
}

const char *container_label(const struct container *container)
{
    const struct container_config *config = &container->config;
    return config->name && config->name[0] != '\0' ? config->name : config->id;
}

int container_check(const struct container *container, struct err *err)
{
    if (container->config.version > 0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "the record of container %s is damaged (%s); \"ruche rm -f\" removes it",
                   container_label(container),
                   container->state.error ? container->state.error : "no configuration");
}

/* --- the image --- */

static int platform_read(const char *text, struct oci_platform *ret_platform, struct err *err)
{
    if (text && platform_parse(text, ret_platform, err) < 0) {
        err_wrap(err, "--platform");
        return -1;
    }
    return 0;
}

/* Of a name that means something here the platform is the reason. */
static int image_missing(struct images *images, const struct container_config *config,
                         const struct oci_platform *platform, struct err *err)
{
    const char *name = config->image;
    int known = image_known(images, name, err);
    if (known < 0)
        return -1;
    if (known == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "image %s is not on this machine; bring it with \"ruche pull\" or \"ruche "
                       "load\"",
                       name);
    (void)image_absent(images, name, platform, err);
    if (platform && err->kind == ERR_NOT_FOUND)
        err_hint(err, "bring it with \"ruche pull --platform %s %s\"", config->platform, name);
    return -1;
}

static int image_get(struct images *images, const struct container_config *config,
                     struct image **ret_image, struct err *err)
{
    const char *name = config->image;
    auto_done(oci_platform) wanted = {};
    const struct oci_platform *platform = config->platform ? &wanted : NULL;
    if (platform_read(config->platform, &wanted, err) < 0)
        return -1;
    int found = image_find_for(images, name, platform, ret_image, err);
    if (found == 0 && image_is_builtin(name)) {
        if (image_builtin_load(images, NULL, err) < 0)
            return err_wrap(err, "image %s", name);
        found = image_find_for(images, name, platform, ret_image, err);
    }
    if (found == 0)
        return image_missing(images, config, platform, err);
    return found < 0 ? -1 : 0;
}

static int complete_image(struct engine *engine, struct container_config *config, struct err *err)
{
    static const struct image_trust_options trust;
    auto_drop(image) *image = NULL;
    struct images *images;
    if (engine_images(engine, &images, err) < 0 || image_get(images, config, &image, err) < 0 ||
        image_trusted(images, image, config->image, &trust, err) < 0)
        return -1;
    if (!image_unpacked(images, image) && image_unpack(images, image, NULL, err) < 0)
        return err_wrap(err, "unpack image %s", config->image);
    config_add_image(config, &image->oci.config);
    free(config->image_id);
    config->image_id = take_ptr(image->id);
    strings_copy(&config->layers, &image->oci.rootfs.diff_ids);
    return 0;
}

static struct index_mark index_mark(struct engine *engine)
{
    struct stat status;
    int root_fd;
    if (engine_root_fd(engine, &root_fd, NULL) < 0 ||
        fstatat(root_fd, "oci/index.json", &status, AT_SYMLINK_NOFOLLOW) < 0)
        return (struct index_mark){};
    return (struct index_mark){ status.st_ino, status.st_ctim };
}

static int image_check(struct engine *engine, const struct container_config *config,
                       struct index_mark before, struct err *err)
{
    struct index_mark now = index_mark(engine);
    if (now.inode == before.inode && timestamp_compare(now.changed, before.changed) == 0)
        return 0;
    auto_drop(image) *image = NULL;
    struct images *images;
    if (engine_images(engine, &images, err) < 0)
        return -1;
    int found = image_find(images, config->image_id, &image, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "image %s was removed meanwhile", config->image);
    return found < 0 ? -1 : 0;
}

/* --- completing --- */

/* "container:NAME" → "container:<id>". It has to run when the new one is started, not yet. */
static int namespace_resolve(struct engine *engine, char **mode, struct err *err)
{
    if (!mode_shares(*mode))
        return 0;
    auto_drop(container) *other = NULL;
    if (container_find(engine, mode_shared(*mode), &other, err) < 0 || !other ||
        container_check(other, err) < 0)
        return -1;
    char *resolved = xasprintf("container:%s", other->config.id);
    free(*mode);
    *mode = resolved;
    return 0;
}

static int namespaces_resolve(struct engine *engine, struct container_namespaces *namespaces,
                              struct err *err)
{
    if (engine->rootless && text_same(namespaces->user, "host"))
        return err_set(err, ERR_UNSUPPORTED,
                       "the host's user namespace takes root: a container of an ordinary user has "
                       "one in which that user is root; leave --userns out");
    char **modes[] = { &namespaces->user, &namespaces->pid,    &namespaces->ipc,
                       &namespaces->uts,  &namespaces->cgroup, &namespaces->network,
                       &namespaces->time };
    for (size_t i = 0; i < array_size(modes); i++)
        if (namespace_resolve(engine, modes[i], err) < 0)
            return -1;
    return 0;
}

static void text_default(char **text, const char *value)
{
    if (!*text)
        *text = xstrdup(value);
}

int container_complete(struct engine *engine, struct container_config *config, struct err *err)
{
    static const struct oci_image_config nothing;
    uint8_t random[ID_BYTES];
    char created[TIMESTAMP_SIZE];
    if (!config->image == !config->rootfs)
        return err_set(err, ERR_USAGE, "give an image, or a directory with --rootfs");
    if (config->image && complete_image(engine, config, err) < 0)
        return -1;
    if (config->rootfs)
        config_add_image(config, &nothing);
    if (config_check(config, err) < 0 || namespaces_resolve(engine, &config->namespaces, err) < 0)
        return -1;
    /* Who has all of root's rights has them over the host, unless he has none there anyway. */
    if (engine->rootless || !config->privileged)
        share_complete(&config->namespaces);

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(err, "get random bytes");
    struct str id = {};
    for (size_t i = 0; i < sizeof(random); i++) {
        str_add_char(&id, "0123456789abcdef"[random[i] >> 4]);
        str_add_char(&id, "0123456789abcdef"[random[i] & 15]);
    }
    free(config->id);
    config->id = str_take(&id);
    free(config->created);
    config->created = xstrdup(timestamp_now(created));
    config->version = CONTAINER_CONFIG_VERSION;
    text_default(&config->user, "");
    text_default(&config->workdir, "");
    text_default(&config->stop_signal, "SIGTERM");
    return 0;
}

/* --- making --- */

static void record_unmake(struct engine *engine, const char *id)
{
    char path[RECORD_PATH_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, NULL) == 0)
        (void)tree_remove(root_fd, record_path(id, NULL, path), NULL); /* why is reported already */
}

static int fail_name_taken(struct engine *engine, const char *name, struct err *err)
{
    char holder[CONTAINER_ID_LEN + 1] = "another one";
    (void)name_find(engine, name, holder, NULL);
    return err_set(err, ERR_CONFLICT,
                   "the name %s is taken by container %.*s; use \"ruche rm %s\" or another --name",
                   name, CONTAINER_ID_SHORT_LEN, holder, name);
}

/* The name is in the configuration, which is written before the name is taken. */
static int make_named(struct engine *engine, const struct container_config *config, struct err *err)
{
    if (record_make(engine, config, err) < 0)
        return -1;
    int taken = name_take(engine, config->name, config->id, err);
    if (taken <= 0)
        record_unmake(engine, config->id);
    return taken;
}

static int make_unnamed(struct engine *engine, struct container_config *config, struct err *err)
{
    uint64_t random;
    for (int i = 0; i < NAME_ATTEMPTS + NAME_LONG_ATTEMPTS; i++) {
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return err_sys(err, "get random bytes");
        free(config->name);
        config->name = name_generate(random);
        if (i >= NAME_ATTEMPTS) {
            char *numbered = xasprintf("%s_%u", config->name, (unsigned)(random >> 32));
            free(config->name);
            config->name = numbered;
        }
        int made = make_named(engine, config, err);
        if (made != 0)
            return made;
    }
    return err_set(err, ERR_CONFLICT, "no free name was found; give one with --name");
}

static int record_birth(struct engine *engine, struct container_config *config, struct err *err)
{
    if (!config->name)
        return make_unnamed(engine, config, err) < 0 ? -1 : 0;
    int made = make_named(engine, config, err);
    if (made == 0)
        return fail_name_taken(engine, config->name, err);
    return made < 0 ? -1 : 0;
}

/* Of a record just made, for a reason that is in err. */
static int undo_record(struct engine *engine, const struct container_config *config)
{
    auto_close int fd = -1;
    if (record_lock(engine, config->id, NULL, &fd, NULL) == 0)
        record_withdraw(engine, fd, config->id, config->name);
    return -1;
}

int container_prepare(struct engine *engine, struct container_config *config,
                      struct container **ret_container, struct err *err)
{
    if (config->name && config->name[0] == '/' && name_valid(config->name + 1))
        memmove(config->name, config->name + 1, strlen(config->name)); /* docker takes it so, too */
    struct index_mark mark = config->image ? index_mark(engine) : (struct index_mark){};
    if (container_complete(engine, config, err) < 0 || config_find_sources(config, err) < 0)
        return -1;

    struct container *container = xnew(struct container);
    container->config = *config;
    container->unmade = true;
    container->mark = mark;
    *config = (struct container_config){};
    state_init(&container->state, &container->config);
    *ret_container = container;
    return 0;
}

int container_record(struct engine *engine, struct container *container, struct err *err)
{
    struct container_config *config = &container->config;
    if (!config->auto_remove)
        (void)engine_trash_sweep(engine, NULL); /* what cannot be swept now stays for later */
    if (config_check_sources(config, err) < 0)
        return -1;
    if (record_birth(engine, config, err) < 0)
        return err_wrap(err, "create");
    if (config->image && image_check(engine, config, container->mark, err) < 0)
        return undo_record(engine, config);
    container->unmade = false;
    free(container->state.name);
    container->state.name = xstrdup(config->name);
    return 0;
}

/* --- finding --- */

/* What can be shown of a container whose record cannot be read. */
static void container_set_damaged(struct container *container, const char *id, const char *name,
                                  const char *why)
{
    container->config.id = xstrdup(id);
    container->config.name = xstrdup(name ? name : "");
    if (!container->state.id)
        state_init(&container->state, &container->config);
    if (!state_is_running(&container->state))
        container->state.status = CONTAINER_UNKNOWN;
    free(container->state.error);
    container->state.error = xstrdup(why);
}

static void state_set_damaged(struct container *container, const char *why)
{
    state_init(&container->state, &container->config);
    container->state.status = CONTAINER_UNKNOWN;
    container->state.error = xstrdup(why);
}

/* Returns 1, or 0 if there is no such record. */
static int container_load(struct engine *engine, const char *id, const char *name,
                          struct container **ret_container)
{
    auto_drop(container) *container = xnew(struct container);
    struct err why = {};
    int found = record_load_config(engine, id, &container->config, &why);
    if (found == 0 && !record_exists(engine, id))
        return 0;
    if (found > 0) {
        if (state_load(engine, &container->config, &container->state, &why) < 0)
            state_set_damaged(container, why.text);
    } else {
        struct err ignored;
        auto_free char *found_name = name ? NULL : name_of(engine, id);
        (void)state_find(engine, id, false, &container->state, &ignored);
        container_set_damaged(container, id, name ? name : found_name,
                              found == 0 ? "it has no configuration" : why.text);
    }
    *ret_container = take_ptr(container);
    return 1;
}

static int fail_ambiguous(const char *prefix, const struct strings *ids, struct err *err)
{
    auto_done(str) list = {};
    for (size_t i = 0; i < ids->len && i < CANDIDATES_SHOWN; i++)
        str_addf(&list, "%s%.*s", i > 0 ? ", " : "", CONTAINER_ID_SHORT_LEN, ids->at[i]);
    if (ids->len > CANDIDATES_SHOWN)
        str_addf(&list, " and %zu more", ids->len - CANDIDATES_SHOWN);
    (void)err_set(err, ERR_INVALID,
                  "%s is the beginning of several containers' ids (%s); give more of it", prefix,
                  str_text(&list));
    return -1;
}

/* A record whose creation or removal was cut off beside its name is known by its configuration
 * still. */
static int find_unnamed(struct engine *engine, const struct strings *ids, const char *name,
                        struct container **ret_container)
{
    for (size_t i = 0; i < ids->len; i++) {
        struct container_config config = {};
        if (!container_id_valid(ids->at[i]) ||
            record_load_config(engine, ids->at[i], &config, NULL) <= 0)
            continue;
        bool same = text_same(config.name, name);
        container_config_done(&config);
        if (same)
            return container_load(engine, ids->at[i], name, ret_container);
    }
    return 0;
}

static int find_among(struct engine *engine, const char *text, struct container **ret_container,
                      struct err *err)
{
    auto_done(strings) ids = {};
    auto_done(strings) candidates = {};
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0 || dir_list(root_fd, "containers", &ids, err) < 0)
        return -1;
    for (size_t i = 0; i < ids.len; i++)
        if (text_starts(ids.at[i], text) && container_id_valid(ids.at[i]))
            strings_add(&candidates, ids.at[i]);
    if (candidates.len > 1)
        return fail_ambiguous(text, &candidates, err);
    if (candidates.len == 1)
        return container_load(engine, candidates.at[0], NULL, ret_container);
    return name_valid(text) ? find_unnamed(engine, &ids, text, ret_container) : 0;
}

int container_find(struct engine *engine, const char *name, struct container **ret_container,
                   struct err *err)
{
    char id[CONTAINER_ID_LEN + 1];
    const char *text = name[0] == '/' ? name + 1 : name;
    int found = name_valid(text) ? name_find(engine, text, id, err) : 0;
    if (found > 0)
        found = container_load(engine, id, text, ret_container);
    if (found == 0 && container_id_valid(text))
        found = container_load(engine, text, NULL, ret_container);
    if (found == 0 && text[0] != '\0')
        found = find_among(engine, text, ret_container, err);
    if (found == 0) {
        auto_done(str) shown = { .max_bytes = CONTAINER_NAME_MAX };
        /* Its removal may have been cut off. */
        (void)engine_trash_sweep(engine, NULL);
        text_escape(&shown, name, strlen(name));
        (void)err_set(err, ERR_NOT_FOUND, "no such container: %s", str_text(&shown));
        return -1;
    }
    return found < 0 ? -1 : 0;
}
