/* SPDX-License-Identifier: Apache-2.0 */
#include "image/platform.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/number.h"

/* How well an offer does: the platform itself; one that names no variant; the newest of older
 * variants of ARM, by its number; not known. */
enum { FITS_EXACT = 200, FITS_ANY = 150, FITS_OLDER = 100, FITS_UNKNOWN = 1, VARIANT_MAX = 90 };

/* machine of uname(2), architecture, variant; images call them as Go does */
static const char machines[][3][12] = {
    { "x86_64", "amd64", "" },    { "aarch64", "arm64", "v8" }, { "armv7l", "arm", "v7" },
    { "armv6l", "arm", "v6" },    { "riscv64", "riscv64", "" }, { "ppc64le", "ppc64le", "" },
    { "s390x", "s390x", "" },     { "i686", "386", "" },        { "loongarch64", "loong64", "" },
    { "mips64", "mips64le", "" },
};

/* What people write, and what it is called. */
static const char aliases[][3][12] = {
    { "x86_64", "amd64", "" },  { "x86-64", "amd64", "" }, { "aarch64", "arm64", "" },
    { "armhf", "arm", "v7" },   { "armel", "arm", "v6" },  { "i386", "386", "" },
    { "riscv", "riscv64", "" },
};

/* What it means to name no variant. */
static const char variants[][2][8] = { { "arm64", "v8" }, { "arm", "v7" }, { "amd64", "v1" } };

void platform_own(struct oci_platform *ret_platform)
{
    struct utsname name;
    const char *architecture = "unknown", *variant = "";
    if (uname(&name) == 0)
        for (size_t i = 0; i < array_size(machines); i++)
            if (strcmp(machines[i][0], name.machine) == 0) {
                architecture = machines[i][1];
                variant = machines[i][2];
            }
    *ret_platform = (struct oci_platform){
        .os = xstrdup("linux"),
        .architecture = xstrdup(architecture),
        .variant = *variant ? xstrdup(variant) : NULL,
    };
}

void platform_copy(struct oci_platform *to, const struct oci_platform *from)
{
    *to = (struct oci_platform){
        .architecture = from->architecture ? xstrdup(from->architecture) : NULL,
        .os = from->os ? xstrdup(from->os) : NULL,
        .os_version = from->os_version ? xstrdup(from->os_version) : NULL,
        .variant = from->variant ? xstrdup(from->variant) : NULL,
    };
    strings_copy(&to->os_features, &from->os_features);
}

void platform_format(const struct oci_platform *platform, struct str *out)
{
    str_addf(out, "%s/%s", platform->os ? platform->os : "",
             platform->architecture ? platform->architecture : "");
    if (platform->variant && *platform->variant)
        str_addf(out, "/%s", platform->variant);
}

static bool word_valid(const char *word)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    return *word && !word[strspn(word, letters)];
}

static int text_refuse(const char *text, struct err *err)
{
    auto_done(str) shown = { .max_bytes = 100 };
    text_escape(&shown, text, strlen(text));
    err_set(err, ERR_USAGE, "\"%s\" is no platform", str_text(&shown));
    return err_hint(err, "write one like linux/amd64 or linux/arm/v7");
}

int platform_parse(const char *text, struct oci_platform *ret_platform, struct err *err)
{
    auto_done(strings) words = {};
    struct view rest = view_of(text), word;
    bool more = true;
    while (more) {
        more = view_cut(&rest, '/', &word);
        strings_add_taken(&words, xstrndup(word.at, word.len));
    }
    for (size_t i = 0; i < words.len; i++)
        if (!word_valid(words.at[i]))
            return text_refuse(text, err);
    if (words.len > 3)
        return text_refuse(text, err);
    const char *os = words.len > 1 ? words.at[0] : "linux";
    const char *architecture = words.len > 1 ? words.at[1] : words.at[0];
    const char *variant = words.len > 2 ? words.at[2] : NULL;
    for (size_t i = 0; i < array_size(aliases); i++)
        if (strcmp(aliases[i][0], architecture) == 0) {
            architecture = aliases[i][1];
            variant = !variant && *aliases[i][2] ? aliases[i][2] : variant;
            break;
        }
    *ret_platform = (struct oci_platform){
        .os = xstrdup(os),
        .architecture = xstrdup(architecture),
        .variant = variant ? xstrdup(variant) : NULL,
    };
    return 0;
}

/* ---- choosing ---- */

static const char *variant_of(const struct oci_platform *platform)
{
    if (platform->variant && *platform->variant)
        return platform->variant;
    for (size_t i = 0; i < array_size(variants); i++)
        if (text_same(platform->architecture, variants[i][0]))
            return variants[i][1];
    return "";
}

/* The number of "v7", or -1. */
static int64_t variant_number(const char *variant)
{
    int64_t number;
    struct err ignored;
    if (variant[0] != 'v' ||
        number_parse(variant + 1, 0, VARIANT_MAX, "variant", &number, &ignored) < 0)
        return -1;
    return number;
}

int platform_fits(const struct oci_platform *offered, const struct oci_platform *wanted)
{
    if (!offered ||
        ((!offered->os || !*offered->os) && (!offered->architecture || !*offered->architecture)))
        return FITS_UNKNOWN;
    if (!text_same(offered->os, wanted->os) ||
        !text_same(offered->architecture, wanted->architecture))
        return 0;
    const char *has = variant_of(offered), *wants = variant_of(wanted);
    if (strcmp(has, wants) == 0)
        return FITS_EXACT;
    if (!offered->variant || !*offered->variant)
        return FITS_ANY;
    int64_t has_number = variant_number(has), wants_number = variant_number(wants);
    if (has_number < 0 || wants_number < 0)
        return FITS_UNKNOWN;
    return has_number < wants_number ? (int)(FITS_OLDER + has_number) - VARIANT_MAX : 0;
}

static int none_fits(const struct oci_index *index, const struct oci_platform *wanted,
                     struct err *err)
{
    auto_done(str) there = { .max_bytes = 300 };
    auto_done(str) name = {};
    platform_format(wanted, &name);
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_platform *platform = index->manifests.at[i].platform;
        if (!platform || text_same(platform->os, "unknown"))
            continue;
        auto_done(str) text = {};
        platform_format(platform, &text);
        str_add(&there, there.len > 0 ? ", " : "");
        text_escape(&there, str_text(&text), text.len);
    }
    if (there.len == 0)
        return err_set(err, ERR_UNSUPPORTED, "there is no image for %s in it", str_text(&name));
    return err_set(err, ERR_UNSUPPORTED, "there is no image for %s in it, only for: %s",
                   str_text(&name), str_text(&there));
}

int platform_choose(const struct oci_index *index, const struct oci_platform *wanted,
                    size_t *ret_place, struct err *err)
{
    int best_fit = 0;
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *descriptor = &index->manifests.at[i];
        enum media_kind kind = media_kind(descriptor->media_type);
        int fit = platform_fits(descriptor->platform, wanted);
        if (fit <= best_fit || (kind != MEDIA_MANIFEST && kind != MEDIA_INDEX))
            continue;
        *ret_place = i;
        best_fit = fit;
    }
    return best_fit > 0 ? 0 : none_fits(index, wanted, err);
}
