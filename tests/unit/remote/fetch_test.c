/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH from a server that breaks off and does not go on as it should: answers, one after the other,
 * each on a connection of its own. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"

enum { REQUEST_MAX = 4096, PART = 32 << 10 };

#define LONG_HEAD "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 1000000\r\n\r\n"

struct server {
    const char *const *answers; /* the last one for ever; NULL behind it */
    size_t padding;             /* bytes behind each */
    int listener;
    int port;
    size_t asked;
    bool ranged; /* the last request had a Range */
    pid_t pid;   /* of the one that serves, which shares this */
};

static bool request_read(int fd, struct server *server)
{
    char text[REQUEST_MAX + 1] = {};
    size_t len = 0;
    while (len < REQUEST_MAX && !strstr(text, "\r\n\r\n")) {
        ssize_t n = read(fd, text + len, REQUEST_MAX - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    server->ranged = strstr(text, "\r\nRange: ");
    return true;
}

static _Noreturn void serve(struct server *server)
{
    static const char padding[PART] = {};
    int fd;
    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        if (request_read(fd, server)) {
            const char *answer = *server->answers;
            server->answers += server->answers[1] != NULL;
            server->asked++;
            (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
            (void)!send(fd, padding, server->padding, MSG_NOSIGNAL);
        }
        close(fd);
    }
    _exit(0);
}

static struct server *server_start(const char *const *answers, size_t padding)
{
    struct server *server =
        mmap(NULL, sizeof(*server), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(server, MAP_FAILED);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(address);
    server->answers = answers;
    server->padding = padding;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(server->listener, (const void *)&address, len), 0);
    cr_assert_eq(listen(server->listener, 8), 0);
    cr_assert_eq(getsockname(server->listener, (void *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    pid_t pid = fork();
    if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        serve(server);
    cr_assert_gt(pid, 0);
    server->pid = pid;
    return server;
}

/* What it came to, and what is in the file then. */
static struct outcome fetch(struct server *server, char **ret_text, size_t *ret_len)
{
    struct driver driver;
    struct remote_setup setup = { .stall_seconds = 60, .retries = { true, 2 } };
    auto_free char *url = xasprintf("http://127.0.0.1:%d/file", server->port);
    (void)setup_endpoint(&setup, "http", server->port, NULL);
    struct outcome started = driver_start(&driver, &setup);
    cr_assert_not(started.failed, "%s", started.text);
    int file = file_new("", 0);
    struct outcome outcome =
        *DO(&driver, .op = REMOTE_FETCH, .first = url, .bytes = 1 << 20, .fds = { file });
    driver_stop(&driver);
    *ret_text = file_text(file, ret_len);
    cr_assert_eq(kill(server->pid, SIGKILL), 0);
    cr_assert_eq(waitpid(server->pid, NULL, 0), server->pid);
    close(server->listener);
    return outcome;
}

static void expect_refused(const char *const *answers)
{
    struct server *server = server_start(answers, 0);
    size_t len;
    auto_free char *text = NULL;
    struct outcome outcome = fetch(server, &text, &len);
    cr_assert(outcome.failed && strstr(outcome.text, "another part of it came"), "%s",
              outcome.text);
    cr_expect_eq(server->asked, 2);
}

TestSuite(fetch, .timeout = 600);

/* Nothing else would tell that the end is missing. */
Test(fetch, a_part_that_is_not_all_that_is_left)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 10\r\n\r\n01234",
        "HTTP/1.1 206 Partial Content\r\nETag: \"tag\"\r\nContent-Range: bytes 5-7/10\r\n"
        "Content-Length: 3\r\n\r\n567",
        NULL,
    };
    expect_refused(answers);
}

Test(fetch, a_part_that_is_empty)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 10\r\n\r\n01234",
        "HTTP/1.1 206 Partial Content\r\nETag: \"tag\"\r\nContent-Length: 0\r\n\r\n",
        NULL,
    };
    expect_refused(answers);
}

/* It breaks where only the end of the last chunk is missing. */
Test(fetch, a_part_that_there_is_not)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n56789",
        NULL,
    };
    struct server *server = server_start(answers, 0);
    size_t len;
    auto_free char *text = NULL;
    struct outcome outcome = fetch(server, &text, &len);
    cr_assert_not(outcome.failed, "%s", outcome.text);
    cr_assert_eq(len, 5);
    cr_expect_arr_eq(text, "56789", 5);
    cr_expect_eq(server->asked, 3);
    cr_expect_not(server->ranged);
}

/* Each time as far as the last time: that is no advance. */
Test(fetch, the_same_over_and_over)
{
    static const char *const answers[] = { LONG_HEAD, NULL };
    struct server *server = server_start(answers, PART);
    size_t len;
    auto_free char *text = NULL;
    struct outcome outcome = fetch(server, &text, &len);
    cr_assert(outcome.failed && strstr(outcome.text, "broke"), "%s", outcome.text);
    cr_expect_leq(server->asked, 4);
}
