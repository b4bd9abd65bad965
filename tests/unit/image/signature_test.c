/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "image/signature.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

Test(signature, payload_is_read_as_it_was_written)
{
    struct signature_claim claim = { .reference = xstrdup("a.example/b:1"),
                                     .digest = xstrdup(DIGEST) };
    auto_done(signature_claim) again = {};
    auto_done(str) text = {};
    struct err err;
    signature_payload_format(&claim, &text);
    cr_assert(text_starts(text.at, "{\"critical\":{\"identity\":{\"docker-reference\":"
                                   "\"a.example/b:1\"},\"image\":{\"docker-manifest-digest\":"));
    cr_assert_eq(signature_payload_parse(text.at, text.len, &again, &err), 0, "%s", err.text);
    cr_assert_str_eq(again.reference, claim.reference);
    cr_assert_str_eq(again.digest, claim.digest);
    signature_claim_done(&claim);
}

Test(signature, payloads_that_are_none)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"critical\":{\"identity\":{\"docker-reference\":\"a\"},\"image\":{},\"type\":\"cosign "
        "container image signature\"}}",
        "{\"critical\":{\"identity\":{\"docker-reference\":\"a\"},\"image\":"
        "{\"docker-manifest-digest\":\"" DIGEST "\"},\"type\":\"atomic container signature\"}}",
        "{\"critical\":{\"identity\":{\"docker-reference\":\"a\"},\"image\":"
        "{\"docker-manifest-digest\":\"sha256:../x\"},\"type\":\"cosign container image "
        "signature\"}}",
    };
    for (size_t i = 0; i < array_size(wrong); i++) {
        struct signature_claim claim = {};
        struct err err;
        cr_expect_eq(signature_payload_parse(wrong[i], strlen(wrong[i]), &claim, &err), -1, "%s",
                     wrong[i]);
        signature_claim_done(&claim);
    }
}

Test(signature, a_null_for_the_optional_part_is_cosigns)
{
    static const char text[] =
        "{\"critical\":{\"identity\":{\"docker-reference\":\"a\"},\"image\":"
        "{\"docker-manifest-digest\":\"" DIGEST
        "\"},\"type\":\"cosign container image signature\"},\"optional\":null}";
    auto_done(signature_claim) claim = {};
    struct err err;
    cr_assert_eq(signature_payload_parse(text, strlen(text), &claim, &err), 0, "%s", err.text);
}

Test(signature, names)
{
    auto_drop(reference) *reference = NULL;
    struct err err;
    cr_assert_eq(reference_parse("busybox:1.0", &reference, &err), 0);
    auto_free char *name = signature_name(reference, DIGEST);
    cr_assert_str_eq(name, "docker.io/library/busybox:sha256-" HEX ".sig");
    cr_assert(signature_is_tag("sha256-" HEX ".sig"));
    cr_assert_not(signature_is_tag("sha256-" HEX));
    cr_assert_not(signature_is_tag("sha256-" HEX ".sig2"));
    cr_assert_not(signature_is_tag("latest"));
    cr_assert_not(signature_is_tag(NULL));
}

Test(signature, artifact_holds_payload_and_signature)
{
    auto_done(oci_manifest) manifest = {};
    auto_done(str) config = {};
    signature_manifest_add(&manifest, DIGEST, 7, "c2ln");
    cr_assert_eq(manifest.layers.len, 1);
    cr_assert_str_eq(signature_of_layer(&manifest.layers.at[0]), "c2ln");
    signature_config_format(&manifest, &config);
    cr_assert(strstr(config.at, "\"diff_ids\":[\"" DIGEST "\"]"), "%s", config.at);
    struct oci_descriptor other = { .media_type = xstrdup(MEDIA_OCI_LAYER) };
    cr_assert_null(signature_of_layer(&other));
    oci_descriptor_done(&other);
}
