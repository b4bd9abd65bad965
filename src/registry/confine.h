/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the server keeps of its rights before it reads the first foreign byte: no capabilities, no new
 * privileges, of the file system the directories it works in, of the network what it listens on, and a
 * short list of system calls. Before there are threads: those inherit it.
 */
#include <stddef.h>

#include "base/err.h"

/* Confines the process for good. directories: below which it may read, write, make and remove files;
 * all lie below the root. Where the kernel has no Landlock, that is all it sees. */
int confine(int root, const int *directories, size_t n_directories, struct err *err);
