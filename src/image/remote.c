/* SPDX-License-Identifier: Apache-2.0 */
#include "image/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/handover.h"
#include "oci/image.h"

enum { ERROR_TEXT_MAX = 900 };

static int impossible(struct err *err)
{
    return err_set(err, ERR_SYSTEM, "ruche-remote says what it cannot say");
}

/* ---- birth and death ---- */

/* The setup holds passwords: it is in no file system, and nobody can change it. */
static int setup_file(const struct remote_setup *setup, int *ret_fd, struct err *err)
{
    auto_done(str) text = {};
    auto_close int fd = memfd_create("setup", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_sys(err, "make a file in memory");
    remote_setup_format(setup, &text);
    int result = fd_write_all(fd, str_text(&text), text.len);
    explicit_bzero(text.at, text.len);
    if (result < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return err_sys(err, "write a file in memory");
    *ret_fd = take_fd(fd);
    return 0;
}

static int setup_send(struct remote *remote, const struct remote_setup *setup, struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    auto_close int fd = -1;
    if (setup_file(setup, &fd, err) < 0 ||
        remote_request_init(&request, REMOTE_SETUP, NULL, NULL, err) < 0)
        return -1;
    return remote_ask(remote, &request, &fd, 1, &answer, err);
}

int remote_open(const struct remote_setup *setup, const struct image_watch *watch,
                struct remote *ret_remote, struct err *err)
{
    struct remote remote = { .watch = watch };
    if (helper_open_remote(&remote.helper, err) < 0)
        return -1;
    if (setup_send(&remote, setup, err) < 0) {
        remote_close(&remote);
        return -1;
    }
    *ret_remote = remote;
    return 0;
}

void remote_close(struct remote *remote)
{
    helper_close(&remote->helper);
}

/* ---- requests ---- */

int remote_request_init(struct remote_request *request, enum remote_op op, const char *first,
                        const char *second, struct err *err)
{
    const char *const texts[REMOTE_TEXTS] = { first ? first : "", second ? second : "" };
    size_t at = 0;
    memset(request, 0, REMOTE_REQUEST_HEAD);
    request->version = REMOTE_VERSION;
    request->op = op;
    for (size_t i = 0; i < REMOTE_TEXTS; i++) {
        size_t len = strlen(texts[i]) + 1;
        if (len > REMOTE_TEXT_MAX)
            return err_set(err, ERR_INVALID, "a name is longer than %d bytes", REMOTE_TEXT_MAX - 1);
        memcpy(request->texts + at, texts[i], len);
        at += len;
    }
    return 0;
}

static size_t texts_len(const char *texts)
{
    size_t at = 0;
    for (size_t i = 0; i < REMOTE_TEXTS; i++)
        at += strlen(texts + at) + 1;
    return at;
}

int remote_send(struct remote *remote, struct remote_request *request, const int *fds, size_t n_fds,
                uint64_t *ret_id, struct err *err)
{
    request->id = ++remote->last_id;
    size_t len = REMOTE_REQUEST_HEAD + texts_len(request->texts);
    if (handover_send(remote->helper.control, request, len, fds, n_fds) < 0)
        return err_sys(err, "ask ruche-remote");
    *ret_id = request->id;
    return 0;
}

void remote_cancel(struct remote *remote, uint64_t id)
{
    struct remote_request request;
    struct err ignored; /* it answers nobody any more, then */
    uint64_t own;
    if (remote_request_init(&request, REMOTE_CANCEL, NULL, NULL, &ignored) < 0)
        return;
    request.number = id;
    (void)remote_send(remote, &request, NULL, 0, &own, &ignored);
}

/* ---- events ---- */

static bool texts_valid(const struct remote_event *event, size_t len)
{
    size_t at = 0;
    for (size_t i = 0; i < REMOTE_TEXTS; i++) {
        const char *end = memchr(event->texts + at, 0, len - at);
        if (!end || (size_t)(end - event->texts) - at >= REMOTE_TEXT_MAX)
            return false;
        at = (size_t)(end - event->texts) + 1;
    }
    return at == len;
}

const char *remote_text(const struct remote_event *event, size_t i)
{
    const char *text = event->texts;
    while (i-- > 0)
        text += strlen(text) + 1;
    return text;
}

static void note_tell(const struct remote *remote, const struct remote_event *event)
{
    if (!remote->watch || !remote->watch->warning)
        return;
    auto_done(str) text = { .max_bytes = ERROR_TEXT_MAX };
    const char *raw = remote_text(event, 0);
    text_escape_rest(&text, raw, strlen(raw));
    remote->watch->warning(remote->watch->context, str_text(&text));
}

int remote_event(struct remote *remote, struct remote_event *ret_event, struct err *err)
{
    ssize_t len;
    do
        len = recv(remote->helper.control, ret_event, sizeof(*ret_event), MSG_TRUNC);
    while (len < 0 && errno == EINTR);
    if (len < 0 && errno != ECONNRESET)
        return err_sys(err, "listen to ruche-remote");
    if (len <= 0) {
        err_set(err, ERR_SYSTEM, "ruche-remote died");
        return err_hint(err, "the kernel's log may say why");
    }
    if ((size_t)len < REMOTE_EVENT_HEAD || (size_t)len > sizeof(*ret_event) ||
        ret_event->kind >= REMOTE_EVENT_COUNT || ret_event->id > remote->last_id ||
        !texts_valid(ret_event, (size_t)len - REMOTE_EVENT_HEAD))
        return impossible(err);
    if (ret_event->kind != REMOTE_NOTE)
        return 1;
    note_tell(remote, ret_event);
    return 0;
}

void remote_error(const struct remote_event *event, struct err *err)
{
    auto_done(str) text = { .max_bytes = ERROR_TEXT_MAX };
    const char *raw = remote_text(event, 0);
    text_escape_rest(&text, raw, strlen(raw));
    /* No other kinds come of registries, and callers act on them. */
    bool possible = event->detail == ERR_INVALID || event->detail == ERR_DENIED ||
                    event->detail == ERR_UNSUPPORTED || event->detail == ERR_NOT_FOUND ||
                    event->detail == ERR_CONFLICT;
    err_set(err, possible ? event->detail : ERR_SYSTEM, "%s", str_text(&text));
    err->errnum = (int)(event->number & 0xfff);
}

/* ---- one at a time ---- */

void remote_answer_done(struct remote_answer *answer)
{
    free(answer->media_type);
    free(answer->digest);
    *answer = (struct remote_answer){};
}

static void answer_found(struct remote_answer *answer, const struct remote_event *event)
{
    const char *digest = remote_text(event, 1);
    remote_answer_done(answer);
    answer->found = true;
    answer->media_type = xstrdup(remote_text(event, 0));
    answer->digest = digest_valid(digest) ? xstrdup(digest) : NULL;
    answer->size = event->bytes;
    answer->size_known = event->number == 1;
}

/* Returns 1 at the end. */
static int answer_take(struct remote_answer *answer, const struct remote_event *event,
                       struct err *err)
{
    switch ((enum remote_event_kind)event->kind) {
    case REMOTE_FOUND:
        answer_found(answer, event);
        return 0;
    case REMOTE_DONE:
        answer->detail = event->detail;
        return 1;
    case REMOTE_FAILED:
        remote_error(event, err);
        return -1;
    case REMOTE_PROGRESS:
    case REMOTE_NOTE:
        return 0;
    case REMOTE_EVENT_COUNT:
        break;
    }
    return impossible(err);
}

int remote_ask(struct remote *remote, struct remote_request *request, const int *fds, size_t n_fds,
               struct remote_answer *ret_answer, struct err *err)
{
    auto_done(remote_answer) answer = {};
    struct remote_event event;
    uint64_t id;
    if (remote_send(remote, request, fds, n_fds, &id, err) < 0)
        return -1;
    for (;;) {
        int got = remote_event(remote, &event, err);
        if (got < 0)
            return -1;
        if (got == 0 || event.id != id) /* of one that was cancelled */
            continue;
        int ended = answer_take(&answer, &event, err);
        if (ended < 0)
            return -1;
        if (ended > 0)
            break;
    }
    *ret_answer = answer;
    answer = (struct remote_answer){};
    return 0;
}

int remote_document(struct remote *remote, struct remote_request *request, size_t max_bytes,
                    char **ret_data, size_t *ret_len, struct remote_answer *ret_answer,
                    struct err *err)
{
    auto_close int fd = memfd_create("document", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "make a file in memory");
    auto_done(remote_answer) answer = {};
    if (remote_ask(remote, request, &fd, 1, &answer, err) < 0)
        return -1;
    /* Read into our own memory: whatever happens to the file from here on changes nothing. */
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, "read a document");
    if (file_load_fd(fd, max_bytes, ret_data, ret_len, err) < 0)
        return -1;
    *ret_answer = answer;
    answer = (struct remote_answer){};
    return 0;
}
