/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of an exchange:
 *
 *   start ── begin: the URL as asked ── authorize: is it the endpoint's own origin? then what it
 *   wants to be told, after a token was fetched perhaps ── a try, by libcurl ── ended:
 *
 *   - 401 of the endpoint's own origin: its challenge is read, and it is authorized anew;
 *   - a redirect: authorized anew at the place it leads to, where nothing is told to a stranger;
 *   - 429, 5xx, a connection that breaks or stalls: begins once more, after a while;
 *   - TLS not spoken, where plain HTTP will do: begins once more without it;
 *   - all else is the answer, or the failure: done.
 *
 * `done` is called by the loop only, never from within exchange_start: whatever fails there waits
 * for a timer of no time.
 */
#include "remote/exchange.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "remote/client.h"
#include "remote/exchange_try.h"
#include "remote/failure.h"
#include "remote/header.h"
#include "remote/token.h"
#include "remote/url.h"

enum {
    REDIRECTS_MAX = 10,
    CHALLENGES_MAX = 2,
    TRIES_MAX = 5,
    TRIES_MAX_MIRROR = 1, /* there is another */
    TRIES_MAX_UNMET = 1,  /* who never answered may not be there at all */
    RETRY_AFTER_MAX_SECONDS = 60,
    NOTE_FROM_MS = 1000, /* the user is told of waits that are felt */
};

static const uint32_t back_off_ms[] = { 50, 300, 1000, 3000, 9000 };

/* ---- a life ---- */

static void timer_rung(void *context);

struct exchange *exchange_new(struct client *client, struct endpoint *endpoint, const char *method,
                              const char *url)
{
    struct exchange *exchange = xnew(struct exchange);
    exchange->client = client;
    exchange->endpoint = endpoint;
    exchange->method = method;
    exchange->url = xstrdup(url);
    exchange->document_max = DOCUMENT_MAX;
    exchange->body.file = -1;
    exchange->timer = (struct timer){ .rung = timer_rung, .context = exchange };
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    exchange_try_drop(exchange);
    token_forget(exchange);
    timer_drop(&exchange->client->loop, &exchange->timer);
    tls_story_unref(exchange->story);
    if (exchange->authorization)
        explicit_bzero(exchange->authorization, strlen(exchange->authorization));
    free(exchange->authorization);
    free(exchange->url);
    free(exchange->what);
    free(exchange->scope);
    free(exchange->now);
    strings_done(&exchange->headers);
    str_done(&exchange->document);
    free(exchange);
}

void exchange_header_add(struct exchange *exchange, const char *name, const char *value)
{
    strings_addf(&exchange->headers, "%s: %s", name, value);
}

const char *exchange_header_at(const struct exchange *exchange, const char *name, size_t i)
{
    struct curl_header *header;
    if (!exchange->easy ||
        curl_easy_header(exchange->easy, name, i, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    return exchange_header_at(exchange, name, 0);
}

/* Told by the loop, since the caller may not be ready for it. */
static void fail(struct exchange *exchange, const struct err *failure)
{
    exchange->problem = *failure;
    timer_set(&exchange->client->loop, &exchange->timer, 0);
}

/* ---- a try begins ---- */

static int place_absolute(struct exchange *exchange, struct err *err)
{
    free(exchange->now);
    exchange->now = NULL;
    const char *base = exchange->url[0] == '/' ? exchange->endpoint->base : NULL;
    return url_resolve(base, exchange->url, &exchange->now, err);
}

static bool at_home(const struct exchange *exchange)
{
    return url_same_origin(exchange->now, exchange->endpoint->base);
}

/* Returns 1: *ret_header is what the place that is asked may be told; 0: it will be known later. */
static int header_find(struct exchange *exchange, char **ret_header, struct err *err)
{
    *ret_header = NULL;
    if (exchange->flags & EXCHANGE_ANONYMOUS)
        return 1;
    if (exchange->flags & EXCHANGE_OWN_AUTH) {
        if (exchange->authorization && url_same_origin(exchange->now, exchange->url))
            *ret_header = xstrdup(exchange->authorization);
        return 1;
    }
    return at_home(exchange) ? token_authorize(exchange, ret_header, err) : 1;
}

static void authorize(struct exchange *exchange)
{
    auto_free char *header = NULL;
    struct err err;
    int known = header_find(exchange, &header, &err);
    if (known == 0)
        return;
    if (known < 0 || exchange_try(exchange, header, &err) < 0)
        fail(exchange, &err);
    if (header)
        explicit_bzero(header, strlen(header));
}

static void begin(struct exchange *exchange)
{
    struct err err;
    exchange->redirects = 0;
    if (place_absolute(exchange, &err) < 0) {
        fail(exchange, &err);
        return;
    }
    if (exchange->prepare)
        exchange->prepare(exchange->context, exchange);
    authorize(exchange);
}

void exchange_start(struct exchange *exchange)
{
    exchange->tries = 0;
    begin(exchange);
}

void exchange_start_later(struct exchange *exchange, uint64_t delay_ms)
{
    timer_set(&exchange->client->loop, &exchange->timer, delay_ms);
}

void exchange_again(struct exchange *exchange)
{
    begin(exchange);
}

static void timer_rung(void *context)
{
    struct exchange *exchange = context;
    struct err failure = exchange->problem;
    if (failure.kind == ERR_NONE) {
        begin(exchange);
        return;
    }
    failure_name(exchange, &failure);
    exchange->done(exchange->context, exchange, &failure);
}

void exchange_token_came(struct exchange *exchange)
{
    authorize(exchange);
}

void exchange_token_failed(struct exchange *exchange, const struct err *failure)
{
    fail(exchange, failure);
}

/* ---- again ---- */

static uint32_t jitter(uint32_t ms)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK); /* no chance: 0 is as good */
    return ms / 2 + random % (ms / 2 + 1);
}

static uint64_t tries_max(const struct exchange *exchange)
{
    const struct maybe_u64 *set = &exchange->client->setup.retries;
    uint64_t most = set->set ? set->value : TRIES_MAX;
    if (exchange->flags & EXCHANGE_ONCE)
        most = 0;
    else if (exchange->endpoint->config->mirror && most > TRIES_MAX_MIRROR)
        most = TRIES_MAX_MIRROR;
    else if (!exchange->endpoint->met && most > TRIES_MAX_UNMET)
        most = TRIES_MAX_UNMET;
    return most;
}

static uint32_t back_off(struct exchange *exchange)
{
    size_t last = array_size(back_off_ms) - 1;
    size_t i = exchange->tries < last ? exchange->tries : last;
    exchange->tries++;
    return jitter(back_off_ms[i]);
}

static void retry_note(struct exchange *exchange, uint32_t delay_ms, const char *why)
{
    if (delay_ms < NOTE_FROM_MS || exchange->id == 0)
        return;
    auto_free char *text = xasprintf("%s; asked again in %u s", why, (delay_ms + 500) / 1000);
    channel_note(&exchange->client->channel, exchange->id, text);
}

/* Begins once more after a while. False: that has been tried often enough, or would take too long. */
static bool retried(struct exchange *exchange, const char *why)
{
    uint32_t seconds = 0, delay_ms = 0;
    const char *after = exchange_header(exchange, "Retry-After");
    if (after && retry_after_parse(after, time(NULL), &seconds) &&
        seconds > RETRY_AFTER_MAX_SECONDS)
        return false;
    if (exchange->advanced && exchange->advanced(exchange->context))
        exchange->tries = 0;
    else if (exchange->tries >= tries_max(exchange))
        return false;
    else
        delay_ms = back_off(exchange);
    if (delay_ms < seconds * 1000)
        delay_ms = seconds * 1000 + jitter(200);
    retry_note(exchange, delay_ms, why);
    exchange->problem.kind = ERR_NONE;
    timer_set(&exchange->client->loop, &exchange->timer, delay_ms);
    return true;
}

/* ---- a try ended ---- */

static bool is_redirect(const struct exchange *exchange)
{
    switch (exchange->status) {
    case 301:
    case 302:
    case 303:
        /* Else they turn into a GET, which is another question. */
        return strcmp(exchange->method, "GET") == 0 || strcmp(exchange->method, "HEAD") == 0;
    case 307:
    case 308:
        return true;
    default:
        return false;
    }
}

static int redirect_follow(struct exchange *exchange, const char *location, struct err *err)
{
    auto_free char *next = NULL;
    if (++exchange->redirects > REDIRECTS_MAX)
        return err_set(err, ERR_INVALID, "it redirects more than %d times", REDIRECTS_MAX);
    if (url_resolve(exchange->now, location, &next, err) < 0)
        return err_set(err, ERR_INVALID, "it redirects to what is no URL");
    auto_free char *host = url_host(next);
    if (url_is_https(exchange->now) && !url_is_https(next))
        return err_set(err, ERR_DENIED, "it redirects from https to plain HTTP at %s", host);
    if (exchange->flags & EXCHANGE_SECRET_BODY && !url_same_origin(exchange->now, next))
        return err_set(err, ERR_DENIED, "it redirects credentials to %s", host);
    free(exchange->now);
    exchange->now = take_ptr(next);
    return 0;
}

static void redirected(struct exchange *exchange, const char *location)
{
    struct err err;
    if (redirect_follow(exchange, location, &err) < 0)
        fail(exchange, &err);
    else
        authorize(exchange);
}

/* Whether the endpoint's challenge has been taken up. */
static bool challenge_taken(struct exchange *exchange)
{
    const unsigned own = EXCHANGE_OWN_AUTH | EXCHANGE_ANONYMOUS;
    if (exchange->status != 401 || exchange->flags & own || !at_home(exchange) ||
        exchange->challenged++ >= CHALLENGES_MAX || !token_challenged(exchange))
        return false;
    authorize(exchange);
    return true;
}

static void answered(struct exchange *exchange)
{
    if (challenge_taken(exchange))
        return;
    const char *location = exchange_header(exchange, "Location");
    if (is_redirect(exchange) && location) {
        redirected(exchange, location);
        return;
    }
    if (status_passes(exchange->status)) {
        struct err why;
        failure_of_status(exchange, &why);
        if (retried(exchange, why.text))
            return;
    }
    exchange->done(exchange->context, exchange, NULL);
}

/* Whether the transfer broke because nobody there speaks TLS. */
static bool tls_missing(const struct exchange *exchange, CURLcode code)
{
    if (exchange->story->spoken || exchange->redirects > 0 || !url_is_https(exchange->now) ||
        failure_of_proxy(exchange))
        return false;
    switch ((int)code) {        /* an enum of a hundred */
    case CURLE_COULDNT_CONNECT: /* where plain HTTP would be at another port */
        return !url_names_port(exchange->now);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return true;
    default:
        return false;
    }
}

/* Whether plain HTTP will do, and is tried now. */
static bool turned_plain(struct exchange *exchange, CURLcode code)
{
    struct endpoint *endpoint = exchange->endpoint;
    char *plain;
    struct err ignored;
    if (!endpoint->may_be_plain || exchange->plain || exchange->url[0] != '/' ||
        !tls_missing(exchange, code))
        return false;
    if (endpoint->met && url_is_https(endpoint->base))
        return false; /* it does speak TLS: somebody else would have us do without */
    exchange->plain = true;
    /* Another exchange may have found out already. */
    if (url_is_https(endpoint->base)) {
        if (url_with_scheme(endpoint->base, "http", &plain, &ignored) < 0)
            return false;
        free(endpoint->base);
        endpoint->base = plain;
    }
    begin(exchange);
    return true;
}

static void broken(struct exchange *exchange, CURLcode code)
{
    struct err failure = exchange->problem;
    if (failure.kind == ERR_NONE) {
        if (turned_plain(exchange, code))
            return;
        failure_of_transfer(exchange, code, &failure);
        if (failure_passes(code) && retried(exchange, failure.text))
            return;
    } else {
        failure_name(exchange, &failure);
    }
    exchange->done(exchange->context, exchange, &failure);
}

void exchange_ended(void *transfer, CURLcode code)
{
    struct exchange *exchange = transfer;
    exchange->in_network = false;
    timer_drop(&exchange->client->loop, &exchange->stall);
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status);
    if (exchange->status && at_home(exchange))
        exchange->endpoint->met = true;
    if (code == CURLE_OK || exchange->cut)
        answered(exchange);
    else
        broken(exchange, code);
}
