/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a container is when nobody says otherwise (docs/SECURITY.md, "Defaults"). For engine/ alone.
 */
#include <stddef.h>

#include "kernel/capability.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum {
    DEFAULT_SHM_BYTES = 64 << 20,
    DEFAULT_PIDS = 2048,
    DEFAULT_CPU_PERIOD_US = 100000,
    DEFAULT_STOP_TIMEOUT_S = 10,
    DEFAULT_UMASK = 022,
    DEFAULT_PATH_SIZE = 40,
    DEFAULT_FILES = 3,
    DEFAULT_MASKED = 24,
    DEFAULT_READONLY = 5,
    DEFAULT_DEVICE_RULES = 10,
};

#define DEFAULT_CAPABILITIES                                                                       \
    (CAPABILITY_BIT(CHOWN) | CAPABILITY_BIT(DAC_OVERRIDE) | CAPABILITY_BIT(FOWNER) |               \
     CAPABILITY_BIT(FSETID) | CAPABILITY_BIT(KILL) | CAPABILITY_BIT(NET_BIND_SERVICE) |            \
     CAPABILITY_BIT(SETFCAP) | CAPABILITY_BIT(SETGID) | CAPABILITY_BIT(SETPCAP) |                  \
     CAPABILITY_BIT(SETUID) | CAPABILITY_BIT(SYS_CHROOT))

/* Files of /etc that the engine writes. */
extern const char default_files[DEFAULT_FILES][16];

/* Kernel files that tell of the host or its other containers, or that could change it. What a
 * kernel does not have is passed over. */
extern const char default_masked[DEFAULT_MASKED][DEFAULT_PATH_SIZE];
extern const char default_readonly[DEFAULT_READONLY][DEFAULT_PATH_SIZE];

struct default_device_rule {
    short major;
    short minor; /* -1: any */
    char access[4];
};
/* Character devices that a container in the host's user namespace may use. */
extern const struct default_device_rule default_device_rules[DEFAULT_DEVICE_RULES];
