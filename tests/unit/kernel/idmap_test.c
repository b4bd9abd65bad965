/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/idmap.h"

Test(idmap, finds_the_outside_id)
{
    auto_done(id_maps) maps = {};
    uint32_t outside = 0;
    id_map_add(&maps.uid, 0, 1000, 1);
    id_map_add(&maps.uid, 1, 100000, 65536);
    id_map_add(&maps.uid, 70000, 5, 0); /* nothing */
    cr_assert_eq(maps.uid.len, 2);
    cr_assert(id_map_outside(&maps.uid, 0, &outside));
    cr_assert_eq(outside, 1000);
    cr_assert(id_map_outside(&maps.uid, 65536, &outside));
    cr_assert_eq(outside, 165535);
    cr_assert_not(id_map_outside(&maps.uid, 65537, &outside));
    cr_assert_not(id_map_outside(&maps.gid, 0, &outside));
}

/* Reads a file of subordinate ids with the content, for user "bee" with id 1000. */
static void subids_read(const char *content, uint32_t first, struct id_map *map)
{
    char path[] = "/tmp/ruche-subid-XXXXXX";
    struct err err = {};
    auto_close int fd = mkstemp(path);
    cr_assert_eq(fd_write_all(fd, content, strlen(content)), 0);
    int result = id_map_add_subids(map, path, "bee", 1000, first, &err);
    unlink(path);
    cr_assert_eq(result, 0, "%s", err.text);
}

Test(idmap, subordinate_ids_by_name_and_number)
{
    auto_done(id_maps) maps = {};
    subids_read("other:5:5\nbee:100000:65536\n1000:300000:10\nbees:1:1\n10000:1:1\n", 1, &maps.uid);
    cr_assert_eq(maps.uid.len, 2);
    cr_assert_eq(maps.uid.at[0].inside, 1);
    cr_assert_eq(maps.uid.at[0].outside, 100000);
    cr_assert_eq(maps.uid.at[0].count, 65536);
    cr_assert_eq(maps.uid.at[1].inside, 65537);
    cr_assert_eq(maps.uid.at[1].outside, 300000);
    cr_assert_eq(maps.uid.at[1].count, 10);
}

Test(idmap, lines_that_are_none_are_passed_over)
{
    static const char *const none[] = {
        "",
        "\n\n",
        "bee",
        "bee:",
        "bee:1",
        "bee:1:",
        "bee::1",
        "bee:x:1",
        "bee:1:x",
        "bee:-1:1",
        "bee:1:2:3",
        "bee:4294967295:1",
        "bee:1:4294967295",
        "bee:99999999999:1",
        "bee: 1:1",
        ":1:1",
        "#bee:1:1",
        "bee:0x1:1",
        "bee:1:0",
    };
    for (size_t i = 0; i < array_size(none); i++) {
        auto_done(id_maps) maps = {};
        subids_read(none[i], 1, &maps.uid);
        cr_assert_eq(maps.uid.len, 0, "\"%s\" gives a range", none[i]);
    }
}

Test(idmap, no_line_end_and_no_file)
{
    auto_done(id_maps) maps = {};
    struct err err;
    subids_read("bee:7:3", 1, &maps.uid);
    cr_assert_eq(maps.uid.len, 1);
    cr_assert_eq(id_map_add_subids(&maps.uid, "/no/such/file", "bee", 1000, 4, &err), 0);
    cr_assert_eq(maps.uid.len, 1);
}

Test(idmap, inside_ids_do_not_overflow)
{
    auto_done(id_maps) maps = {};
    subids_read("bee:100:4294967000\nbee:100:5\n", 1, &maps.uid);
    subids_read("bee:100:1000\n", UINT32_MAX - 5, &maps.gid);
    cr_assert_eq(maps.uid.len, 2);
    cr_assert_eq(maps.gid.len, 0);
}

Test(idmap, the_user_is_root_inside)
{
    auto_done(id_maps) maps = {};
    struct err err;
    uint32_t outside;
    cr_assert_eq(id_maps_of_user(&maps, &err), 0, "%s", err.text);
    cr_assert(id_map_outside(&maps.uid, 0, &outside));
    cr_assert_eq(outside, geteuid());
    cr_assert(id_map_outside(&maps.gid, 0, &outside));
    cr_assert_eq(outside, getegid());
}
