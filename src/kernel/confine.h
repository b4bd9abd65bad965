/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a program gives up for good before it reads the first foreign byte, as far as programs have
 * it in common: limits, standard streams, files (Landlock), system calls (seccomp). What is left to
 * each is its own to list. Files and filters need no_new_privs.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/seccomp.h"

/* A sanitizer reserves terabytes of addresses, asks the kernel for more than the program does and
 * has something to say: under one there is no limit of addresses and no filter, and the streams
 * stay. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED 0
#endif

/* ---- limits and streams ---- */

/* 0: as it is. */
struct confine_limits {
    uint64_t files_open;
    uint64_t file_bytes; /* of one file, holes counted */
    uint64_t address_bytes;
};

/* No core dumps, and none of the limits higher than said; they are never raised. What is too long or
 * read by nobody is an error of the call, no signal. */
int confine_limits_enter(const struct confine_limits *limits, struct err *err);
/* Standard input has to be /dev/null, opened for reading. What is written to the others would be a
 * stranger's words, on the user's terminal perhaps: from here on it goes nowhere. */
int confine_streams_close(struct err *err);

/* ---- files ---- */

/* Newer than the headers of 2022: kernel 6.2. */
#define CONFINE_ACCESS_TRUNCATE (UINT64_C(1) << 14)

struct confine_beneath {
    int fd;          /* a directory or file, O_PATH is enough; borrowed. -1: none */
    uint64_t access; /* LANDLOCK_ACCESS_FS_… that are left on it and beneath; what the kernel does
                        not know of them is not refused either */
};

enum confine_flags {
    /* Links and renames from directory to directory are its work: no Landlock before version 2
     * (5.19), which refuses them all. */
    CONFINE_RELINKS = 1 << 0,
    /* Listening and connecting are its work. */
    CONFINE_NETWORK = 1 << 1,
};

/* Refuses whatever the running kernel's Landlock knows of, but for what is listed. Returns 1; 0: there
 * is no Landlock, and nothing is refused. */
int confine_files_enter(const struct confine_beneath *at, size_t n_at, enum confine_flags flags,
                        struct err *err);

/* What stands in for it then: all that paths lead to is beneath the directory, or nothing if that is
 * -1. Needs CAP_SYS_CHROOT in the process's user namespace. From other directories that are
 * open ".." leads on. */
int confine_root_enter(int directory, struct err *err);

/* ---- system calls ---- */

/* Begins a list: the calls (names with blanks between, borrowed) and memory, but no code. Others are
 * EPERM; speaking for another architecture is the end. Released by seccomp_rules_done. */
void confine_rules_init(struct seccomp_rules *rules, const char *calls);
/* Adds calls of which an argument under a mask is the value. */
void confine_rules_allow(struct seccomp_rules *rules, const char *calls, uint8_t argument,
                         uint64_t value, uint64_t mask);
/* Adds threads, but no processes. */
void confine_rules_threads(struct seccomp_rules *rules);
/* Puts a filter, respectively one made of the rules, over the calling process. */
int confine_filter_enter(const struct seccomp_filter *filter, struct err *err);
int confine_rules_enter(const struct seccomp_rules *rules, struct err *err);
