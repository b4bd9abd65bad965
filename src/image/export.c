/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's file system into a tar archive. What is in it is the container's word: it is read
 * by ruche-transfer, to which the layers are handed one by one, and which puts them together itself.
 * So nothing is mounted for it, and an ordinary user needs no more than root.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "image/helper.h"
#include "image/store.h"
#include "kernel/handover.h"

/* As ruche-transfer is given them: topmost first. */
struct export_layers {
    int *fds;
    size_t len;
};

static void export_layers_done(struct export_layers *layers)
{
    for (size_t i = 0; i < layers->len; i++)
        fd_close(&layers->fds[i]);
    free(layers->fds);
}

static int layer_add(struct images *images, const struct helper *helper, const char *diff_id,
                     struct export_layers *layers, struct err *err)
{
    auto_close int fd = -1;
    bool packed = layer_storage(images, diff_id) == STORAGE_EROFS;
    if (layer_open(images, diff_id, &fd, err) < 0)
        return -1;
    if (packed ? helper_mount(helper, fd, err) < 0
               : helper_directory(helper, fd, &layers->fds[layers->len], err) < 0)
        return -1;
    if (packed)
        layers->fds[layers->len] = take_fd(fd);
    layers->len++;
    return 0;
}

static int layers_add(struct images *images, const struct helper *helper,
                      const struct image_export *what, struct export_layers *layers,
                      struct err *err)
{
    size_t n = what->diff_ids ? what->diff_ids->len : 0;
    if (n >= TRANSFER_LAYERS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "it has more than %d layers", TRANSFER_LAYERS_MAX - 1);
    layers->fds = xcalloc(n + 1, sizeof(*layers->fds));
    if (helper_directory(helper, what->upper, &layers->fds[0], err) < 0)
        return -1;
    layers->len = 1;
    while (n-- > 0)
        if (layer_add(images, helper, what->diff_ids->at[n], layers, err) < 0)
            return -1;
    return 0;
}

/* They follow the request. The socket has room for all of them, unless the other side is gone. */
static int layers_send(int socket, const struct export_layers *layers, struct err *err)
{
    for (size_t at = 0, n; at < layers->len; at += n) {
        n = layers->len - at < HANDOVER_MAX ? layers->len - at : HANDOVER_MAX;
        if (handover_send(socket, "", 1, layers->fds + at, n) < 0)
            return err_sys(err, "hand layers to ruche-transfer");
    }
    return 0;
}

/* Returns 1 at the end. */
static int event_take(const struct transfer_event *event, struct err *err)
{
    switch ((enum transfer_event_kind)event->kind) {
    case TRANSFER_PROGRESS:
        return 0;
    case TRANSFER_DONE:
        return 1;
    case TRANSFER_FAILED:
        event_error(event, err);
        return -1;
    case TRANSFER_MEMBER:
    case TRANSFER_DIGESTS:
    case TRANSFER_DEVICE:
    case TRANSFER_SIGNATURE:
    case TRANSFER_WARNING:
    case TRANSFER_EVENT_COUNT:
        break;
    }
    return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
}

static int export_run(const struct helper *helper, const struct export_layers *layers, int fd,
                      struct err *err)
{
    const struct transfer_request request = {
        .version = TRANSFER_VERSION,
        .verb = TRANSFER_EXPORT,
        .n_layers = (uint32_t)layers->len,
    };
    auto_close int socket = -1;
    struct transfer_event event;
    int ended = 0;
    if (helper_request(helper, &request, &fd, 1, &socket, err) < 0 ||
        layers_send(socket, layers, err) < 0)
        return -1;
    while (ended == 0)
        ended = helper_event(socket, &event, err) < 0 ? -1 : event_take(&event, err);
    return ended < 0 ? -1 : 0;
}

int image_export(struct images *images, const struct image_export *what, int fd, struct err *err)
{
    struct helper helper = { .control = -1 };
    auto_done(export_layers) layers = {};
    if (helper_open(images->transfer, what->upper, &helper, err) < 0)
        return -1;
    int result = layers_add(images, &helper, what, &layers, err);
    if (result == 0)
        result = export_run(&helper, &layers, fd, err);
    helper_close(&helper);
    return result;
}
