/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

TestSuite(stop, .init = world_open, .fini = world_close, .timeout = 600);

static int64_t exit_code_of(const char *name)
{
    auto_drop(container) *container = find(name);
    cr_assert_eq(container->state.status, CONTAINER_EXITED);
    return container->state.exit_code;
}

Test(stop, ends_by_the_stop_signal)
{
    auto_drop(container) *container = make("web");
    free(container->config.stop_signal);
    container->config.stop_signal = xstrdup("USR1");
    struct run run = start(container, 0);
    must(container_stop(engine, container, -1, &err));
    cr_assert_eq(exit_code_of("web"), 128 + SIGUSR1);
    must(container_stop(engine, container, -1, &err)); /* it does not run: fine */
    reap(&run);
}

Test(stop, kills_who_does_not_listen)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, MONITOR_IGNORES_TERM);
    must(container_stop(engine, container, 0, &err));
    cr_assert_eq(exit_code_of("web"), 128 + SIGKILL);
    reap(&run);
}

Test(stop, waits_as_long_as_the_container_says)
{
    auto_drop(container) *container = make("web");
    container->config.stop_timeout_s = (struct maybe_i64){ true, 1 };
    struct run run = start(container, MONITOR_IGNORES_TERM);
    struct timespec begin, end;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    must(container_stop(engine, container, -1, &err));
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    cr_assert_geq(seconds, 0.99);
    cr_assert_leq(seconds, 9.5); /* it is not the time of those that say none */
    reap(&run);
}

Test(stop, kill_sends_a_signal)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, MONITOR_IGNORES_TERM);
    must(container_kill(engine, container, SIGTERM, &err));
    cr_assert_eq(status_of("web"), CONTAINER_RUNNING);
    must(container_kill(engine, container, SIGKILL, &err));
    cr_assert_eq(exit_code_of("web"), 128 + SIGKILL); /* recorded when the call is back */
    cr_assert_eq(container_kill(engine, container, SIGKILL, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    cr_assert_not_null(strstr(err.text, "web is not running"), "%s", err.text);
    reap(&run);
}

Test(stop, ends_an_orphan)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    orphan(&run);
    must(container_stop(engine, container, 5, &err));
    cr_assert_eq(status_of("web"), CONTAINER_UNKNOWN);
}

Test(stop, cannot_pause_without_a_group)
{
    auto_drop(container) *container = make("web");
    cr_assert_eq(container_pause(engine, container, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    struct run run = start(container, 0);
    cr_assert_eq(container_pause(engine, container, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED, "%s", err.text);
    cr_assert_eq(container_unpause(engine, container, &err), -1);
    cr_assert_eq(status_of("web"), CONTAINER_RUNNING);
    reap(&run);
}

Test(stop, knows_the_monitor)
{
    auto_drop(container) *container = make("web");
    auto_close int pidfd = -1;
    cr_assert_eq(monitor_pidfd(engine, container->config.id, &pidfd), 0);
    struct run run = start(container, 0);
    cr_assert_eq(monitor_pidfd(engine, container->config.id, &pidfd), 1);
    orphan(&run);
    int gone = -1;
    cr_assert_eq(monitor_pidfd(engine, container->config.id, &gone), 0);
    (void)kill(run.first, SIGKILL);
}
