/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Network devices that change their network namespace (rtnetlink(7)). */
#include "base/err.h"

/* Moves the device called `name` from the caller's network namespace to the one that `netns` is a
 * descriptor of, gives it new_name there, its lasting global addresses as well, and brings it up.
 * The caller enters that namespace and comes back. */
int netdevice_move(const char *name, int netns, const char *new_name, struct err *err);
