/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/unpack.h"

#include <errno.h>
#include <string.h>

#include "base/number.h"
#include "transfer/tar.h"

enum { PROGRESS_BYTES = 4 << 20, PATH_SHOWN_MAX = 300, REASON_MAX = 600 };

struct unpack {
    struct stream *stream;
    struct tar *tar;
    struct sink *sink;
    struct unpack_limits limits;
    const struct sink_help *help;
    unpack_progress *progress;
    uint64_t told;      /* of the stream, in the last progress */
    bool warned;        /* of a dropped attribute: once a layer */
    struct str path;    /* of the member, normal */
    struct str target;  /* of a hard link, normal */
    struct str subject; /* of a whiteout */
    struct unpack_result result;
};

static int unpack_told(struct unpack *unpack, struct err *err)
{
    uint64_t position = stream_position(unpack->stream);
    if (position - unpack->told < PROGRESS_BYTES)
        return 0;
    unpack->told = position;
    return unpack->progress(unpack->help->context, position, err);
}

static int unpack_file(struct unpack *unpack, const struct member *member, struct err *err)
{
    struct sink *sink = unpack->sink;
    const void *at;
    size_t len;
    uint64_t offset;
    int more;

    if (sink->ops->file(sink, member, err) < 0)
        return -1;
    while ((more = tar_data(unpack->tar, &at, &len, &offset, err)) > 0) {
        unpack->result.bytes += len;
        if (unpack->result.bytes > unpack->limits.max_bytes) {
            char limit[16];
            return err_set(err, ERR_INVALID, "the layer unpacks to more than the limit of %s",
                           size_format(unpack->limits.max_bytes, limit));
        }
        if (unpack->limits.room_bytes > 0 && unpack->result.bytes > unpack->limits.room_bytes) {
            errno = ENOSPC;
            return err_sys(err, "write the layer");
        }
        if (len > 0 && sink->ops->data(sink, at, len, offset, err) < 0)
            return -1;
        if (unpack_told(unpack, err) < 0)
            return -1;
    }
    return more < 0 ? -1 : sink->ops->file_end(sink, member, err);
}

static int unpack_entry(struct unpack *unpack, struct member *member, struct err *err)
{
    struct sink *sink = unpack->sink;
    switch (member->type) {
    case MEMBER_DIRECTORY:
        return sink->ops->directory(sink, member, err);
    case MEMBER_FILE:
        return unpack_file(unpack, member, err);
    case MEMBER_SYMLINK:
        return sink->ops->symlink(sink, member, err);
    case MEMBER_HARDLINK:
        if (member_path(member->target, &unpack->target, err) < 0)
            return err_wrap(err, "the target of its link");
        member->target = str_text(&unpack->target);
        return sink->ops->hardlink(sink, member, err);
    case MEMBER_CHARACTER:
    case MEMBER_BLOCK:
    case MEMBER_FIFO:
    case MEMBER_SOCKET:
        return sink->ops->node(sink, member, err);
    }
    return err_set(err, ERR_INVALID, "it is of an unknown type");
}

static void unpack_warn(struct unpack *unpack)
{
    const char *dropped = tar_dropped(unpack->tar);
    if (!dropped || unpack->warned)
        return;
    unpack->warned = true;
    auto_free char *text = xasprintf(
        "%s: the attribute %s is left out, as it is wherever else it stands in this layer",
        str_text(&unpack->path), dropped);
    unpack->help->warning(unpack->help->context, text);
}

static int unpack_member(struct unpack *unpack, struct member *member, struct err *err)
{
    enum member_role role;
    if (member_path(member->path, &unpack->path, err) < 0)
        return -1;
    member->path = str_text(&unpack->path);
    if (++unpack->result.entries > unpack->limits.max_entries)
        return err_set(err, ERR_INVALID, "the layer has more than %llu members",
                       (unsigned long long)unpack->limits.max_entries);
    if (member_role(member->path, &role, &unpack->subject, err) < 0)
        return -1;
    switch (role) {
    case ROLE_IGNORED:
        return 0;
    case ROLE_WHITEOUT:
        return unpack->sink->ops->whiteout(unpack->sink, str_text(&unpack->subject), err);
    case ROLE_OPAQUE:
        return unpack->sink->ops->opaque(unpack->sink, str_text(&unpack->subject), err);
    case ROLE_ENTRY:
        break;
    }
    unpack_warn(unpack);
    return unpack_entry(unpack, member, err);
}

/* Puts the member's name, as the archive has it, before the error; and that may quote the archive
 * too. */
static int member_failed(const char *raw, struct err *err)
{
    auto_done(str) shown = { .max_bytes = PATH_SHOWN_MAX };
    auto_done(str) reason = { .max_bytes = REASON_MAX };
    text_escape(&shown, raw, strlen(raw));
    text_escape(&reason, err->text, strlen(err->text));
    int errnum = err->errnum;
    err_set(err, err->kind, "member %s%s: %s", str_text(&shown), shown.over ? "…" : "",
            str_text(&reason));
    err->errnum = errnum;
    return -1;
}

static int unpack_run(struct unpack *unpack, struct err *err)
{
    struct member member = {};
    int more;
    while ((more = tar_next(unpack->tar, &member, err)) > 0) {
        const char *raw = member.path;
        if (unpack_member(unpack, &member, err) < 0)
            return member_failed(raw, err);
        if (unpack_told(unpack, err) < 0)
            return -1;
    }
    if (more < 0)
        return member.path ? member_failed(member.path, err) : -1;
    if (tar_finish(unpack->tar, err) < 0)
        return -1;
    return unpack->sink->ops->commit(unpack->sink, err);
}

int unpack_layer(struct stream *stream, struct sink *sink, const struct unpack_limits *limits,
                 const struct sink_help *help, unpack_progress *progress,
                 struct unpack_result *ret_result, struct err *err)
{
    auto_drop(tar) *tar = NULL;
    struct unpack unpack = {
        .stream = stream,
        .sink = sink,
        .limits = *limits,
        .help = help,
        .progress = progress,
    };
    if (tar_open(stream, 0, &tar, err) < 0)
        return -1;
    unpack.tar = tar;
    int result = unpack_run(&unpack, err);
    str_done(&unpack.path);
    str_done(&unpack.target);
    str_done(&unpack.subject);
    if (result == 0)
        *ret_result = unpack.result;
    return result;
}
