/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/turns.h"

#include <pthread.h>

struct turns {
    pthread_mutex_t lock;
    pthread_cond_t given;
    unsigned left;
};

struct turns *turns_new(unsigned at_a_time)
{
    struct turns *turns = xnew(struct turns);
    turns->left = at_a_time;
    (void)pthread_mutex_init(&turns->lock, NULL);
    (void)pthread_cond_init(&turns->given, NULL);
    return turns;
}

void turns_free(struct turns *turns)
{
    if (!turns)
        return;
    (void)pthread_cond_destroy(&turns->given);
    (void)pthread_mutex_destroy(&turns->lock);
    free(turns);
}

void turns_take(struct turns *turns)
{
    if (!turns)
        return;
    (void)pthread_mutex_lock(&turns->lock);
    while (turns->left == 0)
        (void)pthread_cond_wait(&turns->given, &turns->lock);
    turns->left--;
    (void)pthread_mutex_unlock(&turns->lock);
}

void turns_give(struct turns *turns)
{
    if (!turns)
        return;
    (void)pthread_mutex_lock(&turns->lock);
    turns->left++;
    (void)pthread_cond_signal(&turns->given);
    (void)pthread_mutex_unlock(&turns->lock);
}
