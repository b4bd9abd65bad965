/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "oci/state.h"

TestSuite(state);

Test(state, is_written_and_read)
{
    static const char json[] = "{\"ociVersion\":\"1.3.0\",\"id\":\"bee\",\"status\":\"running\","
                               "\"pid\":7,\"bundle\":\"/b\","
                               "\"annotations\":{\"a\":\"b\"}}";
    struct oci_state state = {};
    struct err err = {};
    auto_done(str) text = {};
    cr_assert_eq(oci_state_parse(json, strlen(json), &state, &err), 0, "%s", err.text);
    cr_expect_str_eq(state.id, "bee");
    cr_expect_eq(state.pid.value, 7);
    cr_expect_str_eq(pairs_value(&state.annotations, "a"), "b");
    oci_state_format(&state, &text);
    cr_expect_str_eq(text.at, json);
    oci_state_done(&state);
    cr_expect_null(state.id);
}

Test(state, needs_its_members)
{
    struct oci_state state = {};
    struct err err = {};
    static const char json[] = "{\"ociVersion\":\"1.3.0\",\"id\":\"bee\",\"status\":\"running\"}";
    cr_expect_eq(oci_state_parse(json, strlen(json), &state, &err), -1);
    cr_expect(strstr(err.text, "bundle"), "%s", err.text);
}

Test(state, of_a_process_names_its_descriptors)
{
    char version[] = "1.3.0", id[] = "bee", status[] = "creating", bundle[] = "/b";
    char fd[] = "seccompFd", metadata[] = "m";
    char *names[] = { fd, NULL };
    struct oci_process_state state = {
        .oci_version = version,
        .fds = { names, 1 },
        .pid = 9,
        .metadata = metadata,
        .state = { .oci_version = version, .id = id, .status = status, .bundle = bundle },
    };
    auto_done(str) text = {};
    oci_process_state_format(&state, &text);
    cr_expect_str_eq(
        text.at, "{\"ociVersion\":\"1.3.0\",\"fds\":[\"seccompFd\"],\"pid\":9,\"metadata\":\"m\","
                 "\"state\":{\"ociVersion\":\"1.3.0\",\"id\":\"bee\",\"status\":\"creating\","
                 "\"bundle\":\"/b\"}}");
}
