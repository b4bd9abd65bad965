/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/exchange_try.h"

#include <errno.h>
#include <string.h>

#include "remote/client.h"
#include "remote/exchange.h"
#include "remote/url.h"

enum {
    CONNECT_SECONDS = 30,
    STALL_SECONDS = 30,
    PATIENCE = 10, /* so many times as long where an answer may be long in coming */
    KEEPALIVE_SECONDS = 30,
    HEAD_MAX = 128 << 10,
    RECEIVE_BUFFER = 256 << 10,
    SEND_BUFFER = 512 << 10,
    RATE_BYTES = 64 << 10, /* of a body, in the time in which it would stall */
};

/* ---- a transfer that stalls ----
 *
 * libcurl knows of slow transfers too, but looks at the average of some seconds. A trickle is as good
 * as nothing: of a body some has to come in each period, and headers come all in one. */

static uint64_t stall_ms(const struct exchange *exchange)
{
    uint64_t seconds = exchange->client->setup.stall_seconds;
    seconds = seconds ? seconds : STALL_SECONDS;
    return seconds * 1000 * (exchange->flags & EXCHANGE_PATIENT ? PATIENCE : 1);
}

static uint64_t connect_ms(const struct exchange *exchange)
{
    uint64_t stall = stall_ms(exchange);
    return stall < CONNECT_SECONDS * 1000 ? stall : CONNECT_SECONDS * 1000;
}

static void moved(struct exchange *exchange)
{
    exchange->stalls_ms = clock_ms() + stall_ms(exchange);
}

static void rate_begin(struct exchange *exchange)
{
    exchange->rate_came = exchange->came;
    exchange->rate_ms = clock_ms() + stall_ms(exchange);
}

/* Whether too little of the body has come since the last look. One that is shorter has come by then.
 */
static bool trickles(struct exchange *exchange, uint64_t now)
{
    if (exchange->rate_ms == 0 || now < exchange->rate_ms)
        return false;
    curl_off_t all = -1;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &all);
    bool whole = all >= 0 && exchange->came >= (uint64_t)all;
    bool slow = exchange->came - exchange->rate_came < RATE_BYTES;
    rate_begin(exchange);
    return slow && !whole;
}

static void stall_rung(void *context)
{
    struct exchange *exchange = context;
    uint64_t now = clock_ms();
    if (exchange->paused) { /* by ourselves */
        timer_set(&exchange->client->loop, &exchange->stall, stall_ms(exchange));
        return;
    }
    if (now < exchange->stalls_ms && !trickles(exchange, now)) {
        uint64_t next = exchange->stalls_ms;
        if (exchange->rate_ms > 0 && exchange->rate_ms < next)
            next = exchange->rate_ms;
        timer_set(&exchange->client->loop, &exchange->stall, next - now);
        return;
    }
    network_remove(&exchange->client->network, exchange->easy);
    exchange_ended(exchange, CURLE_OPERATION_TIMEDOUT);
}

static void stall_watch(struct exchange *exchange)
{
    uint64_t from_now = connect_ms(exchange) + stall_ms(exchange);
    exchange->stall = (struct timer){ .rung = stall_rung, .context = exchange };
    exchange->stalls_ms = clock_ms() + from_now;
    timer_set(&exchange->client->loop, &exchange->stall, from_now);
}

void exchange_pause(struct exchange *exchange, bool pause)
{
    exchange->paused = pause;
    if (!exchange->in_network)
        return;
    moved(exchange);
    rate_begin(exchange);
    CURLcode code = curl_easy_pause(exchange->easy, pause ? CURLPAUSE_RECV : CURLPAUSE_CONT);
    if (code == CURLE_OK || pause) /* what goes on nevertheless is the taker's to refuse */
        return;
    /* What had come before it paused is handed out here, and may be refused: libcurl would go on with
     * what is behind that. */
    network_remove(&exchange->client->network, exchange->easy);
    exchange_ended(exchange, code);
}

/* ---- what libcurl calls; nothing here may touch the network ---- */

static size_t head_came(char *at, size_t size, size_t n, void *context)
{
    (void)at;
    struct exchange *exchange = context;
    if (exchange->head_bytes == 0)
        moved(exchange);
    exchange->head_bytes += size * n;
    if (exchange->head_bytes <= HEAD_MAX)
        return size * n;
    err_set(&exchange->problem, ERR_INVALID, "the answer's headers are longer than %d KiB",
            HEAD_MAX >> 10);
    return 0;
}

static bool document_add(struct exchange *exchange, const char *at, size_t len)
{
    bool good = exchange->status / 100 == 2;
    size_t max = good ? exchange->document_max : ERROR_BODY_MAX;
    size_t room = max - exchange->document.len;
    if (len <= room) {
        str_add_bytes(&exchange->document, at, len);
        return true;
    }
    if (good)
        err_set(&exchange->problem, ERR_INVALID, "the answer is longer than %zu KiB", max >> 10);
    else
        exchange->cut = true; /* what is said is enough */
    return false;
}

static size_t body_came(char *at, size_t size, size_t n, void *context)
{
    struct exchange *exchange = context;
    size_t len = size * n;
    moved(exchange);
    if (exchange->rate_ms == 0)
        rate_begin(exchange);
    exchange->came += len;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status);
    if (exchange->status / 100 != 2 || !exchange->data)
        return document_add(exchange, at, len) ? len : 0;
    if (exchange->data(exchange->context, exchange, at, len, &exchange->problem) < 0)
        return len == 0 ? 1 : 0;
    return len;
}

static size_t body_wanted(char *at, size_t size, size_t n, void *context)
{
    struct exchange *exchange = context;
    const struct exchange_body *body = &exchange->body;
    uint64_t left = body->len - exchange->body_at;
    size_t len = left < size * n ? (size_t)left : size * n;
    if (len == 0)
        return 0;
    if (body->at) {
        memcpy(at, body->at + exchange->body_at, len);
    } else {
        ssize_t got;
        do
            got = pread(body->file, at, len, (off_t)(body->from + exchange->body_at));
        while (got < 0 && errno == EINTR);
        if (got < 0)
            err_sys(&exchange->problem, "read what is to be sent");
        if (got == 0)
            err_set(&exchange->problem, ERR_INVALID, "what is to be sent is shorter than it was");
        if (got <= 0)
            return CURL_READFUNC_ABORT;
        len = (size_t)got;
    }
    exchange->body_at += len;
    moved(exchange);
    if (exchange->sent)
        exchange->sent(exchange->context, exchange->body_at);
    return len;
}

static int body_rewound(void *context, curl_off_t offset, int origin)
{
    struct exchange *exchange = context;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > exchange->body.len)
        return CURL_SEEKFUNC_FAIL;
    exchange->body_at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- the handle ---- */

#define set(exchange, option, value)                                                               \
    (void)curl_easy_setopt((exchange)->easy, CURLOPT_##option, (value))

static void callbacks_set(struct exchange *exchange)
{
    set(exchange, HEADERFUNCTION, head_came);
    set(exchange, HEADERDATA, exchange);
    set(exchange, WRITEFUNCTION, body_came);
    set(exchange, WRITEDATA, exchange);
    set(exchange, READFUNCTION, body_wanted);
    set(exchange, READDATA, exchange);
    set(exchange, SEEKFUNCTION, body_rewound);
    set(exchange, SEEKDATA, exchange);
    set(exchange, PRIVATE, (char *)exchange);
    set(exchange, NOSIGNAL, 1L);
    set(exchange, NOPROGRESS, 1L);
}

static void times_set(struct exchange *exchange)
{
    set(exchange, CONNECTTIMEOUT_MS, (long)connect_ms(exchange));
    set(exchange, TCP_KEEPALIVE, 1L);
    set(exchange, TCP_KEEPIDLE, (long)KEEPALIVE_SECONDS);
    set(exchange, TCP_KEEPINTVL, (long)KEEPALIVE_SECONDS);
    set(exchange, BUFFERSIZE, (long)RECEIVE_BUFFER);
    set(exchange, UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
}

static void method_set(struct exchange *exchange)
{
    set(exchange, HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    set(exchange, PIPEWAIT, 1L); /* for the first connection to tell whether it takes all of them */
    set(exchange, PROTOCOLS_STR, "http,https");
    set(exchange, FOLLOWLOCATION, 0L);
    set(exchange, USERAGENT, "ruche/" RUCHE_VERSION);
    if (exchange->body.present) {
        set(exchange, UPLOAD, 1L);
        set(exchange, INFILESIZE_LARGE, (curl_off_t)exchange->body.len);
    }
    if (strcmp(exchange->method, "HEAD") == 0)
        set(exchange, NOBODY, 1L);
    else if (strcmp(exchange->method, "GET") != 0)
        set(exchange, CUSTOMREQUEST, exchange->method);
}

static void proxy_set(struct exchange *exchange)
{
    const struct remote_setup *setup = &exchange->client->setup;
    const char *proxy = url_is_https(exchange->now) ? setup->https_proxy : setup->http_proxy;
    if (!proxy || url_is_loopback(exchange->now))
        proxy = "";
    set(exchange, PROXY, proxy);
    set(exchange, NOPROXY, setup->no_proxy ? setup->no_proxy : "");
    set(exchange, SUPPRESS_CONNECT_HEADERS, 1L);
    set(exchange, HEADEROPT, (long)CURLHEADER_SEPARATE); /* the proxy is told no credentials */
}

static void blob_set(struct exchange *exchange, CURLoption option, const char *text)
{
    struct curl_blob blob = { (void *)text, text ? strlen(text) : 0, CURL_BLOB_NOCOPY };
    if (text)
        (void)curl_easy_setopt(exchange->easy, option, &blob);
}

static void trust_set(struct exchange *exchange)
{
    const struct remote_endpoint *config = exchange->endpoint->config;
    tls_story_unref(exchange->story);
    exchange->story = tls_story_new(exchange->client->roots);
    /* Whoever else it names or redirects to was not meant. */
    bool insecure = config->insecure && url_same_host(exchange->now, exchange->endpoint->base);
    tls_prepare(exchange->easy, exchange->story, !insecure);
    blob_set(exchange, CURLOPT_CAINFO_BLOB, config->ca);
    /* Who the client is concerns the endpoint, and the realm it names, but not whom it redirects
     * to. */
    bool own = url_same_origin(exchange->now, exchange->endpoint->base) ||
               (exchange->flags & EXCHANGE_OWN_AUTH && exchange->redirects == 0);
    if (own && config->identities.len == 1) {
        blob_set(exchange, CURLOPT_SSLCERT_BLOB, config->identities.at[0].cert);
        blob_set(exchange, CURLOPT_SSLKEY_BLOB, config->identities.at[0].key);
    } else if (own) { /* libcurl knows of one only */
        exchange->story->identities = config->identities.at;
        exchange->story->n_identities = config->identities.len;
    }
}

static void headers_set(struct exchange *exchange, const char *authorization)
{
    for (size_t i = 0; i < exchange->headers.len; i++)
        exchange->list = curl_slist_append(exchange->list, exchange->headers.at[i]);
    if (exchange->body.present)
        exchange->list = curl_slist_append(exchange->list, "Expect:"); /* waits a second else */
    if (authorization)
        exchange->list = curl_slist_append(exchange->list, authorization);
    set(exchange, HTTPHEADER, exchange->list);
}

int exchange_try(struct exchange *exchange, const char *authorization, struct err *err)
{
    exchange_try_drop(exchange);
    exchange->easy = curl_easy_init();
    if (!exchange->easy)
        return err_set(err, ERR_SYSTEM, "libcurl does not start");
    exchange->status = 0;
    exchange->head_bytes = 0;
    exchange->came = 0;
    exchange->rate_ms = 0;
    exchange->paused = false;
    exchange->cut = false;
    exchange->body_at = 0;
    exchange->problem.kind = ERR_NONE;
    str_clear(&exchange->document);
    set(exchange, URL, exchange->now);
    set(exchange, ERRORBUFFER, exchange->said);
    callbacks_set(exchange);
    times_set(exchange);
    method_set(exchange);
    proxy_set(exchange);
    trust_set(exchange);
    headers_set(exchange, authorization);
    if (network_add(&exchange->client->network, exchange->easy, err) < 0)
        return -1;
    exchange->in_network = true;
    stall_watch(exchange);
    return 0;
}

void exchange_try_drop(struct exchange *exchange)
{
    if (exchange->in_network)
        network_remove(&exchange->client->network, exchange->easy);
    exchange->in_network = false;
    timer_drop(&exchange->client->loop, &exchange->stall);
    curl_easy_cleanup(exchange->easy);
    exchange->easy = NULL;
    curl_slist_free_all(exchange->list);
    exchange->list = NULL;
}
