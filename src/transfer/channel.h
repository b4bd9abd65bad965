/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* ruche-transfer's side of a request's socket: events out, answers in. -1 when ruche has gone away.
 */
#include <stdint.h>

#include "base/err.h"
#include "transfer/member.h"
#include "transfer/transfer.h"

struct channel {
    int fd;
};

/* Texts may be NULL; event->texts is filled here. */
int channel_send(const struct channel *channel, struct transfer_event *event, const char *first,
                 const char *second, struct err *err);
int channel_progress(const struct channel *channel, uint64_t bytes, struct err *err);
/* Never fails: what comes next will. */
void channel_warning(const struct channel *channel, const char *text);
/* Asks for a device node at the member's path. Returns 1, or 0: left out. */
int channel_device(const struct channel *channel, const struct member *member, struct err *err);
void channel_failed(const struct channel *channel, const struct err *err);
