/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What Linux has and not each C library tells: ruche is built with glibc and with musl, whose
 * headers are of different ages (docs/design/0008). Whatever is defined here has the kernel's
 * value.
 */
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* The mount API of kernel 5.2 to 5.12. From 2.36 glibc has it in <sys/mount.h>, where the kernel's
 * header must not be included as well. */
#ifndef MOUNT_ATTR_RDONLY
#include <linux/mount.h>
#endif

/* How a wait status is made: the exit code in the second byte, and a bit that says that memory was
 * dumped, wait(2). */
#ifndef W_EXITCODE
#define W_EXITCODE(code, signal) ((code) << 8 | (signal))
#endif
#ifndef WCOREFLAG
#define WCOREFLAG 0x80
#endif

/* System V's name of it, signal(7). */
#ifndef SIGCLD
#define SIGCLD SIGCHLD
#endif
