/* SPDX-License-Identifier: Apache-2.0 */
#include "image/auth.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/auth_file.h"
#include "user.h"

/* base64 of "alice:secret", "bob:with:colons", "carol:third" */
#define ALICE "YWxpY2U6c2VjcmV0"
#define BOB   "Ym9iOndpdGg6Y29sb25z"
#define CAROL "Y2Fyb2w6dGhpcmQ="

#define PRIMARY "run/containers/0/auth.json"

/* A helper that keeps one secret a server in a directory of its own, and tells what it was asked. */
static const char helper_script[] =
    "#!/bin/sh\n"
    "kept=${0%/*}/kept; mkdir -p \"$kept\"; input=$(cat)\n"
    "echo \"$1 $input\" >>\"$kept/asked\"\n"
    "name=$(printf %s \"$input\" | tr -c 'a-zA-Z0-9\\n' _)\n"
    "case $1 in\n"
    "get) cat \"$kept/$name\" 2>/dev/null || { echo 'credentials not found in native keychain'; "
    "exit 1; };;\n"
    "store) server=$(printf %s \"$input\" | sed 's/.*\"ServerURL\":\"\\([^\"]*\\)\".*/\\1/')\n"
    "  printf %s \"$input\" >\"$kept/$(printf %s \"$server\" | tr -c 'a-zA-Z0-9\\n' _)\";;\n"
    "erase) rm -f \"$kept/$name\";;\n"
    "esac\n";

static struct auth auth_of(const struct user *user)
{
    return (struct auth){ .environment = &user->environment };
}

/* "user password", "identity token", "" for none. */
static char *found(const struct auth *auth, const char *place)
{
    struct credentials credentials = {};
    struct err err = {};
    int result = auth_find(auth, place, &credentials, NULL, &err);
    cr_assert_geq(result, 0, "%s", err.text);
    char *text = result == 0 ? xstrdup("")
                             : xasprintf("%s %s", credentials.username ? credentials.username : "",
                                         credentials.password ? credentials.password
                                                              : credentials.identity_token);
    credentials_done(&credentials);
    return text;
}

static void finds(const struct auth *auth, const char *place, const char *expected)
{
    auto_free char *text = found(auth, place);
    cr_expect_str_eq(text, expected, "%s: \"%s\", not \"%s\"", place, text, expected);
}

static void fails(const struct auth *auth, const char *place, const char *words)
{
    struct credentials credentials = {};
    struct err err = {};
    cr_assert_lt(auth_find(auth, place, &credentials, NULL, &err), 0, "%s is found", place);
    cr_expect_not_null(strstr(err.text, words), "\"%s\" does not say \"%s\"", err.text, words);
    cr_expect_null(strchr(err.text, '\n'));
}

/* ---- finding ---- */

Test(auth, order_of_files)
{
    auto_done(user) user;
    user_init(&user);
    struct auth auth = auth_of(&user);
    finds(&auth, "a.io", "");
    user_put(&user, "home/.dockercfg", "{\"a.io\":{\"auth\":\"" ALICE "\"}}");
    finds(&auth, "a.io", "alice secret");
    user_put(&user, "home/.docker/config.json", "{\"auths\":{\"a.io\":{\"auth\":\"" BOB "\"}}}");
    finds(&auth, "a.io", "bob with:colons");
    user_put(&user, "home/.config/containers/auth.json",
             "{\"auths\":{\"a.io\":{\"auth\":\"" CAROL "\"}}}");
    finds(&auth, "a.io", "carol third");
    user_put(&user, PRIMARY, "{\"auths\":{\"a.io\":{\"username\":\"dan\",\"password\":\"4\"}}}");
    finds(&auth, "a.io", "dan 4");

    auto_free char *runtime = user_path(&user, "runtime");
    user.environment.runtime_dir = runtime;
    finds(&auth, "a.io", "carol third");
    user_put(&user, "runtime/containers/auth.json",
             "{\"auths\":{\"a.io\":{\"auth\":\"" ALICE "\"}}}");
    finds(&auth, "a.io", "alice secret");

    user_remove(&user, "runtime");
    user_remove(&user, "home/.config");
    auto_free char *docker = user_path(&user, "docker");
    user.environment.docker_config = docker;
    finds(&auth, "a.io", "alice secret"); /* .dockercfg */
    user_put(&user, "docker/config.json", "{\"auths\":{\"a.io\":{\"auth\":\"" CAROL "\"}}}");
    finds(&auth, "a.io", "carol third");

    auto_free char *by_env = user_path(&user, "by-env");
    user.environment.authfile = by_env;
    finds(&auth, "a.io", "");
    auto_free char *option = user_path(&user, "by-option");
    auth.authfile = option;
    fails(&auth, "a.io", "--authfile");
    user_put(&user, "by-option", "{\"auths\":{\"a.io\":{\"auth\":\"" BOB "\"}}}");
    finds(&auth, "a.io", "bob with:colons");
    finds(&auth, "b.io", "");
}

Test(auth, nearest_place)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, PRIMARY,
             "{\"auths\":{\"a.io\":{\"auth\":\"" ALICE "\"},"
             "\"a.io/ns\":{\"auth\":\"" BOB "\"},\"a.io/ns/app\":{\"auth\":\"" CAROL "\"},"
             "\"https://old.io/v1/\":{\"auth\":\"" BOB "\"},"
             "\"http://plain.io:5000\":{\"auth\":\"" CAROL "\"},"
             "\"https://index.docker.io/v1/\":{\"auth\":\"" ALICE "\"}}}");
    struct auth auth = auth_of(&user);
    finds(&auth, "a.io", "alice secret");
    finds(&auth, "a.io/x", "alice secret");
    finds(&auth, "a.io/ns", "bob with:colons");
    finds(&auth, "a.io/ns/other", "bob with:colons");
    finds(&auth, "a.io/nsx", "alice secret");
    finds(&auth, "a.io/ns/app", "carol third");
    finds(&auth, "a.io/ns/app/deeper", "carol third");
    finds(&auth, "a.io:5000/ns", "");
    finds(&auth, "b.io", "");
    finds(&auth, "old.io/x", "bob with:colons");
    finds(&auth, "plain.io:5000/x", "carol third");
    finds(&auth, "plain.io/x", "");
    finds(&auth, "docker.io/library/busybox", "alice secret");
}

Test(auth, exact_key_goes_before_url)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, PRIMARY,
             "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"" ALICE "\"},"
             "\"docker.io\":{\"auth\":\"" BOB "\"},\"docker.io/me\":{\"auth\":\"" CAROL "\"}}}");
    struct auth auth = auth_of(&user);
    finds(&auth, "docker.io/library/busybox", "bob with:colons");
    finds(&auth, "docker.io/me/app", "carol third");
}

Test(auth, kinds_of_entries)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, PRIMARY,
             "{\"auths\":{\"empty.io\":{},\"null.io\":{\"auth\":\"\"},"
             "\"token.io\":{\"identitytoken\":\"refresh\"},"
             "\"bearer.io\":{\"registrytoken\":\"as-it-is\"},"
             "\"padded.io\":{\"auth\":\"YWxpY2U6c2VjcmV0AA==\"},"
             "\"nopass.io\":{\"auth\":\"YWxpY2U6\"}},\"HttpHeaders\":{\"x\":1}}");
    struct auth auth = auth_of(&user);
    finds(&auth, "empty.io", "");
    finds(&auth, "null.io", "");
    finds(&auth, "token.io", " refresh");
    finds(&auth, "padded.io", "alice secret");
    finds(&auth, "nopass.io", "alice ");
    struct credentials credentials = {};
    struct err err = {};
    cr_assert_eq(auth_find(&auth, "bearer.io", &credentials, NULL, &err), 1);
    cr_expect_str_eq(credentials.registry_token, "as-it-is");
    credentials_done(&credentials);
}

Test(auth, an_empty_entry_leads_to_the_next_file)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, PRIMARY, "{\"auths\":{\"a.io\":{}}}");
    user_put(&user, "home/.docker/config.json", "{\"auths\":{\"a.io\":{\"auth\":\"" BOB "\"}}}");
    struct auth auth = auth_of(&user);
    finds(&auth, "a.io/x", "bob with:colons");
}

Test(auth, errors_name_place_and_no_secret)
{
    static const struct {
        const char *json, *words;
    } rows[] = {
        { "{\"auths\":{\"a.io\":{\"auth\":\"hunter2\"}}}", "\"a.io\"" },
        { "{\"auths\":{\"a.io\":{\"auth\":\"aHVudGVyMg==\"}}}", "USER:PASSWORD" },
        { "{\"auths\":{\"a.io\":{\"auth\":\"OmFiYw==\"}}}", "USER:PASSWORD" },
        { "{\n\"auths\":{\"a.io\":{\"auth\":\"hunter2\n", "line 2" },
        { "{\"auths\":{\"a.io\":{\"password\" \"hunter2\"}}}", "line 1" },
        { "{\"auths\":[]}", "/auths" },
        { "{\"auths\":{\"a.io\":{\"auth\":7}}}", "/auths/a.io/auth" },
        { "[]", "an object" },
    };
    auto_done(user) user;
    user_init(&user);
    struct auth auth = auth_of(&user);
    for (size_t i = 0; i < array_size(rows); i++) {
        struct credentials credentials = {};
        struct err err = {};
        user_put(&user, PRIMARY, rows[i].json);
        cr_assert_lt(auth_find(&auth, "a.io", &credentials, NULL, &err), 0, "%s", rows[i].json);
        cr_expect_not_null(strstr(err.text, rows[i].words), "\"%s\" does not say \"%s\"", err.text,
                           rows[i].words);
        cr_expect_not_null(strstr(err.text, PRIMARY), "%s", err.text);
        cr_expect_null(strstr(err.text, "hunter2"), "a secret is shown: %s", err.text);
        cr_expect_null(strstr(err.text, "aHVudGVyMg"), "a secret is shown: %s", err.text);
    }
    /* Of other places nothing is looked into. */
    user_put(&user, PRIMARY, rows[0].json);
    finds(&auth, "b.io", "");
    user_put(&user, PRIMARY, "");
    finds(&auth, "a.io", "");
}

/* ---- storing and forgetting ---- */

static void saves(const struct auth *auth, const char *place, const char *name,
                  const char *password)
{
    auto_free char *where = NULL;
    struct err err = {};
    cr_assert_eq(auth_save(auth, place, name, password, &where, &err), 0, "%s", err.text);
    cr_expect_not_null(where);
}

static void removes(const struct auth *auth, const char *place, int expected)
{
    struct err err = {};
    int removed = auth_remove(auth, place, &err);
    cr_expect_eq(removed, expected, "%s: %d %s", place, removed, err.text);
}

Test(auth, stores_and_forgets)
{
    auto_done(user) user;
    user_init(&user);
    struct auth auth = auth_of(&user);
    removes(&auth, "a.io", 0);
    auto_free char *nothing = user_get(&user, PRIMARY);
    cr_expect_null(nothing, "a file is made by forgetting");
    saves(&auth, "a.io", "alice", "secret");
    saves(&auth, "a.io/ns", "bob", "with:colons");
    saves(&auth, "docker.io", "carol", "p\xc3\xa4ss \"\\");
    finds(&auth, "a.io/x", "alice secret");
    finds(&auth, "a.io/ns/x", "bob with:colons");
    finds(&auth, "docker.io/x/y", "carol p\xc3\xa4ss \"\\");
    saves(&auth, "a.io", "alice", "changed");
    finds(&auth, "a.io", "alice changed");
    removes(&auth, "a.io", 1);
    removes(&auth, "a.io", 0);
    finds(&auth, "a.io", "");
    finds(&auth, "a.io/ns", "bob with:colons");

    struct stat stat_;
    auto_free char *path = user_path(&user, PRIMARY);
    cr_assert_eq(stat(path, &stat_), 0);
    cr_expect_eq(stat_.st_mode & 07777, 0600);

    auto_done(strings) places = {};
    struct err err = {};
    cr_assert_eq(auth_remove_all(&auth, &places, &err), 0, "%s", err.text);
    cr_assert_eq(places.len, 2);
    finds(&auth, "docker.io", "");
    finds(&auth, "a.io/ns", "");
}

Test(auth, where_it_is_stored)
{
    auto_done(user) user;
    user_init(&user);
    struct auth auth = auth_of(&user);
    auto_free char *runtime = user_path(&user, "runtime");
    static const char *const places[] = { PRIMARY, "home/.config/containers/auth.json",
                                          "run/containers/1234/auth.json",
                                          "runtime/containers/auth.json" };
    for (size_t i = 0; i < array_size(places); i++) {
        user.environment.uid = i == 0 ? 0 : 1234;
        user.environment.home = i == 2 ? NULL : user.home;
        user.environment.runtime_dir = i == 3 ? runtime : NULL;
        auto_free char *where = NULL;
        struct err err = {};
        cr_assert_eq(auth_save(&auth, "a.io", "alice", "secret", &where, &err), 0, "%s", err.text);
        cr_expect(text_ends(where, places[i]), "%s", where);
        finds(&auth, "a.io", "alice secret");
    }
}

Test(auth, keeps_what_it_does_not_know)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, "docker/config.json",
             "{\"HttpHeaders\":{\"A\":\"b\"},\"auths\":{\"b.io\":{\"auth\":\"" BOB
             "\",\"x\":[1,2.5]},"
             "\"https://index.docker.io/v1/\":{\"auth\":\"" ALICE "\"}},"
             "\"psFormat\":\"table {{.ID}}\",\"big\":9223372036854775807,\"last\":null}");
    auto_free char *path = user_path(&user, "docker/config.json");
    struct auth auth = auth_of(&user);
    auth.authfile = path;
    saves(&auth, "a.io", "carol", "third");
    saves(&auth, "docker.io", "bob", "with:colons");
    auto_free char *text = user_get(&user, "docker/config.json");
    static const char *const kept[] = { "\"HttpHeaders\": {",
                                        "\"A\": \"b\"",
                                        "\"psFormat\": \"table {{.ID}}\"",
                                        "\"big\": 9223372036854775807",
                                        "\"last\": null",
                                        "2.5",
                                        "\"https://index.docker.io/v1/\": {",
                                        BOB,
                                        CAROL };
    for (size_t i = 0; i < array_size(kept); i++)
        cr_expect_not_null(strstr(text, kept[i]), "%s is lost: %s", kept[i], text);
    cr_expect_null(strstr(text, ALICE), "the old one is still there: %s", text);
    cr_expect_null(strstr(text, "\"docker.io\""), "docker would not find it: %s", text);
    removes(&auth, "docker.io", 1);
    finds(&auth, "docker.io", "");
    finds(&auth, "b.io", "bob with:colons");
}

Test(auth, changes_where_a_link_leads)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, "dotfiles/config.json", "{}");
    user_put(&user, "docker/x", "");
    auto_free char *path = user_path(&user, "docker/config.json");
    cr_assert_eq(symlink("../dotfiles/config.json", path), 0);
    struct auth auth = auth_of(&user);
    auth.authfile = path;
    saves(&auth, "a.io", "alice", "secret");
    struct stat stat_;
    cr_assert_eq(lstat(path, &stat_), 0);
    cr_expect(S_ISLNK(stat_.st_mode));
    auto_free char *text = user_get(&user, "dotfiles/config.json");
    cr_expect_not_null(strstr(text, ALICE));
}

Test(auth, broken_files_are_not_written_over)
{
    static const char *const broken[] = { "{", "[]", "{\"auths\":3}", "{\"auths\":{}} x",
                                          "{\"x\":99999999999999999999}" };
    auto_done(user) user;
    user_init(&user);
    struct auth auth = auth_of(&user);
    for (size_t i = 0; i < array_size(broken); i++) {
        auto_free char *where = NULL;
        struct err err = {};
        user_put(&user, PRIMARY, broken[i]);
        cr_expect_lt(auth_save(&auth, "a.io", "alice", "secret", &where, &err), 0, "%s", broken[i]);
        cr_expect_not_null(strstr(err.text, PRIMARY), "%s", err.text);
        auto_free char *text = user_get(&user, PRIMARY);
        cr_expect_str_eq(text, broken[i]);
    }
}

/* ---- helpers ---- */

Test(auth, helper_for_a_registry)
{
    auto_done(user) user;
    user_init(&user);
    user_put_program(&user, "bin/docker-credential-test", helper_script);
    user_put(&user, PRIMARY,
             "{\"credHelpers\":{\"a.io\":\"test\"},\"auths\":{\"a.io\":{\"auth\":\"" BOB "\"},"
             "\"b.io\":{\"auth\":\"" ALICE "\"}}}");
    struct auth auth = auth_of(&user);
    finds(&auth, "a.io/x", "");
    finds(&auth, "b.io", "alice secret");
    saves(&auth, "a.io", "dan", "in \"helper\"");
    finds(&auth, "a.io/x/y", "dan in \"helper\"");
    auto_free char *file = user_get(&user, PRIMARY);
    cr_expect_null(strstr(file, "helper\\"), "%s", file);
    removes(&auth, "a.io", 1);
    finds(&auth, "a.io", "");
    auto_free char *asked = user_get(&user, "bin/kept/asked");
    cr_expect_not_null(strstr(asked, "store {\"ServerURL\":\"a.io\",\"Username\":\"dan\","
                                     "\"Secret\":\"in \\\"helper\\\"\"}"),
                       "%s", asked);
    cr_expect_not_null(strstr(asked, "erase a.io\n"), "%s", asked);
    cr_expect_null(strstr(asked, "b.io"), "%s", asked);
}

Test(auth, helper_for_all)
{
    auto_done(user) user;
    user_init(&user);
    user_put_program(&user, "bin/docker-credential-test", helper_script);
    user_put(&user, PRIMARY,
             "{\"credsStore\":\"test\",\"auths\":{\"b.io\":{\"auth\":\"" ALICE "\"}}}");
    struct auth auth = auth_of(&user);
    finds(&auth, "b.io", "alice secret");
    finds(&auth, "docker.io/library/x", "");
    saves(&auth, "docker.io", "dan", "4");
    finds(&auth, "docker.io/library/x", "dan 4");
    saves(&auth, "c.io", "eve", "5");
    auto_free char *file = user_get(&user, PRIMARY);
    cr_expect_not_null(strstr(file, "\"c.io\": {}"), "%s", file);
    auto_free char *asked = user_get(&user, "bin/kept/asked");
    cr_expect_not_null(strstr(asked, "get https://index.docker.io/v1/\n"), "%s", asked);

    auto_done(strings) places = {};
    struct err err = {};
    cr_assert_eq(auth_remove_all(&auth, &places, &err), 0, "%s", err.text);
    cr_expect_eq(places.len, 3);
    finds(&auth, "docker.io", "");
    finds(&auth, "c.io", "");
}

Test(auth, helpers_of_registries_conf)
{
    auto_done(user) user;
    user_init(&user);
    user_put_program(&user, "bin/docker-credential-test", helper_script);
    user_put(&user, PRIMARY, "{\"auths\":{\"b.io\":{\"auth\":\"" ALICE "\"}}}");
    auto_done(strings) helpers = {};
    strings_add(&helpers, "test");
    strings_add(&helpers, "containers-auth.json");
    struct auth auth = auth_of(&user);
    auth.helpers = &helpers;
    finds(&auth, "b.io", "alice secret");
    saves(&auth, "b.io", "dan", "4");
    finds(&auth, "b.io", "dan 4");
    removes(&auth, "b.io", 1);
    finds(&auth, "b.io", "");
}

Test(auth, identity_token_of_a_helper)
{
    auto_done(user) user;
    user_init(&user);
    user_put_program(
        &user, "bin/docker-credential-test",
        "#!/bin/sh\ncat >/dev/null\n"
        "echo '{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"refresh\"}'\n");
    user_put(&user, PRIMARY, "{\"credsStore\":\"test\"}");
    struct auth auth = auth_of(&user);
    finds(&auth, "a.io", " refresh");
}

Test(auth, helpers_that_fail)
{
    static const struct {
        const char *script, *words;
    } rows[] = {
        { "#!/bin/sh\necho 'the \033[31mkeyring is locked'; exit 1\n",
          "docker-credential-test get failed with status 1: the \\x1b[31mkeyring is locked" },
        { "#!/bin/sh\nexit 3\n", "status 3" },
        { "#!/bin/sh\nkill -9 $$\n", "signal 9" },
        { "#!/bin/sh\necho '{\"Secret\": \"hunter2\" oops'\n", "not what the protocol wants" },
        { "#!/bin/sh\necho 'not JSON'\n", "not what the protocol wants" },
        { "#!/bin/sh\nwhile :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n",
          "docker-credential-test get" },
        { "#!/bin/sh\nexec </dev/null; exit 1\n", "status 1" },
    };
    auto_done(user) user;
    user_init(&user);
    user_put(&user, PRIMARY, "{\"credsStore\":\"test\"}");
    struct auth auth = auth_of(&user);
    fails(&auth, "a.io", "docker-credential-test is not in PATH");
    for (size_t i = 0; i < array_size(rows); i++) {
        struct credentials credentials = {};
        struct err err = {};
        user_put_program(&user, "bin/docker-credential-test", rows[i].script);
        cr_assert_lt(auth_find(&auth, "a.io", &credentials, NULL, &err), 0, "%s", rows[i].script);
        cr_expect_not_null(strstr(err.text, rows[i].words), "\"%s\" does not say \"%s\"", err.text,
                           rows[i].words);
        cr_expect_null(strstr(err.text, "hunter2"), "a secret is shown: %s", err.text);
        cr_expect_null(strchr(err.text, '\n'));
    }
}

Test(auth, names_that_are_no_helper)
{
    static const char *const names[] = { "../../bin/sh", "a/b", "/bin/sh", ".x", "a b", "a\\nb" };
    auto_done(user) user;
    user_init(&user);
    struct auth auth = auth_of(&user);
    for (size_t i = 0; i < array_size(names); i++) {
        auto_free char *json = xasprintf("{\"credsStore\":\"%s\"}", names[i]);
        user_put(&user, PRIMARY, json);
        fails(&auth, "a.io", "no name of a credential helper");
    }
}
