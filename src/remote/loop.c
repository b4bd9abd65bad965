/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/mem.h"

uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int loop_init(struct loop *loop, struct err *err)
{
    *loop = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
    return loop->epoll < 0 ? err_sys(err, "make an epoll descriptor") : 0;
}

void loop_done(struct loop *loop)
{
    fd_close(&loop->epoll);
}

int watch_set(struct loop *loop, struct watch *watch, uint32_t events, struct err *err)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };
    int how = watch->set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(loop->epoll, how, watch->fd, &event) < 0)
        return err_sys(err, "watch a descriptor");
    watch->set = true;
    return 0;
}

void watch_drop(struct loop *loop, struct watch *watch)
{
    if (watch->set)
        (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL); /* closed already is fine */
    watch->set = false;
}

void timer_set(struct loop *loop, struct timer *timer, uint64_t delay_ms)
{
    timer_drop(loop, timer);
    timer->at_ms = clock_ms() + delay_ms;
    timer->set = true;
    timer->next = loop->timers;
    loop->timers = timer;
}

void timer_drop(struct loop *loop, struct timer *timer)
{
    struct timer **at = &loop->timers;
    while (*at && *at != timer)
        at = &(*at)->next;
    if (*at)
        *at = timer->next;
    timer->set = false;
}

static struct timer *timer_first(const struct loop *loop)
{
    struct timer *first = loop->timers;
    for (struct timer *timer = first; timer; timer = timer->next)
        if (timer->at_ms < first->at_ms)
            first = timer;
    return first;
}

static int wait_ms(const struct timer *timer)
{
    if (!timer)
        return -1;
    uint64_t now = clock_ms();
    uint64_t left = timer->at_ms > now ? timer->at_ms - now : 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}

/* One event a time: its handler may drop the watch that the next one would be for. */
int loop_step(struct loop *loop, struct err *err)
{
    struct epoll_event event;
    struct timer *timer = timer_first(loop);
    int n = epoll_wait(loop->epoll, &event, 1, wait_ms(timer));
    if (n < 0 && errno != EINTR)
        return err_sys(err, "wait for the network");
    if (n > 0) {
        struct watch *watch = event.data.ptr;
        watch->ready(watch->context, event.events);
    }
    /* A busy network does not keep timers from ringing. */
    timer = timer_first(loop);
    if (timer && timer->at_ms <= clock_ms()) {
        timer_drop(loop, timer);
        timer->rung(timer->context);
    }
    return 0;
}
