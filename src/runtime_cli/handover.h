/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What engines hand to a start and want of it: descriptors to keep open, a file for the pid, a
 * socket for the terminal. The options are the same for create, run and exec.
 */
#include "base/str.h"
#include "runtime_cli/runtime_cli.h"

struct handover {
    const char *pid_file;
    const char *console_socket;
    struct maybe_i64 preserve_fds;
};

enum { HANDOVER_OPTIONS = 3 };

/* How many descriptors from 3 on the process keeps: those of systemd's socket activation, and those of
 * --preserve-fds, all of which must be open. All others but our own, of which -1 is none, are closed: no
 * link in a bundle is to lead to what the caller had open. So it comes as soon as the files have been
 * read that the command line names, for those may be such. */
int preserved_take(const struct handover *handover, const int *own, size_t n_own,
                   unsigned *ret_count, struct err *err);
/* Tells the process of those of socket activation. */
void preserved_announce(struct strings *env);
/* A terminal goes to a socket if nobody stays to copy it, and else nowhere. */
int console_check(const struct handover *handover, bool terminal, bool detached, struct err *err);
/* Hands the terminal's master over. */
int console_send(const char *path, int master, struct err *err);
/* Written beside and renamed. */
int pid_file_write(const char *path, pid_t pid, struct err *err);
