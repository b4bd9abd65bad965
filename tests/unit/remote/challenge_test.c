/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/challenge.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void expect(const char *header, enum challenge_scheme scheme, const char *realm,
                   const char *service, const char *scope)
{
    auto_done(challenge) challenge = {};
    challenge_read(header, &challenge);
    cr_assert_eq(challenge.scheme, scheme, "%s", header);
    cr_assert(text_same(challenge.realm, realm), "%s: realm %s", header, challenge.realm);
    cr_assert(text_same(challenge.service, service), "%s: service %s", header, challenge.service);
    cr_assert(text_same(challenge.scope, scope), "%s: scope %s", header, challenge.scope);
}

Test(challenge, as_registries_write_them)
{
    expect("Bearer realm=\"https://auth.example/token\",service=\"registry.example\","
           "scope=\"repository:a/b:pull,push\"",
           CHALLENGE_BEARER, "https://auth.example/token", "registry.example",
           "repository:a/b:pull,push");
    expect("Basic realm=\"Registry Realm\"", CHALLENGE_BASIC, "Registry Realm", NULL, NULL);
    expect("bearer REALM=\"https://x/\" , Service=y", CHALLENGE_BEARER, "https://x/", "y", NULL);
    expect("Bearer realm=https://x/t,service=y", CHALLENGE_BEARER, "https://x/t", "y", NULL);
    expect("Basic", CHALLENGE_BASIC, NULL, NULL, NULL);
}

Test(challenge, the_better_of_several)
{
    expect("Basic realm=\"a\", Bearer realm=\"https://b/\",service=\"c\"", CHALLENGE_BEARER,
           "https://b/", "c", NULL);
    expect("Bearer realm=\"https://b/\", Basic realm=\"a\"", CHALLENGE_BEARER, "https://b/", NULL,
           NULL);
    expect("Negotiate, Basic realm=\"a, Bearer realm=x\"", CHALLENGE_BASIC, "a, Bearer realm=x",
           NULL, NULL);
    expect("Negotiate YWJj==, Bearer realm=\"https://b/\"", CHALLENGE_BEARER, "https://b/", NULL,
           NULL);
    expect("NTLM abc=, Basic realm=a", CHALLENGE_BASIC, "a", NULL, NULL);
    expect("Bearer realm=\"\", Basic realm=\"a\"", CHALLENGE_BASIC, "a", NULL, NULL);
}

Test(challenge, headers_add_up)
{
    auto_done(challenge) challenge = {};
    challenge_read("Basic realm=a", &challenge);
    challenge_read("Bearer realm=\"https://b/\"", &challenge);
    challenge_read("Bearer realm=\"https://c/\"", &challenge);
    challenge_read("Basic realm=d", &challenge);
    cr_assert_eq(challenge.scheme, CHALLENGE_BEARER);
    cr_assert_str_eq(challenge.realm, "https://b/");
}

Test(challenge, quotes)
{
    expect("Bearer realm=\"https://b/?a=\\\"x\\\"&b=\\\\\"", CHALLENGE_BEARER,
           "https://b/?a=\"x\"&b=\\", NULL, NULL);
    expect("Bearer realm=\"https://b/\",scope=\"open", CHALLENGE_BEARER, "https://b/", NULL, NULL);
    expect("Bearer realm=\"open", CHALLENGE_NONE, NULL, NULL, NULL);
    expect("Bearer realm=\"https://b/\\", CHALLENGE_NONE, NULL, NULL, NULL);
}

Test(challenge, the_first_of_a_name_counts)
{
    expect("Bearer realm=\"https://a/\",realm=\"https://b/\"", CHALLENGE_BEARER, "https://a/", NULL,
           NULL);
}

Test(challenge, rubbish)
{
    static const char *const rubbish[] = {
        "",
        ",",
        ",,, ,",
        "=",
        "\"",
        "Bearer",
        "Bearer ,",
        "Bearer realm",
        "Bearer realm=",
        "Bearer realm=,",
        "Bearer\trealm",
        "\x01\x02\xff",
        "Bearer =x",
        "Digest realm=\"x\"",
    };
    for (size_t i = 0; i < array_size(rubbish); i++) {
        auto_done(challenge) challenge = {};
        challenge_read(rubbish[i], &challenge);
        cr_assert_eq(challenge.scheme, CHALLENGE_NONE, "%s", rubbish[i]);
    }
}

Test(challenge, what_is_too_long_is_none)
{
    auto_done(str) header = {};
    auto_done(challenge) challenge = {};
    str_add(&header, "Basic realm=\"");
    for (int i = 0; i < 20000; i++)
        str_add_char(&header, 'x');
    str_add(&header, "\"");
    challenge_read(header.at, &challenge);
    cr_assert_eq(challenge.scheme, CHALLENGE_NONE);
}
