/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/handover.h"

/* ---- files ---- */

int file_new(const void *at, size_t len)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fd_write_all(fd, at, len), 0);
    return fd;
}

char *file_text(int fd, size_t *ret_len)
{
    char *text;
    struct err err;
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    cr_assert_eq(file_load_fd(fd, 64 << 20, &text, ret_len, &err), 0, "%s", err.text);
    return text;
}

/* ---- the registry ---- */

static void run(const char *script, const char *argument)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sh", "sh", "-euc", script, "sh", argument, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    cr_assert_eq(status, 0, "%s", script);
}

/* All of them sign themselves. */
static const char certificates[] =
    "cd \"$1\"\n"
    "make() {\n"
    "    openssl req -new -newkey rsa:2048 -x509 -sha256 -nodes -out cert.pem -keyout key.pem \\\n"
    "        -subj /CN=registry.example -addext \"$@\" 2>/dev/null\n"
    "}\n"
    "case $(cat kind) in\n"
    "self | both) make subjectAltName=IP:127.0.0.1 -days 2 ;;\n"
    "name) make subjectAltName=DNS:registry.example -days 2 ;;\n"
    "old)\n"
    "    make subjectAltName=IP:127.0.0.1 -days 2\n"
    "    openssl x509 -in cert.pem -signkey key.pem -days -1 -out old.pem 2>/dev/null\n"
    "    mv old.pem cert.pem ;;\n"
    "esac\n";

static int number_load(const struct hostile *hostile, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", hostile->directory, name);
    auto_free char *text = NULL;
    size_t len;
    struct err err;
    return file_load(AT_FDCWD, path, 64, &text, &len, &err) == 1 ? atoi(text) : 0;
}

struct facts {
    char *manifest;
    char *layer;
    char *deep;
    uint64_t layer_size;
};

static const struct field facts_fields[] = {
    FIELD_TEXT(facts, manifest, "manifest", F_REQUIRED),
    FIELD_TEXT(facts, layer, "layer", F_REQUIRED),
    FIELD_TEXT(facts, deep, "index-deep", F_REQUIRED),
    { .key = "layer_size", .type = FIELD_TYPE_U64, .offset = offsetof(struct facts, layer_size) },
    FIELD_END,
};

static void facts_load(struct hostile *hostile)
{
    auto_free char *path = xasprintf("%s/image.json", hostile->directory);
    auto_free char *text = NULL;
    struct facts facts = {};
    size_t len;
    struct err err;
    cr_assert_eq(file_load(AT_FDCWD, path, 4096, &text, &len, &err), 1, "%s", err.text);
    cr_assert_eq(field_read(facts_fields, text, len, "facts", 0, &facts, &err), 0, "%s", err.text);
    hostile->manifest = facts.manifest;
    hostile->layer = facts.layer;
    hostile->deep = facts.deep;
    hostile->layer_size = facts.layer_size;
}

static _Noreturn void hostile_execute(const struct hostile *hostile, int input,
                                      const char *certificate)
{
    const char *program = getenv("RUCHE_HOSTILE");
    auto_free char *cert = xasprintf("%s/cert.pem", hostile->directory);
    auto_free char *key = xasprintf("%s/key.pem", hostile->directory);
    bool both = certificate && strcmp(certificate, "both") == 0;
    dup2(input, STDIN_FILENO);
    execlp("python3", "python3", program ? program : "tests/registry/hostile.py",
           hostile->directory, certificate ? cert : NULL, key, both ? cert : NULL, (char *)NULL);
    _exit(127);
}

void hostile_start(struct hostile *hostile, const char *certificate)
{
    char directory[] = "/tmp/ruche-hostile-XXXXXX";
    int ends[2];
    *hostile = (struct hostile){};
    cr_assert_not_null(mkdtemp(directory));
    hostile->directory = xstrdup(directory);
    if (certificate) {
        auto_free char *path = xasprintf("%s/kind", directory);
        struct err err;
        cr_assert_eq(file_save(AT_FDCWD, path, certificate, strlen(certificate), 0600, 0, &err), 0);
        run(certificates, directory);
    }
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    hostile->pid = fork();
    if (hostile->pid == 0)
        hostile_execute(hostile, ends[0], certificate);
    close(ends[0]);
    hostile->input = ends[1];
    while (hostile->port == 0) {
        bool ended = waitpid(hostile->pid, NULL, WNOHANG) != 0;
        if (ended) { /* nothing is left where a suite does not even begin */
            struct err err;
            (void)tree_remove(AT_FDCWD, directory, &err);
        }
        cr_assert_not(ended, "the registry has ended");
        usleep(5000);
        hostile->port = number_load(hostile, "port");
    }
    hostile->other_port = number_load(hostile, "other-port");
    facts_load(hostile);
}

void hostile_stop(struct hostile *hostile)
{
    struct err err;
    close(hostile->input);
    while (waitpid(hostile->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    cr_assert_eq(tree_remove(AT_FDCWD, hostile->directory, &err), 0, "%s", err.text);
    free(hostile->directory);
    free(hostile->manifest);
    free(hostile->layer);
    free(hostile->deep);
}

static char *text_load(const struct hostile *hostile, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", hostile->directory, name);
    char *text;
    size_t len;
    struct err err;
    cr_assert_eq(file_load(AT_FDCWD, path, 16 << 20, &text, &len, &err), 1, "%s", err.text);
    return text;
}

char *hostile_requests(const struct hostile *hostile)
{
    return text_load(hostile, "requests");
}

char *hostile_certificate(const struct hostile *hostile)
{
    return text_load(hostile, "cert.pem");
}

char *hostile_key(const struct hostile *hostile)
{
    return text_load(hostile, "key.pem");
}

/* ---- the client ---- */

struct remote_endpoint *setup_endpoint(struct remote_setup *setup, const char *scheme, int port,
                                       const char *repository)
{
    struct remote_endpoint *endpoint = array_add(&setup->endpoints);
    setup->version = REMOTE_VERSION;
    endpoint->url = xasprintf("%s://127.0.0.1:%d", scheme, port);
    endpoint->name = xasprintf("registry-%d", port);
    endpoint->repository = repository ? xstrdup(repository) : NULL;
    return endpoint;
}

static void userns_start(struct driver *driver)
{
    auto_done(id_maps) maps = {};
    struct err err;
    if (geteuid() == 0) {
        uint32_t high = UINT32_C(1) << 31;
        id_map_add(&maps.uid, 0, high, high - 1);
        id_map_add(&maps.gid, 0, high, high - 1);
    } else {
        id_map_add(&maps.uid, 0, geteuid(), 1);
        id_map_add(&maps.gid, 0, getegid(), 1);
    }
    cr_assert_eq(userns_open(&maps, &driver->userns, &err), 0, "%s", err.text);
}

struct outcome driver_start(struct driver *driver, struct remote_setup *setup)
{
    const char *program = getenv("RUCHE_REMOTE");
    const char *const argv[] = { program ? program : "build/ruche-remote", NULL };
    auto_done(str) json = {};
    struct err err;
    int ends[2];
    *driver = (struct driver){};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    userns_start(driver);
    driver->control = ends[0];
    const struct userns_program started = { .argv = argv, .fds = &ends[1], .n_fds = 1 };
    cr_assert_eq(userns_exec(&driver->userns, &started, &err), 0, "%s", err.text);
    close(ends[1]);

    remote_setup_format(setup, &json);
    remote_setup_done(setup);
    int fd = file_new(json.at, json.len);
    const struct outcome *outcome = DO(driver, .op = REMOTE_SETUP, .fds = { fd });
    close(fd);
    return *outcome;
}

void driver_start_at(struct driver *driver, const struct hostile *hostile, const char *repository)
{
    /* The others are not to break because the machine is busy. */
    bool stalls = text_starts(repository, "stall/") || text_starts(repository, "trickle/");
    struct remote_setup setup = { .stall_seconds = stalls ? 1 : 60, .retries = { true, 2 } };
    struct remote_endpoint *endpoint = setup_endpoint(&setup, "http", hostile->port, repository);
    endpoint->username = xstrdup("user");
    endpoint->password = xstrdup("secret");
    struct outcome outcome = driver_start(driver, &setup);
    cr_assert_not(outcome.failed, "%s", outcome.text);
}

void driver_stop(struct driver *driver)
{
    int status;
    struct err err;
    close(driver->control);
    cr_assert_eq(userns_wait(&driver->userns, &status, &err), 0, "%s", err.text);
    cr_assert_eq(status, 0, "ruche-remote ended with %x", (unsigned)status);
    userns_close(&driver->userns);
}

uint64_t driver_ask(struct driver *driver, const struct ask *ask)
{
    struct remote_request request = {
        .version = REMOTE_VERSION,
        .op = ask->op,
        .id = driver->id++,
        .flags = ask->flags,
        .number = ask->number,
        .bytes = ask->bytes,
        .offset = ask->offset,
    };
    const char *first = ask->first ? ask->first : "", *second = ask->second ? ask->second : "";
    size_t first_len = strlen(first) + 1, second_len = strlen(second) + 1, n_fds = 0;
    memcpy(request.texts, first, first_len);
    memcpy(request.texts + first_len, second, second_len);
    while (n_fds < REMOTE_FDS_MAX && ask->fds[n_fds] > 0)
        n_fds++;
    cr_assert_lt(request.id, array_size(driver->outcomes));
    cr_assert_geq(handover_send(driver->control, &request,
                                REMOTE_REQUEST_HEAD + first_len + second_len, ask->fds, n_fds),
                  0);
    return request.id;
}

static void event_take(struct driver *driver, const struct remote_event *event)
{
    const char *second = event->texts + strlen(event->texts) + 1;
    cr_assert_lt(event->id, driver->id);
    cr_assert_not(driver->over[event->id], "an event of an operation that is over");
    struct outcome *outcome = &driver->outcomes[event->id];
    switch ((enum remote_event_kind)event->kind) {
    case REMOTE_PROGRESS:
    case REMOTE_EVENT_COUNT:
        break;
    case REMOTE_FOUND:
        strcpy(outcome->found[0], event->texts);
        strcpy(outcome->found[1], second);
        outcome->has_size = event->number;
        outcome->size = event->bytes;
        break;
    case REMOTE_NOTE:
        strcpy(outcome->note, event->texts);
        outcome->notes++;
        break;
    case REMOTE_FAILED:
        strcpy(outcome->text, event->texts);
        outcome->failed = true;
        outcome->kind = event->detail;
        driver->over[event->id] = true;
        cr_assert(outcome->kind != ERR_NONE && outcome->text[0] && !strchr(outcome->text, '\n'));
        break;
    case REMOTE_DONE:
        outcome->detail = event->detail;
        driver->over[event->id] = true;
        break;
    }
}

static void event_receive(struct driver *driver)
{
    struct remote_event event = {};
    ssize_t len = recv(driver->control, &event, sizeof(event), 0);
    cr_assert_gt(len, REMOTE_EVENT_HEAD, "ruche-remote died");
    event_take(driver, &event);
}

const struct outcome *driver_wait(struct driver *driver, uint64_t id)
{
    while (!driver->over[id])
        event_receive(driver);
    return &driver->outcomes[id];
}

const struct outcome *driver_blob(struct driver *driver, const char *digest, uint64_t size,
                                  uint64_t offset, int file, struct str *piped)
{
    int ends[2] = { -1, -1 };
    char buffer[64 << 10];
    if (piped)
        cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    const struct ask ask = {
        .op = REMOTE_BLOB,
        .first = digest,
        .bytes = size,
        .offset = offset,
        .fds = { piped ? ends[1] : file },
    };
    uint64_t id = driver_ask(driver, &ask);
    if (!piped)
        return driver_wait(driver, id);
    close(ends[1]);
    ssize_t len = 1;
    while (len > 0) {
        struct pollfd polled[] = { { ends[0], POLLIN, 0 }, { driver->control, POLLIN, 0 } };
        cr_assert_gt(poll(polled, driver->over[id] ? 1 : 2, -1), 0);
        if (polled[1].revents)
            event_receive(driver);
        if (!polled[0].revents)
            continue;
        len = read(ends[0], buffer, sizeof(buffer));
        if (len > 0)
            str_add_bytes(piped, buffer, (size_t)len);
    }
    close(ends[0]);
    return driver_wait(driver, id);
}
