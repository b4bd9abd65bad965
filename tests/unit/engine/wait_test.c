/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

TestSuite(wait, .init = world_open, .fini = world_close, .timeout = 600);

enum { WAITERS = 8 };

/* Whether the process stands in the queue for a lock: "1: -> FLOCK  ADVISORY  READ 1234 …" */
static bool waits_for_a_lock(pid_t pid)
{
    char line[256], wanted[32];
    bool found = false;
    FILE *locks = fopen("/proc/locks", "re");
    cr_assert_not_null(locks);
    (void)snprintf(wanted, sizeof(wanted), " %d ", pid);
    while (!found && fgets(line, sizeof(line), locks))
        found = strstr(line, "-> FLOCK") && strstr(line, wanted);
    (void)fclose(locks);
    return found;
}

/* Waits in processes of their own; the exit status is the code, or 250 for one that nobody knows.
 */
static void waiters_begin(const struct container *container, pid_t *pids)
{
    for (int i = 0; i < WAITERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            int code = 0;
            if (container_wait(engine, container, &code, &err) < 0)
                _exit(251);
            _exit(code < 0 ? 250 : code);
        }
    }
    for (int i = 0; i < WAITERS; i++)
        while (!waits_for_a_lock(pids[i]))
            (void)usleep(1000);
}

static void waiters_end(const pid_t *pids, int wanted)
{
    for (int i = 0; i < WAITERS; i++) {
        int status = 0;
        cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), wanted, "%d", WEXITSTATUS(status));
    }
}

Test(wait, gives_the_code)
{
    auto_drop(container) *container = make("web");
    pid_t pids[WAITERS];
    struct run run = start(container, 0);
    waiters_begin(container, pids);
    cr_assert_eq(waitpid(pids[0], NULL, WNOHANG), 0);
    (void)kill(run.first, SIGUSR1);
    waiters_end(pids, 128 + SIGUSR1);
    int code = -2;
    must(container_wait(engine, container, &code, &err)); /* it has ended */
    cr_assert_eq(code, 128 + SIGUSR1);
    reap(&run);
}

Test(wait, gives_the_code_of_one_that_removes_itself)
{
    auto_drop(container) *container = make("web");
    pid_t pids[WAITERS];
    struct run run = start(container, MONITOR_REMOVES);
    waiters_begin(container, pids);
    (void)kill(run.first, SIGUSR2);
    waiters_end(pids, 128 + SIGUSR2);
    reap(&run);
    cr_assert_not(record_exists(engine, container->config.id));
    int code = -2;
    must(container_wait(engine, container, &code, &err)); /* too late */
    cr_assert_eq(code, -1);
}

Test(wait, does_not_invent_a_code)
{
    auto_drop(container) *container = make("web");
    pid_t pids[WAITERS];
    struct run run = start(container, 0);
    waiters_begin(container, pids);
    orphan(&run);
    (void)usleep(100000);
    cr_assert_eq(waitpid(pids[0], NULL, WNOHANG), 0); /* its process lives */
    (void)kill(run.first, SIGKILL);
    waiters_end(pids, 250);
}

Test(wait, does_not_wait_for_one_that_never_ran)
{
    auto_drop(container) *container = make("web");
    int code = -2;
    must(container_wait(engine, container, &code, &err));
    cr_assert_eq(code, 0);
}

/* Many short runs: no waiter who saw it running misses the code. The last ones wait for sure. */
Test(wait, misses_no_end)
{
    enum { ROUNDS = 60, SURE = 50 };
    for (int i = 0; i < ROUNDS; i++) {
        auto_drop(container) *container = make(NULL);
        int code = -2;
        struct run run = start(container, MONITOR_REMOVES);
        pid_t killer = fork();
        if (killer == 0) {
            (void)usleep((useconds_t)(i * 20));
            while (i >= SURE && !waits_for_a_lock(getppid()))
                (void)usleep(1000);
            (void)kill(run.first, SIGUSR1);
            _exit(0);
        }
        must(container_wait(engine, container, &code, &err));
        cr_assert(code == 128 + SIGUSR1 || code == -1); /* -1: it was gone before we came */
        cr_assert(i < SURE || code == 128 + SIGUSR1);
        (void)waitpid(killer, NULL, 0);
        (void)waitpid(run.monitor, NULL, 0);
    }
}
