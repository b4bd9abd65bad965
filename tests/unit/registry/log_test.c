/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/log.h"

#include <criterion/criterion.h>
#include <string.h>

static void header(struct request *request, const char *key, const char *value)
{
    pairs_put(&request->headers, key, value);
}

/* What is logged of a request for a target by an agent. */
static void format(bool json, const char *target, const char *agent, struct str *out)
{
    struct service service = { .log_json = json };
    struct request request = {
        .service = &service,
        .method = xstrdup("GET"),
        .target = xstrdup(target),
        .peer = xstrdup("192.0.2.1"),
        .user = xstrdup("b\"ee"),
        .answer = { .status = 200, .fd = -1 },
    };
    header(&request, "user-agent", agent);
    log_request_format(&request, 12, 345, "NOW", out);
    request_done(&request);
}

Test(log, text)
{
    auto_done(str) line = {};
    format(false, "/v2/\n\x1b[31m\"", "curl", &line);
    cr_expect_str_eq(
        str_text(&line),
        "NOW 192.0.2.1 \"b\\\"ee\" GET \"/v2/\\n\\x1b[31m\\\"\" 200 12 345us \"curl\"");
}

Test(log, json)
{
    auto_done(str) line = {};
    format(true, "/v2/\n\"\xff", "curl", &line);
    cr_expect_str_eq(
        str_text(&line),
        "{\"time\":\"NOW\",\"peer\":\"192.0.2.1\",\"user\":\"b\\\"ee\",\"method\":\"GET\","
        "\"target\":\"/v2/\\n\\\"\xef\xbf\xbd\",\"status\":200,\"bytes\":12,"
        "\"microseconds\":345,\"agent\":\"curl\"}");
}

Test(log, long_lines_are_cut)
{
    auto_done(str) line = {};
    auto_free char *target = xmalloc(100001);
    memset(target, 'x', 100000);
    target[100000] = '\0';
    format(false, target, "curl", &line);
    format(true, target, "curl", &line);
    cr_expect_lt(line.len, 5000);
}
