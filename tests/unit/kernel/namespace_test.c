/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/namespace.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "child.h"

static void leave_the_first(void *argument)
{
    (void)argument;
    if (unshare(CLONE_NEWUSER) < 0)
        _exit(100);
    child_assert(!namespace_user_is_first());
}

/* Only there, and in namespaces that hide nothing, are all ids what they are. */
Test(namespace, maps_all_ids_in_the_first_one)
{
    unsigned inside = 1;
    unsigned outside = 1;
    unsigned count = 0;
    FILE *map = fopen("/proc/self/uid_map", "re");
    cr_assert_not_null(map);
    cr_assert_eq(fscanf(map, "%u %u %u", &inside, &outside, &count), 3);
    cr_assert_eq(fclose(map), 0);
    if (namespace_user_is_first())
        cr_assert(inside == 0 && outside == 0 && count == 4294967295U);
    else
        cr_assert(inside != 0 || outside != 0 || count != 4294967295U);
}

Test(namespace, knows_another_user_namespace)
{
    int status = child_run(leave_the_first, NULL);
    if (status == 100)
        cr_skip_test("no user namespace can be made here");
    cr_assert_eq(status, 0, "line %d", status - 1);
}

Test(namespace, has_a_file_and_a_flag_of_each_kind)
{
    uint64_t seen = 0;
    for (int kind = 0; kind < NAMESPACE_COUNT; kind++) {
        cr_assert_not_null(namespace_file(kind));
        cr_assert_eq(seen & namespace_flag(kind), 0);
        seen |= namespace_flag(kind);
    }
    cr_assert_eq(seen, 0x7e020080);
}
