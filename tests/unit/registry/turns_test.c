/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/turns.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

enum { THREADS = 8, AT_A_TIME = 2, ROUNDS = 20 };

struct crowd {
    struct turns *turns;
    int inside;
    int most;
    int done;
};

static void *work(void *context)
{
    struct crowd *crowd = context;
    for (int i = 0; i < ROUNDS; i++) {
        turns_take(crowd->turns);
        int inside = __atomic_add_fetch(&crowd->inside, 1, __ATOMIC_SEQ_CST);
        int most = __atomic_load_n(&crowd->most, __ATOMIC_SEQ_CST);
        while (inside > most && !__atomic_compare_exchange_n(&crowd->most, &most, inside, false,
                                                             __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue;
        usleep(500);
        (void)__atomic_sub_fetch(&crowd->inside, 1, __ATOMIC_SEQ_CST);
        turns_give(crowd->turns);
    }
    (void)__atomic_add_fetch(&crowd->done, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void crowd_run(struct crowd *crowd)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work, crowd), 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_expect_eq(crowd->done, THREADS);
}

Test(turns, so_many_at_a_time)
{
    struct crowd crowd = { .turns = turns_new(AT_A_TIME) };
    crowd_run(&crowd);
    cr_expect_eq(crowd.most, AT_A_TIME);
    turns_free(crowd.turns);
}

Test(turns, of_none_everybody_has_one)
{
    struct crowd crowd = {};
    crowd_run(&crowd);
    cr_expect_gt(crowd.most, AT_A_TIME);
}
