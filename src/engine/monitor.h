/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The monitor: one process a container, its parent, from before the container's first process until
 * the end is recorded. For engine/ alone; monitor.c tells how it goes.
 */
#include "engine/record.h"

/* What the monitor inherits from whoever starts the container. */
struct monitor {
    struct engine *engine;
    struct container *container;
    int lock;      /* of the run directory, held */
    int control;   /* to whoever starts; -1 when he is gone */
    bool attached; /* descriptors 1 and 2 are the caller's, to be written to */
    int stdio[3];  /* the container's ends: stdin's, stdout's, stderr's; -1 with a terminal */
    int out;       /* ours: what the container says */
    int err;
    struct terminal_size size; /* of the caller's terminal */
    runtime_listener *listener;
    void *listener_context;
};

/* Messages on the control socket, each in one packet; a struct err is told by its size. */
enum monitor_word {
    MONITOR_STARTED = 'S', /* with the pidfd and, if there is one, the terminal; text: warnings */
    MONITOR_UNHEARD = 'U', /* the caller's stdout or stderr cannot be written to; value: errno */
    MONITOR_ENDED = 'E',   /* value: the exit code */
};
struct monitor_message {
    char word;
    int value;
    char warnings[512];
};

/* Makes the container, tells, watches, records the end. Never returns. */
_Noreturn void monitor_run(struct monitor *monitor);

/* Builds and runs the monitor's container (make.c): the part that can fail. Adds warnings for
 * people. */
int container_make(const struct monitor *monitor, struct runtime_process *ret_process,
                   struct str *warnings, struct err *err);
