/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/signal.h"
#include "image/image.h"
#include "image/object.h"
#include "registry/confine.h"
#include "registry/gate.h"
#include "registry/server.h"
#include "registry/turns.h"
#include "registry/upload.h"
#include "transfer/digest.h"

enum {
    DIR_MODE = 0700,
    FILE_MAX_BYTES = 1 << 20, /* of certificates, and of an htpasswd file */
    BACKLOG = 512,
    FILES_OPEN = 4096,
    ARENAS = 2,  /* of the allocator: hundreds of threads wait most of the time */
    READERS = 4, /* of documents, at a time */
    TIDY_MS = 60 * 60 * 1000,
    DRAIN_MS = 50,
};

/* What there is before anybody connects. */
struct setup {
    int root;
    int oci;
    int loose;
    int listener;
    int signals;
    char *certificate;
    char *key;
    struct images *images;
    struct gate *gate;
};

static void setup_done(struct setup *setup)
{
    images_close(setup->images);
    gate_free(setup->gate);
    free(setup->certificate);
    free(setup->key);
    fd_close(&setup->root);
    fd_close(&setup->oci);
    fd_close(&setup->loose);
    fd_close(&setup->listener);
    fd_close(&setup->signals);
}

/* ---- files ---- */

static int store_open(struct setup *setup, const char *root, struct err *err)
{
    if (dir_open_made(AT_FDCWD, root, DIR_MODE, &setup->root, err) < 0)
        return -1;
    setup->images = images_open(setup->root, NULL);
    if (object_prepare(setup->images, &setup->loose, err) < 0)
        return -1;
    setup->oci = openat(setup->root, "oci", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return setup->oci < 0 ? err_sys(err, "open the image store") : 0;
}

static int text_load(const char *path, char **ret_text, size_t *ret_len, struct err *err)
{
    int found = file_load(AT_FDCWD, path, FILE_MAX_BYTES, ret_text, ret_len, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no file %s", path);
    return found < 0 ? -1 : 0;
}

static int files_load(struct setup *setup, const struct registry_serve_args *args, struct err *err)
{
    auto_free char *users = NULL;
    struct htpasswd *htpasswd;
    size_t len;
    if (args->tls_cert && (text_load(args->tls_cert, &setup->certificate, &len, err) < 0 ||
                           text_load(args->tls_key, &setup->key, &len, err) < 0))
        return -1;
    if (!args->htpasswd)
        return 0;
    if (text_load(args->htpasswd, &users, &len, err) < 0)
        return -1;
    if (htpasswd_parse(users, len, &htpasswd, err) < 0)
        return err_wrap(err, "%s", args->htpasswd);
    setup->gate = gate_new(htpasswd);
    return 0;
}

/* ---- network ---- */

static int listener_open(struct setup *setup, struct registry_address *address, struct err *err)
{
    static const int yes = 1;
    auto_done(str) text = {};
    registry_address_format(address, &text);
    auto_close int fd =
        socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, "make a socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
        return err_sys(err, "set up a socket");
    if (bind(fd, (const struct sockaddr *)&address->socket, address->len) < 0 ||
        listen(fd, BACKLOG) < 0) {
        bool taken = errno == EADDRINUSE;
        (void)err_sys(err, "listen on %s", str_text(&text));
        return taken ? err_hint(err, "choose another port by --listen") : -1;
    }
    /* The port may have been 0. */
    if (getsockname(fd, (struct sockaddr *)&address->socket, &address->len) < 0)
        return err_sys(err, "look at a socket");
    setup->listener = take_fd(fd);
    return 0;
}

static int signals_open(struct setup *setup, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return signal_open(&set, &setup->signals, err);
}

/* As many descriptors as may be had without asking. */
static void files_raise(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= FILES_OPEN)
        return;
    files.rlim_cur = files.rlim_max < FILES_OPEN ? files.rlim_max : FILES_OPEN;
    (void)setrlimit(RLIMIT_NOFILE, &files); /* then there are fewer connections */
}

/* ---- words ---- */

static void warn(const struct registry_serve_args *args, const struct registry_address *address)
{
    if (!args->htpasswd && !args->read_only)
        fprintf(stderr,
                "ruche-registry: warning: whoever reaches this address can push and delete; "
                "see --htpasswd and --read-only\n");
    if (args->htpasswd && !args->tls_key && !address->loopback)
        fprintf(stderr, "ruche-registry: warning: passwords travel unencrypted; see --tls-cert\n");
}

static int announce(const struct registry_serve_args *args, const struct registry_address *address,
                    struct err *err)
{
    auto_done(str) line = {};
    str_addf(&line, "ruche registry: listening on http%s://", args->tls_key ? "s" : "");
    registry_address_format(address, &line);
    str_add_char(&line, '\n');
    if (fd_write_all(STDOUT_FILENO, str_text(&line), line.len) < 0)
        return err_sys(err, "write to standard output");
    return 0;
}

/* ---- serving ---- */

/* Waits for a signal. Left-overs go meanwhile. */
static void wait_signal(const struct setup *setup, struct uploads *uploads)
{
    struct pollfd signals = { .fd = setup->signals, .events = POLLIN };
    uploads_tidy(uploads);
    while (signal_read(setup->signals) == 0)
        if (poll(&signals, 1, TIDY_MS) == 0)
            uploads_tidy(uploads);
}

/* Lets what is under way finish, unless another signal comes. */
static void drain(const struct setup *setup, const struct server *server)
{
    struct pollfd signals = { .fd = setup->signals, .events = POLLIN };
    while (server_busy(server) > 0 && signal_read(setup->signals) == 0)
        (void)poll(&signals, 1, DRAIN_MS);
}

static int serve(struct setup *setup, const struct registry_serve_args *args,
                 const struct registry_address *address, struct err *err)
{
    const struct server_tls tls = { .certificate = setup->certificate, .key = setup->key };
    struct server *server;
    struct service service = {
        .images = setup->images,
        .uploads = uploads_new(setup->loose),
        .turns = turns_new(READERS),
        .gate = setup->gate,
        .read_only = args->read_only,
        .local = address->loopback && !setup->gate,
        .log_json = args->log_format && strcmp(args->log_format, "json") == 0,
    };
    int result = server_start(&service, take_fd(setup->listener), &tls, &server, err);
    if (result == 0) {
        result = announce(args, address, err);
        if (result == 0)
            wait_signal(setup, service.uploads);
        server_quiesce(server);
        drain(setup, server);
        server_stop(server);
    }
    uploads_free(service.uploads);
    turns_free(service.turns);
    return result;
}

int serve_registry(const char *root, const struct registry_serve_args *args, struct err *err)
{
    struct registry_address address;
    auto_done(setup) setup = {
        .root = -1,
        .oci = -1,
        .loose = -1,
        .listener = -1,
        .signals = -1,
    };
    (void)mallopt(M_ARENA_MAX, ARENAS);
    files_raise();
    if (registry_serve_check(args, &address, err) < 0 || digest_prepare(err) < 0 ||
        files_load(&setup, args, err) < 0 || store_open(&setup, root, err) < 0 ||
        signals_open(&setup, err) < 0 || listener_open(&setup, &address, err) < 0)
        return -1;
    warn(args, &address);
    const int directories[] = { setup.oci, setup.loose };
    if (confine(setup.root, directories, array_size(directories), err) < 0)
        return err_wrap(err, "confine the registry");
    return serve(&setup, args, &address, err);
}
