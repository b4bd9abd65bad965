/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/setup.h"

#include <criterion/criterion.h>
#include <string.h>

#include "remote/remote.h"

Test(setup, comes_through_as_it_was)
{
    struct remote_setup setup = { .version = REMOTE_VERSION, .parallel = 3, .push = true };
    auto_done(remote_setup) back = {};
    auto_done(str) json = {};
    struct err err;
    struct remote_endpoint *endpoint = array_add(&setup.endpoints);
    endpoint->url = xstrdup("https://a.example");
    endpoint->name = xstrdup("a.example");
    endpoint->repository = xstrdup("x/y");
    endpoint->password = xstrdup("\"secret\"\n");
    endpoint->insecure = true;
    setup.stall_seconds = 7;
    strings_add(&setup.mount_repositories, "x/z");
    remote_setup_format(&setup, &json);
    cr_assert_eq(remote_setup_parse(json.at, json.len, &back, &err), 0, "%s", err.text);
    cr_assert_eq(back.endpoints.len, 1);
    cr_assert_str_eq(back.endpoints.at[0].password, "\"secret\"\n");
    cr_assert(back.endpoints.at[0].insecure);
    cr_assert_eq(back.parallel, 3);
    cr_assert_eq(back.stall_seconds, 7);
    cr_assert_str_eq(back.mount_repositories.at[0], "x/z");
    remote_setup_done(&setup);
}

static void expect_refused(const char *json)
{
    struct remote_setup setup = {};
    struct err err;
    cr_assert_eq(remote_setup_parse(json, strlen(json), &setup, &err), -1, "%s", json);
    cr_assert_null(setup.endpoints.at);
}

Test(setup, of_another_build_is_refused)
{
    expect_refused("{\"version\":2,\"endpoints\":[{\"url\":\"https://a\",\"name\":\"a\"}]}");
    expect_refused("{\"version\":1,\"endpoints\":[]}");
    expect_refused("{\"version\":1,\"endpoints\":[{\"name\":\"a\"}]}");
    expect_refused(
        "{\"version\":1,\"endpoints\":[{\"url\":\"https://a\",\"name\":\"a\"}],\"x\":1}");
    expect_refused("");
}
