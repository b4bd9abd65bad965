/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/caller.h"

#include <criterion/criterion.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kernel/capability.h"

Test(caller, is_seen_as_the_kernel_sees_it)
{
    struct caller caller = caller_look();
    cr_expect_eq(caller.uid, geteuid());
    cr_expect_eq(caller.permitted, capability_permitted());
    for (int i = 0; i < 64; i++) {
        int there = prctl(PR_CAPBSET_READ, i, 0, 0, 0);
        cr_expect_eq(caller.bounding >> i & 1, there > 0, "capability %d", i);
    }
}

Test(caller, its_signals)
{
    sigset_t set;
    (void)sigemptyset(&set);
    cr_assert_eq(sigprocmask(SIG_SETMASK, &set, NULL), 0);
    (void)signal(SIGUSR1, SIG_DFL);
    cr_expect_not(caller_look().blocks_signals);
    cr_expect_not(caller_look().signals_ignored & UINT32_C(1) << (SIGUSR1 - 1));
    (void)signal(SIGUSR1, SIG_IGN);
    (void)sigaddset(&set, SIGHUP);
    cr_assert_eq(sigprocmask(SIG_SETMASK, &set, NULL), 0);
    cr_expect(caller_look().blocks_signals);
    cr_expect(caller_look().signals_ignored & UINT32_C(1) << (SIGUSR1 - 1));
}

Test(caller, is_root_with_all_its_ids_and_no_groups)
{
    static const gid_t group = 4711;
    if (geteuid() != 0) {
        cr_expect_not(caller_look().is_root);
        return;
    }
    cr_assert_eq(setgroups(0, NULL), 0);
    cr_expect(caller_look().is_root);
    cr_assert_eq(setgroups(1, &group), 0);
    cr_expect_not(caller_look().is_root, "another group");
    cr_assert_eq(setgroups(0, NULL), 0);
    cr_assert_eq(setresgid(0, 0, 4711), 0);
    cr_expect_not(caller_look().is_root, "another saved group id");
    cr_assert_eq(setresgid(0, 0, 0), 0);
    cr_assert_eq(setresuid(4711, 0, 0), 0);
    cr_expect_not(caller_look().is_root, "another real user id");
    cr_expect_eq(caller_look().uid, 0);
}
