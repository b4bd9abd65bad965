/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

TestSuite(remove, .init = world_open, .fini = world_close, .timeout = 600);

static void assert_nothing_left(void)
{
    static const char *const directories[] = { "containers", "names", "trash" };
    for (size_t i = 0; i < array_size(directories); i++) {
        auto_done(strings) names = {};
        (void)dir_list(root_fd(), directories[i], &names, &err);
        cr_assert_eq(names.len, 0, "%s: %s", directories[i], names.len > 0 ? names.at[0] : "");
    }
    auto_done(strings) names = {};
    (void)dir_list(run_fd(), "containers", &names, &err);
    cr_assert_eq(names.len, 0);
}

Test(remove, leaves_nothing)
{
    auto_drop(container) *container = make("web");
    auto_free char *deep = xasprintf("containers/%s/upper/a/b", container->config.id);
    must(dir_make_all(root_fd(), deep, 0700, &err));
    must(container_remove(engine, container, 0, &err));
    assert_nothing_left();
}

Test(remove, leaves_the_running_alone)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    cr_assert_eq(container_remove(engine, container, 0, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    cr_assert_not_null(strstr(err.text, "stop it first"), "%s", err.text);
    cr_assert_eq(status_of("web"), CONTAINER_RUNNING);
    reap(&run);
    must(container_remove(engine, container, 0, &err));
    assert_nothing_left();
}

Test(remove, by_force_kills)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, MONITOR_IGNORES_TERM);
    must(container_remove(engine, container, CONTAINER_REMOVE_FORCE, &err));
    assert_nothing_left();
    reap(&run);
}

Test(remove, by_force_takes_one_that_removes_itself)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, MONITOR_REMOVES);
    auto_drop(container) *found = find("web");
    found->config.auto_remove = true;
    must(container_remove(engine, found, CONTAINER_REMOVE_FORCE, &err));
    reap(&run);
    assert_nothing_left();
}

Test(remove, takes_orphans_by_force_only)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    orphan(&run);
    cr_assert_eq(container_remove(engine, container, 0, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    must(container_remove(engine, container, CONTAINER_REMOVE_FORCE, &err));
    assert_nothing_left();
}

/* A monitor that stands still keeps its container no longer than it takes to see that. */
Test(remove, by_force_ends_a_stopped_monitor)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    (void)kill(run.monitor, SIGSTOP);
    must(container_remove(engine, container, CONTAINER_REMOVE_FORCE, &err));
    assert_nothing_left();
    reap(&run);
}

Test(remove, of_what_is_gone_says_so)
{
    auto_drop(container) *container = make("web");
    must(container_remove(engine, container, 0, &err));
    cr_assert_eq(container_remove(engine, container, 0, &err), -1);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
    assert_nothing_left();
}

Test(remove, has_one_winner)
{
    enum { RIVALS = 32 };
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    pid_t pids[RIVALS];
    int go[2];
    cr_assert_eq(pipe(go), 0);
    for (int i = 0; i < RIVALS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char byte;
            (void)close(go[1]);
            (void)!read(go[0], &byte, 1);
            int removed = container_remove(engine, container, CONTAINER_REMOVE_FORCE, &err);
            if (removed < 0 && err.kind != ERR_NOT_FOUND && err.kind != ERR_CONFLICT)
                (void)fprintf(stderr, "%s\n", err.text);
            _exit(removed == 0 ? 0 : err.kind == ERR_NOT_FOUND || err.kind == ERR_CONFLICT ? 1 : 2);
        }
    }
    (void)close(go[0]);
    (void)close(go[1]);
    int winners = 0;
    for (int i = 0; i < RIVALS; i++) {
        int status = 0;
        cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        winners += WEXITSTATUS(status) == 0;
    }
    cr_assert_eq(winners, 1);
    assert_nothing_left();
    reap(&run);
}

Test(remove, sweeps_what_others_left)
{
    auto_drop(container) *container = make("web");
    must(dir_make_all(root_fd(),
                      "trash/00000000000000000000000000000000000000000000000000000000000000aa/x",
                      0700, &err));
    must(container_remove(engine, container, 0, &err));
    assert_nothing_left();
}
