/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <criterion/criterion.h>
#include <stdalign.h>
#include <string.h>

Test(pool, gives_zeroes_that_stay_apart)
{
    auto_done(pool) pool = {};
    unsigned char *at[200];
    for (size_t i = 0; i < array_size(at); i++) {
        at[i] = pool_get(&pool, 1 + i * 7);
        cr_assert_eq((uintptr_t)at[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < 1 + i * 7; k++)
            cr_assert_eq(at[i][k], 0);
        memset(at[i], (int)i, 1 + i * 7);
    }
    for (size_t i = 0; i < array_size(at); i++)
        for (size_t k = 0; k < 1 + i * 7; k++)
            cr_assert_eq(at[i][k], (unsigned char)i);
    cr_assert_geq(pool.used, (size_t)200 * 700);
}

Test(pool, gives_more_than_a_block)
{
    auto_done(pool) pool = {};
    char *large = pool_get(&pool, 1 << 20);
    memset(large, 1, 1 << 20);
    char *small = pool_get(&pool, 3);
    cr_assert_eq(small[0], 0);
    cr_assert_not_null(pool_get(&pool, 0));
}

Test(pool, copies_text)
{
    auto_done(pool) pool = {};
    struct view text = pool_text(&pool, "a\0b|", 3);
    cr_assert_eq(text.len, 3);
    cr_assert_eq(memcmp(text.at, "a\0b", 4), 0); /* and the zero byte */
    cr_assert_eq(pool_text(&pool, NULL, 0).at[0], '\0');
}

Test(pool, is_empty_again)
{
    struct pool pool = {};
    (void)pool_get(&pool, 100);
    pool_done(&pool);
    cr_assert_eq(pool.used, 0);
    cr_assert_null(pool.block);
    pool_done(&pool);
}
