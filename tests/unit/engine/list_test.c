/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

TestSuite(list, .init = world_open, .fini = world_close);

static void assert_list(enum container_list_flags flags, const char *wanted)
{
    auto_done(container_states) states = {};
    auto_done(str) text = {};
    must(container_list(engine, flags, &states, &err));
    for (size_t i = 0; i < states.len; i++)
        str_addf(&text, "%s%s:%s", i > 0 ? " " : "", states.at[i].name,
                 container_status_names[states.at[i].status]);
    cr_assert_str_eq(str_text(&text), wanted);
}

Test(list, of_nothing_is_empty)
{
    assert_list(0, "");
    assert_list(CONTAINER_LIST_ALL, "");
}

Test(list, has_the_newest_first)
{
    auto_drop(container) *one = make("one");
    container_free(make("two"));
    auto_drop(container) *three = make("three");
    struct run first = start(one, 0);
    struct run third = start(three, 0);
    assert_list(0, "three:running one:running");
    assert_list(CONTAINER_LIST_ALL, "three:running two:created one:running");
    reap(&third);
    assert_list(0, "one:running");
    assert_list(CONTAINER_LIST_ALL, "three:exited two:created one:running");
    reap(&first);
}

Test(list, shows_what_a_table_shows)
{
    auto_drop(container) *container = make("web");
    auto_done(container_states) states = {};
    must(container_list(engine, CONTAINER_LIST_ALL, &states, &err));
    cr_assert_eq(states.len, 1);
    cr_assert_str_eq(states.at[0].id, container->config.id);
    cr_assert_str_eq(states.at[0].image, "/");
    cr_assert_str_eq(states.at[0].command, "sleep 1000");
    cr_assert_str_eq(states.at[0].created, container->config.created);
}

Test(list, shows_the_damaged_only_among_all)
{
    auto_drop(container) *container = make("web");
    char path[RECORD_PATH_SIZE];
    must(file_save(root_fd(), record_path(container->config.id, "config.json", path), "{", 1, 0600,
                   0, &err));
    assert_list(0, "");
    assert_list(CONTAINER_LIST_ALL, ":unknown");
}

Test(list, shows_orphans_while_they_run)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    orphan(&run);
    assert_list(0, "web:running");
    (void)kill(run.first, SIGKILL);
    auto_done(container_state) state = {};
    must(state_load(engine, &container->config, &state, &err));
    for (int i = 0; i < 6000 && state_process_lives(&state, NULL); i++)
        (void)usleep(10000);
    assert_list(0, "");
    assert_list(CONTAINER_LIST_ALL, "web:unknown");
}

Test(list, ignores_what_is_no_container)
{
    must(dir_make_all(root_fd(), "containers/x", 0700, &err));
    must(dir_make_all(run_fd(), "containers/.state", 0700, &err));
    assert_list(0, "");
    assert_list(CONTAINER_LIST_ALL, "");
    cr_assert(there(root_fd(), "containers/x"));
}

Test(list, throws_the_half_made_away_when_old)
{
    auto_drop(container) *container = make("web");
    char path[RECORD_PATH_SIZE];
    const struct timespec old[2] = { { .tv_sec = time(NULL) - 3600 },
                                     { .tv_sec = time(NULL) - 3600 } };
    cr_assert_eq(unlinkat(root_fd(), record_path(container->config.id, "config.json", path), 0), 0);
    assert_list(CONTAINER_LIST_ALL, "");
    cr_assert(record_exists(engine, container->config.id));
    (void)record_path(container->config.id, NULL, path);
    cr_assert_eq(utimensat(root_fd(), path, old, 0), 0);
    assert_list(CONTAINER_LIST_ALL, "");
    cr_assert_not(record_exists(engine, container->config.id));
}

/* The monitor of one that removes itself was killed between the record and the run directory. */
Test(list, sweeps_run_directories_without_a_record)
{
    auto_drop(container) *container = make("web");
    char path[RECORD_PATH_SIZE];
    struct run run = start(container, 0);
    orphan(&run);
    (void)kill(run.first, SIGKILL);
    auto_done(container_state) state = {};
    must(state_load(engine, &container->config, &state, &err));
    for (int i = 0; i < 6000 && state_process_lives(&state, NULL); i++)
        (void)usleep(10000);
    must(tree_remove(root_fd(), record_path(container->config.id, NULL, path), &err));
    cr_assert(there(run_fd(), path));
    assert_list(0, "");
    cr_assert_not(there(run_fd(), path));
}
