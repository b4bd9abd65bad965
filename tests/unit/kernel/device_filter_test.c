/* SPDX-License-Identifier: Apache-2.0 */
/* Both forms of device rules against the rule in words: for each kind of access the last match
 * decides. */
#include "kernel/device_filter.h"

#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

struct request {
    char type;
    uint32_t major;
    uint32_t minor;
    unsigned access;
};

static bool matches(const struct cgroup_device_rule *rule, const struct request *request)
{
    return (rule->type == 'a' || rule->type == request->type) &&
           (rule->major < 0 || rule->major == request->major) &&
           (rule->minor < 0 || rule->minor == request->minor);
}

static bool expected(const struct cgroup_device_rule *rules, size_t n,
                     const struct request *request)
{
    for (unsigned bit = 1; bit <= CGROUP_DEVICE_WRITE; bit <<= 1) {
        bool allow = false;
        for (size_t i = 0; i < n; i++)
            if (matches(&rules[i], request) && (rules[i].access & bit))
                allow = rules[i].allow;
        if ((request->access & bit) && !allow)
            return false;
    }
    return true;
}

/* --- what the kernel would do --- */

static uint64_t load(const struct bpf_cgroup_dev_ctx *context, int offset)
{
    uint32_t value;
    memcpy(&value, (const char *)context + offset, sizeof(value));
    return value;
}

/* Runs the few instructions the programs are made of. Gives the result, or -1 for one that does not
 * end. */
static int64_t run(const struct device_program *program, const struct bpf_cgroup_dev_ctx *context)
{
    uint64_t registers[11] = {};
    for (size_t i = 0; i < program->len; i++) {
        const struct bpf_insn *at = &program->at[i];
        uint64_t *to = &registers[at->dst_reg];
        uint64_t number = (uint64_t)(int64_t)at->imm;
        bool jump = false;
        switch (at->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            *to = load(context, at->off);
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *to = number;
            break;
        case BPF_ALU64 | BPF_MOV | BPF_X:
            *to = registers[at->src_reg];
            break;
        case BPF_ALU64 | BPF_AND | BPF_K:
            *to &= number;
            break;
        case BPF_ALU64 | BPF_RSH | BPF_K:
            *to >>= number;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            jump = *to != number;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            jump = *to & number;
            break;
        case BPF_JMP | BPF_JA:
            jump = true;
            break;
        case BPF_JMP | BPF_EXIT:
            return (int64_t)registers[0];
        default:
            cr_assert_fail("instruction %zu: code %#x", i, at->code);
        }
        i += jump ? (size_t)at->off : 0;
    }
    return -1;
}

static bool program_allows(const struct device_program *program, const struct request *request)
{
    uint32_t type = request->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    struct bpf_cgroup_dev_ctx context = { .access_type = request->access << 16 | type,
                                          .major = request->major,
                                          .minor = request->minor };
    int64_t result = run(program, &context);
    cr_assert(result == 0 || result == 1, "result %lld", (long long)result);
    return result;
}

/* security/device_cgroup.c in words: by default denied, one exception has to cover the whole
 * request; by default allowed, one exception that touches it is enough. */
static bool list_allows(const struct device_list *list, const struct request *request)
{
    bool hit = false;
    for (size_t i = 0; i < list->len; i++) {
        unsigned common = list->at[i].access & request->access;
        bool counts = list->allow ? common != 0 : common == request->access;
        hit |= counts && matches(&list->at[i], request);
    }
    return list->allow != hit;
}

/* --- random rules --- */

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static struct cgroup_device_rule random_rule(uint32_t *state)
{
    bool everything = next(state) % 6 == 0;
    return (struct cgroup_device_rule){
        .allow = next(state) % 2,
        .type = everything ? 'a' : "abc"[next(state) % 3],
        .major = everything ? -1 : (int64_t)(next(state) % 4) - 1,
        .minor = everything ? -1 : (int64_t)(next(state) % 4) - 1,
        .access = everything ? CGROUP_DEVICE_ALL : 1 + next(state) % 7,
    };
}

/* Each device and access there is among small numbers. */
static void check_all(const struct cgroup_device_rule *rules, size_t n,
                      const struct device_program *program, const struct device_list *list)
{
    for (uint32_t i = 0; i < 2 * 3 * 3 * 7; i++) {
        struct request request = { "bc"[i % 2], i / 2 % 3, i / 6 % 3, 1 + i / 18 };
        bool want = expected(rules, n, &request);
        if (program)
            cr_assert_eq(program_allows(program, &request), want, "%c %u:%u %u", request.type,
                         request.major, request.minor, request.access);
        bool grants = list && list_allows(list, &request);
        /* Exceptions that cross (1:* and *:3) v1 does not add up: it may refuse there, but never
         * allow. */
        cr_assert(!grants || want, "%c %u:%u %u", request.type, request.major, request.minor,
                  request.access);
        bool single = !(request.access & (request.access - 1));
        if (list && single)
            cr_assert_eq(grants, want);
    }
}

Test(device_filter, program_says_what_the_rules_say)
{
    uint32_t state = 42;
    for (int round = 0; round < 3000; round++) {
        struct cgroup_device_rule rules[8];
        size_t n = next(&state) % 9;
        for (size_t i = 0; i < n; i++)
            rules[i] = random_rule(&state);
        struct device_program program;
        device_program_make(rules, n, &program);
        check_all(rules, n, &program, NULL);
        device_program_done(&program);
    }
}

Test(device_filter, list_says_what_the_rules_say_or_refuses)
{
    uint32_t state = 7;
    unsigned fitting = 0;
    for (int round = 0; round < 3000; round++) {
        struct cgroup_device_rule rules[6];
        size_t n = next(&state) % 7;
        for (size_t i = 0; i < n; i++)
            rules[i] = random_rule(&state);
        struct device_list list;
        if (!device_list_make(rules, n, &list))
            continue;
        fitting++;
        check_all(rules, n, NULL, &list);
        device_list_done(&list);
    }
    cr_assert_gt(fitting, 1000, "only %u of 3000", fitting);
}

/* --- single cases --- */

#define ALLOW(t, maj, min, acc)                                                                    \
    {                                                                                              \
        .allow = true, .type = t, .major = maj, .minor = min, .access = acc                        \
    }
#define DENY(t, maj, min, acc)                                                                     \
    {                                                                                              \
        .allow = false, .type = t, .major = maj, .minor = min, .access = acc                       \
    }

Test(device_filter, denying_one_kind_denies_a_request_for_two)
{
    static const struct cgroup_device_rule rules[] = { ALLOW('c', 1, 3, 7),
                                                       DENY('c', 1, 3, CGROUP_DEVICE_READ) };
    struct device_program program;
    device_program_make(rules, array_size(rules), &program);
    struct request both = { 'c', 1, 3, CGROUP_DEVICE_READ | CGROUP_DEVICE_WRITE };
    struct request writing = { 'c', 1, 3, CGROUP_DEVICE_WRITE };
    cr_assert(!program_allows(&program, &both));
    cr_assert(program_allows(&program, &writing));
    device_program_done(&program);
}

Test(device_filter, nothing_stands_behind_a_rule_for_everything)
{
    static const struct cgroup_device_rule rules[] = { ALLOW('c', 1, 3, 7), DENY('a', -1, -1, 7) };
    struct device_program program;
    device_program_make(rules, array_size(rules), &program);
    cr_assert_eq(program.len, 8, "the verifier refuses what cannot be reached");
    cr_assert(!program.allows_all);
    device_program_done(&program);
    static const struct cgroup_device_rule open[] = { DENY('c', 1, 3, 7), ALLOW('a', -1, -1, 7) };
    device_program_make(open, array_size(open), &program);
    cr_assert(program.allows_all);
    device_program_done(&program);
}

Test(device_filter, exception_to_an_exception_does_not_fit_a_list)
{
    static const struct cgroup_device_rule rules[] = { ALLOW('c', 1, -1, 7), DENY('c', 1, 5, 7) };
    struct device_list list;
    cr_assert(!device_list_make(rules, array_size(rules), &list));
}

Test(device_filter, list_is_read_and_written)
{
    struct device_list list;
    struct err err = {};
    cr_assert_eq(device_list_parse("c *:* m\nb *:* m\nc 1:3 rwm\nc 136:* rw\n", &list, &err), 0,
                 "%s", err.text);
    cr_assert(!list.allow);
    cr_assert_eq(list.len, 4);
    static const char *const want[] = { "c *:* m", "b *:* m", "c 1:3 rwm", "c 136:* rw" };
    for (size_t i = 0; i < array_size(want); i++) {
        auto_free char *text = device_rule_format(&list.at[i]);
        cr_assert_str_eq(text, want[i]);
    }
    device_list_done(&list);
    cr_assert_eq(device_list_parse("a *:* rwm\n", &list, &err), 0);
    cr_assert(list.allow && list.len == 0);
    cr_assert_eq(device_list_parse("", &list, &err), 0);
    cr_assert(!list.allow && list.len == 0);
    static const char *const bad[] = { "c 1:3\n", "c 1 rwm\n", "c x:3 rwm\n", "c 1:3 rx\n",
                                       "cc 1:3 r\n" };
    for (size_t i = 0; i < array_size(bad); i++)
        cr_assert_eq(device_list_parse(bad[i], &list, &err), -1, "%s", bad[i]);
}

Test(device_filter, access_is_read)
{
    unsigned access;
    struct err err = {};
    cr_assert_eq(cgroup_device_access_parse("rwm", &access, &err), 0);
    cr_assert_eq(access, CGROUP_DEVICE_ALL);
    cr_assert_eq(cgroup_device_access_parse("w", &access, &err), 0);
    cr_assert_eq(access, CGROUP_DEVICE_WRITE);
    cr_assert_eq(cgroup_device_access_parse("", &access, &err), -1);
    cr_assert_eq(cgroup_device_access_parse("rr", &access, &err), -1);
    cr_assert_eq(cgroup_device_access_parse("rx", &access, &err), -1);
}

Test(device_filter, checks_rules)
{
    struct err err = {};
    static const struct cgroup_device_rule bad[] = {
        ALLOW('x', 1, 1, 7),         ALLOW('\0', 1, 1, 7), ALLOW('c', -2, 1, 7),
        ALLOW('c', 1, 1LL << 32, 7), ALLOW('c', 1, 1, 0),  ALLOW('c', 1, 1, 8),
    };
    for (size_t i = 0; i < array_size(bad); i++) {
        cr_assert_eq(device_rules_check(&bad[i], 1, &err), -1, "rule %zu", i);
        cr_assert_eq(err.kind, ERR_INVALID);
    }
    static const struct cgroup_device_rule good = ALLOW('a', -1, -1, 7);
    cr_assert_eq(device_rules_check(&good, 1, &err), 0);
    cr_assert_eq(device_rules_check(&good, DEVICE_RULES_MAX + 1, &err), -1);
}
