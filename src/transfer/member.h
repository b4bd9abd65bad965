/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One member of a layer's archive as every sink takes it, and the rules on names that hold for all
 * of them. Nothing here touches a file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/str.h"

enum member_type {
    MEMBER_DIRECTORY,
    MEMBER_FILE,
    MEMBER_SYMLINK,
    MEMBER_HARDLINK,
    MEMBER_CHARACTER,
    MEMBER_BLOCK,
    MEMBER_FIFO,
    MEMBER_SOCKET,
};

enum {
    MEMBER_PATH_MAX = 4095,
    MEMBER_NAME_MAX = 255,
    MEMBER_DEPTH_MAX = 512,
    MEMBER_TARGET_MAX = 4095, /* of a symbolic link */
};

struct xattr {
    const char *name;
    const void *value;
    size_t len;
};

/* All that it points at belongs to the reader and is valid until the next member. */
struct member {
    enum member_type type;
    const char *path;   /* below the root, no ".", "..", or empty names in it; "" is the root */
    const char *target; /* of a link; a hard link's is such a path too */
    mode_t mode;        /* 07777 */
    uid_t uid;
    gid_t gid;
    struct timespec mtime;
    dev_t device;
    uint64_t size; /* of a file, bytes */
    const struct xattr *xattrs;
    size_t n_xattrs;
};

/* Replaces *out by the path as struct member wants it. Absolute ones begin at the root; ".." is an
 * error. */
int member_path(const char *raw, struct str *out, struct err *err);

/* What a name means: OCI image-spec, layer.md, "Whiteouts". */
enum member_role {
    ROLE_ENTRY,
    ROLE_WHITEOUT, /* .wh.NAME: NAME in the layers below is not to be seen */
    ROLE_OPAQUE,   /* .wh..wh..opq: nothing of this directory in the layers below is to be seen */
    ROLE_IGNORED,  /* other .wh..wh.*: the bookkeeping of a union file system gone by */
};

/* Tells the role of a path. *ret_subject: what is hidden, respectively the directory; empty for
 * others. */
int member_role(const char *path, enum member_role *ret_role, struct str *ret_subject,
                struct err *err);

/* What becomes of an extended attribute found in an archive. */
enum xattr_fate {
    XATTR_KEEP,
    XATTR_DROP,   /* means something on the machine it was made on only */
    XATTR_REFUSE, /* would be an order to overlayfs */
};

enum xattr_fate xattr_fate(const char *name);
