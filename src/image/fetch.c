/* SPDX-License-Identifier: Apache-2.0 */
#include "image/fetch.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "image/ingest.h"
#include "image/remote.h"
#include "image/room.h"

static const char file_name[] = "fetched";

bool image_is_url(const char *operand)
{
    const char *colon = strstr(operand, "://");
    return colon && !memchr(operand, '/', (size_t)(colon - operand));
}

static void progress_tell(const struct image_watch *watch, uint64_t bytes, uint64_t total)
{
    if (watch && watch->progress)
        watch->progress(watch->context, 0, 0, bytes, total > bytes ? total : 0);
}

/* Listens to its end. */
static int fetch_wait(struct remote *remote, struct err *err)
{
    struct remote_event event;
    uint64_t total = 0;
    for (;;) {
        int got = remote_event(remote, &event, err);
        if (got < 0)
            return -1;
        if (got == 0)
            continue;
        switch ((enum remote_event_kind)event.kind) {
        case REMOTE_FOUND:
            total = event.bytes;
            break;
        case REMOTE_PROGRESS:
            progress_tell(remote->watch, event.bytes, total);
            break;
        case REMOTE_DONE:
            return 0;
        case REMOTE_FAILED:
            remote_error(&event, err);
            return -1;
        case REMOTE_NOTE:
        case REMOTE_EVENT_COUNT:
            break;
        }
    }
}

static int fetch_into(struct images *images, const struct remote_setup *setup, const char *url,
                      const struct image_watch *watch, int fd, struct err *err)
{
    auto_done(remote) remote = REMOTE_CLOSED;
    struct remote_request request;
    const uint64_t room = store_room(images);
    uint64_t id;
    if (remote_request_init(&request, REMOTE_FETCH, url, NULL, err) < 0 ||
        remote_open(setup, watch, &remote, err) < 0)
        return -1;
    request.bytes = room < STORE_BYTES_MAX ? room : STORE_BYTES_MAX;
    if (remote_send(&remote, &request, &fd, 1, &id, err) < 0)
        return -1;
    return fetch_wait(&remote, err);
}

/* It has a name for a moment only: not every file system knows O_TMPFILE. */
static int file_make(struct images *images, int *ret_fd, struct err *err)
{
    struct ingest ingest;
    if (ingest_open(images, &ingest, err) < 0)
        return -1;
    *ret_fd = openat(ingest.directory, file_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*ret_fd < 0)
        err_sys(err, "make a file in the store");
    else
        (void)unlinkat(ingest.directory, file_name, 0); /* the ingest goes with all there is */
    ingest_close(&ingest);
    return *ret_fd < 0 ? -1 : 0;
}

int image_fetch(struct images *images, const char *url, const struct registry_options *options,
                const struct image_watch *watch, int *ret_fd, struct err *err)
{
    static const struct registry_options none = {};
    auto_done(remote_setup) setup = {};
    auto_close int fd = -1;
    if (registry_setup_url(options ? options : &none, url, &setup, err) < 0 ||
        file_make(images, &fd, err) < 0 || fetch_into(images, &setup, url, watch, fd, err) < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, "read what was fetched");
    *ret_fd = take_fd(fd);
    return 0;
}
