/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/serve.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "kernel/handover.h"
#include "remote/client.h"
#include "remote/confine.h"
#include "remote/operation.h"

enum { SETUP_MAX = 16 << 20 };

static const struct {
    uint8_t least;
    uint8_t most;
} op_fds[] = {
#define X(op, least, most) [REMOTE_##op] = { least, most },
    REMOTE_OPS(X)
#undef X
};

/* ---- SETUP and CANCEL, which are no operations ---- */

static int setup_load(int fd, struct remote_setup *ret_setup, struct err *err)
{
    auto_free char *json = NULL;
    size_t len;
    if (lseek(fd, 0, SEEK_SET) < 0 || file_load_fd(fd, SETUP_MAX, &json, &len, err) < 0)
        return err_set(err, ERR_INVALID, "the setup cannot be read");
    int result = remote_setup_parse(json, len, ret_setup, err);
    explicit_bzero(json, len);
    return result;
}

static int setup_take(struct client *client, int fd, struct err *err)
{
    auto_done(remote_setup) setup = {};
    if (client->network.multi)
        return err_set(err, ERR_INVALID, "a second setup");
    if (setup_load(fd, &setup, err) < 0 || client_init(client, &setup, err) < 0)
        return -1;
    return confine(err) < 0 ? err_wrap(err, "confine the process") : 0;
}

/* What follows a failure is the end: nothing is done by half a client. */
static void setup_receive(struct client *client, uint64_t id, int fd)
{
    struct err err;
    if (setup_take(client, fd, &err) < 0) {
        channel_failed(&client->channel, id, &err);
        client->ended = true;
    } else {
        channel_finished(&client->channel, id, 0);
    }
}

static void cancel_receive(struct client *client, const struct remote_request *request)
{
    struct operation *operation = client->operations;
    while (operation && operation->id != request->number)
        operation = operation->next;
    if (operation)
        operation_cancel(operation);
    channel_finished(&client->channel, request->id, 0);
}

/* ---- requests ---- */

static int request_check(const struct client *client, const struct remote_request *request,
                         size_t len, size_t n_fds, struct err *err)
{
    if (len < REMOTE_REQUEST_HEAD || request->version != REMOTE_VERSION)
        return err_set(
            err, ERR_UNSUPPORTED,
            "ruche-remote is of another version than ruche; install both from one build");
    if (request->op >= REMOTE_OP_COUNT || n_fds < op_fds[request->op].least ||
        n_fds > op_fds[request->op].most)
        return err_set(err, ERR_INVALID, "a request that is none");
    if (request->op != REMOTE_SETUP && !client->network.multi)
        return err_set(err, ERR_INVALID, "a request before the setup");
    return 0;
}

static void request_receive(struct client *client, const struct remote_request *request, size_t len,
                            int *fds, size_t n_fds)
{
    struct err err;
    if (request_check(client, request, len, n_fds, &err) < 0)
        channel_failed(&client->channel, len >= REMOTE_REQUEST_HEAD ? request->id : 0, &err);
    else if (request->op == REMOTE_SETUP)
        setup_receive(client, request->id, fds[0]);
    else if (request->op == REMOTE_CANCEL)
        cancel_receive(client, request);
    else
        operation_receive(client, request, len, fds, n_fds);
}

static void control_ready(void *context, uint32_t events)
{
    struct client *client = context;
    struct remote_request request;
    int fds[REMOTE_FDS_MAX] = { -1 };
    size_t n_fds = 0;
    if (events & EPOLLOUT)
        channel_flush(&client->channel);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    ssize_t len = handover_receive(client->control.fd, &request, sizeof(request), fds,
                                   array_size(fds), &n_fds);
    if (len <= 0) {
        client->ended = true;
        return;
    }
    request_receive(client, &request, (size_t)len, fds, n_fds);
    for (size_t i = 0; i < array_size(fds); i++)
        fd_close(&fds[i]);
}

static int serve_client(struct client *client, struct err *err)
{
    if (watch_set(&client->loop, &client->control, EPOLLIN, err) < 0)
        return -1;
    while (!client->ended)
        if (loop_step(&client->loop, err) < 0)
            return -1;
    return 0;
}

int serve(int control, struct err *err)
{
    struct client client = {};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_SYSTEM, "libcurl does not start");
    if (loop_init(&client.loop, err) < 0)
        return -1;
    client.control = (struct watch){ .fd = control, .ready = control_ready, .context = &client };
    channel_init(&client.channel, &client.loop, &client.control);
    int result = serve_client(&client, err);
    client_done(&client);
    channel_done(&client.channel);
    loop_done(&client.loop);
    curl_global_cleanup();
    return result;
}
