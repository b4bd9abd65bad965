/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the process is that makes others, and hands on to them unless it is changed: one look at
 * /proc/self/status instead of many questions (proc_pid_status(5)).
 */
#include <stdbool.h>
#include <stdint.h>

struct caller {
    uint64_t permitted;       /* capabilities */
    uint64_t bounding;        /* likewise; what cannot be told it may have */
    uint32_t signals_ignored; /* 1 << (number - 1); likewise */
    uint32_t uid;             /* the effective one */
    bool blocks_signals;
    bool is_root; /* with all its user and group ids, and in no other groups */
};

struct caller caller_look(void);
