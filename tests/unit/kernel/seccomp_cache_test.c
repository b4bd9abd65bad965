/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/seccomp_cache.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "seccomp_simulate.h"

static char place[] = "/tmp/ruche-cache-XXXXXX";
static int dir = -1;

static void place_make(void)
{
    cr_assert_not_null(mkdtemp(place));
    dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(dir, 0);
}

static void place_remove(void)
{
    struct err err;

    close(dir);
    cr_assert_eq(tree_remove(AT_FDCWD, place, &err), 0, "%s", err.text);
}

static struct seccomp_rules rules_make(void)
{
    struct seccomp_rules rules = { .otherwise = REFUSED(1), .foreign = REFUSED(38) };
    struct seccomp_rule *rule = seccomp_rules_add(&rules, "read write", SECCOMP_RET_ALLOW);

    rule->n_compares = 1;
    rule->compares[0] = (struct seccomp_compare){ .value = 3, .mask = 5 };
    seccomp_rules_add(&rules, "openat", SECCOMP_RET_ALLOW);
    return rules;
}

/* What the cache gives is what compiling gives. */
static void ask(const struct seccomp_rules *rules)
{
    struct seccomp_filter fresh;
    struct seccomp_filter cached;
    struct err err;

    compile(rules, &fresh);
    cr_assert_eq(seccomp_cached(dir, rules, &cached, &err), 0, "%s", err.text);
    cr_assert_eq(cached.len, fresh.len);
    cr_assert_eq(memcmp(cached.at, fresh.at, fresh.len * sizeof(*fresh.at)), 0);
    seccomp_filter_done(&fresh);
    seccomp_filter_done(&cached);
}

/* Gives the only file's name. */
static void file_name(struct strings *names)
{
    struct err err;

    cr_assert_eq(dir_list(dir, ".", names, &err), 1, "%s", err.text);
    cr_assert_eq(names->len, 1);
    cr_assert(text_starts(names->at[0], "seccomp-"));
    cr_assert_eq(strlen(names->at[0]), 8 + 32);
}

Test(seccomp_cache, keeps_and_gives_back, .init = place_make, .fini = place_remove)
{
    struct seccomp_rules rules = rules_make();
    auto_done(strings) names = {};
    struct stat first;
    struct stat second;

    ask(&rules);
    file_name(&names);
    cr_assert_eq(fstatat(dir, names.at[0], &first, 0), 0);
    cr_assert_eq(first.st_mode & 07777, 0600);
    ask(&rules);
    cr_assert_eq(fstatat(dir, names.at[0], &second, 0), 0);
    cr_assert_eq(first.st_ino, second.st_ino, "it was written again");
    seccomp_rules_done(&rules);
}

/* A file that says something else shows that it is the file that is asked, and not the compiler. */
Test(seccomp_cache, really_reads_the_file, .init = place_make, .fini = place_remove)
{
    struct seccomp_rules rules = rules_make();
    struct seccomp_filter filter;
    auto_done(strings) names = {};
    auto_free char *data = NULL;
    struct stat before;
    struct stat after;
    struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    struct err err;
    size_t len;

    ask(&rules);
    file_name(&names);
    cr_assert_eq(utimensat(dir, names.at[0], times, 0), 0);
    cr_assert_eq(fstatat(dir, names.at[0], &before, 0), 0);
    cr_assert_eq(seccomp_cached(dir, &rules, &filter, &err), 0);
    cr_assert_eq(fstatat(dir, names.at[0], &after, 0), 0);
    cr_assert_eq(after.st_mtime, 1000);
    cr_assert_eq(after.st_ino, before.st_ino);
    cr_assert_eq(file_load(dir, names.at[0], 1 << 20, &data, &len, &err), 1);
    cr_assert_eq(memcmp(data + len - filter.len * sizeof(*filter.at), filter.at,
                        filter.len * sizeof(*filter.at)),
                 0);
    seccomp_filter_done(&filter);
    seccomp_rules_done(&rules);
}

Test(seccomp_cache, damage_is_repaired, .init = place_make, .fini = place_remove)
{
    struct seccomp_rules rules = rules_make();
    auto_done(strings) names = {};
    auto_free char *whole = NULL;
    struct err err;
    size_t len;

    ask(&rules);
    file_name(&names);
    cr_assert_eq(file_load(dir, names.at[0], 1 << 20, &whole, &len, &err), 1);
    for (size_t i = 0; i < len; i++) {
        if (i >= 20 && i < 24)
            continue; /* reserved */
        whole[i] ^= 0x10;
        cr_assert_eq(file_save(dir, names.at[0], whole, len, 0600, 0, &err), 0);
        ask(&rules);
        whole[i] ^= 0x10;
        auto_free char *now = NULL;
        size_t now_len;
        cr_assert_eq(file_load(dir, names.at[0], 1 << 20, &now, &now_len, &err), 1);
        cr_assert(now_len == len && memcmp(now, whole, len) == 0, "byte %zu stayed", i);
    }
    for (size_t i = 0; i < len; i += 5) {
        cr_assert_eq(file_save(dir, names.at[0], whole, i, 0600, 0, &err), 0);
        ask(&rules);
    }
    seccomp_rules_done(&rules);
}

/* Rules whose name collides with that of others would find the others' file. */
Test(seccomp_cache, the_name_proves_nothing, .init = place_make, .fini = place_remove)
{
    struct seccomp_rules rules = rules_make();
    auto_done(strings) names = {};
    auto_done(strings) both = {};
    struct err err;

    ask(&rules);
    file_name(&names);
    rules.otherwise = SECCOMP_RET_ALLOW;
    ask(&rules);
    cr_assert_eq(dir_list(dir, ".", &both, &err), 1);
    cr_assert_eq(both.len, 2);
    const char *other = both.at[strcmp(both.at[0], names.at[0]) == 0];
    cr_assert_eq(renameat(dir, names.at[0], dir, other), 0);
    ask(&rules);
    seccomp_rules_done(&rules);
}

Test(seccomp_cache, every_member_counts, .init = place_make, .fini = place_remove)
{
    static const uint16_t numbers[] = { 1, 2 };
    struct seccomp_rules rules = rules_make();
    auto_done(strings) names = {};
    struct err err;

    ask(&rules);
    rules.otherwise++;
    ask(&rules);
    rules.foreign++;
    ask(&rules);
    rules.flags = SECCOMP_NEWER_ENOSYS;
    ask(&rules);
    rules.architectures = SECCOMP_ARCH_I386;
    ask(&rules);
    rules.at[0].action++;
    ask(&rules);
    rules.at[0].names = "read writev";
    ask(&rules);
    rules.at[0].compares[0].value = 4;
    ask(&rules);
    rules.at[0].compares[0].argument = 1;
    ask(&rules);
    rules.at[0].compares[0].operation = SECCOMP_MASKED_EQUAL;
    ask(&rules);
    rules.at[0].compares[0].mask = 6;
    ask(&rules);
    rules.at[0].numbers = numbers;
    rules.at[0].n_numbers = 2;
    ask(&rules);
    rules.at[0].n_numbers = 1;
    ask(&rules);
    rules.len = 1;
    ask(&rules);
    cr_assert_eq(dir_list(dir, ".", &names, &err), 1);
    cr_assert_eq(names.len, 14);
    seccomp_rules_done(&rules);
}

Test(seccomp_cache, lives_without_its_directory)
{
    struct seccomp_rules rules = rules_make();

    dir = -1;
    ask(&rules);
    dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ask(&rules);
    close(dir);
    seccomp_rules_done(&rules);
}
