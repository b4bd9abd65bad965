/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/route.h"

#include <criterion/criterion.h>
#include <string.h>

#include "registry/handlers.h"

/* Finds a row of the true table. */
static enum route_result find(const char *method, const char *target, struct place *ret_place)
{
    auto_done(str) methods = {};
    *ret_place = (struct place){};
    return route_find(registry_routes, method, target, ret_place, &methods);
}

Test(route, each_endpoint)
{
    static const struct {
        const char *method;
        const char *target;
        const char *pattern;
        const char *name;
        const char *tail;
    } rows[] = {
        { "GET", "/v2/", "/v2/", NULL, NULL },
        { "GET", "/v2", "/v2", NULL, NULL },
        { "HEAD", "/v2/a/manifests/b", "/v2/{name}/manifests/{tail}", "a", "b" },
        { "GET", "/v2/a/b/manifests/sha256:0", "/v2/{name}/manifests/{tail}", "a/b", "sha256:0" },
        { "GET", "/v2/a/manifests/sha256%3A0", "/v2/{name}/manifests/{tail}", "a", "sha256:0" },
        { "PUT", "/v2/a/manifests/b", "/v2/{name}/manifests/{tail}", "a", "b" },
        { "DELETE", "/v2/a/manifests/b", "/v2/{name}/manifests/{tail}", "a", "b" },
        { "GET", "/v2/a/blobs/x", "/v2/{name}/blobs/{tail}", "a", "x" },
        { "DELETE", "/v2/a/blobs/x", "/v2/{name}/blobs/{tail}", "a", "x" },
        { "POST", "/v2/a/blobs/uploads/?digest=x", "/v2/{name}/blobs/uploads/", "a", NULL },
        { "PATCH", "/v2/a/blobs/uploads/7", "/v2/{name}/blobs/uploads/{tail}", "a", "7" },
        { "PUT", "/v2/a/blobs/uploads/7", "/v2/{name}/blobs/uploads/{tail}", "a", "7" },
        { "GET", "/v2/a/blobs/uploads/7", "/v2/{name}/blobs/uploads/{tail}", "a", "7" },
        { "DELETE", "/v2/a/blobs/uploads/7", "/v2/{name}/blobs/uploads/{tail}", "a", "7" },
        { "GET", "/v2/a/tags/list?n=1", "/v2/{name}/tags/list", "a", NULL },
        { "GET", "/v2/_catalog", "/v2/_catalog", NULL, NULL },
        { "GET", "/v2/a/referrers/x", "/v2/{name}/referrers/{tail}", "a", "x" },
        /* Names that look like the rest of a path. */
        { "GET", "/v2/manifests/manifests/manifests", "/v2/{name}/manifests/{tail}", "manifests",
          "manifests" },
        { "GET", "/v2/a/blobs/uploads/manifests/b", "/v2/{name}/manifests/{tail}",
          "a/blobs/uploads", "b" },
        { "GET", "/v2/tags/list/tags/list", "/v2/{name}/tags/list", "tags/list", NULL },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(place) place = {};
        cr_assert_eq(find(rows[i].method, rows[i].target, &place), ROUTE_FOUND, "%s",
                     rows[i].target);
        cr_expect_str_eq(place.route->pattern, rows[i].pattern);
        cr_expect(text_same(place.name, rows[i].name), "%s: %s", rows[i].target, place.name);
        cr_expect(text_same(place.tail, rows[i].tail), "%s: %s", rows[i].target, place.tail);
    }
}

Test(route, no_such_path)
{
    static const char *const targets[] = {
        "/",
        "/v1/",
        "/v2/a",
        "/v2/a/manifests",
        "/v2/a/manifests/",
        "/v2/manifests/a",
        "/v2/a/tags",
        "/v2/a/referrers/",
        "/v2/a/tags/list/",
        "/v2//",
        "/v3/a/manifests/b",
        "/v2/_catalog/",
        "/v2/a/blobs/",
    };
    for (size_t i = 0; i < array_size(targets); i++) {
        auto_done(place) place = {};
        cr_expect_eq(find("GET", targets[i], &place), ROUTE_UNKNOWN, "%s", targets[i]);
    }
}

Test(route, malformed)
{
    static const char *const targets[] = {
        "",       "v2/",     "*",         "http://host/v2/",     "/v2/%",
        "/v2/%4", "/v2/%zz", "/v2/%00/x", "/v2/a/tags/list?n=%", "/v2/a/manifests/%0",
    };
    for (size_t i = 0; i < array_size(targets); i++) {
        auto_done(place) place = {};
        cr_expect_eq(find("GET", targets[i], &place), ROUTE_MALFORMED, "%s", targets[i]);
    }
}

Test(route, too_much)
{
    auto_done(str) deep = {};
    auto_done(str) query = {};
    auto_done(place) place = {};
    str_add(&deep, "/v2");
    str_add(&query, "/v2/?");
    for (int i = 0; i < 10000; i++) {
        str_add(&deep, "/a");
        str_add(&query, "&a=b");
    }
    cr_expect_eq(find("GET", str_text(&deep), &place), ROUTE_MALFORMED);
    cr_expect_eq(find("GET", str_text(&query), &place), ROUTE_MALFORMED);
}

Test(route, methods)
{
    auto_done(str) methods = {};
    auto_done(place) place = {};
    cr_expect_eq(route_find(registry_routes, "POST", "/v2/a/manifests/b", &place, &methods),
                 ROUTE_METHOD);
    cr_expect_str_eq(str_text(&methods), "HEAD, GET, PUT, DELETE");
    cr_expect_eq(find("get", "/v2/", &place), ROUTE_METHOD);
}

Test(route, queries)
{
    auto_done(place) place = {};
    cr_assert_eq(find("GET", "/v2/?a=1&b=x%20y+z&a=2&&c&d=", &place), ROUTE_FOUND);
    cr_expect_str_eq(place_query(&place, "a"), "1");
    cr_expect_str_eq(place_query(&place, "b"), "x y z");
    cr_expect_str_eq(place_query(&place, "c"), "");
    cr_expect_str_eq(place_query(&place, "d"), "");
    cr_expect_null(place_query(&place, "e"));
    cr_expect_eq(place.query.len, 5);
    cr_expect_str_eq(place.query.at[2].value, "2");
}

Test(route, encoding)
{
    auto_done(str) text = {};
    url_encode("a/b:1_~-. &?%\n\xc3", &text);
    cr_expect_str_eq(str_text(&text), "a/b:1_~-.%20%26%3F%25%0A%C3");
}
