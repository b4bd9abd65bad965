/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Labels of the security modules that have any for programs to come: AppArmor's profiles and
 * SELinux's contexts (proc_pid_attr(5)).
 */
#include <stdbool.h>

enum label_kind {
    LABEL_APPARMOR,
    LABEL_SELINUX,
};

/* Whether the module rules on this machine. */
bool label_active(enum label_kind kind);
/* The caller's next execve gives it the label; proc is a descriptor of a procfs that knows the
 * caller. Async-signal-safe. Returns 0, or -1 with errno. */
int label_set_exec(int proc, enum label_kind kind, const char *label);
