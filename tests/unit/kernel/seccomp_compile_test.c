/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/seccomp.h"

#include <criterion/criterion.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/str.h"
#include "seccomp_simulate.h"

/* clang-format off */
static const uint64_t samples[] = {
    0, 1, 2, 0x5411, 0x5412, 0x5413, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
    0x100000000, 0x100000001, 0x200005412, 0x100005412, 0x1fffffffe,
    0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX - 1, UINT64_MAX,
};
/* clang-format on */
enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

Test(seccomp_compile, first_rule_that_matches_decides)
{
    struct seccomp_rules rules = { .otherwise = REFUSED(EPERM),
                                   .foreign = SECCOMP_RET_KILL_PROCESS };
    struct seccomp_filter filter;
    struct seccomp_rule *rule = seccomp_rules_add(&rules, "read", REFUSED(7));

    rule->n_compares = 1;
    rule->compares[0] = (struct seccomp_compare){ .argument = 1, .value = 5 };
    seccomp_rules_add(&rules, "  read write  no_such_call ", SECCOMP_RET_ALLOW);
    seccomp_rules_add(&rules, "write openat", REFUSED(8));
    compile(&rules, &filter);

    cr_assert_eq(simulate_call(&filter, NATIVE, seccomp_number(NATIVE, "read"), 0, 5), REFUSED(7));
    cr_assert_eq(simulate_call(&filter, NATIVE, seccomp_number(NATIVE, "read"), 5, 4),
                 SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, NATIVE, seccomp_number(NATIVE, "write"), 0, 0),
                 SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, NATIVE, seccomp_number(NATIVE, "openat"), 0, 0),
                 REFUSED(8));
    cr_assert_eq(simulate_call(&filter, NATIVE, seccomp_number(NATIVE, "close"), 0, 0),
                 REFUSED(EPERM));
    cr_assert_eq(simulate_call(&filter, NATIVE, 1 << 20, 0, 0), REFUSED(EPERM));
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_PPC, 1, 0, 0), SECCOMP_RET_KILL_PROCESS);
    seccomp_filter_done(&filter);
    seccomp_rules_done(&rules);
}

/* As profiles have it: allowed for some arguments, and allowed at all where a capability is held.
 */
Test(seccomp_compile, needless_comparisons_are_left_out)
{
    struct seccomp_rules rules = { .otherwise = REFUSED(EPERM) };
    struct seccomp_filter plain;
    struct seccomp_filter both;

    struct seccomp_rule *rule = seccomp_rules_add(&rules, "clone", SECCOMP_RET_ALLOW);
    compile(&rules, &plain);
    rule->n_compares = 1;
    rule->compares[0] = (struct seccomp_compare){ .value = 17 };
    seccomp_rules_add(&rules, "clone", SECCOMP_RET_ALLOW);
    compile(&rules, &both);
    cr_assert_eq(both.len, plain.len);
    cr_assert_eq(memcmp(both.at, plain.at, plain.len * sizeof(*plain.at)), 0);
    seccomp_filter_done(&plain);
    seccomp_filter_done(&both);
    seccomp_rules_done(&rules);
}

Test(seccomp_compile, an_empty_list_is_its_default)
{
    const struct seccomp_rules rules = { .otherwise = SECCOMP_RET_ALLOW,
                                         .foreign = REFUSED(ENOSYS) };
    struct seccomp_filter filter;

    compile(&rules, &filter);
    cr_assert_eq(simulate_call(&filter, NATIVE, 0, 0, 0), SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_PPC, 0, 0, 0), REFUSED(ENOSYS));
    seccomp_filter_done(&filter);
}

#if defined(__x86_64__)
Test(seccomp_compile, x32_is_refused_even_where_all_is_allowed)
{
    const struct seccomp_rules rules = { .otherwise = SECCOMP_RET_ALLOW };
    struct seccomp_filter filter;

    compile(&rules, &filter);
    cr_assert_eq(simulate_call(&filter, NATIVE, 0x3fffffff, 0, 0), SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, NATIVE, 0x40000000, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(simulate_call(&filter, NATIVE, 0x40000001, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(simulate_call(&filter, NATIVE, -1, 0, 0), REFUSED(ENOSYS));
    seccomp_filter_done(&filter);
}

Test(seccomp_compile, i386_only_if_listed)
{
    struct seccomp_rules rules = { .otherwise = SECCOMP_RET_ALLOW,
                                   .foreign = SECCOMP_RET_KILL_PROCESS };
    struct seccomp_filter filter;

    seccomp_rules_add(&rules, "socket semop", REFUSED(EACCES));
    compile(&rules, &filter);
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 4, 0, 0), SECCOMP_RET_KILL_PROCESS);
    seccomp_filter_done(&filter);

    rules.architectures = SECCOMP_ARCH_I386 | SECCOMP_ARCH_AARCH64;
    compile(&rules, &filter);
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 4, 0, 0), SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_AARCH64, 4, 0, 0), SECCOMP_RET_KILL_PROCESS);
    /* Both doors to a call are shut: its own number, and the gate's first argument. */
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 359, 2, 0), REFUSED(EACCES));
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 102, 1, 0), REFUSED(EACCES));
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 102, 2, 0), SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 117, 1 | 0x30000, 0), REFUSED(EACCES));
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 117, 2, 0), SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, NATIVE, 41, 0, 0), REFUSED(EACCES));
    seccomp_filter_done(&filter);
    seccomp_rules_done(&rules);
}
#endif

Test(seccomp_compile, newer_numbers_than_the_profile)
{
    struct seccomp_rules rules = { .otherwise = REFUSED(EPERM), .flags = SECCOMP_NEWER_ENOSYS };
    struct seccomp_filter filter;

    seccomp_rules_add(&rules, "read clone3", SECCOMP_RET_ALLOW);
    compile(&rules, &filter);
    cr_assert_eq(simulate_call(&filter, NATIVE, 435, 0, 0), SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, NATIVE, 434, 0, 0), REFUSED(EPERM));
    cr_assert_eq(simulate_call(&filter, NATIVE, 436, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(simulate_call(&filter, NATIVE, 5000, 0, 0), REFUSED(ENOSYS));
    seccomp_filter_done(&filter);
    seccomp_rules_done(&rules);
}

/* Every operation against every sample, in all the shapes a rule can have. */
Test(seccomp_compile, compares_64_bits)
{
    static const uint64_t masks[] = {
        0, 1, 0xffffffff, 0xffffffff00000000, 0x100000001, UINT64_MAX
    };
    const uint16_t number = 7;

    for (int operation = SECCOMP_EQUAL; operation <= SECCOMP_MASKED_EQUAL; operation++) {
        for (size_t v = 0; v < SAMPLES * 6; v++) {
            struct seccomp_rules rules = { .otherwise = REFUSED(9) };
            struct seccomp_filter filter;
            for (int i = 0; i < 3; i++) {
                struct seccomp_rule *rule = seccomp_rules_add(&rules, "", REFUSED(i + 1));
                rule->numbers = &number;
                rule->n_numbers = 1;
                rule->n_compares = i == 2 ? 2 : 1;
                for (int c = 0; c < rule->n_compares; c++)
                    rule->compares[c] = (struct seccomp_compare){
                        .argument = (uint8_t)(i == 1 ? 5 : c),
                        .operation = (enum seccomp_operation)((operation + i) % 7),
                        .value = samples[(v / 6 + (size_t)(c + i)) % SAMPLES],
                        .mask = masks[(v + (size_t)i) % 6],
                    };
            }
            compile(&rules, &filter);
            for (size_t a = 0; a < SAMPLES; a++) {
                struct seccomp_data data = { .nr = number, .arch = NATIVE };
                data.args[0] = samples[a];
                data.args[1] = samples[(a * 7 + v) % SAMPLES];
                data.args[5] = samples[(a + 1) % SAMPLES];
                cr_assert_eq(simulate(&filter, &data), rules_ask(&rules, &data),
                             "operation %d value %zu argument %zu", operation, v, a);
            }
            seccomp_filter_done(&filter);
            seccomp_rules_done(&rules);
        }
    }
}

/* Chains of comparisons of one word share its load. */
Test(seccomp_compile, chains_of_one_word)
{
    const uint16_t numbers[] = { 3, 4, 900 };
    struct seccomp_rules rules = { .otherwise = REFUSED(9) };
    struct seccomp_filter filter;

    for (int i = 0; i < 8; i++) {
        struct seccomp_rule *rule = seccomp_rules_add(&rules, "", REFUSED(i % 2 + 1));
        rule->numbers = numbers;
        rule->n_numbers = i == 5 ? 1 : 3;
        rule->n_compares = i == 6 ? 2 : 1;
        rule->compares[1] = (struct seccomp_compare){ .argument = 1, .value = 2 };
        rule->compares[0] = (struct seccomp_compare){ .argument = i == 4 ? 1 : 0,
                                                      .operation = SECCOMP_MASKED_EQUAL,
                                                      .value = samples[i == 6 ? 2 : 3 + i],
                                                      .mask = i == 3 ? 0xff : UINT32_MAX };
    }
    compile(&rules, &filter);
    for (size_t n = 0; n < 3; n++) {
        for (size_t a = 0; a < SAMPLES * SAMPLES; a++) {
            struct seccomp_data data = { .nr = numbers[n], .arch = NATIVE };
            data.args[0] = samples[a % SAMPLES];
            data.args[1] = samples[a / SAMPLES];
            cr_assert_eq(simulate(&filter, &data), rules_ask(&rules, &data));
        }
    }
    seccomp_filter_done(&filter);
    seccomp_rules_done(&rules);
}

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Many calls with comparisons of their own: the program is far longer than a jump reaches. */
Test(seccomp_compile, long_programs)
{
    static uint16_t numbers[400];
    struct seccomp_rules rules = { .otherwise = REFUSED(38) };
    struct seccomp_filter filter;
    uint32_t state = 1;

    for (uint16_t i = 0; i < 400; i++)
        numbers[i] = i;
    for (int i = 0; i < 400; i++) {
        struct seccomp_rule *rule =
            seccomp_rules_add(&rules, "", REFUSED(random_next(&state) % 20));
        rule->numbers = &numbers[random_next(&state) % 390];
        rule->n_numbers = (uint16_t)(1 + random_next(&state) % 3);
        rule->n_compares = (uint8_t)(random_next(&state) % 3);
        for (int c = 0; c < rule->n_compares; c++)
            rule->compares[c] = (struct seccomp_compare){
                .argument = (uint8_t)(random_next(&state) % 2),
                .operation = random_next(&state) % 7,
                .value = samples[random_next(&state) % SAMPLES],
                .mask = samples[random_next(&state) % SAMPLES],
            };
    }
    compile(&rules, &filter);
    cr_assert_gt(filter.len, 1000);
    for (int number = 0; number < 410; number++) {
        for (size_t a = 0; a < SAMPLES * SAMPLES; a++) {
            struct seccomp_data data = { .nr = number, .arch = NATIVE };
            data.args[0] = samples[a % SAMPLES];
            data.args[1] = samples[a / SAMPLES];
            uint32_t got = simulate(&filter, &data);
            uint32_t want = rules_ask(&rules, &data);
            cr_assert_eq(got, want, "call %d: %#x, not %#x", number, got, want);
        }
    }
    seccomp_filter_done(&filter);
    seccomp_rules_done(&rules);
}

/* Random patterns of allowed and refused, over which trees with islands are built. */
Test(seccomp_compile, patterns_of_numbers)
{
    static uint16_t lists[3][1024];
    uint32_t state = 7;

    for (int round = 0; round < 300; round++) {
        struct seccomp_rules rules = { .otherwise = REFUSED(38) };
        struct seccomp_filter filter;
        uint16_t lens[3] = {};
        uint32_t density = 1 + random_next(&state) % 30;

        for (uint16_t n = 0; n < 1024; n++) {
            size_t list = random_next(&state) % density == 0 ? random_next(&state) % 3 : 0;
            if (random_next(&state) % 50 != 0)
                lists[list][lens[list]++] = n;
        }
        for (int i = 0; i < 3; i++) {
            struct seccomp_rule *rule =
                seccomp_rules_add(&rules, "", i ? REFUSED(i) : SECCOMP_RET_ALLOW);
            rule->numbers = lists[i];
            rule->n_numbers = lens[i];
        }
        compile(&rules, &filter);
        for (int n = 0; n < 1100; n++) {
            struct seccomp_data data = { .nr = n, .arch = NATIVE };
            cr_assert_eq(simulate(&filter, &data), rules_ask(&rules, &data), "round %d call %d",
                         round, n);
        }
        seccomp_filter_done(&filter);
        seccomp_rules_done(&rules);
    }
}

Test(seccomp_compile, too_long_is_an_error)
{
    const uint16_t number = 1;
    struct seccomp_rules rules = {};
    struct seccomp_filter filter = {};
    struct err err;

    for (int i = 0; i < 9000; i++) {
        struct seccomp_rule *rule = seccomp_rules_add(&rules, "", REFUSED(i % 500));
        rule->numbers = &number;
        rule->n_numbers = 1;
        rule->n_compares = 1;
        rule->compares[0] =
            (struct seccomp_compare){ .argument = (uint8_t)(i % 6), .value = (uint64_t)i };
        if (i == 10 || i == 1500 || i == 3000 || i == 8999)
            cr_assert_eq(seccomp_compile(&rules, &filter, &err), i == 10 ? 0 : -1, "%d rules", i);
    }
    cr_assert_eq(err.kind, ERR_INVALID);
    rules.len = 1;
    rules.at[0].compares[0].argument = 6;
    cr_assert_eq(seccomp_compile(&rules, &filter, &err), -1);
    rules.at[0].n_compares = 7;
    cr_assert_eq(seccomp_compile(&rules, &filter, &err), -1);
    seccomp_filter_done(&filter);
    seccomp_rules_done(&rules);
}

/* --- the same profile through libseccomp */

static void library_compile(scmp_filter_ctx library, struct seccomp_filter *ret_filter)
{
    static struct sock_filter room[BPF_MAXINSNS];
    int fd = memfd_create("filter", MFD_CLOEXEC);

    cr_assert_eq(seccomp_export_bpf(library, fd), 0);
    ssize_t len = pread(fd, room, sizeof(room), 0);
    cr_assert_gt(len, 0);
    *ret_filter = (struct seccomp_filter){
        .at = room,
        .len = (unsigned short)((size_t)len / sizeof(*room)),
    };
    close(fd);
}

Test(seccomp_compile, agrees_with_libseccomp)
{
    static const enum scmp_compare theirs[] = {
        [SECCOMP_EQUAL] = SCMP_CMP_EQ,
        [SECCOMP_NOT_EQUAL] = SCMP_CMP_NE,
        [SECCOMP_LESS] = SCMP_CMP_LT,
        [SECCOMP_LESS_EQUAL] = SCMP_CMP_LE,
        [SECCOMP_GREATER] = SCMP_CMP_GT,
        [SECCOMP_GREATER_EQUAL] = SCMP_CMP_GE,
        [SECCOMP_MASKED_EQUAL] = SCMP_CMP_MASKED_EQ,
    };
    scmp_filter_ctx library = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    auto_done(strings) names = {};
    struct seccomp_rules rules = { .otherwise = REFUSED(EPERM) };
    struct seccomp_filter ours;
    struct seccomp_filter their;

    for (int number = 0; number < 330; number += 1 + number % 3) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        enum seccomp_operation operation = (enum seccomp_operation)(number % 7);
        struct seccomp_compare compare = { .argument = (uint8_t)(number % 6),
                                           .operation = operation,
                                           .value = samples[number % SAMPLES],
                                           .mask = samples[(number + 5) % SAMPLES] };
        struct scmp_arg_cmp cmp = { compare.argument, theirs[operation],
                                    operation == SECCOMP_MASKED_EQUAL ? compare.mask
                                                                      : compare.value,
                                    compare.value };
        bool compared = number % 4 == 0 && (operation != SECCOMP_MASKED_EQUAL || compare.mask != 0);
        if (name == NULL)
            continue;
        cr_assert_eq(seccomp_rule_add_array(library, SCMP_ACT_ALLOW, number, compared, &cmp), 0);
        strings_add_taken(&names, name);
        struct seccomp_rule *rule = seccomp_rules_add(&rules, name, SECCOMP_RET_ALLOW);
        rule->n_compares = compared;
        rule->compares[0] = compare;
    }
    compile(&rules, &ours);
    library_compile(library, &their);
    for (int number = 0; number < 500; number++) {
        for (size_t a = 0; a < SAMPLES; a++) {
            struct seccomp_data data = { .nr = number, .arch = NATIVE };
            for (size_t i = 0; i < 6; i++)
                data.args[i] = samples[a];
            cr_assert_eq(simulate(&ours, &data), simulate(&their, &data), "call %d sample %zu",
                         number, a);
        }
    }
    seccomp_filter_done(&ours);
    seccomp_rules_done(&rules);
    seccomp_release(library);
}
