/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * System call filters (seccomp(2)): a profile is a value, struct seccomp_rules, that is compiled to
 * the BPF program the kernel takes.
 *
 * The rules are tried in their order; the first that names the call and whose comparisons all hold
 * decides. Names come from libseccomp, of which the text must outlive the rules; the program is our
 * own work, see seccomp_compile.c for why.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sock_filter;

/* A compiled program; its owner calls seccomp_filter_done. */
struct seccomp_filter {
    struct sock_filter *at;
    unsigned short len;
};

enum seccomp_operation {
    SECCOMP_EQUAL,
    SECCOMP_NOT_EQUAL,
    SECCOMP_LESS,
    SECCOMP_LESS_EQUAL,
    SECCOMP_GREATER,
    SECCOMP_GREATER_EQUAL,
    SECCOMP_MASKED_EQUAL, /* (argument & mask) == (value & mask) */
};

/* One comparison, of 64 unsigned bits. Arguments of which the kernel takes 32 bits (int, flags of
 * ioctl, clone …) must be compared under a mask of 32, or whoever sets a higher bit walks past. */
struct seccomp_compare {
    uint8_t argument; /* 0 to 5 */
    enum seccomp_operation operation;
    uint64_t value;
    uint64_t mask; /* of SECCOMP_MASKED_EQUAL only */
};

enum { SECCOMP_COMPARES_MAX = 6 };

struct seccomp_rule {
    /* System calls, a blank between them; those nobody knows are skipped. Borrowed. */
    const char *names;
    /* Those of them that the machine's own architecture has, as numbers, or NULL. Borrowed. */
    const uint16_t *numbers;
    uint16_t n_numbers;
    uint8_t n_compares;
    uint32_t action; /* SECCOMP_RET_… | errno or data (linux/seccomp.h) */
    struct seccomp_compare compares[SECCOMP_COMPARES_MAX]; /* all must hold */
};

/* What a process may speak; the machine decides which of them exist. x32 is always refused with
 * ENOSYS. */
enum seccomp_architecture {
    SECCOMP_ARCH_X86_64 = 1 << 0,
    SECCOMP_ARCH_I386 = 1 << 1,
    SECCOMP_ARCH_AARCH64 = 1 << 2,
    SECCOMP_ARCH_ARM = 1 << 3,
    SECCOMP_ARCH_RISCV64 = 1 << 4,
};

enum seccomp_rules_flags {
    SECCOMP_NEWER_ENOSYS =
        1 << 0, /* numbers above all that the rules name are ENOSYS: newer than the profile */
};

struct seccomp_rules {
    uint32_t otherwise;     /* action where no rule matches */
    uint32_t foreign;       /* action for architectures that are not listed */
    uint32_t architectures; /* enum seccomp_architecture, or-ed; the machine's own is always among
                               them */
    enum seccomp_rules_flags flags;
    struct seccomp_rule *at;
    size_t len;
};

/* Adds a rule without comparisons and gives its address until the next one is added. */
struct seccomp_rule *seccomp_rules_add(struct seccomp_rules *rules, const char *names,
                                       uint32_t action);
void seccomp_rules_done(struct seccomp_rules *rules);

/* "SCMP_ACT_ERRNO" with data (errno, or what a tracer sees) as an action. The words are
 * libseccomp's. */
int seccomp_action_parse(const char *name, uint32_t data, uint32_t *ret_action, struct err *err);
/* "SCMP_CMP_MASKED_EQ". */
int seccomp_operation_parse(const char *name, enum seccomp_operation *ret_operation,
                            struct err *err);
/* "SCMP_ARCH_X86_64" as a bit; 0 for one that cannot run here or is always refused (x32). */
int seccomp_architecture_parse(const char *name, uint32_t *ret_architecture, struct err *err);

/* Makes the program. Touches nothing but memory. */
int seccomp_compile(const struct seccomp_rules *rules, struct seccomp_filter *ret_filter,
                    struct err *err);
void seccomp_filter_done(struct seccomp_filter *filter);

/* Puts the filter over the calling process for good; flags are SECCOMP_FILTER_FLAG_…. Needs
 * no_new_privs or CAP_SYS_ADMIN in its user namespace. Async-signal-safe. Returns 0, the listener's
 * descriptor (close-on-exec) if SECCOMP_FILTER_FLAG_NEW_LISTENER was asked for, or -1 with errno.
 */
int seccomp_filter_load(const struct seccomp_filter *filter, unsigned flags);
