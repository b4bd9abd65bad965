/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/route.h"

#include <string.h>

/* Components of a path; the longest name has 128 of them. */
enum { COMPONENTS_MAX = 160, QUERY_MAX = 64, HEX_BASE = 16 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Gives the text with its %XX decoded, NULL if one is none or a zero byte. Owned by the caller. */
static char *url_decode(struct view text, bool plus_is_blank)
{
    auto_free char *out = xmalloc(text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '+' && plus_is_blank)
            c = ' ';
        if (c == '%') {
            int high = text.len - i > 2 ? hex_value(text.at[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text.at[i + 2]) : -1;
            if (low < 0)
                return NULL;
            c = (char)(high * HEX_BASE + low);
            i += 2;
        }
        if (c == '\0')
            return NULL;
        out[len++] = c;
    }
    out[len] = '\0';
    return take_ptr(out);
}

void url_encode(const char *text, struct str *out)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:";
    for (; *text; text++) {
        if (strchr(plain, *text))
            str_add_char(out, *text);
        else
            str_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

/* ---- taking a path apart ---- */

/* Splits "/a/b/" into "a", "b", "". False: it is no path, or encoded wrongly. */
static bool path_split(struct view path, struct strings *ret_components)
{
    struct view component;
    bool more = true;
    if (path.len == 0 || path.at[0] != '/')
        return false;
    path.at++;
    path.len--;
    while (more) {
        more = view_cut(&path, '/', &component);
        char *text = url_decode(component, false);
        if (!text || ret_components->len == COMPONENTS_MAX) {
            free(text);
            return false;
        }
        strings_add_taken(ret_components, text);
    }
    return true;
}

static bool query_split(struct view query, struct pairs *ret_query)
{
    struct view item, key;
    bool more = query.len > 0;
    while (more) {
        more = view_cut(&query, '&', &item);
        if (item.len == 0)
            continue;
        if (!view_cut(&item, '=', &key))
            item = (struct view){};
        auto_free char *key_text = url_decode(key, true);
        auto_free char *value_text = url_decode(item, true);
        if (!key_text || !value_text || ret_query->len == QUERY_MAX)
            return false;
        struct pair *pair = array_add(ret_query);
        pair->key = take_ptr(key_text);
        pair->value = take_ptr(value_text);
    }
    return true;
}

/* ---- comparing it with a pattern ---- */

/* Joins the components from first to before end. Owned by the caller. */
static char *components_join(const struct strings *path, size_t first, size_t end)
{
    auto_done(str) text = {};
    for (size_t i = first; i < end; i++)
        str_addf(&text, "%s%s", i > first ? "/" : "", path->at[i]);
    return str_take(&text);
}

/* Compares pattern[i] with a component; {tail} fits any but an empty one. */
static bool component_fits(const char *pattern, const char *component)
{
    if (strcmp(pattern, "{tail}") == 0)
        return component[0] != '\0';
    return strcmp(pattern, component) == 0;
}

static bool pattern_fits(const char *pattern_text, const struct strings *path, struct place *place)
{
    auto_done(strings) pattern = {};
    size_t name = SIZE_MAX;
    if (!path_split(view_of(pattern_text), &pattern) || path->len < pattern.len)
        return false;
    for (size_t i = 0; i < pattern.len; i++)
        if (strcmp(pattern.at[i], "{name}") == 0)
            name = i;
    if (name == SIZE_MAX && path->len != pattern.len)
        return false;
    /* By how much a component stands further behind than in the pattern. */
    size_t shift = path->len - pattern.len;
    const char *tail = NULL;
    for (size_t i = 0; i < pattern.len; i++) {
        const char *component = path->at[i + (i > name ? shift : 0)];
        if (i == name)
            continue;
        if (!component_fits(pattern.at[i], component))
            return false;
        if (strcmp(pattern.at[i], "{tail}") == 0)
            tail = component;
    }
    place->name = name != SIZE_MAX ? components_join(path, name, name + shift + 1) : NULL;
    place->tail = tail ? xstrdup(tail) : NULL;
    return true;
}

static bool method_fits(const char *route, const char *method)
{
    return strcmp(route, method) == 0 || (strcmp(route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void place_clear(struct place *place)
{
    free(take_ptr(place->name));
    free(take_ptr(place->tail));
}

enum route_result route_find(const struct route *routes, const char *method, const char *target,
                             struct place *ret_place, struct str *ret_methods)
{
    auto_done(strings) path = {};
    auto_done(place) place = {};
    struct view rest = view_of(target);
    struct view before;
    enum route_result result = ROUTE_UNKNOWN;
    if (!view_cut(&rest, '?', &before))
        rest = (struct view){};
    if (!path_split(before, &path) || !query_split(rest, &place.query))
        return ROUTE_MALFORMED;
    for (const struct route *route = routes; route->method; route++) {
        if (!pattern_fits(route->pattern, &path, &place))
            continue;
        if (method_fits(route->method, method)) {
            place.route = route;
            *ret_place = place;
            place = (struct place){};
            return ROUTE_FOUND;
        }
        place_clear(&place);
        result = ROUTE_METHOD;
        bool get = strcmp(route->method, "GET") == 0;
        str_addf(ret_methods, "%s%s%s", ret_methods->len > 0 ? ", " : "", get ? "HEAD, " : "",
                 route->method);
    }
    return result;
}

void place_done(struct place *place)
{
    place_clear(place);
    pairs_done(&place->query);
}

const char *place_query(const struct place *place, const char *key)
{
    for (size_t i = 0; i < place->query.len; i++)
        if (strcmp(place->query.at[i].key, key) == 0)
            return place->query.at[i].value;
    return NULL;
}
