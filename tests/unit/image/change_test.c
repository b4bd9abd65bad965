/* SPDX-License-Identifier: Apache-2.0 */
#include "image/change.h"

#include <criterion/criterion.h>
#include <string.h>

/* The configuration after some changes, as JSON. Owned by the caller. */
static char *changed(const char *const *changes)
{
    struct oci_image_config config = {};
    struct str out = {};
    for (; *changes; changes++) {
        struct err err = {};
        cr_assert_eq(config_change(&config, *changes, &err), 0, "%s: %s", *changes, err.text);
    }
    field_write(oci_image_config_fields, &config, 0, &out);
    field_done(oci_image_config_fields, &config);
    return str_take(&out);
}

#define CHANGED(json, ...)                                                                         \
    do {                                                                                           \
        auto_free char *text = changed((const char *const[]){ __VA_ARGS__, NULL });                \
        cr_assert_str_eq(text, json);                                                              \
    } while (0)

Test(change, commands)
{
    CHANGED("{\"Cmd\":[\"sh\",\"-c\",\"x y\"]}", "CMD [\"sh\", \"-c\", \"x y\"]");
    CHANGED("{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo \\\"a b\\\"\"]}", "CMD echo \"a b\"");
    CHANGED("{\"Cmd\":[\"/bin/sh\",\"-c\",\"[ -e x ]\"]}", "CMD [ -e x ]");
    CHANGED("{\"Entrypoint\":[\"two\"]}", "ENTRYPOINT [\"one\"]", "entrypoint [\"two\"]");
    CHANGED("{}", "CMD [\"a\"]", "CMD []");
}

Test(change, environment)
{
    CHANGED("{\"Env\":[\"A=b\"]}", "ENV A=b");
    CHANGED("{\"Env\":[\"A=b\"]}", "ENV=A=b");
    CHANGED("{\"Env\":[\"A=b c  d\"]}", "ENV A b c  d");
    CHANGED("{\"Env\":[\"A=b c\",\"D=e f\",\"G=h\"]}", "ENV A=\"b c\" D='e f'  G=h");
    CHANGED("{\"Env\":[\"A=b c\",\"D='\\\"\"]}", "ENV A=b\\ c D=\"'\\\"\"");
    CHANGED("{\"Env\":[\"A=2\"]}", "ENV A=1", "ENV A=2");
    CHANGED("{\"Env\":[\"A=\"]}", "ENV A=");
}

Test(change, labels)
{
    CHANGED("{\"Labels\":{\"a\":\"2\",\"b c\":\"d\"}}", "LABEL a=1 \"b c\"=d", "LABEL a=2");
}

Test(change, ports_and_volumes)
{
    CHANGED("{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"1-5/tcp\":{}}}",
            "EXPOSE 80 53/udp 80/tcp", "EXPOSE 1-5");
    CHANGED("{\"Volumes\":{\"/a\":{},\"/b c\":{}}}", "VOLUME [\"/a\", \"/b c\"]", "VOLUME /a");
    CHANGED("{\"Volumes\":{\"/a\":{},\"/b\":{}}}", "VOLUME /a /b");
}

Test(change, words)
{
    CHANGED("{\"User\":\"b\",\"WorkingDir\":\"/x y\",\"StopSignal\":\"KILL\",\"OnBuild\":[\"RUN "
            "x\"]}",
            "USER a", "  USER b", "WORKDIR /x y", "STOPSIGNAL KILL", "ONBUILD RUN x");
}

Test(change, refusals)
{
    static const char *const rows[] = {
        "",
        "FROM x",
        "CMD",
        "CMD ",
        "ENV A",
        "ENV =b",
        "ENV A=b c",
        "LABEL a",
        "EXPOSE http",
        "EXPOSE 80/icmp",
        "WORKDIR x",
        "CMD a\nUSER b",
        "CMDX a",
        "HEALTHCHECK NONE",
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct oci_image_config config = {};
        struct err err = {};
        cr_assert_lt(config_change(&config, rows[i], &err), 0, "\"%s\"", rows[i]);
        cr_assert_eq(err.kind, ERR_USAGE);
        field_done(oci_image_config_fields, &config);
    }
}
