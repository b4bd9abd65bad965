/* SPDX-License-Identifier: Apache-2.0 */
#include "image/policy.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "user.h"

#define HEX64   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER64 "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ACCEPT  "[{\"type\":\"insecureAcceptAnything\"}]"
#define REJECT  "[{\"type\":\"reject\"}]"

static struct policy parsed(const char *json)
{
    struct policy policy = {};
    struct err err = {};
    cr_assert_eq(policy_parse(json, strlen(json), "policy", &policy, &err), 0, "%s\nof\n%s",
                 err.text, json);
    return policy;
}

static void refuses(const char *json, const char *words)
{
    struct policy policy = {};
    struct err err = {};
    cr_assert_lt(policy_parse(json, strlen(json), "policy", &policy, &err), 0, "it passes:\n%s",
                 json);
    cr_expect(text_starts(err.text, "policy: "), "\"%s\" does not name the file", err.text);
    cr_expect_not_null(strstr(err.text, words), "\"%s\" does not say \"%s\"", err.text, words);
    cr_expect_null(policy.scopes.at);
}

static struct reference *reference_of(const char *name)
{
    struct reference *reference = NULL;
    struct err err = {};
    cr_assert_eq(reference_parse(name, &reference, &err), 0, "%s", err.text);
    return reference;
}

/* ---- reading ---- */

Test(policy, refuses_what_it_does_not_know)
{
    refuses("", "line 1");
    refuses("[]", "no object");
    refuses("{}", "\"default\" is missing");
    refuses("{\"default\":[]}", "one at least");
    refuses("{\"default\":{}}", "one at least");
    refuses("{\"default\":[{}]}", "/type: missing");
    refuses("{\"default\":[{\"type\":\"\"}]}", "empty");
    refuses("{\"default\":[{\"type\":\"maybe\"}]}", "/type");
    refuses("{\"default\":[[]]}", "no object");
    refuses("{\"default\":[3]}", "no object");
    refuses("{\"default\":" ACCEPT ",\"defualt\":" REJECT "}", "unknown key \"defualt\"");
    refuses("{\"default\":" ACCEPT ",\"default\":" REJECT "}", "duplicate");
    refuses("{\"default\":" ACCEPT ",\"transports\":[]}", "transports");
    refuses("{\"default\":" ACCEPT ",\"transports\":{\"docker\":[]}}", "transports");
    refuses("{\"default\":" ACCEPT ",\"transports\":{\"docker\":{\"a.io\":[]}}}", "\"a.io\"");
    refuses("{\"default\":" ACCEPT ",\"transports\":{\"docker\":{\"a.*.io\":" REJECT "}}}", "'*'");
    refuses("{\"default\":[{\"type\":\"reject\",\"x\":1}]}", "/x: unknown key");
    refuses("{\"default\":[{\"type\":\"reject\",\"keyPath\":\"k\"}]}", "belong");
    refuses("{\"default\":[{\"type\":\"insecureAcceptAnything\",\"signedIdentity\":"
            "{\"type\":\"matchExact\"}}]}",
            "belong");
}

Test(policy, refuses_signers_that_make_no_sense)
{
    static const struct {
        const char *rest, *words;
    } rows[] = {
        { "", "exactly one" },
        { ",\"keyPath\":\"a\",\"keyData\":\"eA==\"", "exactly one" },
        { ",\"keyPath\":\"a\",\"keyPaths\":[\"b\"]", "exactly one" },
        { ",\"keyPaths\":[]", "exactly one" },
        { ",\"keyData\":\"!\"", "base64" },
        { ",\"keyData\":\"\"", "base64" },
        { ",\"keyDatas\":[\"eA==\",\"!\"]", "base64" },
        { ",\"keyPath\":\"a\",\"keyType\":\"GPGKeys\"", "keyType" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{}", "/signedIdentity/type" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{\"type\":\"x\"}", "/signedIdentity/type" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{\"type\":\"matchExact\",\"prefix\":\"a.io\"}",
          "belong together" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{\"type\":\"exactReference\"}",
          "belong together" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{\"type\":\"exactReference\","
          "\"dockerReference\":\"a.io/b\"}",
          "no name with a tag" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{\"type\":\"exactRepository\","
          "\"dockerRepository\":\"a.io/b:1\"}",
          "no name without a tag" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{\"type\":\"remapIdentity\",\"prefix\":\"a.io\"}",
          "belong together" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{\"type\":\"remapIdentity\",\"prefix\":\"\","
          "\"signedPrefix\":\"b.io\"}",
          "no hosts" },
        { ",\"keyPath\":\"a\",\"signedIdentity\":{\"type\":\"matchExact\",\"x\":1}",
          "/signedIdentity/x: unknown key" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *json =
            xasprintf("{\"default\":[{\"type\":\"sigstoreSigned\"%s}]}", rows[i].rest);
        refuses(json, rows[i].words);
    }
}

Test(policy, which_file)
{
    auto_done(user) user;
    user_init(&user);
    struct err err = {};
    auto_free char *given = user_path(&user, "given");
    struct policy policy;
    cr_assert_eq(policy_load(&user.environment, NULL, &policy, &err), 0, "%s", err.text);
    cr_expect_null(policy.file);
    cr_assert_lt(policy_load(&user.environment, given, &policy, &err), 0);
    cr_expect_not_null(strstr(err.text, "--policy"));
    static const char *const places[] = { "etc/containers/policy.json",
                                          "home/.config/containers/policy.json", "given" };
    for (size_t i = 0; i < array_size(places); i++) {
        user_put(&user, places[i], "{\"default\":" ACCEPT "}");
        cr_assert_eq(policy_load(&user.environment, i == 2 ? given : NULL, &policy, &err), 0, "%s",
                     err.text);
        cr_expect(text_ends(policy.file, places[i]), "%s", policy.file);
        policy_done(&policy);
    }
    user_put(&user, "home/.config/containers/policy.json", "{");
    cr_assert_lt(policy_load(&user.environment, NULL, &policy, &err), 0);
    cr_expect_not_null(strstr(err.text, "home/.config/containers/policy.json: line 1"), "%s",
                       err.text);
}

/* ---- what must hold ---- */

/* One requirement a scope, whose key is the scope's name: what is asked for tells which it was. */
#define SCOPE(name) "\"" name "\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"" name "\"}]"

static void expect_scope(const struct policy *policy, const char *name, const char *key)
{
    auto_drop(reference) *reference = reference_of(name);
    const struct policy_scope *scope = NULL;
    struct err err = {};
    cr_assert_eq(policy_require(policy, reference, &scope, &err), 0, "%s: %s", name, err.text);
    cr_assert_not_null(scope, "%s", name);
    cr_expect_str_eq(scope->requirements.at[0].key_paths.at[0], key, "%s: %s", name,
                     scope->requirements.at[0].key_paths.at[0]);
}

Test(policy, most_specific_scope)
{
    auto_done(policy) policy = parsed(
        "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"default\"}],\"transports\":{"
        "\"dir\":{\"a.io\":" REJECT "},"
        "\"docker\":{" SCOPE("a.io") "," SCOPE("a.io/x") "," SCOPE("a.io/x/y") "," SCOPE(
            "a.io/x/"
            "y:1") "," SCOPE("a.io/x/y@sha256:" HEX64) "," SCOPE("a.io:5000") "," SCOPE("*.a.io") "," SCOPE("*.b.a.io") "," SCOPE("docker.io/library/"
                                                                                                                                  "busybox") "}}}");
    expect_scope(&policy, "a.io/q:1", "a.io");
    expect_scope(&policy, "a.io/x", "a.io/x");
    expect_scope(&policy, "a.io/x/z", "a.io/x");
    expect_scope(&policy, "a.io/xy", "a.io");
    expect_scope(&policy, "a.io/x/y:2", "a.io/x/y");
    expect_scope(&policy, "a.io/x/y:1", "a.io/x/y:1");
    expect_scope(&policy, "a.io/x/y@sha256:" HEX64, "a.io/x/y@sha256:" HEX64);
    expect_scope(&policy, "a.io/x/y:1@sha256:" HEX64, "a.io/x/y@sha256:" HEX64);
    expect_scope(&policy, "a.io/x/y:1@sha256:" OTHER64, "a.io/x/y");
    expect_scope(&policy, "a.io:5000/x/y:1", "a.io:5000");
    expect_scope(&policy, "a.io:5001/x/y:1", "default");
    expect_scope(&policy, "a.io:443/x/y:1", "a.io/x/y:1");
    expect_scope(&policy, "A.IO/x/y:1", "a.io/x/y:1");
    expect_scope(&policy, "q.a.io/x", "*.a.io");
    expect_scope(&policy, "q.a.io:443/x", "*.a.io");
    expect_scope(&policy, "p.q.a.io/x", "*.a.io");
    expect_scope(&policy, "q.b.a.io/x", "*.b.a.io");
    expect_scope(&policy, "b.a.io/x", "*.a.io");
    expect_scope(&policy, "ba.io/x", "default");
    expect_scope(&policy, "busybox", "docker.io/library/busybox");
    expect_scope(&policy, "alpine", "default");
}

static void requires(const char *docker, enum err_kind kind, bool is_signed)
{
    auto_free char *json =
        xasprintf("{\"default\":" ACCEPT ",\"transports\":{\"docker\":{\"\":%s}}}", docker);
    auto_done(policy) policy = parsed(json);
    auto_drop(reference) *reference = reference_of("a.io/x");
    const struct policy_scope *scope = NULL;
    struct err err = {};
    int result = policy_require(&policy, reference, &scope, &err);
    cr_expect_eq(result, kind == ERR_NONE ? 0 : -1, "%s: %s", docker, err.text);
    cr_expect_eq(err.kind, kind, "%s: %s", docker, err.text);
    cr_expect_eq(!!scope, is_signed, "%s", docker);
    if (result < 0)
        cr_expect_not_null(strstr(err.text, "policy"), "%s", err.text);
}

Test(policy, all_requirements_hold)
{
    requires(ACCEPT, ERR_NONE, false);
    requires(REJECT, ERR_DENIED, false);
    requires("[{\"type\":\"sigstoreSigned\",\"keyPath\":\"k\"}]", ERR_NONE, true);
    requires("[{\"type\":\"insecureAcceptAnything\"},{\"type\":\"reject\"}]", ERR_DENIED, false);
    requires("[{\"type\":\"insecureAcceptAnything\"},"
             "{\"type\":\"sigstoreSigned\",\"keyPath\":\"k\"}]",
             ERR_NONE, true);
    requires("[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"k\"}]", ERR_UNSUPPORTED,
             false);
    requires("[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"k\"},"
             "{\"type\":\"reject\"}]",
             ERR_DENIED, false);
    requires("[{\"type\":\"sigstoreSigned\",\"fulcio\":{}}]", ERR_UNSUPPORTED, false);
    requires("[{\"type\":\"sigstoreSigned\",\"keyPath\":\"k\",\"rekorPublicKeyPath\":\"r\"}]",
             ERR_UNSUPPORTED, false);
}

Test(policy, no_policy_is_no_requirement)
{
    const struct policy policy = {};
    auto_drop(reference) *reference = reference_of("a.io/x");
    const struct policy_scope *scope = NULL;
    struct err err = {};
    cr_expect_eq(policy_require(&policy, reference, &scope, &err), 0);
    cr_expect_null(scope);
}

/* ---- which name ---- */

Test(policy, identities)
{
    static const char exact[] = "{\"type\":\"matchExact\"}";
    static const char either[] = "{\"type\":\"matchRepoDigestOrExact\"}";
    static const char repository[] = "{\"type\":\"matchRepository\"}";
    static const char reference[] =
        "{\"type\":\"exactReference\",\"dockerReference\":\"b.io/y:2\"}";
    static const char digest[] =
        "{\"type\":\"exactReference\",\"dockerReference\":\"b.io/y@sha256:" HEX64 "\"}";
    static const char other[] = "{\"type\":\"exactRepository\",\"dockerRepository\":\"b.io/y\"}";
    static const char remap[] = "{\"type\":\"remapIdentity\",\"prefix\":\"m.io/v\","
                                "\"signedPrefix\":\"b.io\"}";
    static const char hub[] = "{\"type\":\"remapIdentity\",\"prefix\":\"m.io/v\","
                              "\"signedPrefix\":\"docker.io\"}";
    static const struct {
        const char *identity, *asked, *signed_name;
        bool taken;
    } rows[] = {
        { exact, "a.io/x:1", "a.io/x:1", true },
        { exact, "a.io/x:1", "a.io/x:2", false },
        { exact, "a.io/x:1", "a.io/x", false },
        { exact, "a.io/x", "a.io/x", false }, /* signed without a tag, asked for "latest" */
        { exact, "a.io/x", "a.io/x:latest", true },
        { exact, "a.io/x:1", "a.io:5000/x:1", false },
        { exact, "a.io/x@sha256:" HEX64, "a.io/x:1", false },
        { exact, "a.io/x@sha256:" HEX64, "a.io/x@sha256:" HEX64, true },
        { exact, "a.io/x@sha256:" HEX64, "a.io/x@sha256:" OTHER64, false },
        { exact, "busybox:1", "docker.io/library/busybox:1", true },
        { exact, "busybox:1", "busybox:1", true },
        { either, "a.io/x:1", "a.io/x:1", true },
        { either, "a.io/x:1", "a.io/x:2", false },
        { either, "a.io/x:1", "a.io/x", false },
        { either, "a.io/x@sha256:" HEX64, "a.io/x:7", true },
        { either, "a.io/x@sha256:" HEX64, "a.io/x", true },
        { either, "a.io/x@sha256:" HEX64, "a.io/y:7", false },
        { repository, "a.io/x:1", "a.io/x:2", true },
        { repository, "a.io/x:1", "a.io/x", true },
        { repository, "a.io/x:1", "a.io/x/y", false },
        { repository, "a.io/x:1", "a.io/xy", false },
        { reference, "a.io/x:1", "b.io/y:2", true },
        { reference, "a.io/x:1", "b.io/y:1", false },
        { reference, "a.io/x:1", "a.io/x:1", false },
        { digest, "a.io/x:1", "b.io/y@sha256:" HEX64, true },
        { digest, "a.io/x:1", "b.io/y:1", false },
        { other, "a.io/x:1", "b.io/y:9", true },
        { other, "a.io/x:1", "b.io/y", true },
        { other, "a.io/x:1", "a.io/x:1", false },
        { remap, "m.io/v/p/q:1", "b.io/p/q:1", true },
        { remap, "m.io/v/p/q:1", "b.io/p/q:2", false },
        { remap, "m.io/v/p/q:1", "m.io/v/p/q:1", false },
        { remap, "m.io/vx/q:1", "m.io/vx/q:1", true }, /* not below the prefix: as it is */
        { remap, "m.io/v/p@sha256:" HEX64, "b.io/p:1", true },
        { hub, "m.io/v/library/busybox:1", "busybox:1", true },
        { repository, "a.io/x:1", "Not A Name", false },
        { repository, "a.io/x:1", "", false },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *json = xasprintf("{\"default\":[{\"type\":\"sigstoreSigned\","
                                         "\"keyPath\":\"k\",\"signedIdentity\":%s}]}",
                                         rows[i].identity);
        auto_done(policy) policy = parsed(json);
        auto_drop(reference) *asked = reference_of(rows[i].asked);
        cr_expect_eq(
            policy_takes(&policy.scopes.at[0].requirements.at[0], asked, rows[i].signed_name),
            rows[i].taken, "%s: %s signed as %s", rows[i].identity, rows[i].asked,
            rows[i].signed_name);
    }
    /* Without signedIdentity. */
    auto_done(policy) policy =
        parsed("{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"k\"}]}");
    auto_drop(reference) *asked = reference_of("a.io/x:1");
    cr_expect(policy_takes(&policy.scopes.at[0].requirements.at[0], asked, "a.io/x:1"));
    cr_expect_not(policy_takes(&policy.scopes.at[0].requirements.at[0], asked, "a.io/x:2"));
}

/* ---- keys ---- */

Test(policy, keys)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, "one.pub", "first");
    auto_free char *path = user_path(&user, "one.pub");
    auto_free char *json =
        xasprintf("{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"%s\"},"
                  "{\"type\":\"sigstoreSigned\","
                  "\"keyDatas\":[\"c2Vjb25k\",\"dGhpcmQ=\"]}]}",
                  path);
    auto_done(policy) policy = parsed(json);
    static const struct {
        size_t requirement, key;
        const char *text;
    } rows[] = {
        { 0, 0, "first" }, { 0, 1, NULL }, { 1, 0, "second" }, { 1, 1, "third" }, { 1, 2, NULL }
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_close int fd = -1;
        auto_free char *text = NULL;
        size_t len;
        struct err err = {};
        int found = policy_key_open(&policy.scopes.at[0].requirements.at[rows[i].requirement],
                                    rows[i].key, &fd, &err);
        cr_assert_eq(found, rows[i].text ? 1 : 0, "%s", err.text);
        if (found == 0)
            continue;
        cr_assert_eq(file_load_fd(fd, 100, &text, &len, &err), 0, "%s", err.text);
        cr_expect_str_eq(text, rows[i].text);
    }
    user_remove(&user, "one.pub");
    int fd = -1;
    struct err err = {};
    cr_expect_lt(policy_key_open(&policy.scopes.at[0].requirements.at[0], 0, &fd, &err), 0);
    cr_expect_not_null(strstr(err.text, "one.pub"), "%s", err.text);
}
