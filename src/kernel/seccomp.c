/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "kernel/seccomp_number.h"

struct word {
    char text[16];
    uint32_t value;
    bool takes_data;
};

static const struct word actions[] = {
    { "ALLOW", SECCOMP_RET_ALLOW, false },
    { "LOG", SECCOMP_RET_LOG, false },
    { "ERRNO", SECCOMP_RET_ERRNO, true },
    { "TRAP", SECCOMP_RET_TRAP, true },
    { "TRACE", SECCOMP_RET_TRACE, true },
    { "NOTIFY", SECCOMP_RET_USER_NOTIF, false },
    { "KILL", SECCOMP_RET_KILL_THREAD, false },
    { "KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
    { "KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
};

static const struct word operations[] = {
    { "EQ", SECCOMP_EQUAL, false },
    { "NE", SECCOMP_NOT_EQUAL, false },
    { "LT", SECCOMP_LESS, false },
    { "LE", SECCOMP_LESS_EQUAL, false },
    { "GT", SECCOMP_GREATER, false },
    { "GE", SECCOMP_GREATER_EQUAL, false },
    { "MASKED_EQ", SECCOMP_MASKED_EQUAL, false },
};

/* Those of other machines, and x32, are known words for nothing. */
static const struct word architectures[] = {
    { "X86_64", SECCOMP_ARCH_X86_64, false },
    { "X86", SECCOMP_ARCH_I386, false },
    { "X32", 0, false },
    { "AARCH64", SECCOMP_ARCH_AARCH64, false },
    { "ARM", SECCOMP_ARCH_ARM, false },
    { "RISCV64", SECCOMP_ARCH_RISCV64, false },
    { "LOONGARCH64", 0, false },
    { "M68K", 0, false },
    { "MIPS", 0, false },
    { "MIPS64", 0, false },
    { "MIPS64N32", 0, false },
    { "MIPSEL", 0, false },
    { "MIPSEL64", 0, false },
    { "MIPSEL64N32", 0, false },
    { "PARISC", 0, false },
    { "PARISC64", 0, false },
    { "PPC", 0, false },
    { "PPC64", 0, false },
    { "PPC64LE", 0, false },
    { "S390", 0, false },
    { "S390X", 0, false },
    { "SH", 0, false },
    { "SHEB", 0, false },
};

static const struct word *word_find(const struct word *words, size_t n, const char *prefix,
                                    const char *name)
{
    size_t len = strlen(prefix);

    if (strncmp(name, prefix, len) != 0)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(name + len, words[i].text) == 0)
            return &words[i];
    return NULL;
}

int seccomp_action_parse(const char *name, uint32_t data, uint32_t *ret_action, struct err *err)
{
    const struct word *word = word_find(actions, array_size(actions), "SCMP_ACT_", name);

    if (word == NULL)
        return err_set(err, ERR_INVALID, "unknown seccomp action %s", name);
    if (data > SECCOMP_RET_DATA)
        return err_set(err, ERR_INVALID, "seccomp action %s: %u is no errno", name, data);
    *ret_action = word->value | (word->takes_data ? data : 0);
    return 0;
}

int seccomp_operation_parse(const char *name, enum seccomp_operation *ret_operation,
                            struct err *err)
{
    const struct word *word = word_find(operations, array_size(operations), "SCMP_CMP_", name);

    if (word == NULL)
        return err_set(err, ERR_INVALID, "unknown seccomp operator %s", name);
    *ret_operation = word->value;
    return 0;
}

int seccomp_architecture_parse(const char *name, uint32_t *ret_architecture, struct err *err)
{
    const struct word *word =
        word_find(architectures, array_size(architectures), "SCMP_ARCH_", name);

    if (word == NULL)
        return err_set(err, ERR_INVALID, "unknown seccomp architecture %s", name);
    *ret_architecture = word->value & seccomp_architectures();
    return 0;
}

struct seccomp_rule *seccomp_rules_add(struct seccomp_rules *rules, const char *names,
                                       uint32_t action)
{
    rules->at = xrealloc(rules->at, rules->len + 1, sizeof(*rules->at));
    struct seccomp_rule *rule = &rules->at[rules->len++];
    *rule = (struct seccomp_rule){ .names = names, .action = action };
    return rule;
}

void seccomp_rules_done(struct seccomp_rules *rules)
{
    free(rules->at);
    *rules = (struct seccomp_rules){};
}

void seccomp_filter_done(struct seccomp_filter *filter)
{
    free(filter->at);
    *filter = (struct seccomp_filter){};
}

int seccomp_filter_load(const struct seccomp_filter *filter, unsigned flags)
{
    const struct sock_fprog program = { .len = filter->len, .filter = filter->at };
    long got = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

    /* What is above 0 without a listener is the thread that could not be brought in. */
    if (got > 0 && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)) {
        errno = ESRCH;
        return -1;
    }
    return (int)got;
}
