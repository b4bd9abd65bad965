/* SPDX-License-Identifier: Apache-2.0 */
#include "image/platform.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/utsname.h>

static int fit(const char *offered, const char *wanted)
{
    auto_done(oci_platform) a = {};
    auto_done(oci_platform) b = {};
    struct err err;
    cr_assert_eq(platform_parse(offered, &a, &err), 0, "%s", err.text);
    cr_assert_eq(platform_parse(wanted, &b, &err), 0, "%s", err.text);
    return platform_fits(&a, &b);
}

Test(platform, reads_what_people_write)
{
    static const char *const rows[][2] = {
        { "linux/amd64", "linux/amd64" },     { "amd64", "linux/amd64" },
        { "x86_64", "linux/amd64" },          { "linux/arm/v7", "linux/arm/v7" },
        { "windows/amd64", "windows/amd64" }, { "armhf", "linux/arm/v7" },
        { "aarch64", "linux/arm64" },         { "linux/arm64/v8", "linux/arm64/v8" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(oci_platform) platform = {};
        auto_done(str) text = {};
        struct err err;
        cr_assert_eq(platform_parse(rows[i][0], &platform, &err), 0, "%s", err.text);
        platform_format(&platform, &text);
        cr_assert_str_eq(str_text(&text), rows[i][1]);
    }
}

Test(platform, refuses_what_is_none)
{
    static const char *const rows[] = {
        "", "/", "linux/", "/amd64", "linux/arm/v7/x", "Linux/amd64", "linux/am d64", "\033[1m",
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(oci_platform) platform = {};
        struct err err = {};
        cr_assert_lt(platform_parse(rows[i], &platform, &err), 0, "\"%s\"", rows[i]);
        cr_assert_eq(err.kind, ERR_USAGE);
        cr_assert_null(strchr(err.text, '\033'));
    }
}

Test(platform, variants)
{
    cr_assert_eq(fit("linux/amd64", "windows/amd64"), 0);
    cr_assert_eq(fit("linux/386", "linux/amd64"), 0);
    cr_assert_eq(fit("linux/arm/v7", "linux/arm/v6"), 0, "a newer processor's");
    cr_assert_eq(fit("linux/amd64/v3", "linux/amd64"), 0, "a newer processor's");
    cr_assert_gt(fit("linux/arm/v7", "linux/arm/v7"), fit("linux/arm/v6", "linux/arm/v7"));
    cr_assert_gt(fit("linux/arm/v6", "linux/arm/v7"), fit("linux/arm/v5", "linux/arm/v7"));
    cr_assert_gt(fit("linux/arm/v5", "linux/arm/v7"), 0);
    cr_assert_eq(fit("linux/arm64", "linux/arm64/v8"), fit("linux/arm64/v8", "linux/arm64"));
    cr_assert_gt(fit("linux/amd64", "linux/amd64/v3"), 0);
}

Test(platform, not_told_is_better_than_none)
{
    auto_done(oci_platform) own = {};
    const struct oci_platform empty = {};
    platform_own(&own);
    cr_assert_str_eq(own.os, "linux");
    cr_assert_gt(platform_fits(NULL, &own), 0);
    cr_assert_gt(platform_fits(&empty, &own), 0);
    cr_assert_gt(platform_fits(&own, &own), platform_fits(NULL, &own));
}

static void offer(struct oci_index *index, const char *type, const char *platform)
{
    struct oci_descriptor *descriptor = array_add(&index->manifests);
    struct err err;
    descriptor->media_type = xstrdup(type);
    if (!platform)
        return;
    descriptor->platform = xnew(struct oci_platform);
    cr_assert_eq(platform_parse(platform, descriptor->platform, &err), 0, "%s", err.text);
}

Test(platform, chooses_the_best)
{
    auto_done(oci_index) index = {};
    auto_done(oci_platform) wanted = {};
    struct err err = {};
    size_t place;
    offer(&index, MEDIA_OCI_LAYER, "linux/arm/v7");
    offer(&index, MEDIA_OCI_MANIFEST, NULL);
    offer(&index, MEDIA_OCI_MANIFEST, "linux/arm/v5");
    offer(&index, MEDIA_OCI_MANIFEST, "linux/arm/v6");
    offer(&index, MEDIA_OCI_MANIFEST, "linux/amd64");
    cr_assert_eq(platform_parse("linux/arm/v7", &wanted, &err), 0);
    cr_assert_eq(platform_choose(&index, &wanted, &place, &err), 0, "%s", err.text);
    cr_assert_eq(place, 3);
}

Test(platform, tells_what_there_is)
{
    auto_done(oci_index) index = {};
    auto_done(oci_platform) wanted = {};
    struct err err = {};
    size_t place;
    offer(&index, MEDIA_OCI_MANIFEST, "linux/arm/v6");
    offer(&index, MEDIA_OCI_MANIFEST, "unknown/unknown");
    offer(&index, MEDIA_OCI_MANIFEST, "linux/s390x");
    cr_assert_eq(platform_parse("riscv64", &wanted, &err), 0);
    cr_assert_lt(platform_choose(&index, &wanted, &place, &err), 0);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
    cr_assert_str_eq(err.text, "there is no image for linux/riscv64 in it, only for: linux/arm/v6, "
                               "linux/s390x");
}
