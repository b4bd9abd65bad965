/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* ruche's side of the protocol, and the registry that lies (tests/registry/hostile.py). Whatever goes
 * wrong here is a failed test. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "kernel/userns.h"
#include "remote/remote.h"
#include "remote/setup.h"

/* A directory of its own, taken away by hostile_stop. */
struct hostile {
    pid_t pid;
    int input;
    char *directory;
    int port;
    int other_port;
    char *manifest; /* digests */
    char *layer;
    char *deep;
    uint64_t layer_size;
};

/* certificate: "self" (for 127.0.0.1), "both" (the same, and the client must have it too), "name" (for registry.example), "old" (has expired), or NULL:
 * plain HTTP. */
void hostile_start(struct hostile *hostile, const char *certificate);
void hostile_stop(struct hostile *hostile);
/* All requests so far. */
char *hostile_requests(const struct hostile *hostile);
/* The certificate's PEM, and its key's. */
char *hostile_certificate(const struct hostile *hostile);
char *hostile_key(const struct hostile *hostile);

/* What an operation came to. */
struct outcome {
    bool failed;
    uint32_t kind; /* of the error */
    uint32_t detail;
    char text[REMOTE_TEXT_MAX];     /* of the error */
    char note[REMOTE_TEXT_MAX];     /* the last one */
    char found[2][REMOTE_TEXT_MAX]; /* of a FOUND */
    size_t notes;
    bool has_size;
    uint64_t size;
};

struct driver {
    struct userns userns;
    int control;
    uint64_t id;
    struct outcome outcomes[64]; /* by id */
    bool over[64];
};

/* An endpoint at the port; repository may be NULL. Give more in *ret. */
struct remote_endpoint *setup_endpoint(struct remote_setup *setup, const char *scheme, int port,
                                       const char *repository);
/* Starts ruche-remote in a user namespace and hands it the setup, which is released. Gives what the
 * setup came to. */
struct outcome driver_start(struct driver *driver, struct remote_setup *setup);
/* One endpoint, plain HTTP, user:secret. */
void driver_start_at(struct driver *driver, const struct hostile *hostile, const char *repository);
void driver_stop(struct driver *driver);

struct ask {
    enum remote_op op;
    const char *first;
    const char *second;
    uint32_t flags;
    uint64_t number;
    uint64_t bytes;
    uint64_t offset;
    int fds[REMOTE_FDS_MAX]; /* 0: none; they stay the caller's */
};

uint64_t driver_ask(struct driver *driver, const struct ask *ask);
const struct outcome *driver_wait(struct driver *driver, uint64_t id);
/* Both; ask is written in place: DO(&driver, .op = REMOTE_PING). */
#define DO(driver, ...) driver_wait((driver), driver_ask((driver), &(struct ask){ __VA_ARGS__ }))

/* Asks for a blob from the offset on: to be written to the file, or to a pipe, which is read to its
 * end, unless piped is NULL. */
const struct outcome *driver_blob(struct driver *driver, const char *digest, uint64_t size,
                                  uint64_t offset, int file, struct str *piped);

/* A file without a name; with what is in it. */
int file_new(const void *at, size_t len);
char *file_text(int fd, size_t *ret_len);
