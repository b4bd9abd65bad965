/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Containers that share namespaces of another one: then they have its user namespace, whose root is
 * theirs, or an ordinary user could not enter the others. For engine/ alone.
 */
#include "engine/record.h"

/* "container:<id>" */
bool mode_shares(const char *mode);
/* The id in such a mode. */
const char *mode_shared(const char *mode);

/* The first of its modes by which a container shares another one's network, processes, memory or
 * names, and with them its user namespace; NULL: there is none. */
const char *share_first(const struct container_namespaces *namespaces);

/* Where nothing was said of the user namespace: that of the container whose network, processes or
 * memory are shared. */
void share_complete(struct container_namespaces *namespaces);

/* Whose user namespace a container has. */
struct share {
    char *id;       /* NULL: that of no other one */
    char *label;    /* what messages call it */
    bool userns;    /* false: it has the host's itself */
    uint32_t first; /* of its ids, of root's containers */
};
/* ERR_CONFLICT: it does not run, or another one whose namespaces are to be shared has another user
 * namespace. */
int share_find(struct engine *engine, const struct container_config *config,
               struct share *ret_share, struct err *err);
void share_done(struct share *share);

/* A file of /proc/PID/ns of the running container that a mode names. Owned by the caller. */
int share_path(struct engine *engine, const char *mode, const char *file, char **ret_path,
               struct err *err);
