/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <sys/resource.h>

#include "kernel/pidfd.h"

TestSuite(state, .init = world_open, .fini = world_close);

static struct container_state load(const struct container *container)
{
    struct container_state state = {};
    must(state_load(engine, &container->config, &state, &err));
    return state;
}

Test(state, goes_from_created_to_exited)
{
    auto_drop(container) *container = make("web");
    cr_assert_eq(status_of("web"), CONTAINER_CREATED);
    struct run run = start(container, 0);
    auto_done(container_state) running = load(container);
    cr_assert_eq(running.status, CONTAINER_RUNNING);
    cr_assert_eq(running.pid, run.first);
    cr_assert_eq(running.monitor_pid, run.monitor);
    cr_assert_not_null(running.started);
    reap(&run);
    auto_done(container_state) ended = load(container);
    cr_assert_eq(ended.status, CONTAINER_EXITED);
    cr_assert_eq(ended.exit_code, 128 + SIGKILL);
    cr_assert_str_eq(ended.started, running.started);
    cr_assert_not_null(ended.finished);
    char path[RECORD_PATH_SIZE];
    cr_assert_not(there(run_fd(), record_path(container->config.id, NULL, path)));
}

Test(state, of_an_orphan_is_running_while_its_process_lives)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    orphan(&run);
    cr_assert_eq(status_of("web"), CONTAINER_RUNNING);
    int lock = -1;
    cr_assert_eq(record_lock(engine, container->config.id, NULL, &lock, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    cr_assert_not_null(strstr(err.text, "monitor died"), "%s", err.text);
    (void)kill(run.first, SIGKILL);
    for (int i = 0; i < 6000 && status_of("web") == CONTAINER_RUNNING; i++)
        (void)usleep(10000);
    cr_assert_eq(status_of("web"), CONTAINER_UNKNOWN);
}

/* What lies there is another process of the same number. */
Test(state, does_not_take_a_number_for_a_process)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    orphan(&run);
    auto_done(container_state) state = load(container);
    auto_close int pidfd = -1;
    cr_assert_eq(state_pidfd(&state, &pidfd, &err), 1);
    cr_assert_eq(pidfd_poll(pidfd, 0), 0);
    state.pid_start++;
    int other = -1;
    cr_assert_eq(state_pidfd(&state, &other, &err), 0);
    cr_assert_not(state_process_lives(&state, NULL));
    auto_close int dir_fd = -1;
    cr_assert_eq(run_dir_open(run_fd(), container->config.id, &dir_fd), 0);
    must(state_save_running(engine, dir_fd, &state, &err));
    cr_assert_eq(status_of("web"), CONTAINER_UNKNOWN);
    (void)kill(run.first, SIGKILL);
}

Test(state, after_the_machine_went_down_is_unknown)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    orphan(&run);
    (void)kill(run.first, SIGKILL);
    must(tree_remove(run_fd(), "containers", &err)); /* as a reboot does */
    auto_done(container_state) state = load(container);
    cr_assert_eq(state.status, CONTAINER_UNKNOWN);
    cr_assert_eq(state.pid, 0);
}

static void save_exit(const struct container *container, const char *text)
{
    auto_close int fd = -1;
    cr_assert_geq(run_dir_open(run_fd(), container->config.id, &fd), 0);
    must(file_save(fd, "exit", text, strlen(text), 0600, 0, &err));
}

Test(state, of_a_monitor_killed_while_recording_keeps_the_code)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    orphan(&run);
    (void)kill(run.first, SIGKILL);
    auto_done(container_state) before = load(container);
    for (int i = 0; i < 6000 && state_process_lives(&before, NULL); i++)
        (void)usleep(10000);
    cr_assert_eq(status_of("web"), CONTAINER_UNKNOWN);
    save_exit(container, "7"); /* not whole */
    cr_assert_eq(status_of("web"), CONTAINER_UNKNOWN);
    save_exit(container, "7\n");
    auto_done(container_state) state = load(container);
    cr_assert_eq(state.status, CONTAINER_EXITED);
    cr_assert_eq(state.exit_code, 7);

    /* What the record says is more, if it is of the same run. */
    char path[RECORD_PATH_SIZE];
    auto_done(str) text = {};
    struct container_state ended;
    state_copy(&ended, &state);
    ended.exit_code = 8;
    str_add(&text, "{\"version\":1,\"state\":");
    field_write(container_state_fields, &ended, 0, &text);
    str_add(&text, "}");
    (void)record_path(container->config.id, "state.json", path);
    must(file_save(root_fd(), path, text.at, text.len, 0600, 0, &err));
    auto_done(container_state) recorded = load(container);
    cr_assert_eq(recorded.exit_code, 8);
    container_state_done(&ended);
}

Test(state, can_be_started_again)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    reap(&run);
    auto_drop(container) *again = find("web");
    run = start(again, 0);
    cr_assert_eq(status_of("web"), CONTAINER_RUNNING);
    reap(&run);
    cr_assert_eq(status_of("web"), CONTAINER_EXITED);
}

/* Locked, without a state of its own yet: it is being started. */
Test(state, of_one_that_begins_is_not_yet_running)
{
    auto_drop(container) *container = make("web");
    auto_close int lock = -1;
    must(record_lock(engine, container->config.id, NULL, &lock, &err));
    cr_assert_eq(status_of("web"), CONTAINER_CREATED);
    container->state.status = CONTAINER_RUNNING;
    must(state_save_started(engine, &container->state, &err));
    cr_assert_eq(status_of("web"), CONTAINER_CREATED);
}

Test(state, of_a_newer_version_is_refused)
{
    static const char text[] = "{\"version\":2,\"state\":{\"status\":\"exited\",\"id\":\"x\"}}";
    struct container_state state = {};
    must(file_save(root_fd(), "state.json", text, strlen(text), 0600, 0, &err));
    cr_assert_eq(state_read(root_fd(), "state.json", &state, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
    cr_assert_eq(state_read(root_fd(), "none.json", &state, &err), 0);
}

Test(state, may_be_long)
{
    struct container_state state = {}, back = {};
    char long_text[20000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    state.id = (char *)"x";
    state.error = long_text;
    must(state_save_running(engine, root_fd(), &state, &err));
    cr_assert_eq(state_read(root_fd(), "state.json", &back, &err), 1, "%s", err.text);
    cr_assert_str_eq(back.error, long_text);
    container_state_done(&back);
}

Test(state, what_cannot_be_known_is_no_end)
{
    struct container_state state = { .pid = getpid() };
    struct rlimit before;
    cr_assert_eq(process_start_ticks(getpid(), &state.pid_start, &err), 1, "%s", err.text);
    cr_assert_eq(state_process_lives(&state, &err), 1, "%s", err.text);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = { 0, before.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int lives = state_process_lives(&state, &err);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(lives, -1);
    cr_assert(strstr(err.text, "/stat: Too many open files"), "%s", err.text);
}

Test(state, knows_when_a_process_began)
{
    uint64_t ticks = 0, again = 1;
    cr_assert_eq(process_start_ticks(getpid(), &ticks, NULL), 1);
    cr_assert_eq(process_start_ticks(getpid(), &again, NULL), 1);
    cr_assert_eq(ticks, again);
    cr_assert_eq(process_start_ticks(0, &ticks, NULL), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cr_assert_eq(process_start_ticks(pid, &ticks, NULL), 0); /* a zombie is none */
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}
