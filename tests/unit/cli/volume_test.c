/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/volume.h"

#include <string.h>
#include <unistd.h>

#include "parsed.h"

static const struct container_mount *only_mount(const struct parsed *parsed)
{
    cr_assert_eq(parsed->config.mounts.len, 1);
    return &parsed->config.mounts.at[0];
}

Test(volume, mounts_a_directory_that_is_made_if_missing)
{
    PARSE(parsed, "-v", "/srv/data:/data");
    const struct container_mount *mount = only_mount(&parsed);
    cr_expect_str_eq(mount->type, "bind");
    cr_expect_str_eq(mount->source, "/srv/data");
    cr_expect_str_eq(mount->destination, "/data");
    ASSERT_LIST(mount->options, "create-source");
}

Test(volume, makes_sources_absolute)
{
    auto_free char *here = getcwd(NULL, 0);
    auto_free char *below = xasprintf("%s/data", here);
    auto_free char *above = xasprintf("%s/../x", here);
    PARSE(dot, "-v", ".:/src");
    cr_expect_str_eq(only_mount(&dot)->source, here);
    PARSE(plain, "-v", "./data/:/src");
    cr_expect_str_eq(only_mount(&plain)->source, below);
    PARSE(up, "-v", "../x:/src"); /* ".." stays: what it is depends on links */
    cr_expect_str_eq(only_mount(&up)->source, above);
}

Test(volume, takes_options)
{
    PARSE(parsed, "--volume", "/a:/b:ro,rslave,nosuid");
    ASSERT_LIST(only_mount(&parsed)->options, "ro", "rslave", "nosuid", "create-source");
}

Test(volume, warns_of_labels)
{
    PARSE(parsed, "-v", "/a:/b:z", "-v", "/c:/d:ro,Z");
    cr_assert_eq(parsed.warnings.len, 2);
    cr_expect_not_null(strstr(parsed.warnings.at[0], "relabelled"));
    cr_expect_not_null(strstr(parsed.warnings.at[1], "/d"));
    ASSERT_LIST(parsed.config.mounts.at[0].options, "create-source");
    ASSERT_LIST(parsed.config.mounts.at[1].options, "ro", "create-source");
}

Test(volume, refuses_what_is_no_mount_of_a_directory)
{
    REFUSE("named volumes", "-v", "data:/data");
    REFUSE("no source", "-v", "/data");
    REFUSE("SOURCE:PATH", "-v", ":/data");
    REFUSE("SOURCE:PATH", "-v", "/data:");
    REFUSE("SOURCE:PATH", "-v", "/a:/b:");
    REFUSE("SOURCE:PATH", "-v", "/a:/b:ro:rw");
    REFUSE("not absolute", "-v", "/a:b");
    REFUSE("not absolute", "-v", "/a:ro");
    REFUSE("shell", "-v", "~/a:/b");
    REFUSE("\"wo\"", "-v", "/a:/b:wo");
    REFUSE("ro and rw", "-v", "/a:/b:ro,rw");
    REFUSE("private and shared", "-v", "/a:/b:private,shared");
    REFUSE("\"\"", "-v", "/a:/b:ro,");
}

Test(volume, reads_bind_mounts)
{
    PARSE(parsed, "--mount", "type=bind,src=/a,dst=/b,readonly,bind-propagation=rshared");
    const struct container_mount *mount = only_mount(&parsed);
    cr_expect_str_eq(mount->type, "bind");
    cr_expect_str_eq(mount->source, "/a");
    cr_expect_str_eq(mount->destination, "/b");
    ASSERT_LIST(mount->options, "ro", "rshared");

    PARSE(other, "--mount", "TYPE=bind,Source=/a,target=/b,ro=false");
    cr_expect_eq(only_mount(&other)->options.len, 0);
}

Test(volume, reads_quoted_fields)
{
    PARSE(parsed, "--mount", "type=bind,\"source=/a,b \"\"c\"\"\",destination=/d");
    cr_expect_str_eq(only_mount(&parsed)->source, "/a,b \"c\"");
}

Test(volume, reads_tmpfs_mounts)
{
    PARSE(parsed, "--mount", "type=tmpfs,dst=/tmp,tmpfs-size=1m,tmpfs-mode=1770,ro=1");
    const struct container_mount *mount = only_mount(&parsed);
    cr_expect_str_eq(mount->type, "tmpfs");
    cr_expect_null(mount->source);
    ASSERT_LIST(mount->options, "ro", "size=1048576", "mode=1770");
}

Test(volume, refuses_bad_mounts)
{
    REFUSE("type=bind", "--mount", "src=/a,dst=/b");
    REFUSE("no volumes", "--mount", "type=volume,src=a,dst=/b");
    REFUSE("\"cluster\"", "--mount", "type=cluster,dst=/b");
    REFUSE("destination", "--mount", "type=bind,src=/a");
    REFUSE("source", "--mount", "type=bind,dst=/b");
    REFUSE("source", "--mount", "type=bind,src=,dst=/b");
    REFUSE("not absolute", "--mount", "type=bind,src=/a,dst=b");
    REFUSE("twice", "--mount", "type=bind,src=/a,source=/c,dst=/b");
    REFUSE("\"colour=red\"", "--mount", "type=bind,src=/a,dst=/b,colour=red");
    REFUSE("needs a value", "--mount", "type=bind,src,dst=/b");
    REFUSE("readonly", "--mount", "type=bind,src=/a,dst=/b,readonly=maybe");
    REFUSE("bind-propagation", "--mount", "type=bind,src=/a,dst=/b,bind-propagation=all");
    REFUSE("tmpfs", "--mount", "type=bind,src=/a,dst=/b,tmpfs-size=1m");
    REFUSE("type=bind", "--mount", "type=tmpfs,src=/a,dst=/b");
    REFUSE("tmpfs-size", "--mount", "type=tmpfs,dst=/b,tmpfs-size=lots");
    REFUSE("tmpfs-mode", "--mount", "type=tmpfs,dst=/b,tmpfs-mode=9");
    REFUSE("tmpfs-mode", "--mount", "type=tmpfs,dst=/b,tmpfs-mode=17777");
    REFUSE("tmpfs-mode", "--mount", "type=tmpfs,dst=/b,tmpfs-mode=");
    REFUSE("quote", "--mount", "type=bind,\"src=/a,dst=/b");
}

Test(volume, splits_csv)
{
    struct err err = {};
    auto_done(strings) plain = {};
    cr_assert_eq(csv_parse("a,,b=\\", &plain, &err), 0);
    ASSERT_LIST(plain, "a", "", "b=\\");
    auto_done(strings) quoted = {};
    cr_assert_eq(csv_parse("\"\",\"a,b\",\"\"\"\"", &quoted, &err), 0);
    ASSERT_LIST(quoted, "", "a,b", "\"");
    auto_done(strings) none = {};
    cr_expect_eq(csv_parse("a\"b\"", &none, &err), -1);
    cr_expect_eq(csv_parse("\"a\"b", &none, &err), -1);
    cr_expect_eq(csv_parse("\"a\"\"", &none, &err), -1);
    cr_expect_eq(none.len, 0);
}

Test(volume, reads_tmpfs)
{
    PARSE(plain, "--tmpfs", "/run");
    cr_expect_str_eq(only_mount(&plain)->type, "tmpfs");
    cr_expect_str_eq(only_mount(&plain)->destination, "/run");
    cr_expect_eq(only_mount(&plain)->options.len, 0);
    PARSE(options, "--tmpfs", "/run:rw,exec,size=64m,mode=755");
    ASSERT_LIST(only_mount(&options)->options, "rw", "exec", "size=64m", "mode=755");
    PARSE(empty, "--tmpfs", "/run:");
    cr_expect_eq(only_mount(&empty)->options.len, 0);
    REFUSE("--tmpfs", "--tmpfs", "run");
    REFUSE("\"bind\"", "--tmpfs", "/run:bind");
    REFUSE("\"size=\"", "--tmpfs", "/run:size=");
}

Test(volume, keeps_the_order)
{
    PARSE(parsed, "--tmpfs", "/c", "-v", "/a:/a", "--mount", "type=tmpfs,dst=/b");
    cr_assert_eq(parsed.config.mounts.len, 3);
    cr_expect_str_eq(parsed.config.mounts.at[0].destination, "/a");
    cr_expect_str_eq(parsed.config.mounts.at[1].destination, "/b");
    cr_expect_str_eq(parsed.config.mounts.at[2].destination, "/c");
}

Test(volume, reads_devices)
{
    PARSE(parsed, "--device", "/dev/fuse", "--device", "/dev/null:r", "--device",
          "/dev/zero:/dev/nil", "--device", "/dev/full:/dev/filled:rw");
    cr_assert_eq(parsed.config.devices.len, 4);
    static const char *const wanted[][3] = {
        { "/dev/fuse", "/dev/fuse", "rwm" },
        { "/dev/null", "/dev/null", "r" },
        { "/dev/zero", "/dev/nil", "rwm" },
        { "/dev/full", "/dev/filled", "rw" },
    };
    for (size_t i = 0; i < 4; i++) {
        cr_expect_str_eq(parsed.config.devices.at[i].source, wanted[i][0]);
        cr_expect_str_eq(parsed.config.devices.at[i].destination, wanted[i][1]);
        cr_expect_str_eq(parsed.config.devices.at[i].access, wanted[i][2]);
    }
}

Test(volume, refuses_bad_devices)
{
    REFUSE("not absolute", "--device", "fuse");
    REFUSE("not absolute", "--device", "vendor.com/gpu=0");
    REFUSE("access", "--device", "/dev/a:/dev/b:x");
    REFUSE("access", "--device", "/dev/a:/dev/b:rr");
    REFUSE("access", "--device", "/dev/a:/dev/b:");
    REFUSE("not absolute", "--device", "/dev/a:x");
    REFUSE("DEVICE", "--device", "/dev/a:/dev/b:r:w");
    REFUSE("twice", "--device", "/dev/a", "--device", "/dev/b:/dev/a");
}
