/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Steps of containers that join a user or a mount namespace. Nobody comes back out of either, so it
 * is not the parent who joins: a process in between joins the user namespace, makes the container's
 * process with its namespaces as the parent's child, hands it over and is gone; the mount namespace
 * the container's process joins itself. Likewise of those that stay in the caller's mount namespace.
 */
#include "runtime/start.h"

size_t count_between(const struct plan *plan);
size_t count_joins_inside(const struct plan *plan);
size_t count_join_mount(const struct plan *plan);
void describe_user_path(const struct plan *plan, size_t i, struct str *words,
                        struct str *arguments);
void describe_mount_path(const struct plan *plan, size_t i, struct str *words,
                         struct str *arguments);
int parent_between(struct start *start, size_t i, struct err *err);
int child_join_user(struct start *start, size_t i, struct err *err);
int child_join(struct start *start, size_t i, struct err *err);
int child_make_inside(struct start *start, size_t i, struct err *err);
int child_join_mount(struct start *start, size_t i, struct err *err);

/* A pid namespace that is entered behind the change of the root. */
size_t count_pids(const struct plan *plan);
void describe_pids(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
size_t kept_most(const struct plan *plan, size_t n_devices);
int parent_pids(struct start *start, size_t i, struct err *err);
int parent_go_on(struct start *start, size_t i, struct err *err);
int child_enter_pids(struct start *start, size_t i, struct err *err);

size_t count_inherited(const struct plan *plan);
int parent_inherit(struct start *start, size_t i, struct err *err);
int child_inherit(struct start *start, size_t i, struct err *err);
/* Exec: finds the root of such a container, and changes to it. */
int exec_inherited_find(struct start *start, size_t i, struct err *err);
int exec_inherited_enter(struct start *start, struct err *err);
