/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registries.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "user.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct registries parsed(const char *toml)
{
    struct registries registries = {};
    struct err err = {};
    cr_assert_eq(registries_parse(&registries, toml, strlen(toml), "conf", &err), 0, "%s\nof\n%s",
                 err.text, toml);
    return registries;
}

static void refuses(const char *toml, const char *words)
{
    struct registries registries = {};
    struct err err = {};
    cr_assert_lt(registries_parse(&registries, toml, strlen(toml), "conf", &err), 0,
                 "it passes:\n%s", toml);
    cr_expect(text_starts(err.text, "conf: "), "\"%s\" does not name the file", err.text);
    cr_expect_not_null(strstr(err.text, words), "\"%s\" does not say \"%s\"", err.text, words);
    cr_expect_eq(registries.entries.len, 0);
}

/* ---- reading ---- */

Test(registries, reads_all_of_a_file)
{
    auto_done(registries) registries =
        parsed("unqualified-search-registries = ['quay.io', \"docker.io\"]\n"
               "short-name-mode = 'enforcing'\n"
               "credential-helpers = ['secretservice', 'containers-auth.json']\n"
               "additional-layer-store-auth-helper = 'x'\n"
               "[[registry]]\n"
               "prefix = 'example.com/foo/'\n"
               "location = 'internal.example:5000/bar'\n"
               "insecure = true\n"
               "blocked = false\n"
               "[[registry.mirror]]\n"
               "location = 'mirror.example/m/'\n"
               "insecure = true\n"
               "pull-from-mirror = 'tag-only'\n"
               "[[registry.mirror]]\n"
               "location = 'localhost:5000'\n"
               "pull-from-mirror = ''\n"
               "[[registry]]\n"
               "location = 'registry.example'\n"
               "blocked = true\n"
               "mirror-by-digest-only = true\n"
               "[aliases]\n"
               "fedora = 'registry.fedoraproject.org/fedora'\n");
    cr_assert_eq(registries.search.len, 2);
    cr_expect_str_eq(registries.search.at[0], "quay.io");
    cr_expect_eq(registries.mode, SHORT_NAME_ENFORCING);
    cr_assert_eq(registries.helpers.len, 2);
    cr_assert_eq(registries.entries.len, 2);
    const struct registries_entry *first = &registries.entries.at[0];
    cr_expect_str_eq(first->prefix, "example.com/foo");
    cr_expect_str_eq(first->location, "internal.example:5000/bar");
    cr_expect_str_eq(first->file, "conf");
    cr_expect(first->insecure);
    cr_expect_not(first->blocked);
    cr_assert_eq(first->mirrors.len, 2);
    cr_expect_str_eq(first->mirrors.at[0].location, "mirror.example/m");
    cr_expect(first->mirrors.at[0].insecure);
    cr_expect_eq(first->mirrors.at[0].use, MIRROR_TAG_ONLY);
    cr_expect_eq(first->mirrors.at[1].use, MIRROR_ALL);
    cr_expect_str_eq(registries.entries.at[1].prefix, "registry.example");
    cr_expect(registries.entries.at[1].blocked);
    cr_expect(registries.entries.at[1].mirror_by_digest_only);
    cr_expect_str_eq(pairs_value(&registries.aliases, "fedora"),
                     "registry.fedoraproject.org/fedora");
}

Test(registries, refuses_what_makes_no_sense)
{
    refuses("[registries.search]\nregistries = ['a.io']", "version 1");
    refuses("[[registry]]\nblocked = true", "neither prefix nor location");
    refuses("[[registry]]\nprefix = 'a.io'", "no location");
    refuses("[[registry]]\nlocation = 'https://a.io'", "scheme");
    refuses("[[registry]]\nprefix = 'http://a.io'\nlocation = 'a.io'", "scheme");
    refuses("[[registry]]\nlocation = 'a.io/b:tag'", "host[:port]");
    refuses("[[registry]]\nlocation = 'a.io/b@sha256:" HEX64 "'", "host[:port]");
    refuses("[[registry]]\nlocation = 'mirror/b'", "host[:port]");
    refuses("[[registry]]\nlocation = 'mirror'", "host[:port]");
    refuses("[[registry]]\nlocation = '../a'", "host[:port]");
    refuses("[[registry]]\nlocation = '*.a.io'", "host[:port]");
    refuses("[[registry]]\nprefix = 'a.*.io'\nlocation = 'a.io'", "'*'");
    refuses("[[registry]]\nprefix = '*.a.io/x'\nlocation = 'a.io'", "'*'");
    refuses("[[registry]]\nprefix = '*.a.io:5000'\nlocation = 'a.io'", "'*'");
    refuses("[[registry]]\nprefix = '*.'\nlocation = 'a.io'", "'*'");
    refuses("[[registry]]\nprefix = '*'\nlocation = 'a.io'", "'*'");
    refuses("[[registry]]\nlocation = 'a.io'\n[[registry]]\nlocation = 'a.io/'", "twice");
    refuses("[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\ninsecure = true",
            "/registry/0/mirror/0/location");
    refuses("[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = ''", "of a mirror");
    refuses("[[registry]]\nlocation = 'a.io'\nmirror-by-digest-only = true\n"
            "[[registry.mirror]]\nlocation = 'b.io'\npull-from-mirror = 'all'\n"
            "[[registry.mirror]]\nlocation = 'c.io'\npull-from-mirror = 'tag-only'",
            "both");
    refuses("[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'b.io'\n"
            "pull-from-mirror = 'never'",
            "pull-from-mirror");
    refuses("[[registry]]\nlocation = 'a.io'\nblcoked = true", "/registry/0/blcoked: unknown key");
    refuses("[[registry]]\nlocation = 'a.io'\nblocked = 'yes'", "/registry/0/blocked");
    refuses("unqualified-search-registries = ['busybox']", "unqualified-search-registries");
    refuses("unqualified-search-registries = 'a.io'", "/unqualified-search-registries");
    refuses("short-name-mode = 'maybe'", "/short-name-mode");
    refuses("[aliases]\na = 'b'", "alias \"a\"");
    refuses("[aliases]\na = 'b.io/a:1'", "alias \"a\"");
    refuses("[aliases]\na = 'b.io'", "alias \"a\"");
    refuses("[aliases]\na = 'x/a'", "alias \"a\"");
    refuses("[aliases]\na = 'b.io/a'\na = 'c.io/a'", "line 3");
    refuses("x = [", "line 1");
}

/* ---- which file ---- */

static struct registries loaded(const struct user *user)
{
    struct registries registries = {};
    struct err err = {};
    cr_assert_eq(registries_load(&user->environment, &registries, &err), 0, "%s", err.text);
    return registries;
}

static void expect_search(const struct user *user, const char *first)
{
    auto_done(registries) registries = loaded(user);
    cr_expect_str_eq(registries.search.len > 0 ? registries.search.at[0] : "none", first);
}

Test(registries, order_of_files)
{
    auto_done(user) user;
    user_init(&user);
    expect_search(&user, "none");
    user_put(&user, "etc/containers/registries.conf", "unqualified-search-registries = ['a.io']");
    expect_search(&user, "a.io");
    user_put(&user, "etc/containers/registries.conf.d/2.conf",
             "unqualified-search-registries = ['c.io']");
    user_put(&user, "etc/containers/registries.conf.d/1.conf",
             "unqualified-search-registries = ['b.io']");
    user_put(&user, "etc/containers/registries.conf.d/3.txt", "not read");
    user_put(&user, "etc/containers/registries.conf.d/4.conf/x", "a directory");
    expect_search(&user, "c.io");
    user_put(&user, "home/.config/containers/registries.conf.d/0.conf",
             "unqualified-search-registries = ['d.io']");
    expect_search(&user, "d.io");

    /* With a file of his own, the system's are not read, not even its drop-ins. */
    user_put(&user, "home/.config/containers/registries.conf", "");
    user_remove(&user, "home/.config/containers/registries.conf.d");
    expect_search(&user, "none");
    auto_free char *config_home = user_path(&user, "config");
    user.environment.config_home = config_home;
    expect_search(&user, "c.io");
    user_put(&user, "config/containers/registries.conf",
             "unqualified-search-registries = ['e.io']");
    expect_search(&user, "e.io");

    auto_free char *given = user_path(&user, "given");
    user.environment.registries_conf = given;
    struct registries registries = {};
    struct err err = {};
    cr_assert_lt(registries_load(&user.environment, &registries, &err), 0);
    cr_expect_eq(err.kind, ERR_NOT_FOUND);
    user_put(&user, "given", "unqualified-search-registries = ['f.io']");
    user_remove(&user, "etc/containers/registries.conf.d");
    expect_search(&user, "f.io");
}

Test(registries, later_files_replace)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, "etc/containers/registries.conf",
             "short-name-mode = 'disabled'\n"
             "[[registry]]\nlocation = 'a.io'\ninsecure = true\n"
             "[[registry]]\nlocation = 'b.io'\nblocked = true\n"
             "[aliases]\none = 'a.io/one'\ntwo = 'a.io/two'\n");
    user_put(&user, "etc/containers/registries.conf.d/x.conf",
             "unqualified-search-registries = []\n"
             "[[registry]]\nlocation = 'a.io'\n"
             "[aliases]\none = ''\ntwo = 'b.io/two'\n");
    auto_done(registries) registries = loaded(&user);
    cr_assert_eq(registries.entries.len, 2);
    cr_expect_not(registries.entries.at[0].insecure);
    cr_expect(text_ends(registries.entries.at[0].file, "registries.conf.d/x.conf"));
    cr_expect(registries.entries.at[1].blocked);
    cr_expect_eq(registries.mode, SHORT_NAME_DISABLED);
    cr_expect_str_eq(pairs_value(&registries.aliases, "two"), "b.io/two");
    cr_expect_str_eq(pairs_value(&registries.aliases, "one"), "");
}

Test(registries, what_podman_has_recorded_goes_before_all)
{
    auto_done(user) user;
    user_init(&user);
    auto_free char *cache = user_path(&user, "cache");
    user.environment.cache = cache;
    user_put(&user, "etc/containers/registries.conf",
             "[aliases]\none = 'a.io/one'\ntwo = 'a.io/two'\nthree = 'a.io/three'\n");
    user_put(&user, "etc/containers/registries.conf.d/x.conf", "[aliases]\ntwo = 'b.io/two'\n");
    /* Of root it is the system's, not his own one. */
    user_put(&user, "home/.cache/containers/short-name-aliases.conf",
             "[aliases]\none = 'x.io/x'\n");
    user_put(
        &user, "cache/containers/short-name-aliases.conf",
        "unqualified-search-registries = ['c.io']\n"
        "[aliases]\n  \"two\" = \"c.io/two\"\n  \"four\" = \"c.io/four\"\n  \"three\" = \"\"\n");
    auto_done(registries) registries = loaded(&user);
    cr_expect_str_eq(pairs_value(&registries.aliases, "one"), "a.io/one");
    cr_expect_str_eq(pairs_value(&registries.aliases, "two"), "c.io/two");
    cr_expect_str_eq(pairs_value(&registries.aliases, "three"), "");
    cr_expect_str_eq(pairs_value(&registries.aliases, "four"), "c.io/four");
    cr_expect_eq(registries.search.len, 0, "it is for aliases alone");

    user.environment.uid = 1000;
    auto_done(registries) others = loaded(&user);
    cr_expect_str_eq(pairs_value(&others.aliases, "one"), "x.io/x");
    cr_expect_str_eq(pairs_value(&others.aliases, "two"), "b.io/two");
    user.environment.cache_home = cache;
    auto_done(registries) elsewhere = loaded(&user);
    cr_expect_str_eq(pairs_value(&elsewhere.aliases, "one"), "a.io/one");
    cr_expect_str_eq(pairs_value(&elsewhere.aliases, "two"), "c.io/two");
}

Test(registries, what_podman_has_recorded_may_be_damaged)
{
    auto_done(user) user;
    user_init(&user);
    user.environment.uid = 1000;
    struct registries registries = {};
    struct err err = {};
    user_put(&user, "home/.cache/containers/short-name-aliases.conf", "[aliases]\nx = 'y'\n");
    cr_assert_lt(registries_load(&user.environment, &registries, &err), 0);
    cr_expect_not_null(strstr(err.text, "short-name-aliases.conf: alias \"x\""), "%s", err.text);
}

Test(registries, errors_name_the_file)
{
    auto_done(user) user;
    user_init(&user);
    struct registries registries = {};
    struct err err = {};
    user_put(&user, "etc/containers/registries.conf.d/bad.conf", "[[registry]]\nx");
    auto_free char *path = user_path(&user, "etc/containers/registries.conf.d/bad.conf: line 2: ");
    cr_assert_lt(registries_load(&user.environment, &registries, &err), 0);
    cr_expect(text_starts(err.text, path), "%s", err.text);
}

/* ---- which registry ---- */

Test(registries, longest_prefix)
{
    auto_done(registries) registries =
        parsed("[[registry]]\nlocation = 'a.io'\n"
               "[[registry]]\nlocation = 'a.io/x'\n"
               "[[registry]]\nlocation = 'a.io/x/y'\n"
               "[[registry]]\nlocation = 'a.io:5000'\n"
               "[[registry]]\nprefix = 'a.io/t/i:1'\n"
               "location = 'a.io/t/i'\n"
               "[[registry]]\nprefix = '*.b.io'\n"
               "[[registry]]\nprefix = '*.c.b.io'\n"
               "[[registry]]\nlocation = 'x.b.io'\n"
               "[[registry]]\nlocation = 'docker.io/library'\n"
               "[[registry]]\nlocation = 'evil.io'\nblocked = true\n"
               "[[registry]]\nprefix = '*.evil.io'\nblocked = true\n"
               "[[registry]]\nlocation = 'part.io/bad'\nblocked = true\n"
               "[[registry]]\nlocation = 'port.io:443/bad'\nblocked = true\n"
               "[[registry]]\nlocation = 'open.io:443'\n");
    static const struct {
        const char *name, *prefix;
        size_t matched;
    } rows[] = {
        { "a.io/z:1", "a.io", 4 },
        { "a.io/xy", "a.io", 4 },
        { "a.io/x", "a.io/x", 6 },
        { "a.io/x:y", "a.io/x", 6 },
        { "a.io/x@sha256:" HEX64, "a.io/x", 6 },
        { "a.io/x/z", "a.io/x", 6 },
        { "a.io/x/y/z", "a.io/x/y", 8 },
        { "a.io:5000/x", "a.io:5000", 9 },
        { "a.io:5001/x", NULL, 0 },
        { "a.io/t/i:1", "a.io/t/i:1", 10 },
        { "a.io/t/i:1.2", "a.io", 4 },
        { "b.io/x", NULL, 0 },
        { "ab.io/x", NULL, 0 },
        { "q.b.io/x", "*.b.io", 6 },
        { "p.q.b.io/x", "*.b.io", 8 },
        { "p.c.b.io/x", "*.c.b.io", 8 },
        { "x.b.io/x", "*.b.io", 6 }, /* as long: the first */
        { "q.b.io:5000/x", NULL, 0 },
        { "q.b.io.evil.example/x", NULL, 0 },
        { "busybox", "docker.io/library", 17 },
        { "user/app", NULL, 0 },
        { "evil.io/x", "evil.io", 7 },
        { "evil.io:443/x", "evil.io", 7 },
        { "x.evil.io:443/x", "*.evil.io", 9 },
        { "devil.io/x", NULL, 0 },
        { "evil.io:5000/x", "evil.io", 7 },
        { "part.io:443/bad/x", "part.io/bad", 11 },
        { "part.io:80/bad", "part.io/bad", 11 },
        { "part.io:4430/bad", NULL, 0 },
        { "part.io:443/badly", NULL, 0 },
        { "port.io/bad:1", "port.io:443/bad", 11 },
        { "port.io:5000/bad", NULL, 0 },
        { "open.io/x", NULL, 0 }, /* only what is blocked is looked at so */
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_drop(reference) *reference = NULL;
        struct err err = {};
        size_t matched = 0;
        cr_assert_eq(reference_parse(rows[i].name, &reference, &err), 0, "%s", err.text);
        const struct registries_entry *entry = registries_find(&registries, reference, &matched);
        cr_expect(text_same(entry ? entry->prefix : NULL, rows[i].prefix), "%s: %s", rows[i].name,
                  entry ? entry->prefix : "none");
        cr_expect_eq(matched, rows[i].matched, "%s: %zu", rows[i].name, matched);
    }
    cr_expect_not_null(registries_find_host(&registries, "a.io"));
    cr_expect_not_null(registries_find_host(&registries, "q.b.io"));
    cr_expect_null(registries_find_host(&registries, "docker.io"));
}

Test(registries, rewrites)
{
    static const struct {
        const char *prefix, *location, *name, *there;
    } rows[] = {
        { "a.io", "b.io", "a.io/x/y:1", "b.io/x/y" },
        { "a.io", "b.io:5000/cache", "a.io/x/y", "b.io:5000/cache/x/y" },
        { "a.io/x", "b.io", "a.io/x/y", "b.io/y" },
        { "a.io/x/y", "b.io/z", "a.io/x/y:1", "b.io/z" },
        { "docker.io", "m.io/hub", "busybox", "m.io/hub/library/busybox" },
        { "docker.io/library", "m.io", "busybox", "m.io/busybox" },
        { "a.io", "docker.io/u", "a.io/x", "docker.io/u/x" },
        { "*.a.io", "m.io/all", "q.a.io/x/y", "m.io/all/x/y" },
        { "a.io/x:1", "m.io/x", "a.io/x:1", "m.io/x" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *toml = xasprintf("[[registry]]\nprefix='%s'\nlocation='%s'\n",
                                         rows[i].prefix, rows[i].location);
        auto_done(registries) registries = parsed(toml);
        auto_drop(reference) *reference = NULL;
        auto_drop(reference) *there = NULL;
        struct err err = {};
        size_t matched = 0;
        cr_assert_eq(reference_parse(rows[i].name, &reference, &err), 0);
        const struct registries_entry *entry = registries_find(&registries, reference, &matched);
        cr_assert_not_null(entry, "%s", rows[i].name);
        cr_assert_eq(registries_rewrite(entry, entry->location, reference, matched, &there, &err),
                     0, "%s", err.text);
        auto_free char *text = reference_repository(there);
        cr_expect_str_eq(text, rows[i].there);
    }
}

Test(registries, rewrites_to_what_is_no_name)
{
    auto_done(registries) registries =
        parsed("[[registry]]\nprefix='a.io/x'\nlocation='localhost'\n");
    auto_drop(reference) *reference = NULL;
    auto_drop(reference) *there = NULL;
    struct err err = {};
    size_t matched = 0;
    cr_assert_eq(reference_parse("a.io/x", &reference, &err), 0);
    const struct registries_entry *entry = registries_find(&registries, reference, &matched);
    cr_assert_not_null(entry);
    /* A host alone is no repository; it must not become docker.io/library/localhost. */
    cr_assert_lt(registries_rewrite(entry, entry->location, reference, matched, &there, &err), 0);
    cr_expect(text_starts(err.text, "conf: "), "%s", err.text);
}

/* ---- short names ---- */

static void resolves(const struct registries *registries, const char *text, const char *expected)
{
    auto_done(strings) candidates = {};
    auto_done(str) all = {};
    struct err err = {};
    cr_assert_eq(registries_resolve(registries, text, &candidates, &err), 0, "%s: %s", text,
                 err.text);
    for (size_t i = 0; i < candidates.len; i++)
        str_addf(&all, "%s%s", i > 0 ? " " : "", candidates.at[i]);
    cr_expect_str_eq(str_text(&all), expected);
}

Test(registries, short_names)
{
    auto_done(registries) none = {};
    resolves(&none, "busybox", "docker.io/library/busybox:latest");
    resolves(&none, "user/app:1", "docker.io/user/app:1");
    resolves(&none, "busybox@sha256:" HEX64, "docker.io/library/busybox@sha256:" HEX64);
    resolves(&none, "busybox:1@sha256:" HEX64, "docker.io/library/busybox:1@sha256:" HEX64);
    resolves(&none, "a.io:5000/x", "a.io:5000/x:latest");

    auto_done(registries) one = parsed("unqualified-search-registries = ['quay.io']\n"
                                       "[aliases]\n"
                                       "fedora = 'registry.fedoraproject.org/fedora'\n"
                                       "'user/app' = 'a.io/b/c'\n"
                                       "gone = ''\n");
    resolves(&one, "busybox", "quay.io/busybox:latest");
    resolves(&one, "user/other:2", "quay.io/user/other:2");
    resolves(&one, "fedora", "registry.fedoraproject.org/fedora:latest");
    resolves(&one, "fedora:39", "registry.fedoraproject.org/fedora:39");
    resolves(&one, "fedora@sha256:" HEX64, "registry.fedoraproject.org/fedora@sha256:" HEX64);
    resolves(&one, "user/app:x", "a.io/b/c:x");
    resolves(&one, "gone", "quay.io/gone:latest");
    resolves(&one, "docker.io/fedora", "docker.io/library/fedora:latest");
    resolves(&one, "docker.io/library/busybox", "docker.io/library/busybox:latest");
    resolves(&one, "index.docker.io/busybox", "docker.io/library/busybox:latest");
    resolves(&one, "localhost/busybox", "localhost/busybox:latest");
    resolves(&one, "a.io/fedora", "a.io/fedora:latest");
}

Test(registries, several_to_search)
{
    static const char search[] = "unqualified-search-registries = ['docker.io', 'quay.io']\n"
                                 "[aliases]\nfedora = 'a.io/fedora'\n";
    static const struct {
        const char *mode;
        bool all;
    } rows[] = {
        { "", false },
        { "short-name-mode = 'enforcing'\n", false },
        { "short-name-mode = ''\n", false },
        { "short-name-mode = 'permissive'\n", true },
        { "short-name-mode = 'disabled'\n", true },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *toml = xasprintf("%s%s", rows[i].mode, search);
        auto_done(registries) registries = parsed(toml);
        resolves(&registries, "fedora", "a.io/fedora:latest");
        resolves(&registries, "quay.io/x", "quay.io/x:latest");
        if (rows[i].all) {
            resolves(&registries, "busybox:1", "docker.io/library/busybox:1 quay.io/busybox:1");
            continue;
        }
        struct strings candidates = {};
        struct err err = {};
        cr_assert_lt(registries_resolve(&registries, "busybox:1", &candidates, &err), 0);
        cr_expect_eq(err.kind, ERR_INVALID);
        cr_expect_not_null(strstr(err.text, "docker.io/busybox:1, quay.io/busybox:1"), "%s",
                           err.text);
        cr_expect_null(candidates.at);
    }
}
