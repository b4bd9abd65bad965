/* SPDX-License-Identifier: Apache-2.0 */
#include "base/errnum.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#ifdef __GLIBC__
Test(errnum, says_what_glibc_says)
{
    for (int i = 1; i < 200; i++) {
        const char *name = strerrorname_np(i);
        if (!name) {
            cr_expect_null(errnum_name(i), "%d", i);
            continue;
        }
        cr_expect_str_eq(errnum_name(i) ? errnum_name(i) : "", name, "%d", i);
        cr_expect_str_eq(errnum_text(i), strerrordesc_np(i), "%s", name);
    }
}
#endif

Test(errnum, knows_no_other_numbers)
{
    static const int others[] = { 0, -1, -ENOENT, 41, 134, 4096, 1 << 30 };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_expect_null(errnum_name(others[i]), "%d", others[i]);
        cr_expect_str_eq(errnum_text(others[i]), "unknown system error", "%d", others[i]);
    }
    cr_expect_str_eq(errnum_text(ENOENT), "No such file or directory");
}
