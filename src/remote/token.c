/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens as the distribution project describes them: GET of the realm with service and scopes in
 * its query and the user's name and password; or, with an identity token, a POST of OAuth 2.
 *
 * A row per scope that operations ask for. What the registry's challenge wants besides is added to
 * what the row asks of the realm. Exchanges that need a token that is not there wait in its row.
 */
#include "remote/token.h"

#include <string.h>

#include "base/base64.h"
#include "base/field.h"
#include "remote/client.h"
#include "remote/exchange.h"
#include "remote/failure.h"
#include "remote/url.h"

enum {
    LIFE_SECONDS = 60, /* of a token that does not say, or says less: the specification's */
    LIFE_MAX_SECONDS = 24 * 3600,
    MARGIN_SECONDS = 10,
    SCOPES_MAX = 32,
};

struct token {
    struct token *next;
    struct endpoint *endpoint;
    char *key;             /* as exchanges have it; empty: none */
    struct strings scopes; /* as the realm is asked */
    char *value;           /* NULL: to be fetched */
    uint64_t until_ms;
    uint64_t serial; /* of the value */
    struct exchange *fetch;
    char *form; /* its body */
    struct exchange *waiters;
};

static void secret_free(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

/* ---- the answer of a realm ---- */

struct token_answer {
    char *token;
    char *access_token;
    struct maybe_u64 expires_in;
};

static const struct field answer_fields[] = {
    FIELD_TEXT(token_answer, token, "token", 0),
    FIELD_TEXT(token_answer, access_token, "access_token", 0),
    FIELD_MAYBE_U64(token_answer, expires_in, "expires_in", 0),
    FIELD_END,
};

/* It becomes part of a header. */
static bool token_plain(const char *token)
{
    for (; *token; token++)
        if (*token <= ' ' || *token > '~')
            return false;
    return true;
}

int token_parse(const char *json, size_t len, char **ret_token, uint32_t *ret_seconds,
                struct err *err)
{
    struct token_answer answer = {};
    if (field_read(answer_fields, json, len, "its answer", 0, &answer, err) < 0)
        return -1;
    char **token = answer.token && answer.token[0] ? &answer.token : &answer.access_token;
    uint64_t seconds = answer.expires_in.set ? answer.expires_in.value : 0;
    int result = 0;
    if (!*token || !(*token)[0] || !token_plain(*token)) {
        result = err_set(err, ERR_INVALID, "its answer holds no token");
    } else {
        *ret_token = take_ptr(*token);
        seconds = seconds < LIFE_SECONDS ? LIFE_SECONDS : seconds;
        *ret_seconds = (uint32_t)(seconds < LIFE_MAX_SECONDS ? seconds : LIFE_MAX_SECONDS);
    }
    field_done(answer_fields, &answer);
    return result;
}

/* ---- what is asked ---- */

void scope_add(struct strings *scopes, const char *more)
{
    while (*more) {
        more += strspn(more, " ");
        size_t len = strcspn(more, " ");
        auto_free char *scope = xstrndup(more, len);
        if (len > 0 && scopes->len < SCOPES_MAX && !strings_have(scopes, scope))
            strings_add(scopes, scope);
        more += len;
    }
}

bool realm_secure_enough(const char *realm, const struct endpoint *endpoint)
{
    if (url_is_https(realm) || (endpoint->config->insecure && url_same_host(realm, endpoint->base)))
        return true;
    return !url_is_https(endpoint->base) && url_is_loopback(realm);
}

static char *basic_header(const struct remote_endpoint *config)
{
    auto_free char *pair =
        xasprintf("%s:%s", config->username, config->password ? config->password : "");
    struct str header = {};
    str_add(&header, "Authorization: Basic ");
    base64_add(&header, pair, strlen(pair));
    explicit_bzero(pair, strlen(pair));
    return str_take(&header);
}

static int realm_url(const struct token *token, char **ret_url, struct err *err)
{
    const struct endpoint *endpoint = token->endpoint;
    auto_free char *url = NULL;
    if (url_resolve(NULL, endpoint->challenge.realm, &url, err) < 0)
        return err_set(err, ERR_INVALID, "it names what is no URL for tokens");
    auto_free char *host = url_host(url);
    if (!realm_secure_enough(url, endpoint)) {
        err_set(err, ERR_DENIED, "it wants tokens from %s over plain HTTP", host);
        return err_hint(err, "if that is meant to be, use --tls-verify=false");
    }
    *ret_url = take_ptr(url);
    return 0;
}

static int get_query(const struct token *token, char **url, struct err *err)
{
    const struct endpoint *endpoint = token->endpoint;
    const char *service = endpoint->challenge.service;
    const char *account = endpoint->config->username;
    if ((service && url_query_add(url, "service", service, err) < 0) ||
        url_query_add(url, "client_id", "ruche", err) < 0 ||
        (account && url_query_add(url, "account", account, err) < 0))
        return -1;
    for (size_t i = 0; i < token->scopes.len; i++)
        if (url_query_add(url, "scope", token->scopes.at[i], err) < 0)
            return -1;
    return 0;
}

static void form_add(struct str *form, const char *key, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, (int)strlen(value));
    str_addf(form, "%s%s=%s", form->len > 0 ? "&" : "", key, escaped ? escaped : "");
    curl_free(escaped);
}

static char *oauth_form(const struct token *token)
{
    auto_done(str) form = {};
    auto_done(str) scopes = {};
    const struct endpoint *endpoint = token->endpoint;
    form_add(&form, "grant_type", "refresh_token");
    form_add(&form, "refresh_token", endpoint->config->identity_token);
    form_add(&form, "client_id", "ruche");
    form_add(&form, "service", endpoint->challenge.service ? endpoint->challenge.service : "");
    for (size_t i = 0; i < token->scopes.len; i++)
        str_addf(&scopes, "%s%s", i > 0 ? " " : "", token->scopes.at[i]);
    if (scopes.len > 0)
        form_add(&form, "scope", str_text(&scopes));
    return str_take(&form);
}

/* ---- fetching ---- */

static void waiters_release(struct token *token, const struct err *failure)
{
    while (token->waiters) {
        struct exchange *waiter = token->waiters;
        token->waiters = waiter->next_waiter;
        waiter->next_waiter = NULL;
        if (failure)
            exchange_token_failed(waiter, failure);
        else
            exchange_token_came(waiter);
    }
}

static int answer_take(struct token *token, const struct exchange *fetch, struct err *err)
{
    uint32_t seconds = 0;
    if (fetch->status != 200)
        return failure_of_status(fetch, err);
    if (token_parse(str_text(&fetch->document), fetch->document.len, &token->value, &seconds, err) <
        0)
        return failure_name(fetch, err);
    token->serial++;
    token->until_ms = clock_ms() + (uint64_t)(seconds - MARGIN_SECONDS) * 1000;
    return 0;
}

static void token_answered(void *context, struct exchange *fetch, const struct err *failure)
{
    struct token *token = context;
    struct err err;
    if (!failure && answer_take(token, fetch, &err) < 0)
        failure = &err;
    else if (failure)
        err = *failure; /* the exchange goes, and it may be in there */
    exchange_free(take_ptr(token->fetch));
    secret_free(&token->form);
    waiters_release(token, failure ? &err : NULL);
}

static int token_fetch(struct token *token, struct client *client, struct err *err)
{
    struct endpoint *endpoint = token->endpoint;
    bool oauth = endpoint->config->identity_token;
    auto_free char *url = NULL;
    if (realm_url(token, &url, err) < 0 || (!oauth && get_query(token, &url, err) < 0))
        return -1;
    struct exchange *fetch = exchange_new(client, endpoint, oauth ? "POST" : "GET", url);
    auto_free char *host = url_host(url);
    fetch->what = xasprintf("token of %s", host);
    fetch->flags = EXCHANGE_OWN_AUTH;
    fetch->document_max = TOKEN_BODY_MAX;
    fetch->done = token_answered;
    fetch->context = token;
    if (oauth) {
        fetch->flags |= EXCHANGE_SECRET_BODY;
        token->form = oauth_form(token);
        fetch->body = (struct exchange_body){ token->form, -1, 0, strlen(token->form), true };
        exchange_header_add(fetch, "Content-Type", "application/x-www-form-urlencoded");
    } else if (endpoint->config->username) {
        fetch->authorization = basic_header(endpoint->config);
    }
    token->fetch = fetch;
    exchange_start(fetch);
    return 0;
}

static struct token *token_of(struct endpoint *endpoint, const char *scope)
{
    const char *key = scope ? scope : "";
    struct token *token = endpoint->tokens;
    while (token && strcmp(token->key, key) != 0)
        token = token->next;
    if (token)
        return token;
    token = xnew(struct token);
    token->endpoint = endpoint;
    token->key = xstrdup(key);
    scope_add(&token->scopes, key);
    token->next = endpoint->tokens;
    endpoint->tokens = token;
    return token;
}

/* As token_authorize. */
static int bearer_authorize(struct exchange *exchange, char **ret_header, struct err *err)
{
    struct token *token = token_of(exchange->endpoint, exchange->scope);
    exchange->token = token;
    if (token->value && clock_ms() < token->until_ms) {
        exchange->token_serial = token->serial;
        *ret_header = xasprintf("Authorization: Bearer %s", token->value);
        return 1;
    }
    secret_free(&token->value);
    if (!token->fetch && token_fetch(token, exchange->client, err) < 0)
        return -1;
    exchange->next_waiter = token->waiters;
    token->waiters = exchange;
    return 0;
}

int token_authorize(struct exchange *exchange, char **ret_header, struct err *err)
{
    const struct endpoint *endpoint = exchange->endpoint;
    const struct remote_endpoint *config = endpoint->config;
    *ret_header = NULL;
    if (config->registry_token) {
        *ret_header = xasprintf("Authorization: Bearer %s", config->registry_token);
        return 1;
    }
    switch (endpoint->challenge.scheme) {
    case CHALLENGE_BEARER:
        return bearer_authorize(exchange, ret_header, err);
    case CHALLENGE_BASIC:
        if (config->username)
            *ret_header = basic_header(config);
        return 1;
    case CHALLENGE_NONE:
        return 1;
    }
    return 1;
}

static void scope_learn(struct token *token, const char *scope)
{
    size_t before = token->scopes.len;
    scope_add(&token->scopes, scope ? scope : "");
    if (token->scopes.len > before)
        secret_free(&token->value);
}

bool token_challenged(struct exchange *exchange)
{
    struct endpoint *endpoint = exchange->endpoint;
    struct challenge challenge = {};
    const char *header;
    for (size_t i = 0; (header = exchange_header_at(exchange, "WWW-Authenticate", i)); i++)
        challenge_read(header, &challenge);
    bool basic_told = endpoint->challenge.scheme == CHALLENGE_BASIC && exchange->challenged > 1;
    if (challenge.scheme == CHALLENGE_NONE || endpoint->config->registry_token ||
        (challenge.scheme == CHALLENGE_BASIC && (!endpoint->config->username || basic_told))) {
        challenge_done(&challenge);
        return false;
    }
    challenge_done(&endpoint->challenge);
    endpoint->challenge = challenge;
    if (challenge.scheme == CHALLENGE_BASIC)
        return true;
    struct token *token = token_of(endpoint, exchange->scope);
    /* It was refused with this very token. */
    if (exchange->token == token && exchange->token_serial == token->serial)
        secret_free(&token->value);
    scope_learn(token, challenge.scope);
    return true;
}

void token_forget(struct exchange *exchange)
{
    if (!exchange->token)
        return;
    struct exchange **at = &exchange->token->waiters;
    while (*at && *at != exchange)
        at = &(*at)->next_waiter;
    if (*at)
        *at = exchange->next_waiter;
}

void tokens_free(struct endpoint *endpoint)
{
    while (endpoint->tokens) {
        struct token *token = endpoint->tokens;
        endpoint->tokens = token->next;
        exchange_free(token->fetch);
        secret_free(&token->value);
        secret_free(&token->form);
        strings_done(&token->scopes);
        free(token->key);
        free(token);
    }
}
