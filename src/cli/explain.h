/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * --explain and --dry-run: each step of a start as a line, for people or as JSON. A start's steps
 * are told by the monitor, a process of its own, so nothing is gathered: a line is written when its
 * step is done.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct runtime_event;

/* What --explain may be given, for its table. */
extern const char *const explain_words[];

enum explain_flags {
    EXPLAIN_PLAN = 1 << 0, /* nothing is carried out: there are no times */
};

struct explain {
    int fd;
    enum explain_flags flags;
    bool json;
    bool colours;
    uint64_t begin_ns; /* what times are counted from */
};

/* word: what --explain was given, "" or "json". fd is borrowed. */
void explain_init(struct explain *explain, const char *word, enum explain_flags flags, int fd);
/* A runtime_listener; context is the struct explain. */
void explain_event(void *context, const struct runtime_event *event);
/* Adds the line of an event, its end included. */
void explain_format(const struct explain *explain, const struct runtime_event *event,
                    struct str *out);
