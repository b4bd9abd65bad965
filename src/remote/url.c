/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/url.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

enum { URL_MAX = 16 << 10 };

static void parts_cleanup(CURLU **parts)
{
    curl_url_cleanup(*parts);
}
#define auto_parts __attribute__((cleanup(parts_cleanup), unused)) CURLU

static void text_release(char **text)
{
    curl_free(*text);
}
#define auto_text __attribute__((cleanup(text_release), unused)) char

/* The URL in its parts, or NULL. */
static CURLU *parts_of(const char *url)
{
    CURLU *parts = curl_url();
    if (parts && strlen(url) <= URL_MAX &&
        curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK)
        return parts;
    curl_url_cleanup(parts);
    return NULL;
}

static char *part(CURLU *parts, CURLUPart which, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(parts, which, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool scheme_known(const char *scheme)
{
    return scheme && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
}

static int parts_url(CURLU *parts, char **ret_url, struct err *err)
{
    auto_text *scheme = part(parts, CURLUPART_SCHEME, 0);
    auto_text *url = part(parts, CURLUPART_URL, 0);
    if (!url || !scheme_known(scheme))
        return err_set(err, ERR_INVALID, "no URL of the scheme http or https");
    *ret_url = xstrdup(url);
    return 0;
}

int url_resolve(const char *base, const char *location, char **ret_url, struct err *err)
{
    auto_parts *parts = base ? parts_of(base) : curl_url();
    if (!parts || strlen(location) > URL_MAX || !location[0] ||
        curl_url_set(parts, CURLUPART_URL, location, CURLU_DISALLOW_USER) != CURLUE_OK)
        return err_set(err, ERR_INVALID, "no URL");
    (void)curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
    return parts_url(parts, ret_url, err);
}

static bool part_same(CURLU *a, CURLU *b, CURLUPart which, unsigned flags)
{
    auto_text *of_a = part(a, which, flags);
    auto_text *of_b = part(b, which, flags);
    return of_a && of_b && strcasecmp(of_a, of_b) == 0;
}

bool url_same_origin(const char *a, const char *b)
{
    auto_parts *of_a = parts_of(a);
    auto_parts *of_b = parts_of(b);
    return of_a && of_b && part_same(of_a, of_b, CURLUPART_SCHEME, 0) &&
           part_same(of_a, of_b, CURLUPART_HOST, 0) &&
           part_same(of_a, of_b, CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

bool url_same_host(const char *a, const char *b)
{
    auto_parts *of_a = parts_of(a);
    auto_parts *of_b = parts_of(b);
    return of_a && of_b && part_same(of_a, of_b, CURLUPART_HOST, 0);
}

bool url_is_https(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0;
}

bool url_is_loopback(const char *url)
{
    auto_parts *parts = parts_of(url);
    auto_text *host = parts ? part(parts, CURLUPART_HOST, 0) : NULL;
    if (!host)
        return false;
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    /* All of it digits and dots, or 127.evil.example would be one. */
    return text_starts(host, "127.") && strspn(host, "0123456789.") == strlen(host);
}

bool url_names_port(const char *url)
{
    auto_parts *parts = parts_of(url);
    auto_text *port = parts ? part(parts, CURLUPART_PORT, 0) : NULL;
    return port;
}

int url_query_add(char **url, const char *key, const char *value, struct err *err)
{
    auto_parts *parts = parts_of(*url);
    auto_free char *pair = xasprintf("%s=%s", key, value);
    char *added = NULL;
    if (!parts || curl_url_set(parts, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) !=
                      CURLUE_OK)
        return err_set(err, ERR_INVALID, "no URL");
    if (parts_url(parts, &added, err) < 0)
        return -1;
    free(*url);
    *url = added;
    return 0;
}

int url_with_scheme(const char *url, const char *scheme, char **ret_url, struct err *err)
{
    auto_parts *parts = parts_of(url);
    if (!parts)
        return err_set(err, ERR_INVALID, "no URL");
    auto_text *port = part(parts, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
    if (!port)
        (void)curl_url_set(parts, CURLUPART_PORT, NULL, 0);
    if (curl_url_set(parts, CURLUPART_SCHEME, scheme, 0) != CURLUE_OK)
        return err_set(err, ERR_INVALID, "no URL");
    return parts_url(parts, ret_url, err);
}

char *url_host(const char *url)
{
    auto_parts *parts = parts_of(url);
    auto_text *host = parts ? part(parts, CURLUPART_HOST, 0) : NULL;
    auto_text *port = parts ? part(parts, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT) : NULL;
    auto_done(str) text = {};
    text_escape(&text, host ? host : "?", host ? strlen(host) : 1);
    if (port)
        str_addf(&text, ":%s", port);
    return str_take(&text);
}

bool url_plain_path(const char *text)
{
    if (!text[0] || text[0] == '/' || strstr(text, "//") || strstr(text, ".."))
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("_.:+-/", *text))
            return false;
    return true;
}
