/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/create.h"
#include "world.h"

TestSuite(container, .init = world_open, .fini = world_close);

static void assert_not_found(const char *name)
{
    struct container *container = NULL;
    cr_assert_eq(container_find(engine, name, &container, &err), -1);
    cr_assert_eq(err.kind, ERR_NOT_FOUND, "%s", err.text);
}

Test(container, is_completed)
{
    struct container_config config = config_of(NULL);
    auto_drop(container) *container = NULL;
    must(container_prepare(engine, &config, &container, &err));
    cr_assert_null(config.rootfs); /* taken */
    cr_assert(container->unmade);
    cr_assert_not(there(root_fd(), "containers"));
    must(container_record(engine, container, &err));
    cr_assert_not(container->unmade);
    cr_assert_str_eq(container->state.name, container->config.name);
    const struct container_config *made = &container->config;
    struct timespec created;
    cr_assert(container_id_valid(made->id));
    cr_assert(name_valid(made->name));
    cr_assert_eq(timestamp_parse(made->created, &created), 0);
    cr_assert_eq(made->version, CONTAINER_CONFIG_VERSION);
    cr_assert_str_eq(made->user, "");
    cr_assert_str_eq(made->workdir, "");
    cr_assert_str_eq(made->stop_signal, "SIGTERM");
    cr_assert_not_null(strings_value(&made->env, "PATH"));
    cr_assert_eq(container->state.status, CONTAINER_CREATED);
    cr_assert_str_eq(container->state.command, "sleep 1000");
}

Test(container, is_found)
{
    auto_drop(container) *container = make("web");
    const char *id = container->config.id;
    auto_free char *prefix = xstrndup(id, 1);
    auto_free char *longer = xstrndup(id, 12);
    const char *const names[] = { "web", "/web", id, prefix, longer };
    for (size_t i = 0; i < array_size(names); i++) {
        auto_drop(container) *found = find(names[i]);
        cr_assert_str_eq(found->config.id, id);
        cr_assert_str_eq(found->config.name, "web");
        cr_assert_str_eq(found->config.command.at[1], "1000");
        must(container_check(found, &err));
    }
}

Test(container, is_not_found)
{
    static const char *const names[] = { "",    "web", "/",         "..", "../containers",
                                         "a/b", "zz",  "web\x1b[0m" };
    for (size_t i = 0; i < array_size(names); i++)
        assert_not_found(names[i]);
    container_free(make("db"));
    for (size_t i = 0; i < array_size(names); i++)
        assert_not_found(names[i]);
    cr_assert_null(strchr(err.text, '\x1b'), "%s", err.text);
}

Test(container, is_known_by_its_name_first)
{
    auto_drop(container) *one = make("one");
    auto_free char *prefix = xstrndup(one->config.id, 3);
    auto_drop(container) *two = make(prefix);
    auto_drop(container) *found = find(prefix);
    cr_assert_str_eq(found->config.id, two->config.id);
}

Test(container, is_not_guessed)
{
    static const char ids[][CONTAINER_ID_LEN + 1] = {
        "ab00000000000000000000000000000000000000000000000000000000000000",
        "ab10000000000000000000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < array_size(ids); i++) {
        char path[RECORD_PATH_SIZE];
        must(dir_make_all(root_fd(), record_path(ids[i], NULL, path), 0700, &err));
    }
    struct container *container = NULL;
    cr_assert_eq(container_find(engine, "ab", &container, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert_not_null(strstr(err.text, "ab0000000000"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "ab1000000000"), "%s", err.text);
    auto_drop(container) *found = find("ab1");
    cr_assert_str_eq(found->config.id, ids[1]);
}

Test(container, has_a_name_of_its_own)
{
    auto_drop(container) *first = make("web");
    struct container_config config = config_of("web");
    struct container *second = NULL;
    cr_assert_eq(create(&config, &second), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    auto_free char *holder = xasprintf("taken by container %.12s", first->config.id);
    cr_assert_not_null(strstr(err.text, holder), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "ruche rm web"), "%s", err.text);

    auto_done(strings) records = {};
    cr_assert_eq(dir_list(root_fd(), "containers", &records, &err), 1);
    cr_assert_eq(records.len, 1);
}

Test(container, gets_a_name_though_many_are_taken)
{
    container_free(make("web"));
    for (uint64_t i = 0; i < 64 * 128; i++) {
        auto_free char *name = name_generate(i);
        auto_free char *path = xasprintf("names/%s", name);
        /* One inode for all: making 8192 takes seconds. */
        cr_assert_eq(linkat(root_fd(), "names/web", root_fd(), path, 0), 0);
    }
    auto_drop(container) *container = make(NULL);
    cr_assert(name_valid(container->config.name));
    auto_drop(container) *found = find(container->config.name);
    cr_assert_str_eq(found->config.id, container->config.id);
}

Test(container, wants_one_root)
{
    struct container_config config = {};
    struct container *container = NULL;
    strings_add(&config.command, "true");
    cr_assert_eq(create(&config, &container), -1);
    cr_assert_eq(err.kind, ERR_USAGE);
    strings_add(&config.command, "true");
    config.image = xstrdup("x");
    config.rootfs = xstrdup("/");
    cr_assert_eq(create(&config, &container), -1);
    cr_assert_eq(err.kind, ERR_USAGE);
}

Test(container, wants_an_image_that_is_there)
{
    struct container_config config = { .image = xstrdup("example.org/none:1") };
    struct container *container = NULL;
    cr_assert_eq(create(&config, &container), -1);
    cr_assert_eq(err.kind, ERR_NOT_FOUND, "%s", err.text);
    cr_assert_not_null(strstr(err.text, "example.org/none:1"));
    cr_assert_not(there(root_fd(), "containers"));
}

Test(container, is_completed_without_a_record)
{
    struct container_config config = config_of(NULL);
    must(container_complete(engine, &config, &err));
    cr_assert(container_id_valid(config.id));
    cr_assert_not(there(root_fd(), "containers"));
    container_config_done(&config);
}

Test(container, knows_by_id_whose_namespaces_it_shares)
{
    auto_drop(container) *other = make("db");
    auto_drop(container) *container = NULL;
    struct container_config config = config_of("web");
    config.namespaces.network = xstrdup("container:cache");
    cr_assert_eq(create(&config, &container), -1);
    cr_assert_eq(err.kind, ERR_NOT_FOUND, "%s", err.text);
    config = config_of("web");
    config.namespaces.network = xstrdup("container:db"); /* it need not run yet */
    must(create(&config, &container));
    auto_free char *wanted = xasprintf("container:%s", other->config.id);
    cr_assert_str_eq(container->config.namespaces.network, wanted);
    cr_assert_str_eq(container->config.namespaces.user, wanted);
}

Test(container, does_not_share_from_a_private_user_namespace)
{
    auto_drop(container) *other = make("db");
    struct container *container = NULL;
    struct container_config config = config_of("web");
    config.namespaces.user = xstrdup("private");
    config.namespaces.ipc = xstrdup("container:db");
    cr_assert_eq(create(&config, &container), -1);
    cr_assert_eq(err.kind, ERR_INVALID, "%s", err.text);
}

/* --- what crashes leave --- */

Test(container, without_its_name_is_found_all_the_same)
{
    auto_drop(container) *container = make("web");
    cr_assert_eq(unlinkat(root_fd(), "names/web", 0), 0);
    auto_drop(container) *found = find("web");
    cr_assert_str_eq(found->config.id, container->config.id);
}

Test(container, whose_record_is_gone_gives_its_name_away)
{
    auto_drop(container) *first = make("web");
    char path[RECORD_PATH_SIZE];
    must(tree_remove(root_fd(), record_path(first->config.id, NULL, path), &err));
    assert_not_found("web");
    auto_drop(container) *second = make("web");
    auto_drop(container) *found = find("web");
    cr_assert_str_eq(found->config.id, second->config.id);
}

static void damage(const struct container *container, const char *file, const char *text)
{
    char path[RECORD_PATH_SIZE];
    (void)record_path(container->config.id, file, path);
    must(file_save(root_fd(), path, text, strlen(text), 0600, 0, &err));
}

Test(container, that_is_damaged_can_be_removed)
{
    static const char *const texts[] = {
        "", "{", "{\"version\":99,\"id\":\"x\",\"name\":\"\",\"created\":\"\"}"
    };
    for (size_t i = 0; i < array_size(texts); i++) {
        auto_drop(container) *container = make("web");
        damage(container, "config.json", texts[i]);
        auto_drop(container) *found = find("web");
        cr_assert_eq(found->state.status, CONTAINER_UNKNOWN);
        cr_assert_eq(container_check(found, &err), -1);
        cr_assert_not_null(strstr(err.text, "web"), "%s", err.text);
        must(container_remove(engine, found, 0, &err));
        assert_not_found("web");
    }
}

Test(container, that_was_half_made_can_be_removed)
{
    auto_drop(container) *container = make("web");
    char path[RECORD_PATH_SIZE];
    cr_assert_eq(unlinkat(root_fd(), record_path(container->config.id, "config.json", path), 0), 0);
    auto_drop(container) *found = find(container->config.id);
    cr_assert_eq(found->state.status, CONTAINER_UNKNOWN);
    must(container_remove(engine, found, CONTAINER_REMOVE_FORCE, &err));
    assert_not_found(container->config.id);
}

Test(container, whose_state_is_damaged_is_unknown)
{
    auto_drop(container) *container = make("web");
    damage(container, "state.json", "{\"version\":1,\"state\":");
    auto_drop(container) *found = find("web");
    cr_assert_eq(found->state.status, CONTAINER_UNKNOWN);
    cr_assert_not_null(found->state.error);
    must(container_check(found, &err));
}

Test(container, tells_which_images_are_in_use)
{
    auto_drop(container) *container = make("web");
    auto_done(pairs) users = {};
    must(engine_image_users(engine, &users, &err));
    cr_assert_eq(users.len, 0);
    container->config.image_id = xstrdup("sha256:1");
    auto_done(str) text = {};
    field_write(container_config_fields, &container->config, 0, &text);
    damage(container, "config.json", str_text(&text));
    must(engine_image_users(engine, &users, &err));
    cr_assert_eq(users.len, 1);
    cr_assert_str_eq(pairs_value(&users, "sha256:1"), "web");
}
