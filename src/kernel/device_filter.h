/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which devices a group may use: a list of rules, of which for each kind of access the last that
 * matches decides. It becomes either a BPF program for a v2 group, or the default and the
 * exceptions that v1's devices controller knows (admin-guide/cgroup-v1/devices.rst).
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kernel/cgroup.h"

struct bpf_insn;

enum { DEVICE_RULES_MAX = 500 };

/* Types, ranges and number of the rules. */
int device_rules_check(const struct cgroup_device_rule *rules, size_t n, struct err *err);

struct device_program {
    struct bpf_insn *at;
    size_t len;
    bool allows_all; /* a program would do nothing */
};

/* The rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE. */
void device_program_make(const struct cgroup_device_rule *rules, size_t n,
                         struct device_program *ret);
void device_program_done(struct device_program *program);

/* Attaches the rules to a v2 directory; an update does so in place of those of an earlier call.
 * Programs of others stay (all must agree). Returns 1, or 0 where we are not allowed to or the
 * kernel cannot; err then says why. */
int device_filter_attach(int cgroup_fd, const struct cgroup_device_rule *rules, size_t n,
                         bool update, struct err *err);

/* A device list as v1 has it. The exceptions are rules of the other polarity, without 'a'. */
struct device_list {
    bool allow; /* what is true but for the exceptions */
    struct cgroup_device_rule *at;
    size_t len;
};

/* Returns false where a list cannot say what the rules say: an exception to an exception. */
bool device_list_make(const struct cgroup_device_rule *rules, size_t n,
                      struct device_list *ret_list);
/* Reads devices.list. Of a list that allows by default the kernel does not show the exceptions. */
int device_list_parse(const char *text, struct device_list *ret_list, struct err *err);
void device_list_done(struct device_list *list);
/* "c 1:3 rwm", as devices.allow and devices.deny take it. */
char *device_rule_format(const struct cgroup_device_rule *rule);
