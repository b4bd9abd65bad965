/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/token.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "remote/client.h"

static void expect(const char *json, const char *token, uint32_t seconds)
{
    auto_free char *got = NULL;
    uint32_t life = 0;
    struct err err;
    int result = token_parse(json, strlen(json), &got, &life, &err);
    cr_assert_eq(result, token ? 0 : -1, "%s", json);
    cr_assert(text_same(got, token), "%s: %s", json, got);
    cr_assert_eq(life, seconds, "%s: %u", json, life);
}

Test(token, answers)
{
    expect("{\"token\":\"abc\",\"expires_in\":300}", "abc", 300);
    expect("{\"access_token\":\"abc\",\"issued_at\":\"2020-01-01T00:00:00Z\"}", "abc", 60);
    expect("{\"token\":\"a\",\"access_token\":\"b\"}", "a", 60);
    expect("{\"token\":\"\",\"access_token\":\"b\"}", "b", 60);
    expect("{\"token\":\"a\",\"expires_in\":1}", "a", 60);
    expect("{\"token\":\"a\",\"expires_in\":99999999999}", "a", 24 * 3600);
    expect("{\"token\":\"a\\r\\nEvil: yes\"}", NULL, 0);
    expect("{\"token\":\"a b\"}", NULL, 0);
    expect("{\"token\":\"\\u00e4\"}", NULL, 0);
    expect("{\"token\":7}", NULL, 0);
    expect("{}", NULL, 0);
    expect("[]", NULL, 0);
    expect("", NULL, 0);
}

Test(token, scopes)
{
    auto_done(strings) scopes = {};
    scope_add(&scopes, "repository:a:pull repository:b:pull");
    scope_add(&scopes, "  repository:b:pull   repository:c:push ");
    scope_add(&scopes, "");
    cr_assert_eq(scopes.len, 3);
    cr_assert_str_eq(scopes.at[2], "repository:c:push");
    for (int i = 0; i < 1000; i++) {
        auto_free char *more = xasprintf("repository:x%d:pull", i);
        scope_add(&scopes, more);
    }
    cr_assert_leq(scopes.len, 32);
}

Test(token, realms)
{
    struct remote_endpoint config = {};
    struct endpoint endpoint = { .config = &config, .base = (char *)"https://a.example/" };
    cr_assert(realm_secure_enough("https://b.example/token", &endpoint));
    cr_assert_not(realm_secure_enough("http://a.example/token", &endpoint));
    cr_assert_not(realm_secure_enough("http://127.0.0.1/token", &endpoint));
    config.insecure = true;
    cr_assert(realm_secure_enough("http://a.example/token", &endpoint));
    cr_assert(realm_secure_enough("http://a.example:81/token", &endpoint));
    cr_assert_not(realm_secure_enough("http://b.example/token", &endpoint));
    config.insecure = false;
    endpoint.base = (char *)"http://localhost:5000/";
    cr_assert(realm_secure_enough("http://127.0.0.1:5001/token", &endpoint));
    cr_assert_not(realm_secure_enough("http://a.example/token", &endpoint));
}
