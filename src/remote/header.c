/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/header.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/str.h"

/* Digits from *at on; behind them is left there. */
static bool digits_read(const char **at, uint64_t *ret_value)
{
    size_t len = strspn(*at, "0123456789");
    auto_free char *digits = xstrndup(*at, len < 32 ? len : 32);
    struct err ignored;
    if (len == 0 || len > 20 ||
        number_parse_unsigned(digits, UINT64_MAX - 1, "number", ret_value, &ignored) < 0)
        return false;
    *at += len;
    return true;
}

bool retry_after_parse(const char *text, time_t now, uint32_t *ret_seconds)
{
    uint64_t seconds;
    text += strspn(text, " \t");
    if (isdigit((unsigned char)*text)) {
        if (!digits_read(&text, &seconds) || text[strspn(text, " \t")])
            return false;
    } else {
        time_t date = curl_getdate(text, NULL);
        if (date < 0)
            return false;
        seconds = date > now ? (uint64_t)(date - now) : 0;
    }
    *ret_seconds = seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
    return true;
}

bool content_range_parse(const char *text, uint64_t *ret_first, uint64_t *ret_last,
                         uint64_t *ret_size)
{
    uint64_t first, last, size = UINT64_MAX;
    text += strspn(text, " \t");
    if (strncasecmp(text, "bytes", 5) != 0)
        return false;
    text += 5 + strspn(text + 5, " \t=");
    if (!digits_read(&text, &first) || *text++ != '-' || !digits_read(&text, &last) ||
        *text++ != '/')
        return false;
    if (*text == '*')
        text++;
    else if (!digits_read(&text, &size))
        return false;
    if (text[strspn(text, " \t")] || last < first || last >= size)
        return false;
    *ret_first = first;
    *ret_last = last;
    *ret_size = size;
    return true;
}

bool upload_range_parse(const char *text, uint64_t *ret_bytes)
{
    uint64_t first, last;
    text += strspn(text, " \t");
    if (strncasecmp(text, "bytes", 5) == 0)
        text += 5 + strspn(text + 5, " \t=");
    if (!digits_read(&text, &first) || *text++ != '-' || !digits_read(&text, &last) ||
        text[strspn(text, " \t")] || first != 0)
        return false;
    *ret_bytes = last == 0 ? 0 : last + 1;
    return true;
}

/* Whether the words of a relation, quoted or not, have "next" among them. */
static bool relation_is_next(const char *at, size_t len)
{
    while (len > 0) {
        size_t blanks = 0, word = 0;
        while (blanks < len && strchr(" \t\"", at[blanks]))
            blanks++;
        at += blanks;
        len -= blanks;
        while (word < len && !strchr(" \t\"", at[word]))
            word++;
        if (word == 4 && strncasecmp(at, "next", 4) == 0)
            return true;
        at += word;
        len -= word;
    }
    return false;
}

/* The parameters behind a link's ">". Gives where they end: at the comma, or the text's end. */
static const char *link_params(const char *at, bool *ret_next)
{
    *ret_next = false;
    while (*at && *at != ',') {
        at += strspn(at, " \t;");
        const char *name = at;
        at += strcspn(at, "=;,");
        if (*at != '=')
            continue;
        const char *value = ++at;
        if (*value == '"')
            at += 1 + strcspn(at + 1, "\"");
        at += strcspn(at, ";,");
        if (strncasecmp(name, "rel=", 4) == 0 && relation_is_next(value, (size_t)(at - value)))
            *ret_next = true;
    }
    return at;
}

char *link_next(const char *text)
{
    for (;;) {
        text += strspn(text, " \t,");
        if (*text != '<')
            return NULL;
        const char *url = ++text;
        text += strcspn(text, ">");
        if (!*text)
            return NULL;
        size_t len = (size_t)(text - url);
        bool next;
        text = link_params(text + 1, &next);
        if (next)
            return xstrndup(url, len);
    }
}
