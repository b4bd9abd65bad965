/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/capability.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "child.h"

Test(capability, parses_every_name_in_any_case)
{
    struct err err;
    int got;

    for (int i = 0; i < CAPABILITY_COUNT; i++) {
        const char *name = capability_name(i);
        char lower[32];
        size_t n = 0;

        cr_assert_not_null(name);
        for (const char *at = name + 4; *at; at++)
            lower[n++] = *at == '_' ? '_' : (char)(*at | 0x20);
        lower[n] = '\0';
        cr_assert_eq(capability_parse(name, &got, &err), 0);
        cr_assert_eq(got, i);
        cr_assert_eq(capability_parse(name + 4, &got, &err), 0);
        cr_assert_eq(got, i);
        cr_assert_eq(capability_parse(lower, &got, &err), 0, "%s", lower);
        cr_assert_eq(got, i);
    }
    cr_assert_eq(CAPABILITY_COUNT, 41);
    cr_assert_eq(CAPABILITY_SYS_ADMIN, 21);
    cr_assert_eq(CAPABILITY_CHECKPOINT_RESTORE, 40);
}

Test(capability, refuses_what_is_no_name)
{
    const char *wrong[] = { "", "CAP_", "ALL", "SYS_ADMI", "SYS_ADMINS", "CAP_CAP_KILL", "21" };
    struct err err;
    int got = -7;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_eq(capability_parse(wrong[i], &got, &err), -1, "%s", wrong[i]);
        cr_assert_eq(err.kind, ERR_INVALID);
    }
    cr_assert_eq(got, -7);
    cr_assert_null(capability_name(-1));
    cr_assert_null(capability_name(CAPABILITY_COUNT));
}

Test(capability, all_is_what_the_kernel_knows)
{
    uint64_t all = capability_all();

    for (int i = 0; i < 64; i++)
        cr_assert_eq(all >> i & 1, prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0, "capability %d", i);
    cr_assert_eq(capability_permitted() & ~all, 0);
}

static uint64_t status_read(const char *key)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long value = 0;

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, key, strlen(key)) == 0)
            sscanf(line + strlen(key), ": %llx", &value);
    if (file)
        (void)fclose(file);
    return value;
}

static void set_body(void *unused)
{
    const uint64_t kill = CAPABILITY_BIT(KILL);
    const uint64_t bind = CAPABILITY_BIT(NET_BIND_SERVICE);
    const uint64_t chown = CAPABILITY_BIT(CHOWN);
    const struct capability_sets sets = {
        .bounding = kill | bind | chown,
        .permitted = kill | bind,
        .effective = kill,
        .inheritable = bind,
        .ambient = bind,
    };
    (void)unused;
    child_assert(capability_bound(&sets, UINT64_MAX) == 0);
    child_assert(status_read("CapBnd") == (status_read("CapBnd") & sets.bounding));
    child_assert(status_read("CapBnd") & chown);
    child_assert(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
    child_assert(setresuid(4711, 4711, 4711) == 0);
    child_assert(capability_set(&sets) == 0);
    child_assert(status_read("CapPrm") == sets.permitted);
    child_assert(status_read("CapEff") == sets.effective);
    child_assert(status_read("CapInh") == sets.inheritable);
    child_assert(status_read("CapAmb") == sets.ambient);
    child_assert(capability_permitted() == sets.permitted);

    /* What is known not to be there is not asked for. */
    child_assert(capability_bound(&(struct capability_sets){ .bounding = kill }, kill) == 0);
    /* Without CAP_SETPCAP: nothing left to drop passes, one more does not. */
    child_assert(capability_bound(&sets, UINT64_MAX) == 0);
    errno = 0;
    child_assert(capability_bound(&(struct capability_sets){ .bounding = kill }, UINT64_MAX) == -1);
    child_assert(errno == EPERM);
    /* Ambient ones that are no longer wanted go, though they could stay. */
    struct capability_sets less = sets;
    less.ambient = 0;
    child_assert(capability_set(&less) == 0);
    child_assert(status_read("CapAmb") == 0);
    /* What is given up does not come back. */
    struct capability_sets more = sets;
    more.permitted |= chown;
    child_assert(capability_set(&more) == -1 && errno == EPERM);
}

Test(capability, sets_around_a_change_of_user)
{
    if (geteuid() != 0 || !(capability_permitted() & CAPABILITY_BIT(SETPCAP)))
        cr_skip_test("needs root");
    int status = child_run(set_body, NULL);
    cr_assert_eq(status, 0, "line %d", status - 1);
}
