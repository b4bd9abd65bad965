/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Words and arguments of the steps of a creation, each from the plan's i-th of whatever the step is
 * about.
 */
#include "runtime/start.h"

void describe_cgroup(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_clone(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_maps(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_source(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_limit(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_release(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_unshare(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_join(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_time(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_sysctl(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_device(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_bind(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_root(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_layers(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_fs(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_late_fs(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_late(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_mount(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_mounts_rest(const struct plan *plan, size_t i, struct str *words,
                          struct str *arguments);
void describe_masked(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_readonly(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_hostname(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_domainname(const struct plan *plan, size_t i, struct str *words,
                         struct str *arguments);
