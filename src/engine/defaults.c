/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/defaults.h"

const char default_files[DEFAULT_FILES][16] = { "hosts", "hostname", "resolv.conf" };

const char default_masked[DEFAULT_MASKED][DEFAULT_PATH_SIZE] = {
    "/proc/acpi",          "/proc/asound",      "/proc/interrupts",
    "/proc/kallsyms",      "/proc/kcore",       "/proc/keys",
    "/proc/kpagecgroup",   "/proc/kpagecount",  "/proc/kpageflags",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/slabinfo",      "/proc/timer_list",  "/proc/timer_stats",
    "/proc/vmallocinfo",   "/sys/dev/block",    "/sys/devices/virtual/powercap",
    "/sys/firmware",       "/sys/fs/bpf",       "/sys/fs/selinux",
    "/sys/kernel",         "/sys/module",       "/sys/power",
};

const char default_readonly[DEFAULT_READONLY][DEFAULT_PATH_SIZE] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* linux/Documentation/admin-guide/devices.txt */
const struct default_device_rule default_device_rules[DEFAULT_DEVICE_RULES] = {
    { 1, 3, "rwm" },    /* null */
    { 1, 5, "rwm" },    /* zero */
    { 1, 7, "rwm" },    /* full */
    { 1, 8, "rwm" },    /* random */
    { 1, 9, "rwm" },    /* urandom */
    { 5, 0, "rwm" },    /* tty */
    { 5, 1, "rwm" },    /* console */
    { 5, 2, "rwm" },    /* ptmx */
    { 136, -1, "rwm" }, /* pts */
    { 137, -1, "rwm" }, /* pts beyond 256 */
};
