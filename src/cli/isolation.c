/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/isolation.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/container_args.h"
#include "engine/engine.h"
#include "kernel/capability.h"

enum { SECCOMP_MAX_BYTES = 4 << 20 };

/* ---- capabilities ---- */

static int capabilities_set(const char *flag, const struct strings *names,
                            struct strings *ret_names, struct err *err)
{
    for (size_t i = 0; i < names->len; i++) {
        int number;
        const char *name = "ALL";
        if (strcasecmp(names->at[i], "ALL") != 0 && strcasecmp(names->at[i], "CAP_ALL") != 0) {
            if (capability_parse(names->at[i], &number, err) < 0)
                return err_wrap(err, "%s", flag);
            name = capability_name(number);
        }
        if (!strings_have(ret_names, name))
            strings_add(ret_names, name);
    }
    return 0;
}

/* ---- --security-opt ---- */

/* What is known so far; the kernel gets no new privileges unless it was said otherwise. */
struct security {
    struct container_config *config;
    bool said_no_new; /* no-new-privileges was among the options */
};

typedef int security_setter(struct security *security, const char *value, struct err *err);

static int seccomp_set(struct security *security, const char *value, struct err *err)
{
    struct container_config *config = security->config;
    auto_free char *text = NULL;
    size_t len = 0;
    if (!value || !value[0])
        return err_set(err, ERR_INVALID, "it needs a profile: seccomp=FILE or seccomp=unconfined");
    free(config->seccomp);
    config->seccomp = NULL;
    if (strcmp(value, "builtin") == 0) /* docker's word for its default profile */
        return 0;
    if (strcmp(value, "unconfined") == 0) {
        config->seccomp = xstrdup(value);
        return 0;
    }
    int found = file_load(AT_FDCWD, value, SECCOMP_MAX_BYTES, &text, &len, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no profile %s", value);
    if (text[strspn(text, " \t\r\n")] != '{' || strlen(text) != len)
        return err_set(err, ERR_INVALID, "%s is no seccomp profile: it does not hold a JSON object",
                       value);
    config->seccomp = take_ptr(text);
    return 0;
}

static int no_new_privileges_set(struct security *security, const char *value, struct err *err)
{
    bool on = !value || strcmp(value, "true") == 0;
    if (!on && strcmp(value, "false") != 0)
        return err_set(err, ERR_INVALID, "\"%s\" is neither true nor false", value);
    security->config->no_new_privileges = on;
    security->said_no_new = true;
    return 0;
}

static int unmask_set(struct security *security, const char *value, struct err *err)
{
    struct strings *unmask = &security->config->unmask;
    struct view rest = view_of(value ? value : "");
    struct view path;
    bool more = true;
    if (value && strcasecmp(value, "ALL") == 0) {
        strings_add(unmask, "ALL");
        return 0;
    }
    while (more) {
        more = view_cut(&rest, ':', &path);
        if (path.len == 0 || path.at[0] != '/')
            return err_set(err, ERR_INVALID,
                           "it needs absolute paths: unmask=/proc/kcore:/sys/firmware, or ALL");
        strings_addf(unmask, "%.*s", (int)path.len, path.at);
    }
    return 0;
}

/* docker's word for unmask=ALL. */
static int systempaths_set(struct security *security, const char *value, struct err *err)
{
    if (!text_same(value, "unconfined"))
        return err_set(err, ERR_INVALID, "systempaths=unconfined is all there is");
    strings_add(&security->config->unmask, "ALL");
    return 0;
}

static const struct {
    char name[20];
    security_setter *set;
} security_rows[] = {
    { "seccomp", seccomp_set },
    { "no-new-privileges", no_new_privileges_set },
    { "unmask", unmask_set },
    { "systempaths", systempaths_set },
};

/* NAME, NAME=VALUE or, as docker wrote it once, NAME:VALUE. */
static int security_option(struct security *security, const char *text, struct err *err)
{
    size_t len = strcspn(text, "=:");
    const char *value = text[len] ? text + len + 1 : NULL;
    for (size_t i = 0; i < array_size(security_rows); i++) {
        if (strlen(security_rows[i].name) != len || strncmp(security_rows[i].name, text, len) != 0)
            continue;
        if (security_rows[i].set(security, value, err) < 0)
            return err_wrap(err, "--security-opt %s", security_rows[i].name);
        return 0;
    }
    (void)err_set(err, ERR_UNSUPPORTED, "--security-opt: %s is not supported", text);
    return err_hint(err, "there are seccomp, no-new-privileges and unmask");
}

static int security_set(const struct container_args *args, struct container_config *config,
                        struct err *err)
{
    struct security security = { .config = config };
    for (size_t i = 0; i < args->security.len; i++)
        if (security_option(&security, args->security.at[i], err) < 0)
            return -1;
    config->privileged = args->privileged;
    if (!security.said_no_new)
        config->no_new_privileges = !args->privileged;
    return 0;
}

/* ---- namespaces ---- */

enum namespace_flags {
    NAMESPACE_OF_CONTAINER = 1 << 0, /* it can be another container's */
    NAMESPACE_OR_NONE = 1 << 1,      /* or without what belongs to it */
};

/* "container:NAME" with a name. */
static bool names_container(const char *mode)
{
    return text_starts(mode, "container:") && mode[strlen("container:")] != '\0';
}

static int namespace_set(const char *flag, const char *mode, enum namespace_flags flags,
                         char **ret_mode, struct err *err)
{
    if (!mode)
        return 0;
    bool shareable = flags & NAMESPACE_OF_CONTAINER;
    bool or_none = flags & NAMESPACE_OR_NONE;
    bool known = strcmp(mode, "private") == 0 || strcmp(mode, "host") == 0 ||
                 (shareable && names_container(mode)) || (or_none && strcmp(mode, "none") == 0);
    if (!known)
        return err_set(err, ERR_INVALID, "%s: \"%s\" is not one of private, host%s%s", flag, mode,
                       or_none ? ", none" : "", shareable ? ", container:NAME" : "");
    *ret_mode = xstrdup(mode);
    return 0;
}

static int network_set(const struct container_args *args, struct container_config *config,
                       struct err *err)
{
    const char *mode = args->network ? args->network : "none";
    bool known = strcmp(mode, "none") == 0 || strcmp(mode, "host") == 0 || names_container(mode);
    if (!known)
        return err_set(err, ERR_UNSUPPORTED,
                       "--network: \"%s\" is not supported, there are no bridge networks yet; use "
                       "none, host or container:NAME",
                       mode);
    config->namespaces.network = xstrdup(mode);
    return 0;
}

static int namespaces_set(const struct container_args *args, struct container_config *config,
                          struct err *err)
{
    struct container_namespaces *to = &config->namespaces;
    /* Each can be shared here. */
    const char *ipc = text_same(args->ipc, "shareable") ? "private" : args->ipc;
    if (namespace_set("--userns", args->userns, NAMESPACE_OF_CONTAINER, &to->user, err) < 0 ||
        namespace_set("--uts", args->uts, 0, &to->uts, err) < 0 ||
        namespace_set("--cgroupns", args->cgroupns, 0, &to->cgroup, err) < 0 ||
        namespace_set("--time", args->timens, 0, &to->time, err) < 0 ||
        namespace_set("--pid", args->pid, NAMESPACE_OF_CONTAINER, &to->pid, err) < 0 ||
        namespace_set("--ipc", ipc, NAMESPACE_OF_CONTAINER | NAMESPACE_OR_NONE, &to->ipc, err) < 0)
        return -1;
    return network_set(args, config, err);
}

int isolation_set(const struct container_args *args, struct container_config *config,
                  struct err *err)
{
    if (capabilities_set("--cap-add", &args->cap_add, &config->cap_add, err) < 0 ||
        capabilities_set("--cap-drop", &args->cap_drop, &config->cap_drop, err) < 0)
        return -1;
    if (security_set(args, config, err) < 0)
        return -1;
    return namespaces_set(args, config, err);
}
