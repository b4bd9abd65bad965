/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A bundle (runtime-spec, bundle.md): the directory a container is made from, its configuration as
 * it was read, and as it is carried out.
 */
#include "oci/state.h"
#include "runtime_cli/container.h"

struct bundle {
    char *path; /* absolute */
    char *text; /* config.json as it stands there */
    size_t len;
    char *rootfs; /* absolute */
    struct spec spec;
    struct pairs cgroup_bases; /* where a relative cgroup path begins: record.cgroup_bases */
};

/* Reads and completes the configuration of a container: cgroup path, default devices, umask. config
 * NULL: config.json of the bundle. */
int bundle_load(struct program *program, const char *path, const char *config, const char *id,
                struct bundle *ret_bundle, struct err *err);
void bundle_done(struct bundle *bundle);
/* Writes its configuration as the container's, which has none. */
int bundle_save(const struct bundle *bundle, const struct container *container, struct err *err);
/* What is to be written down of a container that is made of it now: all but its process and scope. */
void record_fill(struct container *container, const struct bundle *bundle);
/* Where the cgroup path of a configuration begins, before it is completed, if it is relative: at our
 * own groups. */
int spec_cgroup_bases(struct program *program, const struct spec *spec, struct pairs *ret_bases,
                      struct err *err);
/* What a configuration asks for and the command line adds (the same for one read again later). */
int spec_complete(struct program *program, struct spec *spec, const char *id, struct err *err);
/* A path without empty parts, "." and ".."; one beyond the top ends there. Owned by the caller. */
char *path_clean(const char *path);

/* The state as hooks are told it, borrowing from its parts; `status` is NULL in a request. */
struct oci_state state_of(const struct container *container, const struct record *record,
                          const char *status);
