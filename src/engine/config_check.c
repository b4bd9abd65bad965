/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/create.h"
#include "engine/record_part.h"
#include "engine/share.h"
#include "kernel/signal_name.h"

enum {
    HOSTNAME_MAX = 64, /* __NEW_UTS_LEN of the kernel */
    SOURCE_MODE = 0755,
    SOURCE_UMASK = 022,
};

/* --- texts --- */

char *path_clean(const char *path)
{
    auto_done(strings) parts = {};
    struct view rest = view_of(path), part;
    for (bool more = true; more;) {
        more = view_cut(&rest, '/', &part);
        if (part.len == 0 || view_is(part, "."))
            continue;
        if (!view_is(part, ".."))
            strings_add_taken(&parts, xstrndup(part.at, part.len));
        else if (parts.len > 0)
            free(parts.at[--parts.len]);
    }
    struct str clean = {};
    for (size_t i = 0; i < parts.len; i++)
        str_addf(&clean, "/%s", parts.at[i]);
    if (parts.len == 0)
        str_add_char(&clean, '/');
    return str_take(&clean);
}

bool name_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char others[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t len = strlen(name);
    return len >= 2 && len <= CONTAINER_NAME_MAX && strchr(letters, name[0]) &&
           strspn(name, others) == len;
}

/* For messages: what a user typed may hold anything. */
static char *shown(const char *text)
{
    struct str out = { .max_bytes = 256 };
    text_escape(&out, text, strlen(text));
    return str_take(&out);
}

static int check_name(const struct container_config *config, struct err *err)
{
    if (!config->name || name_valid(config->name))
        return 0;
    auto_free char *name = shown(config->name);
    return err_set(err, ERR_INVALID,
                   "name \"%s\": use two to %d letters, digits, \"_\", \".\" and \"-\", beginning "
                   "with a letter or digit",
                   name, CONTAINER_NAME_MAX);
}

/* They are written into /etc/hosts, where a blank or a line's end would mean something. */
static int check_hostname(const char *hostname, const char *what, struct err *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (!hostname || hostname[0] == '\0')
        return 0;
    size_t len = strlen(hostname);
    if (len <= HOSTNAME_MAX && strspn(hostname, allowed) == len && hostname[0] != '-' &&
        hostname[0] != '.')
        return 0;
    auto_free char *name = shown(hostname);
    return err_set(err, ERR_INVALID,
                   "%s \"%s\": use up to %d letters, digits, \"_\", \".\" and \"-\"", what, name,
                   HOSTNAME_MAX);
}

static int check_texts(struct container_config *config, struct err *err)
{
    int signal;
    if (check_name(config, err) < 0 || check_hostname(config->hostname, "host name", err) < 0 ||
        check_hostname(config->domainname, "domain name", err) < 0)
        return -1;
    if (config->workdir && config->workdir[0] != '\0' && config->workdir[0] != '/') {
        auto_free char *workdir = shown(config->workdir);
        return err_set(err, ERR_INVALID, "working directory \"%s\": give an absolute path",
                       workdir);
    }
    for (size_t i = 0; i < config->env.len; i++)
        if (config->env.at[i][0] == '=' || config->env.at[i][0] == '\0') {
            auto_free char *entry = shown(config->env.at[i]);
            return err_set(err, ERR_INVALID, "environment variable \"%s\" has no name", entry);
        }
    if (config->stop_signal && signal_parse(config->stop_signal, &signal, err) < 0)
        return err_wrap(err, "stop signal");
    return 0;
}

/* --- numbers --- */

static int check_numbers(const struct container_config *config, struct err *err)
{
    if (config->stop_timeout_s.set && config->stop_timeout_s.value < -1)
        return err_set(err, ERR_INVALID,
                       "stop timeout %" PRId64 ": give seconds, or -1 to wait without end",
                       config->stop_timeout_s.value);
    if (config->shm_size_bytes.set && config->shm_size_bytes.value <= 0)
        return err_set(err, ERR_INVALID, "size of /dev/shm: give more than 0 bytes");
    return 0;
}

/* --- namespaces --- */

static int check_namespace(const char *mode, const char *what, bool may_be_none, struct err *err)
{
    if (!mode || mode[0] == '\0' || strcmp(mode, "private") == 0 || strcmp(mode, "host") == 0)
        return 0;
    if (may_be_none && strcmp(mode, "none") == 0)
        return 0;
    if (mode_shares(mode) && *mode_shared(mode))
        return 0;
    auto_free char *word = shown(mode);
    return err_set(err, ERR_INVALID, "%s namespace \"%s\": use private, host%s or container:NAME",
                   what, word, may_be_none ? ", none" : "");
}

/* What belongs to another user namespace cannot be mounted, or not even entered. */
static int check_sharing(const struct container_namespaces *namespaces, struct err *err)
{
    if (!text_same(namespaces->user, "private") || !share_first(namespaces))
        return 0;
    return err_set(err, ERR_INVALID,
                   "a namespace of another container does not go with a private user namespace: "
                   "who shares it has the other one's user namespace too");
}

static int check_namespaces(const struct container_namespaces *namespaces, struct err *err)
{
    if (check_namespace(namespaces->user, "user", false, err) < 0 ||
        check_namespace(namespaces->pid, "pid", false, err) < 0 ||
        check_namespace(namespaces->ipc, "ipc", true, err) < 0 ||
        check_namespace(namespaces->uts, "uts", false, err) < 0 ||
        check_namespace(namespaces->cgroup, "cgroup", false, err) < 0 ||
        check_namespace(namespaces->network, "network", true, err) < 0 ||
        check_namespace(namespaces->time, "time", false, err) < 0)
        return -1;
    return check_sharing(namespaces, err);
}

/* --- mounts and devices --- */

static int check_mount(struct container_mount *mount, struct err *err)
{
    bool bind = text_same(mount->type, "bind");
    if (!bind && !text_same(mount->type, "tmpfs")) {
        auto_free char *type = shown(mount->type ? mount->type : "");
        return err_set(err, ERR_UNSUPPORTED, "mount of type \"%s\": use bind or tmpfs", type);
    }
    if (!mount->destination || mount->destination[0] != '/') {
        auto_free char *destination = shown(mount->destination ? mount->destination : "");
        return err_set(err, ERR_INVALID, "mount on \"%s\": give an absolute path in the container",
                       destination);
    }
    char *clean = path_clean(mount->destination);
    free(mount->destination);
    mount->destination = clean;
    if (strcmp(clean, "/") == 0)
        return err_set(
            err, ERR_INVALID,
            "mount on /: it is the container's root; use another directory, or --rootfs");
    if (!bind)
        return 0;
    if (!mount->source || mount->source[0] != '/') {
        auto_free char *source = shown(mount->source ? mount->source : "");
        return err_set(err, ERR_INVALID, "mount of \"%s\": give an absolute path of the host",
                       source);
    }
    return 0;
}

static int check_mounts(const struct container_config *config, struct err *err)
{
    for (size_t i = 0; i < config->mounts.len; i++) {
        if (check_mount(&config->mounts.at[i], err) < 0)
            return -1;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(config->mounts.at[k].destination, config->mounts.at[i].destination) != 0)
                continue;
            auto_free char *destination = shown(config->mounts.at[i].destination);
            return err_set(err, ERR_INVALID, "two mounts on %s: leave one of them out",
                           destination);
        }
    }
    return 0;
}

static int check_devices(const struct container_config *config, struct err *err)
{
    for (size_t i = 0; i < config->devices.len; i++) {
        const struct container_device *device = &config->devices.at[i];
        if (device->source && device->source[0] == '/' && device->destination &&
            device->destination[0] == '/')
            continue;
        auto_free char *source = shown(device->source ? device->source : "");
        return err_set(err, ERR_INVALID, "device \"%s\": give absolute paths", source);
    }
    return 0;
}

int config_check(struct container_config *config, struct err *err)
{
    if (config->entrypoint.len == 0 && config->command.len == 0)
        return err_set(err, ERR_USAGE, "no command: %s has none, give one",
                       config->image ? "the image" : "a rootfs");
    if (check_texts(config, err) < 0 || check_numbers(config, err) < 0 ||
        check_namespaces(&config->namespaces, err) < 0 || check_mounts(config, err) < 0 ||
        check_devices(config, err) < 0)
        return -1;
    return 0;
}

/* --- the host's directories --- */

static int source_make(const char *source, struct err *err)
{
    mode_t mask = umask(SOURCE_UMASK);
    int made = dir_make_all(AT_FDCWD, source, SOURCE_MODE, err);
    (void)umask(mask);
    return made;
}

enum source_flags {
    SOURCE_MAKE =
        1 << 0, /* one of the word "create-source" that is missing; it is fine without this */
};

static int check_source(const struct container_mount *mount, enum source_flags flags,
                        struct err *err)
{
    struct stat status;
    if (!mount->source || strcmp(mount->type, "bind") != 0 || stat(mount->source, &status) == 0)
        return 0;
    auto_free char *source = shown(mount->source);
    if (errno != ENOENT)
        return err_sys(err, "mount of %s", source);
    if (strings_have(&mount->options, "create-source")) {
        if ((flags & SOURCE_MAKE) && source_make(mount->source, err) < 0)
            return err_wrap(err, "mount of %s", source);
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND,
                   "mount of %s: there is no such file or directory on the host; make it first",
                   source);
}

int config_find_sources(const struct container_config *config, struct err *err)
{
    struct stat status;
    if (config->rootfs) {
        auto_free char *rootfs = shown(config->rootfs);
        if (config->rootfs[0] != '/')
            return err_set(err, ERR_INVALID, "rootfs \"%s\": give an absolute path", rootfs);
        if (stat(config->rootfs, &status) < 0)
            return err_sys(err, "rootfs %s", rootfs);
        if (!S_ISDIR(status.st_mode))
            return err_set(err, ERR_INVALID, "rootfs %s is no directory", rootfs);
    }
    for (size_t i = 0; i < config->mounts.len; i++)
        if (check_source(&config->mounts.at[i], 0, err) < 0)
            return -1;
    return 0;
}

int config_check_sources(const struct container_config *config, struct err *err)
{
    if (config_find_sources(config, err) < 0)
        return -1;
    for (size_t i = 0; i < config->mounts.len; i++)
        if (check_source(&config->mounts.at[i], SOURCE_MAKE, err) < 0)
            return -1;
    return 0;
}
