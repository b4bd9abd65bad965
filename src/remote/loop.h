/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the client waits for: descriptors (epoll(7)) and points in time. Watches and timers lie in
 * the structs they are about and must be dropped before those go; a handler may do so, with its own
 * and with others.
 */
#include <stdint.h>

#include "base/err.h"

struct watch {
    int fd;
    bool set;
    void (*ready)(void *context, uint32_t events);
    void *context;
};

struct timer {
    uint64_t at_ms; /* of the monotonic clock */
    bool set;
    void (*rung)(void *context);
    void *context;
    struct timer *next;
};

struct loop {
    int epoll;
    struct timer *timers; /* those that are set, in no order: there are a few dozen */
};

int loop_init(struct loop *loop, struct err *err);
void loop_done(struct loop *loop);
/* Waits for one event, or for timers, and calls who it is for. */
int loop_step(struct loop *loop, struct err *err);

/* Events are EPOLLIN and EPOLLOUT; with none errors are still told. Set again, it is changed. */
int watch_set(struct loop *loop, struct watch *watch, uint32_t events, struct err *err);
void watch_drop(struct loop *loop, struct watch *watch);

void timer_set(struct loop *loop, struct timer *timer, uint64_t delay_ms);
void timer_drop(struct loop *loop, struct timer *timer);

uint64_t clock_ms(void);
