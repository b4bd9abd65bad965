/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Files below directory descriptors. Nothing here follows a path out of the descriptor it is given
 * unless the caller hands AT_FDCWD. All descriptors given are close-on-exec.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/str.h"

enum file_save_flags {
    FILE_SYNC = 1 << 0,      /* the data and the name are on disk when the call returns */
    FILE_EXCLUSIVE = 1 << 1, /* ERR_EXISTS if the name is taken */
};

/* Reads a whole file of at most max_bytes into a fresh buffer closed by a zero byte.
 * Returns 1, or 0 if there is no such file (nothing is set then). */
int file_load(int dirfd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
              struct err *err);
/* The same of a file that we wrote ourselves, on a disk or in memory: a read that gives less than it
 * was asked for has met its end, so there is one less. */
int file_load_own(int dirfd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
                  struct err *err);
/* Reads from an open descriptor up to its end, at most max_bytes. Returns 0. */
int file_load_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_len, struct err *err);
/* The same of a file on a disk or in memory. */
int file_load_own_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_len, struct err *err);
/* Writes beside, (syncs,) renames: readers see the old or the new file. mode is less the umask, as
 * with open. What a crash leaves over is called .NAME.RANDOM, with 16 hexadecimal digits. */
int file_save(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
              enum file_save_flags flags, struct err *err);
/* Writes a short value to a file that exists (procfs, cgroupfs). On failure errno is set and -1
 * returned. */
int file_poke(int dirfd, const char *path, const char *text);
/* Writes all of it, over partial writes and EINTR. Returns 0, or -1 with errno. */
int fd_write_all(int fd, const void *data, size_t len);

/* Closes all from `from` on, which is 3 or more, but those in the list, of which -1 is none. -1 with
 * errno. */
int descriptors_close_others(unsigned from, const int *kept, size_t n);

/* Opens below dirfd with openat2 and the given RESOLVE_ flags (linux/openat2.h). -1 with errno. */
int file_openat2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve);

/* mkdir -p below dirfd; existing directories are fine. */
int dir_make_all(int dirfd, const char *path, mode_t mode, struct err *err);
/* Opens a directory, making it and its parents if absent. Gives an O_RDONLY descriptor. */
int dir_open_made(int dirfd, const char *path, mode_t mode, int *ret_fd, struct err *err);
/* Names in a directory but . and .., unsorted. Returns 1, or 0 if there is no such directory. */
int dir_list(int dirfd, const char *path, struct strings *ret_names, struct err *err);
/* Removes path and all below it, never following a link, never crossing into another file system's
 * mount. Absent already is fine. */
int tree_remove(int dirfd, const char *path, struct err *err);
