/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Groups that systemd makes: a transient scope (org.freedesktop.systemd1(5), systemd.scope(5)) asked
 * for over D-Bus. A scope is born with a process in it and goes with its last, so a process of ours
 * holds it until the container's first one is there, which is then born in the group like in any
 * other (kernel/cgroup.h, CGROUP_JOIN). systemd is told the limits it knows, so that it does not
 * take them back when it reloads.
 */
#include <sys/types.h>

#include "base/err.h"
#include "kernel/cgroup.h"
#include "kernel/dbus.h"

/* A connection to the manager. {.dbus.fd = -1} is a closed one. */
struct systemd {
    struct dbus dbus;
};

/* To the system's manager, or that of an ordinary user: its own socket, or else the bus.
 * ERR_UNSUPPORTED: there is none to be reached. */
int systemd_open(struct systemd *ret_systemd, struct err *err);
void systemd_close(struct systemd *systemd);

/* Reads a cgroupsPath "slice:prefix:name" as runc has it: the unit is prefix-name.scope, and an
 * empty slice is system.slice, or user.slice of a user. Both texts are the caller's. */
int systemd_scope_parse(const char *path, char **ret_slice, char **ret_unit, struct err *err);
/* Where systemd puts it below the hierarchies' tops, without asking: "a-b.slice" lies in
 * "a.slice". Of the system's manager only. */
char *systemd_scope_path(const char *slice, const char *unit);

struct systemd_scope {
    char *cgroup; /* absolute, as systemd tells it */
    int holder;   /* the pidfd of the process that holds it, or -1 */
};

/* Starts a scope and waits until it is there. Limits that systemd does not know are left out.
 * v2: the controllers are in cgroup v2. ERR_EXISTS: there is such a unit. */
int systemd_scope_start(struct systemd *systemd, const char *slice, const char *unit,
                        const struct cgroup_limits *limits, bool v2,
                        struct systemd_scope *ret_scope, struct err *err);
/* Ends the process that holds it: the scope stays if there is another, and goes if not. */
void systemd_scope_release(struct systemd_scope *scope);
void systemd_scope_done(struct systemd_scope *scope);
/* Tells systemd of new limits. */
int systemd_scope_update(struct systemd *systemd, const char *unit,
                         const struct cgroup_limits *limits, bool v2, struct err *err);
/* Stops what is left of it and forgets that it failed. Gone already is fine. */
int systemd_scope_stop(struct systemd *systemd, const char *unit, struct err *err);
