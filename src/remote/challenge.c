/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   challenges = challenge *( "," challenge )
 *   challenge  = scheme [ 1*SP ( token68 / [ param *( "," param ) ] ) ]
 *   param      = token "=" ( token / quoted-string )
 *
 * The comma stands between parameters and between challenges: what follows it is a parameter if an
 * equals sign is behind its first word, and else the next scheme.
 */
#include "remote/challenge.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

enum { HEADER_MAX = 16 << 10 };

static const char *blanks_pass(const char *at)
{
    return at + strspn(at, " \t");
}

/* The characters of a token (RFC 9110, 5.6.2). */
static size_t token_len(const char *at)
{
    size_t len = 0;
    while (isalnum((unsigned char)at[len]) || (at[len] && strchr("!#$%&'*+-.^_`|~", at[len])))
        len++;
    return len;
}

/* Whether a parameter begins here, and where its value does. */
static const char *param_value(const char *at)
{
    size_t len = token_len(at);
    const char *behind = blanks_pass(at + len);
    if (len == 0 || *behind != '=')
        return NULL;
    behind = blanks_pass(behind + 1);
    /* "abc==" is a token68, and what ends behind "=" is one too. */
    return *behind == '=' || *behind == ',' || !*behind ? NULL : behind;
}

/* Reads a value, quoted or not. Gives what is behind it; *ret_value is the caller's, NULL if the
 * quotes are not closed. */
static const char *value_read(const char *at, char **ret_value)
{
    if (*at != '"') {
        /* Not only a token: registries write scopes and URLs without quotes. */
        size_t len = strcspn(at, ", \t\"");
        *ret_value = xstrndup(at, len);
        return at + len;
    }
    auto_done(str) value = {};
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        str_add_char(&value, *at);
    }
    *ret_value = *at ? str_take(&value) : NULL;
    return *at ? at + 1 : at;
}

static void param_keep(struct challenge *challenge, const char *name, size_t len, char *value)
{
    const struct {
        const char *name;
        char **into;
    } params[] = {
        { "realm", &challenge->realm },
        { "service", &challenge->service },
        { "scope", &challenge->scope },
    };
    for (size_t i = 0; i < array_size(params); i++) {
        bool is = strlen(params[i].name) == len && strncasecmp(params[i].name, name, len) == 0;
        if (!is || *params[i].into)
            continue;
        *params[i].into = value;
        return;
    }
    free(value);
}

/* Reads the parameters behind a scheme. Gives where the next challenge begins. */
static const char *params_read(const char *at, struct challenge *challenge)
{
    for (;;) {
        at += strspn(at, " \t,");
        const char *begins = param_value(at);
        if (!begins)
            return at;
        const char *name = at;
        size_t len = token_len(at);
        char *value;
        at = value_read(begins, &value);
        param_keep(challenge, name, len, value);
    }
}

static enum challenge_scheme scheme_of(const char *at, size_t len)
{
    if (len == strlen("bearer") && strncasecmp(at, "bearer", len) == 0)
        return CHALLENGE_BEARER;
    if (len == strlen("basic") && strncasecmp(at, "basic", len) == 0)
        return CHALLENGE_BASIC;
    return CHALLENGE_NONE;
}

void challenge_read(const char *header, struct challenge *into)
{
    if (strlen(header) > HEADER_MAX)
        return;
    const char *at = header + strspn(header, " \t,");
    while (*at) {
        struct challenge challenge = {};
        size_t len = token_len(at);
        challenge.scheme = scheme_of(at, len);
        at = params_read(at + len, &challenge);
        bool better = challenge.scheme > into->scheme;
        if (challenge.scheme == CHALLENGE_BEARER && !(challenge.realm && challenge.realm[0]))
            better = false;
        if (better) {
            challenge_done(into);
            *into = challenge;
        } else {
            challenge_done(&challenge);
        }
        /* A token68, or what is nothing at all. */
        if (token_len(at) == 0 || len == 0)
            at += strcspn(at, ",");
        at += strspn(at, " \t,");
    }
}

void challenge_done(struct challenge *challenge)
{
    free(challenge->realm);
    free(challenge->service);
    free(challenge->scope);
    *challenge = (struct challenge){};
}
