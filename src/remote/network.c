/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/network.h"

#include <sys/epoll.h>

#include "base/mem.h"

enum { CONNECTIONS_KEPT = 64 };

/* A socket of libcurl's. */
struct link {
    struct watch watch;
    struct network *network;
};

static void ended_tell(struct network *network)
{
    const CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(network->multi, &left))) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; /* the message goes with the handle */
        char *transfer = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
        (void)curl_multi_remove_handle(network->multi, easy);
        network->ended(transfer, code);
    }
}

static void act(struct network *network, curl_socket_t socket, int what)
{
    int running;
    (void)curl_multi_socket_action(network->multi, socket, what, &running);
    ended_tell(network);
}

static void link_ready(void *context, uint32_t events)
{
    const struct link *link = context;
    int what =
        (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
    if (events & (EPOLLERR | EPOLLHUP))
        what |= CURL_CSELECT_ERR;
    act(link->network, link->watch.fd, what);
}

static void timer_rung(void *context)
{
    act(context, CURL_SOCKET_TIMEOUT, 0);
}

static int link_change(CURL *easy, curl_socket_t socket, int what, void *context, void *assigned)
{
    (void)easy;
    struct network *network = context;
    struct link *link = assigned;
    struct err ignored;
    if (what == CURL_POLL_REMOVE) {
        if (link)
            watch_drop(network->loop, &link->watch);
        free(link);
        return 0;
    }
    if (!link) {
        link = xnew(struct link);
        link->network = network;
        link->watch = (struct watch){ .fd = socket, .ready = link_ready, .context = link };
        (void)curl_multi_assign(network->multi, socket, link);
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    return watch_set(network->loop, &link->watch, events, &ignored);
}

static int timer_change(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct network *network = context;
    if (timeout_ms < 0)
        timer_drop(network->loop, &network->timer);
    else
        timer_set(network->loop, &network->timer, (uint64_t)timeout_ms);
    return 0;
}

int network_init(struct network *network, struct loop *loop, void (*ended)(void *, CURLcode),
                 struct err *err)
{
    *network = (struct network){ .loop = loop, .ended = ended, .multi = curl_multi_init() };
    if (!network->multi)
        return err_set(err, ERR_SYSTEM, "libcurl does not start");
    network->timer = (struct timer){ .rung = timer_rung, .context = network };
    (void)curl_multi_setopt(network->multi, CURLMOPT_SOCKETFUNCTION, link_change);
    (void)curl_multi_setopt(network->multi, CURLMOPT_SOCKETDATA, network);
    (void)curl_multi_setopt(network->multi, CURLMOPT_TIMERFUNCTION, timer_change);
    (void)curl_multi_setopt(network->multi, CURLMOPT_TIMERDATA, network);
    (void)curl_multi_setopt(network->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    (void)curl_multi_setopt(network->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    return 0;
}

void network_done(struct network *network)
{
    (void)curl_multi_cleanup(network->multi);
    timer_drop(network->loop, &network->timer);
    network->multi = NULL;
}

int network_add(struct network *network, CURL *easy, struct err *err)
{
    CURLMcode code = curl_multi_add_handle(network->multi, easy);
    return code ? err_set(err, ERR_SYSTEM, "libcurl: %s", curl_multi_strerror(code)) : 0;
}

void network_remove(struct network *network, CURL *easy)
{
    (void)curl_multi_remove_handle(network->multi, easy);
}
