/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The "linux.seccomp" part of a runtime configuration (runtime-spec 1.3.0, config-linux.md). Only
 * the values: kernel/seccomp.c makes a filter of them. Architectures, flags and system calls stay
 * text, since libseccomp knows them.
 */
#include "base/field.h"

/* What the filter does with a call; the order of spec_seccomp_action_names. */
enum spec_seccomp_action {
    SECCOMP_ACTION_KILL, /* the same as KILL_THREAD */
    SECCOMP_ACTION_KILL_PROCESS,
    SECCOMP_ACTION_KILL_THREAD,
    SECCOMP_ACTION_TRAP,
    SECCOMP_ACTION_ERRNO,
    SECCOMP_ACTION_TRACE,
    SECCOMP_ACTION_ALLOW,
    SECCOMP_ACTION_LOG,
    SECCOMP_ACTION_NOTIFY,
};

enum spec_seccomp_operator {
    SECCOMP_OPERATOR_NE,
    SECCOMP_OPERATOR_LT,
    SECCOMP_OPERATOR_LE,
    SECCOMP_OPERATOR_EQ,
    SECCOMP_OPERATOR_GE,
    SECCOMP_OPERATOR_GT,
    SECCOMP_OPERATOR_MASKED_EQ, /* (argument & value) == value_two */
};

struct spec_seccomp_arg {
    uint32_t index; /* 0 to 5 */
    uint64_t value;
    uint64_t value_two;
    enum spec_seccomp_operator op;
};

struct spec_seccomp_rule {
    struct strings names;
    enum spec_seccomp_action action;
    struct maybe_u64 errno_ret; /* EPERM when absent; the message for TRACE */
    ARRAY_OF(spec_seccomp_arg) args;
};

struct spec_seccomp {
    enum spec_seccomp_action default_action;
    struct maybe_u64 default_errno_ret;
    struct strings architectures; /* "SCMP_ARCH_X86_64" */
    struct strings flags;         /* "SECCOMP_FILTER_FLAG_LOG" */
    char *listener_path;
    char *listener_metadata;
    ARRAY_OF(spec_seccomp_rule) syscalls;
};

extern const struct field spec_seccomp_fields[];
/* "SCMP_ACT_KILL" …, NULL-ended, indexed by the enum; and "SCMP_CMP_NE" …. */
extern const char *const spec_seccomp_action_names[];
extern const char *const spec_seccomp_operator_names[];

/* What types alone do not say: a rule has names, an errno only where the action carries one,
 * argument numbers. `pointer` is the JSON pointer of the object in the document, for the error. */
int spec_seccomp_check(const struct spec_seccomp *seccomp, const char *pointer, struct err *err);
