/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/member.h"

#include <string.h>

static const char whiteout_prefix[] = ".wh.";
static const char whiteout_meta_prefix[] = ".wh..wh.";
static const char whiteout_opaque[] = ".wh..wh..opq";

static int component_check(struct view name, size_t depth, struct err *err)
{
    if (view_is(name, ".."))
        return err_set(err, ERR_INVALID, "its path has \"..\" in it");
    if (name.len > MEMBER_NAME_MAX)
        return err_set(err, ERR_INVALID, "a name in its path is longer than %d bytes",
                       MEMBER_NAME_MAX);
    if (depth > MEMBER_DEPTH_MAX)
        return err_set(err, ERR_INVALID, "it lies deeper than %d directories", MEMBER_DEPTH_MAX);
    return 0;
}

int member_path(const char *raw, struct str *out, struct err *err)
{
    struct view rest = view_of(raw);
    struct view name;
    size_t depth = 0;
    bool more = true;

    str_clear(out);
    if (rest.len > (size_t)2 * MEMBER_PATH_MAX)
        return err_set(err, ERR_INVALID, "its path is longer than %d bytes", MEMBER_PATH_MAX);
    while (more) {
        more = view_cut(&rest, '/', &name);
        if (name.len == 0 || view_is(name, "."))
            continue;
        if (component_check(name, ++depth, err) < 0)
            return -1;
        if (out->len > 0)
            str_add_char(out, '/');
        str_add_bytes(out, name.at, name.len);
    }
    if (out->len > MEMBER_PATH_MAX)
        return err_set(err, ERR_INVALID, "its path is longer than %d bytes", MEMBER_PATH_MAX);
    return 0;
}

/* Whiteouts are files: what claims to lie below one is either bookkeeping or made to confuse. */
static int parents_check(struct view parents, enum member_role *ret_role, struct err *err)
{
    struct view name;
    bool more = true;
    while (more) {
        more = view_cut(&parents, '/', &name);
        if (name.len >= strlen(whiteout_meta_prefix) &&
            memcmp(name.at, whiteout_meta_prefix, strlen(whiteout_meta_prefix)) == 0) {
            *ret_role = ROLE_IGNORED;
            return 0;
        }
        if (name.len >= strlen(whiteout_prefix) &&
            memcmp(name.at, whiteout_prefix, strlen(whiteout_prefix)) == 0)
            return err_set(err, ERR_INVALID, "it lies below a whiteout");
    }
    return 0;
}

int member_role(const char *path, enum member_role *ret_role, struct str *ret_subject,
                struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t parent_len = slash ? (size_t)(slash - path) : 0;
    enum member_role role = ROLE_ENTRY;

    str_clear(ret_subject);
    if (parents_check((struct view){ path, parent_len }, &role, err) < 0)
        return -1;
    if (role == ROLE_ENTRY && strcmp(name, whiteout_opaque) == 0) {
        role = ROLE_OPAQUE;
        str_add_bytes(ret_subject, path, parent_len);
    } else if (role == ROLE_ENTRY && text_starts(name, whiteout_meta_prefix)) {
        role = ROLE_IGNORED;
    } else if (role == ROLE_ENTRY && text_starts(name, whiteout_prefix)) {
        const char *hidden = name + strlen(whiteout_prefix);
        if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
            return err_set(err, ERR_INVALID, "a whiteout of \"%s\"", hidden);
        role = ROLE_WHITEOUT;
        str_add_bytes(ret_subject, path, slash ? parent_len + 1 : 0);
        str_add(ret_subject, hidden);
    }
    *ret_role = role;
    return 0;
}

/* The first that fits counts. */
static const struct xattr_rule {
    const char prefix[28];
    enum xattr_fate fate;
} xattr_rules[] = {
    { "user.overlay.", XATTR_REFUSE },
    { "trusted.overlay.", XATTR_REFUSE },
    { "user.", XATTR_KEEP },
    { "security.capability", XATTR_KEEP },
    { "system.posix_acl_access", XATTR_KEEP },
    { "system.posix_acl_default", XATTR_KEEP },
    { "", XATTR_DROP },
};

enum xattr_fate xattr_fate(const char *name)
{
    size_t i = 0;
    for (; xattr_rules[i].prefix[0]; i++)
        if (text_starts(name, xattr_rules[i].prefix))
            break;
    return xattr_rules[i].fate;
}
