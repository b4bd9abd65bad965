/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/failure.h"

#include <string.h>

#include "base/errnum.h"
#include "base/field.h"
#include "base/str.h"
#include "remote/client.h"
#include "remote/exchange.h"
#include "remote/url.h"

enum { SAID_MAX = 300 };

/* ---- what the other side says ---- */

struct said {
    char *code;
    char *message;
};

struct answer {
    ARRAY_OF(said) errors; /* of a registry */
    char *details;         /* of a token server */
    char *description;
    char *message;
};

static const struct field said_fields[] = {
    FIELD_TEXT(said, code, "code", 0),
    FIELD_TEXT(said, message, "message", 0),
    FIELD_END,
};

static const struct field answer_fields[] = {
    FIELD_ARRAY(answer, errors, "errors", 0, said, said_fields),
    FIELD_TEXT(answer, details, "details", 0),
    FIELD_TEXT(answer, description, "error_description", 0),
    FIELD_TEXT(answer, message, "message", 0),
    FIELD_END,
};

static void said_add(struct str *out, const char *text)
{
    auto_done(str) escaped = {};
    text_escape(&escaped, text, strnlen(text, SAID_MAX));
    str_add(out, str_text(&escaped));
    if (strlen(text) > SAID_MAX)
        str_add(out, "…");
}

/* Adds what the body of an error says, if it is one of those that registries write. */
static void body_add(const struct exchange *exchange, struct str *out)
{
    struct answer answer = {};
    struct err ignored;
    if (exchange->document.len == 0 ||
        field_read(answer_fields, exchange->document.at, exchange->document.len, "answer", 0,
                   &answer, &ignored) < 0)
        return;
    const struct said *first = answer.errors.len > 0 ? &answer.errors.at[0] : NULL;
    const char *texts[] = {
        first ? first->message : NULL, answer.details, answer.description, answer.message,
        first ? first->code : NULL,
    };
    for (size_t i = 0; i < array_size(texts); i++) {
        if (!texts[i] || !texts[i][0])
            continue;
        said_add(out, texts[i]);
        break;
    }
    field_done(answer_fields, &answer);
}

/* ---- answers ---- */

bool status_passes(long status)
{
    return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
           status == 503 || status == 504;
}

static enum err_kind kind_of(long status)
{
    switch (status) {
    case 401:
    case 403:
        return ERR_DENIED;
    case 404:
        return ERR_NOT_FOUND;
    case 405:
    case 501:
        return ERR_UNSUPPORTED;
    case 400:
    case 413:
        return ERR_INVALID;
    default:
        return ERR_SYSTEM;
    }
}

/* Whoever it was redirected to is told no credentials, and should not be blamed for not liking them. */
static bool is_stranger(const struct exchange *exchange)
{
    const char *home =
        exchange->flags & EXCHANGE_OWN_AUTH ? exchange->url : exchange->endpoint->base;
    return exchange->now && !url_same_origin(exchange->now, home);
}

static bool has_credentials(const struct exchange *exchange)
{
    const struct remote_endpoint *config = exchange->endpoint->config;
    return config->username || config->identity_token || config->registry_token;
}

static const char *words_of(const struct exchange *exchange)
{
    long status = exchange->status;
    if (status == 401 && is_stranger(exchange))
        return "access is denied";
    if (status == 401)
        return has_credentials(exchange) ? "it does not accept the credentials"
                                         : "it wants to know who asks";
    static const struct {
        long status;
        const char *words;
    } rows[] = {
        { 400, "it rejects the request" },
        { 403, "access is denied" },
        { 404, "not found" },
        { 405, "it does not allow that" },
        { 413, "that is too large for it" },
        { 416, "it has no such range" },
        { 429, "it takes no more requests for now" },
    };
    for (size_t i = 0; i < array_size(rows); i++)
        if (rows[i].status == status)
            return rows[i].words;
    return status >= 500 ? "it is in trouble" : "it answers otherwise than it should";
}

int failure_name(const struct exchange *exchange, struct err *err)
{
    const char *name = exchange->endpoint->config->name;
    if (!exchange->what)
        return err_wrap(err, "%s", name);
    /* A token's failure becomes that of who needs it, with the name before it. */
    if (exchange->flags & EXCHANGE_OWN_AUTH)
        return err_wrap(err, "%s", exchange->what);
    return err_wrap(err, "%s: %s", name, exchange->what);
}

/* Who answered, if it was not the endpoint. */
static void elsewhere_add(const struct exchange *exchange, struct str *out)
{
    if (!exchange->now || url_same_origin(exchange->now, exchange->endpoint->base))
        return;
    auto_free char *host = url_host(exchange->now);
    str_addf(out, " of %s", host);
}

static void remedy_add(const struct exchange *exchange, struct err *err)
{
    const struct remote_endpoint *config = exchange->endpoint->config;
    const char *after = exchange_header(exchange, "Retry-After");
    if (exchange->flags & EXCHANGE_ANONYMOUS) {
        if (exchange->status == 401)
            err_hint(err, "passwords are given to registries only; fetch it by another program");
        return;
    }
    if (err->kind == ERR_DENIED && !is_stranger(exchange))
        err_hint(err,
                 has_credentials(exchange)
                     ? "if the credentials are not right any more: ruche login %s"
                     : "log in by: ruche login %s",
                 config->name);
    else if (exchange->status == 429 && after && strlen(after) <= 40 &&
             after[strspn(after, "0123456789")] == '\0')
        err_hint(err, "it asks to wait for %s s", after);
}

int failure_of_status(const struct exchange *exchange, struct err *err)
{
    auto_done(str) text = {};
    auto_done(str) said = {};
    str_add(&text, words_of(exchange));
    body_add(exchange, &said);
    if (said.len > 0)
        str_addf(&text, ": %s", str_text(&said));
    str_addf(&text, " (HTTP %ld", exchange->status);
    elsewhere_add(exchange, &text);
    err_set(err, kind_of(exchange->status), "%s)", str_text(&text));
    if (err->kind == ERR_DENIED)
        err->errnum = REMOTE_REFUSES;
    failure_name(exchange, err);
    remedy_add(exchange, err);
    return -1;
}

/* ---- no answers ---- */

bool failure_passes(CURLcode code)
{
    switch ((int)code) { /* an enum of a hundred */
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_FAIL_REWIND:
        return true;
    default:
        return false;
    }
}

static int certificate_failure(const struct exchange *exchange, struct err *err)
{
    auto_done(str) text = {};
    auto_free char *host = url_host(exchange->now);
    tls_explain(exchange->story, host, &text);
    err_set(err, ERR_DENIED, "%s", str_text(&text));
    const char *name = exchange->endpoint->config->name;
    if (tls_wants_authority(exchange->story))
        return err_hint(err,
                        "put the certificate of its authority into certs.d/%s/ca.crt, or use "
                        "--tls-verify=false",
                        name);
    return err_hint(err, "use --tls-verify=false if you do not mind");
}

/* Servers that go away without one do not always say why. */
static bool certificate_wanted(const struct exchange *exchange)
{
    return exchange->story->wants_certificate &&
           (exchange->endpoint->config->identities.len == 0 || exchange->story->none_fits);
}

/* Whether it was TLS that failed, and not what is spoken through it. */
static bool handshake_failed(const struct exchange *exchange, CURLcode code)
{
    if (code == CURLE_SSL_CONNECT_ERROR)
        return true;
    if (!exchange->story->spoken || exchange->status)
        return false;
    return strstr(exchange->said, "alert") ||
           ((code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING) &&
            certificate_wanted(exchange));
}

static int handshake_failure(const struct exchange *exchange, struct err *err)
{
    const struct remote_endpoint *config = exchange->endpoint->config;
    if (!exchange->story->spoken) {
        err_set(err, ERR_UNSUPPORTED, "it does not speak TLS");
        if (exchange->flags & EXCHANGE_ANONYMOUS)
            return err_hint(err, "if it is a server of plain HTTP, write http:// before it");
        return err_hint(err, "if it is a registry of plain HTTP, use --tls-verify=false");
    }
    if (exchange->story->none_fits)
        return err_set(
            err, ERR_DENIED,
            "it wants a certificate of yours by an authority it names, and none of those "
            "in certs.d/%s is",
            config->name);
    if (certificate_wanted(exchange)) {
        err_set(err, ERR_DENIED, "it wants a certificate of yours");
        return err_hint(err, "put it into certs.d/%s/client.cert, and its key into client.key",
                        config->name);
    }
    auto_done(str) said = {};
    said_add(&said, exchange->said);
    return err_set(err, ERR_DENIED, "no TLS connection: %s", str_text(&said));
}

/* By libcurl's words. */
bool failure_of_proxy(const struct exchange *exchange)
{
    return strstr(exchange->said, "CONNECT tunnel") || strstr(exchange->said, "from proxy");
}

static void transfer_text(const struct exchange *exchange, CURLcode code, struct str *text)
{
    auto_free char *host = url_host(exchange->now);
    long errnum = 0;
    if (failure_of_proxy(exchange)) {
        str_add(text, "the proxy refuses: ");
        said_add(text, exchange->said);
        return;
    }
    switch ((int)code) { /* an enum of a hundred */
    case CURLE_COULDNT_RESOLVE_HOST:
        str_addf(text, "the name %s is not known", host);
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        str_add(text, "the name of the proxy is not known");
        break;
    case CURLE_COULDNT_CONNECT:
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &errnum);
        str_addf(text, "%s cannot be reached: %s", host,
                 errnum ? errnum_text((int)errnum) : "no connection");
        break;
    case CURLE_OPERATION_TIMEDOUT:
        str_addf(text,
                 exchange->status ? "nothing came from %s for too long" : "%s does not answer",
                 host);
        break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        str_addf(text, "what %s answers is no HTTP", host);
        break;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        str_addf(text, "the connection to %s broke", host);
        break;
    default:
        said_add(text, exchange->said[0] ? exchange->said : curl_easy_strerror(code));
        break;
    }
}

/* Who it was, if not the endpoint. */
static int elsewhere_wrap(const struct exchange *exchange, struct err *err)
{
    auto_free char *host = url_host(exchange->now);
    return is_stranger(exchange) ? err_wrap(err, "%s", host) : -1;
}

int failure_of_transfer(const struct exchange *exchange, CURLcode code, struct err *err)
{
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        certificate_failure(exchange, err);
        elsewhere_wrap(exchange, err);
    } else if (handshake_failed(exchange, code)) {
        handshake_failure(exchange, err);
        elsewhere_wrap(exchange, err);
    } else {
        auto_done(str) text = {};
        transfer_text(exchange, code, &text);
        err_set(err, ERR_SYSTEM, "%s", str_text(&text));
    }
    return failure_name(exchange, err);
}
