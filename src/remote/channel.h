/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The control socket's way out: events to ruche. What the socket does not take at once waits here,
 * so that a slow reader holds up neither the network nor itself; progress is left out then.
 */
#include <stdint.h>

#include "base/err.h"
#include "remote/loop.h"
#include "remote/remote.h"

struct message;

struct channel {
    struct loop *loop;
    struct watch *watch; /* of the control socket, whose owner reads from it */
    struct message *first;
    struct message **last;
};

void channel_init(struct channel *channel, struct loop *loop, struct watch *watch);
void channel_done(struct channel *channel);
/* Sends what waits; called when the socket takes more. */
void channel_flush(struct channel *channel);

void channel_progress(struct channel *channel, uint64_t id, uint64_t bytes);
/* The text is sent as it is, cut to what fits. */
void channel_note(struct channel *channel, uint64_t id, const char *text);
/* event: kind, id and numbers; texts may be NULL. */
void channel_send(struct channel *channel, const struct remote_event *event, const char *first,
                  const char *second);
void channel_finished(struct channel *channel, uint64_t id, uint32_t detail);
void channel_failed(struct channel *channel, uint64_t id, const struct err *err);
