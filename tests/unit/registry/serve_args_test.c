/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/serve_args.h"

#include <criterion/criterion.h>
#include <string.h>

Test(serve_args, addresses)
{
    static const struct {
        const char *text;
        const char *shown;
        bool loopback;
    } rows[] = {
        { NULL, "127.0.0.1:5000", true },
        { "127.0.0.1", "127.0.0.1:5000", true },
        { "localhost:80", "127.0.0.1:80", true },
        { "127.1.2.3:1", "127.1.2.3:1", true },
        { "0.0.0.0:0", "0.0.0.0:0", false },
        { "192.0.2.1:65535", "192.0.2.1:65535", false },
        { "[::1]", "[::1]:5000", true },
        { "[::1]:443", "[::1]:443", true },
        { "[::]:5000", "[::]:5000", false },
        { "[2001:db8::1]:5000", "[2001:db8::1]:5000", false },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        const struct registry_serve_args args = { .listen = rows[i].text };
        struct registry_address address;
        struct err err;
        auto_done(str) shown = {};
        cr_assert_eq(registry_serve_check(&args, &address, &err), 0, "%s", err.text);
        registry_address_format(&address, &shown);
        cr_expect_str_eq(str_text(&shown), rows[i].shown);
        cr_expect_eq(address.loopback, rows[i].loopback, "%s", rows[i].text);
    }
}

Test(serve_args, no_addresses)
{
    static const char *const texts[] = {
        "",
        ":5000",
        "host:5000",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:x",
        "::1",
        "[::1",
        "[::1]5000",
        "[::1]:",
        "[127.0.0.1x]:1",
        "1.2.3:5000",
        "127.0.0.1:1:2",
    };
    for (size_t i = 0; i < array_size(texts); i++) {
        const struct registry_serve_args args = { .listen = texts[i] };
        struct registry_address address;
        struct err err;
        cr_expect_eq(registry_serve_check(&args, &address, &err), -1, "%s", texts[i]);
        cr_expect_eq(err.kind, ERR_USAGE);
    }
}

Test(serve_args, tls_is_two_files)
{
    const struct registry_serve_args cert = { .tls_cert = "x" };
    const struct registry_serve_args key = { .tls_key = "x" };
    struct registry_address address;
    struct err err;
    cr_expect_eq(registry_serve_check(&cert, &address, &err), -1);
    cr_expect_eq(registry_serve_check(&key, &address, &err), -1);
}
