/* SPDX-License-Identifier: Apache-2.0 */
#include "image/place.h"

#include <criterion/criterion.h>

static void assert_place(const char *text, enum transport transport, const char *path,
                         const char *name)
{
    auto_done(place) place = {};
    struct err err;
    cr_assert_eq(place_parse(text, &place, &err), 0, "%s", text);
    cr_expect_eq(place.transport, transport, "%s", text);
    cr_expect(path ? place.path && !strcmp(place.path, path) : !place.path, "%s", text);
    cr_expect(name ? place.name && !strcmp(place.name, name) : !place.name, "%s", text);
}

Test(place, is_told_by_its_transport)
{
    assert_place("docker://host:5000/a/b:1", TRANSPORT_DOCKER, NULL, "host:5000/a/b:1");
    assert_place("oci:dir", TRANSPORT_OCI, "dir", NULL);
    assert_place("oci:dir/x:tag", TRANSPORT_OCI, "dir/x", "tag");
    assert_place("oci-archive:/a.tar:tag", TRANSPORT_OCI_ARCHIVE, "/a.tar", "tag");
    assert_place("docker-archive:a.tar:docker.io/x/y:1", TRANSPORT_DOCKER_ARCHIVE, "a.tar",
                 "docker.io/x/y:1");
    assert_place("dir:a:b", TRANSPORT_DIR, "a:b", NULL);
    assert_place("store:busybox", TRANSPORT_STORE, NULL, "busybox");
    assert_place("containers-storage:busybox:1", TRANSPORT_STORE, NULL, "busybox:1");
}

Test(place, is_a_name_in_the_store_otherwise)
{
    assert_place("busybox", TRANSPORT_STORE, NULL, "busybox");
    assert_place("localhost:5000/oci:1", TRANSPORT_STORE, NULL, "localhost:5000/oci:1");
}

Test(place, names_something)
{
    static const char *const nothing[] = { "", "docker://", "oci:", "dir:", "store:" };
    for (size_t i = 0; i < array_size(nothing); i++) {
        struct place place;
        struct err err;
        cr_expect_lt(place_parse(nothing[i], &place, &err), 0, "%s", nothing[i]);
        cr_expect_eq(err.kind, ERR_USAGE);
    }
}
