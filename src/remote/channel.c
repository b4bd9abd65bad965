/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/mem.h"

struct message {
    struct message *next;
    size_t len;
    char bytes[];
};

void channel_init(struct channel *channel, struct loop *loop, struct watch *watch)
{
    *channel = (struct channel){ .loop = loop, .watch = watch };
    channel->last = &channel->first;
}

static void message_drop(struct channel *channel)
{
    struct message *message = channel->first;
    channel->first = message->next;
    if (!channel->first)
        channel->last = &channel->first;
    free(message);
}

void channel_done(struct channel *channel)
{
    while (channel->first)
        message_drop(channel);
}

/* False: the socket takes nothing now. Whatever else is wrong with it, its reader's end is seen by
 * whoever reads from it. */
static bool message_send(const struct channel *channel, const void *at, size_t len)
{
    ssize_t sent;
    do
        sent = send(channel->watch->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

static void message_queue(struct channel *channel, const void *at, size_t len)
{
    struct err ignored;
    struct message *message = xmalloc(sizeof(*message) + len);
    *message = (struct message){ .len = len };
    memcpy(message->bytes, at, len);
    *channel->last = message;
    channel->last = &message->next;
    (void)watch_set(channel->loop, channel->watch, EPOLLIN | EPOLLOUT, &ignored);
}

void channel_flush(struct channel *channel)
{
    struct err ignored;
    while (channel->first) {
        if (!message_send(channel, channel->first->bytes, channel->first->len))
            return;
        message_drop(channel);
    }
    (void)watch_set(channel->loop, channel->watch, EPOLLIN, &ignored);
}

static size_t text_put(struct remote_event *event, size_t at, const char *text)
{
    size_t len = strnlen(text ? text : "", REMOTE_TEXT_MAX - 1);
    memcpy(event->texts + at, text ? text : "", len);
    event->texts[at + len] = '\0';
    return at + len + 1;
}

void channel_send(struct channel *channel, const struct remote_event *event, const char *first,
                  const char *second)
{
    struct remote_event message;
    memcpy(&message, event, REMOTE_EVENT_HEAD);
    size_t len = text_put(&message, 0, first);
    len = REMOTE_EVENT_HEAD + text_put(&message, len, second);
    if (channel->first || !message_send(channel, &message, len))
        message_queue(channel, &message, len);
}

void channel_progress(struct channel *channel, uint64_t id, uint64_t bytes)
{
    const struct remote_event event = { .kind = REMOTE_PROGRESS, .id = id, .bytes = bytes };
    if (!channel->first)
        channel_send(channel, &event, NULL, NULL);
}

void channel_note(struct channel *channel, uint64_t id, const char *text)
{
    const struct remote_event event = { .kind = REMOTE_NOTE, .id = id };
    channel_send(channel, &event, text, NULL);
}

void channel_finished(struct channel *channel, uint64_t id, uint32_t detail)
{
    const struct remote_event event = { .kind = REMOTE_DONE, .id = id, .detail = detail };
    channel_send(channel, &event, NULL, NULL);
}

void channel_failed(struct channel *channel, uint64_t id, const struct err *err)
{
    const struct remote_event event = {
        .kind = REMOTE_FAILED,
        .id = id,
        .detail = err->kind,
        .number = (uint64_t)err->errnum,
    };
    channel_send(channel, &event, err->text, NULL);
}
