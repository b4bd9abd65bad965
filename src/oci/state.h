/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What runtimes tell others of a container: the state (runtime-spec 1.3.0, runtime.md "State"),
 * which hooks read on stdin, and the container process state (config-linux.md), which a seccomp
 * agent gets beside the listener's descriptor.
 */
#include "base/field.h"

struct oci_state {
    char *oci_version;
    char *id;
    char *status;         /* "creating", "created", "running", "stopped" */
    struct maybe_i64 pid; /* as its reader's namespace sees it; absent: there is no process */
    char *bundle;         /* absolute */
    struct pairs annotations;
};

struct oci_process_state {
    char *oci_version;
    struct strings fds; /* names of the descriptors that come along */
    int64_t pid;
    char *metadata;
    struct oci_state state;
};

extern const struct field oci_state_fields[];
extern const struct field oci_process_state_fields[];

/* Adds the state as JSON, on one line. */
void oci_state_format(const struct oci_state *state, struct str *out);
int oci_state_parse(const char *json, size_t len, struct oci_state *ret_state, struct err *err);
void oci_state_done(struct oci_state *state);
void oci_process_state_format(const struct oci_process_state *state, struct str *out);
