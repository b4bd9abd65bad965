/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/volume.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/container_args.h"
#include "cli/path.h"
#include "engine/engine.h"

enum { TMPFS_MODE_MAX = 07777 };

/* ---- what all have in common ---- */

/* What is mounted where, and whether twice, is for the engine to check, which knows the whole. */
static int destination_check(const char *flag, const char *text, struct err *err)
{
    if (text[0] == '/')
        return 0;
    return err_set(err, ERR_INVALID,
                   "%s: \"%s\" is not absolute; a path in the container begins with /", flag, text);
}

static bool is_propagation(const char *word)
{
    static const char words[][9] = {
        "private", "rprivate", "slave", "rslave", "shared", "rshared"
    };
    for (size_t i = 0; i < array_size(words); i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

/* Adds the parts between the separators, empty ones too. */
static void split(const char *text, char at, struct strings *ret_parts)
{
    struct view rest = view_of(text);
    struct view part;
    bool more = true;
    while (more) {
        more = view_cut(&rest, at, &part);
        strings_add_taken(ret_parts, xstrndup(part.at, part.len));
    }
}

/* ---- --volume ---- */

/* A name is what docker takes for a volume's; "." and ".." are directories. */
static bool is_volume_name(const char *source)
{
    return !strchr(source, '/') && strcmp(source, ".") != 0 && strcmp(source, "..") != 0;
}

static int volume_source(const char *source, char **ret_path, struct err *err)
{
    if (is_volume_name(source))
        return err_set(err, ERR_UNSUPPORTED,
                       "--volume: \"%s\" is the name of a volume, and there are no named volumes "
                       "yet; give a directory, such as ./%s",
                       source, source);
    if (text_starts(source, "~/"))
        return err_set(err, ERR_INVALID,
                       "--volume: %s was not expanded by the shell; write \"$HOME%s\"", source,
                       source + 1);
    return path_absolute(source, "--volume", ret_path, err);
}

/* What a word is about: no two words may be about the same. */
enum volume_topic {
    TOPIC_ACCESS,
    TOPIC_PROPAGATION,
    TOPIC_LABEL,
    TOPIC_SUID,
    TOPIC_DEVICES,
    TOPIC_EXEC,
    TOPIC_COUNT
};

static int volume_topic(const char *word, enum volume_topic *ret_topic, struct err *err)
{
    static const struct {
        char word[8];
        enum volume_topic topic;
    } rows[] = {
        { "ro", TOPIC_ACCESS },     { "rw", TOPIC_ACCESS },   { "z", TOPIC_LABEL },
        { "Z", TOPIC_LABEL },       { "nosuid", TOPIC_SUID }, { "suid", TOPIC_SUID },
        { "nodev", TOPIC_DEVICES }, { "dev", TOPIC_DEVICES }, { "noexec", TOPIC_EXEC },
        { "exec", TOPIC_EXEC },
    };
    if (is_propagation(word)) {
        *ret_topic = TOPIC_PROPAGATION;
        return 0;
    }
    for (size_t i = 0; i < array_size(rows); i++) {
        if (strcmp(rows[i].word, word) == 0) {
            *ret_topic = rows[i].topic;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "--volume: unknown option \"%s\"", word);
}

static int volume_options(const char *text, const char *destination, struct strings *ret_options,
                          struct strings *warnings, struct err *err)
{
    auto_done(strings) words = {};
    const char *seen[TOPIC_COUNT] = {};
    split(text, ',', &words);
    for (size_t i = 0; i < words.len; i++) {
        const char *word = words.at[i];
        enum volume_topic topic = TOPIC_ACCESS;
        if (volume_topic(word, &topic, err) < 0)
            return -1;
        if (seen[topic])
            return err_set(err, ERR_INVALID, "--volume: %s and %s exclude each other", seen[topic],
                           word);
        seen[topic] = word;
        if (topic == TOPIC_LABEL)
            strings_addf(warnings,
                         "--volume: %s of %s: nothing is relabelled, SELinux is not supported",
                         word, destination);
        else
            strings_add(ret_options, word);
    }
    return 0;
}

static int volume_parse(const char *text, struct container_config *config, struct strings *warnings,
                        struct err *err)
{
    auto_done(strings) parts = {};
    auto_free char *source = NULL;
    auto_done(strings) options = {};
    split(text, ':', &parts);
    if (parts.len == 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "--volume: %s has no source, and there are no unnamed volumes yet; give "
                       "DIRECTORY:%s, or use --tmpfs",
                       text, text);
    if (parts.len > 3 || parts.at[0][0] == '\0' || parts.at[1][0] == '\0' ||
        (parts.len == 3 && parts.at[2][0] == '\0'))
        return err_set(err, ERR_INVALID,
                       "--volume: \"%s\" is not of the form SOURCE:PATH[:OPTIONS]", text);
    const char *destination = parts.at[1];
    if (volume_source(parts.at[0], &source, err) < 0 ||
        destination_check("--volume", destination, err) < 0)
        return -1;
    if (parts.len == 3 && volume_options(parts.at[2], destination, &options, warnings, err) < 0)
        return -1;
    strings_add(&options, "create-source");

    struct container_mount *mount = array_add(&config->mounts);
    *mount = (struct container_mount){
        .type = xstrdup("bind"),
        .source = take_ptr(source),
        .destination = xstrdup(destination),
        .options = options,
    };
    options = (struct strings){};
    return 0;
}

/* ---- --tmpfs ---- */

/* Options of the mount, and those of tmpfs(5) itself. */
static bool is_tmpfs_option(const char *word)
{
    static const char words[][12] = { "ro",       "rw",          "nosuid",   "suid",      "nodev",
                                      "dev",      "noexec",      "exec",     "atime",     "noatime",
                                      "relatime", "strictatime", "diratime", "nodiratime" };
    static const char keys[][11] = { "size=", "nr_blocks=", "nr_inodes=", "mode=",
                                     "uid=",  "gid=",       "mpol=",      "huge=" };
    for (size_t i = 0; i < array_size(words); i++)
        if (strcmp(words[i], word) == 0)
            return true;
    for (size_t i = 0; i < array_size(keys); i++)
        if (text_starts(word, keys[i]) && word[strlen(keys[i])] != '\0')
            return true;
    return false;
}

static int tmpfs_parse(const char *text, struct container_config *config, struct err *err)
{
    auto_done(strings) options = {};
    size_t len = strcspn(text, ":");
    auto_free char *destination = xstrndup(text, len);
    if (destination_check("--tmpfs", destination, err) < 0)
        return -1;
    if (text[len] == ':' && text[len + 1] != '\0')
        split(text + len + 1, ',', &options);
    for (size_t i = 0; i < options.len; i++)
        if (!is_tmpfs_option(options.at[i]))
            return err_set(err, ERR_INVALID, "--tmpfs: unknown option \"%s\"", options.at[i]);

    struct container_mount *mount = array_add(&config->mounts);
    *mount = (struct container_mount){
        .type = xstrdup("tmpfs"),
        .destination = take_ptr(destination),
        .options = options,
    };
    options = (struct strings){};
    return 0;
}

/* ---- --mount ---- */

/* What a --mount says, key by key. */
struct mount_keys {
    char *type;
    char *source;
    char *destination;
    char *propagation;
    char *tmpfs_size;
    char *tmpfs_mode;
    char *readonly; /* "true" if it stands alone */
};

static const struct {
    char name[17];
    unsigned char member;
} mount_key_rows[] = {
#define KEY(name, member)                                                                          \
    {                                                                                              \
        name, offsetof(struct mount_keys, member)                                                  \
    }
    KEY("type", type),
    KEY("source", source),
    KEY("src", source),
    KEY("destination", destination),
    KEY("dst", destination),
    KEY("target", destination),
    KEY("bind-propagation", propagation),
    KEY("tmpfs-size", tmpfs_size),
    KEY("tmpfs-mode", tmpfs_mode),
    KEY("readonly", readonly),
    KEY("ro", readonly),
#undef KEY
};

static void mount_keys_done(struct mount_keys *keys)
{
    char **members = &keys->type;
    for (size_t i = 0; i < sizeof(*keys) / sizeof(char *); i++)
        free(members[i]);
}

static int mount_key_set(struct mount_keys *keys, const char *field, struct err *err)
{
    size_t len = strcspn(field, "=");
    const char *value = field[len] ? field + len + 1 : NULL;
    for (size_t i = 0; i < array_size(mount_key_rows); i++) {
        const char *name = mount_key_rows[i].name;
        if (strlen(name) != len || strncasecmp(name, field, len) != 0)
            continue;
        char **member = (char **)((char *)keys + mount_key_rows[i].member);
        if (!value && member != &keys->readonly)
            return err_set(err, ERR_INVALID, "--mount: %s needs a value", name);
        if (*member)
            return err_set(err, ERR_INVALID, "--mount: %s is given twice", name);
        *member = xstrdup(value ? value : "true");
        return 0;
    }
    return err_set(err, ERR_INVALID, "--mount: \"%s\" is unknown or not supported", field);
}

static int mount_readonly(const struct mount_keys *keys, struct strings *options, struct err *err)
{
    const char *word = keys->readonly;
    if (!word)
        return 0;
    bool on = strcmp(word, "true") == 0 || strcmp(word, "1") == 0;
    if (!on && strcmp(word, "false") != 0 && strcmp(word, "0") != 0)
        return err_set(err, ERR_INVALID, "--mount: readonly: \"%s\" is neither true nor false",
                       word);
    if (on)
        strings_add(options, "ro");
    return 0;
}

static int mount_bind(const struct mount_keys *keys, struct container_mount *mount, struct err *err)
{
    const char *propagation = keys->propagation;
    if (keys->tmpfs_size || keys->tmpfs_mode)
        return err_set(err, ERR_USAGE, "--mount: %s is for type=tmpfs",
                       keys->tmpfs_size ? "tmpfs-size" : "tmpfs-mode");
    if (!keys->source || !keys->source[0])
        return err_set(err, ERR_USAGE, "--mount: type=bind needs a source");
    if (propagation && !is_propagation(propagation))
        return err_set(err, ERR_INVALID,
                       "--mount: bind-propagation: \"%s\" is not one of private, rprivate, slave, "
                       "rslave, shared, rshared",
                       propagation);
    if (propagation)
        strings_add(&mount->options, propagation);
    return path_absolute(keys->source, "--mount", &mount->source, err);
}

static int mount_tmpfs(const struct mount_keys *keys, struct container_mount *mount,
                       struct err *err)
{
    int64_t bytes;
    if (keys->source || keys->propagation)
        return err_set(err, ERR_USAGE, "--mount: %s is for type=bind",
                       keys->source ? "source" : "bind-propagation");
    if (keys->tmpfs_size) {
        if (size_parse(keys->tmpfs_size, false, "--mount: tmpfs-size", &bytes, err) < 0)
            return -1;
        strings_addf(&mount->options, "size=%" PRId64, bytes);
    }
    if (keys->tmpfs_mode) {
        char *end;
        unsigned long mode = strtoul(keys->tmpfs_mode, &end, 8);
        if (!isdigit((unsigned char)keys->tmpfs_mode[0]) || *end || mode > TMPFS_MODE_MAX)
            return err_set(err, ERR_INVALID,
                           "--mount: tmpfs-mode: \"%s\" is no octal mode such as 1777",
                           keys->tmpfs_mode);
        strings_addf(&mount->options, "mode=%lo", mode);
    }
    return 0;
}

static int mount_fill(const struct mount_keys *keys, struct container_mount *mount, struct err *err)
{
    const char *type = keys->type ? keys->type : "volume";
    if (strcmp(type, "volume") == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "--mount: there are no volumes yet; say type=bind and give a directory");
    if (strcmp(type, "bind") != 0 && strcmp(type, "tmpfs") != 0)
        return err_set(err, ERR_INVALID, "--mount: type: \"%s\" is not one of bind, tmpfs", type);
    if (!keys->destination)
        return err_set(err, ERR_USAGE, "--mount: it needs a destination");
    mount->type = xstrdup(type);
    mount->destination = xstrdup(keys->destination);
    if (destination_check("--mount", mount->destination, err) < 0 ||
        mount_readonly(keys, &mount->options, err) < 0)
        return -1;
    return type[0] == 'b' ? mount_bind(keys, mount, err) : mount_tmpfs(keys, mount, err);
}

static void mount_done(struct container_mount *mount)
{
    free(mount->type);
    free(mount->source);
    free(mount->destination);
    strings_done(&mount->options);
}

static int mount_parse(const char *text, struct container_config *config, struct err *err)
{
    auto_done(strings) fields = {};
    auto_done(mount_keys) keys = {};
    struct container_mount mount = {};
    if (csv_parse(text, &fields, err) < 0)
        return err_wrap(err, "--mount: \"%s\"", text);
    for (size_t i = 0; i < fields.len; i++)
        if (mount_key_set(&keys, fields.at[i], err) < 0)
            return -1;
    if (mount_fill(&keys, &mount, err) < 0) {
        mount_done(&mount);
        return -1;
    }
    *array_add(&config->mounts) = mount;
    return 0;
}

/* ---- --device ---- */

static bool is_access(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > 3 || strspn(text, "rwm") != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (strchr(text + i + 1, text[i]))
            return false;
    return true;
}

/* SOURCE, SOURCE:ACCESS, SOURCE:DESTINATION or all three. */
static int device_parse(const char *text, struct container_config *config, struct err *err)
{
    auto_done(strings) parts = {};
    split(text, ':', &parts);
    const char *source = parts.at[0];
    bool access_second = parts.len == 2 && is_access(parts.at[1]);
    const char *destination = parts.len > 1 && !access_second ? parts.at[1] : source;
    const char *access = access_second ? parts.at[1] : parts.len > 2 ? parts.at[2] : "rwm";
    if (parts.len > 3)
        return err_set(err, ERR_INVALID, "--device: \"%s\" is not of the form DEVICE[:PATH][:rwm]",
                       text);
    if (source[0] != '/' || destination[0] != '/')
        return err_set(err, ERR_INVALID,
                       "--device: \"%s\" is not absolute; a device is a path such as /dev/fuse",
                       source[0] != '/' ? source : destination);
    if (!is_access(access))
        return err_set(err, ERR_INVALID, "--device: access \"%s\" is not made of r, w and m",
                       access);

    for (size_t i = 0; i < config->devices.len; i++)
        if (strcmp(config->devices.at[i].destination, destination) == 0)
            return err_set(err, ERR_INVALID, "--device: %s is given twice", destination);
    struct container_device *device = array_add(&config->devices);
    device->source = xstrdup(source);
    device->destination = xstrdup(destination);
    device->access = xstrdup(access);
    return 0;
}

int volumes_set(const struct container_args *args, struct container_config *config,
                struct strings *warnings, struct err *err)
{
    for (size_t i = 0; i < args->volumes.len; i++)
        if (volume_parse(args->volumes.at[i], config, warnings, err) < 0)
            return -1;
    for (size_t i = 0; i < args->mounts.len; i++)
        if (mount_parse(args->mounts.at[i], config, err) < 0)
            return -1;
    for (size_t i = 0; i < args->tmpfs.len; i++)
        if (tmpfs_parse(args->tmpfs.at[i], config, err) < 0)
            return -1;
    for (size_t i = 0; i < args->devices.len; i++)
        if (device_parse(args->devices.at[i], config, err) < 0)
            return -1;
    return 0;
}
