/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static size_t text_put(struct transfer_event *event, size_t at, const char *text)
{
    size_t len = strnlen(text ? text : "", TRANSFER_TEXT_MAX - 1);
    memcpy(event->texts + at, text ? text : "", len);
    event->texts[at + len] = '\0';
    return at + len + 1;
}

int channel_send(const struct channel *channel, struct transfer_event *event, const char *first,
                 const char *second, struct err *err)
{
    size_t len = text_put(event, 0, first);
    len = text_put(event, len, second);
    ssize_t sent;
    do
        sent = send(channel->fd, event, TRANSFER_EVENT_HEAD + len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? err_sys(err, "report to ruche") : 0;
}

int channel_progress(const struct channel *channel, uint64_t bytes, struct err *err)
{
    struct transfer_event event = { .kind = TRANSFER_PROGRESS, .bytes = bytes };
    return channel_send(channel, &event, NULL, NULL, err);
}

void channel_warning(const struct channel *channel, const char *text)
{
    struct transfer_event event = { .kind = TRANSFER_WARNING };
    struct err ignored;
    (void)channel_send(channel, &event, text, NULL, &ignored);
}

int channel_device(const struct channel *channel, const struct member *member, struct err *err)
{
    mode_t type = member->type == MEMBER_CHARACTER ? S_IFCHR : S_IFBLK;
    struct transfer_event event = {
        .kind = TRANSFER_DEVICE,
        .detail = type | (member->mode & 07777),
        .number = member->device,
    };
    if (channel_send(channel, &event, member->path, NULL, err) < 0)
        return -1;

    struct transfer_answer answer;
    ssize_t len;
    do
        len = recv(channel->fd, &answer, sizeof(answer), 0);
    while (len < 0 && errno == EINTR);
    if (len != (ssize_t)sizeof(answer))
        return err_set(err, ERR_SYSTEM, "ruche has gone away");
    if (answer.errnum > 0) {
        errno = answer.errnum;
        return err_sys(err, "make a device node");
    }
    return answer.errnum == 0 ? 1 : 0;
}

void channel_failed(const struct channel *channel, const struct err *err)
{
    struct transfer_event event = {
        .kind = TRANSFER_FAILED,
        .detail = err->kind,
        .number = (uint64_t)err->errnum,
    };
    struct err ignored;
    (void)channel_send(channel, &event, err->text, NULL, &ignored);
}
