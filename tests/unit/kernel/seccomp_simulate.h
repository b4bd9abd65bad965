/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A filter's program run by hand, and the rules it was made from asked directly: both must say the
 * same. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "kernel/seccomp.h"
#include "kernel/seccomp_number.h"
#include "kernel/seccomp_program.h"

#define REFUSED(errnum) ((uint32_t)SECCOMP_RET_ERRNO | (errnum))

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE AUDIT_ARCH_RISCV64
#endif

static inline uint32_t simulate(const struct seccomp_filter *filter,
                                const struct seccomp_data *data)
{
    uint32_t accumulator = 0;

    for (unsigned pc = 0; pc < filter->len;) {
        const struct sock_filter *now = &filter->at[pc++];
        switch (now->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&accumulator, (const char *)data + now->k, sizeof(accumulator));
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            accumulator &= now->k;
            break;
        case BPF_JMP | BPF_JA:
            pc += now->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += accumulator == now->k ? now->jt : now->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += accumulator >= now->k ? now->jt : now->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            pc += accumulator > now->k ? now->jt : now->jf;
            break;
        case BPF_RET | BPF_K:
            return now->k;
        default:
            cr_assert_fail("instruction %u: code %#x", pc - 1, now->code);
        }
    }
    cr_assert_fail("ran over the end");
    return 0;
}

static inline uint32_t simulate_call(const struct seccomp_filter *filter, uint32_t arch, int number,
                                     uint64_t a, uint64_t b)
{
    return simulate(filter, &(struct seccomp_data){ .nr = number, .arch = arch, .args = { a, b } });
}

static inline bool compare_holds(const struct seccomp_compare *compare,
                                 const struct seccomp_data *data)
{
    uint64_t argument = data->args[compare->argument];

    switch (compare->operation) {
    case SECCOMP_EQUAL:
        return argument == compare->value;
    case SECCOMP_NOT_EQUAL:
        return argument != compare->value;
    case SECCOMP_LESS:
        return argument < compare->value;
    case SECCOMP_LESS_EQUAL:
        return argument <= compare->value;
    case SECCOMP_GREATER:
        return argument > compare->value;
    case SECCOMP_GREATER_EQUAL:
        return argument >= compare->value;
    case SECCOMP_MASKED_EQUAL:
        return (argument & compare->mask) == (compare->value & compare->mask);
    }
    return false;
}

static inline bool rule_names(const struct seccomp_rule *rule, int number)
{
    for (size_t i = 0; i < rule->n_numbers; i++)
        if (rule->numbers[i] == number)
            return true;
    return false;
}

/* Of rules that have their numbers, on the machine's own architecture. */
static inline uint32_t rules_ask(const struct seccomp_rules *rules, const struct seccomp_data *data)
{
    if (data->arch == AUDIT_ARCH_X86_64 && (uint32_t)data->nr >= 0x40000000)
        return REFUSED(ENOSYS);
    for (size_t i = 0; i < rules->len; i++) {
        const struct seccomp_rule *rule = &rules->at[i];
        bool holds = rule_names(rule, data->nr);
        for (size_t c = 0; holds && c < rule->n_compares; c++)
            holds = compare_holds(&rule->compares[c], data);
        if (holds)
            return rule->action;
    }
    return rules->otherwise;
}

static inline void compile(const struct seccomp_rules *rules, struct seccomp_filter *ret_filter)
{
    struct err err;

    cr_assert_eq(seccomp_compile(rules, ret_filter, &err), 0, "%s", err.text);
    cr_assert(program_is_valid(ret_filter->at, ret_filter->len));
}
