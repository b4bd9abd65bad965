/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * As much of D-Bus (the D-Bus Specification, version 1, little-endian) as asking a service for
 * something needs: the EXTERNAL handshake, method calls and their replies, and signals. A peer may
 * be a bus or the service itself. No introspection, no descriptors.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/field.h"
#include "base/str.h"

struct dbus_message {
    uint8_t type;
    uint32_t reply_to; /* the serial of the call */
    char *member;      /* of a signal */
    char *error;       /* the error's name */
    char *body;
    size_t body_len;
};

struct dbus {
    int fd; /* -1: closed */
    uint32_t serial;
    ARRAY_OF(dbus_message) signals; /* that came while an answer was waited for */
};

/* Connects to the socket as the calling user. Returns 1, or 0 if nobody listens there. Waits up to
 * 30 s for each answer. */
int dbus_open(const char *path, struct dbus *ret_dbus, struct err *err);
/* The same on a connected socket, which it takes. */
int dbus_begin(int fd, struct dbus *ret_dbus, struct err *err);
void dbus_close(struct dbus *dbus);

/* --- bodies --- */

/* Add a value to a body, with the padding before it. Text is for object paths as well. */
void dbus_add_u32(struct str *body, uint32_t value);
void dbus_add_u64(struct str *body, uint64_t value);
void dbus_add_text(struct str *body, const char *text);
void dbus_add_signature(struct str *body, const char *signature);
void dbus_align(struct str *body, size_t to);

struct dbus_array {
    size_t length_at;
    size_t begin;
};

/* Around the elements of an array, whose type is aligned so. */
struct dbus_array dbus_array_begin(struct str *body, size_t align);
void dbus_array_end(struct str *body, struct dbus_array array);

/* Takes a body apart. False: it is cut short. Text stays the body's. */
struct dbus_reader {
    const char *at;
    size_t len;
    size_t pos;
};
bool dbus_read_u32(struct dbus_reader *reader, uint32_t *ret_value);
bool dbus_read_text(struct dbus_reader *reader, const char **ret_text);
bool dbus_read_signature(struct dbus_reader *reader, const char **ret_signature);

/* --- messages --- */

enum dbus_type { DBUS_CALL = 1, DBUS_REPLY, DBUS_ERROR, DBUS_SIGNAL };

struct dbus_call {
    const char *destination;
    const char *path;
    const char *interface;
    const char *member;
    const char *signature; /* NULL: no body */
    const struct str *body;
};

void dbus_message_done(struct dbus_message *message);
/* The next one, whatever it is; first those that were kept. */
int dbus_receive(struct dbus *dbus, struct dbus_message *ret_message, struct err *err);
/* Calls a method and waits for its reply; signals that come before it are kept. An error of the
 * peer is ours: its text, ERR_NOT_FOUND for units it does not know. */
int dbus_call(struct dbus *dbus, const struct dbus_call *call, struct dbus_message *ret_reply,
              struct err *err);
