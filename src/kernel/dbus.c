/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/dbus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
    ANSWER_S = 30,
    MESSAGE_MAX_BYTES = 1 << 20,
    SIGNALS_MAX = 1000, /* a busy machine has as many jobs, a broken one more */
    FIXED_SIZE = 16,    /* of a header, with the length of its fields */
};

/* Of header fields: D-Bus Specification, "Header Fields". */
enum header_field {
    HEADER_PATH = 1,
    HEADER_INTERFACE,
    HEADER_MEMBER,
    HEADER_ERROR_NAME,
    HEADER_REPLY_SERIAL,
    HEADER_DESTINATION,
    HEADER_SENDER,
    HEADER_SIGNATURE,
};

/* --- writing ---------------------------------------------------------------------------------- */

void dbus_align(struct str *body, size_t to)
{
    while (body->len % to && !body->over)
        str_add_bytes(body, "", 1);
}

static void put_u32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (8 * i));
}

void dbus_add_u32(struct str *body, uint32_t value)
{
    char bytes[4];
    put_u32(bytes, value);
    dbus_align(body, 4);
    str_add_bytes(body, bytes, sizeof(bytes));
}

void dbus_add_u64(struct str *body, uint64_t value)
{
    char bytes[8];
    put_u32(bytes, (uint32_t)value);
    put_u32(bytes + 4, (uint32_t)(value >> 32));
    dbus_align(body, 8);
    str_add_bytes(body, bytes, sizeof(bytes));
}

void dbus_add_text(struct str *body, const char *text)
{
    size_t len = strlen(text);
    dbus_add_u32(body, (uint32_t)len);
    str_add_bytes(body, text, len + 1);
}

void dbus_add_signature(struct str *body, const char *signature)
{
    size_t len = strlen(signature);
    char byte = (char)len;
    str_add_bytes(body, &byte, 1);
    str_add_bytes(body, signature, len + 1);
}

struct dbus_array dbus_array_begin(struct str *body, size_t align)
{
    dbus_add_u32(body, 0);
    struct dbus_array array = { .length_at = body->len - 4 };
    dbus_align(body, align);
    array.begin = body->len;
    return array;
}

void dbus_array_end(struct str *body, struct dbus_array array)
{
    put_u32(body->at + array.length_at, (uint32_t)(body->len - array.begin));
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint32_t get_u32(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool reader_align(struct dbus_reader *reader, size_t to)
{
    size_t pos = (reader->pos + to - 1) / to * to;
    if (pos > reader->len)
        return false;
    reader->pos = pos;
    return true;
}

bool dbus_read_u32(struct dbus_reader *reader, uint32_t *ret_value)
{
    if (!reader_align(reader, 4) || reader->len - reader->pos < 4)
        return false;
    *ret_value = get_u32(reader->at + reader->pos);
    reader->pos += 4;
    return true;
}

/* len bytes and the zero behind them. */
static bool read_chars(struct dbus_reader *reader, size_t len, const char **ret_text)
{
    if (reader->len - reader->pos <= len || reader->at[reader->pos + len] != '\0')
        return false;
    *ret_text = reader->at + reader->pos;
    reader->pos += len + 1;
    return true;
}

bool dbus_read_text(struct dbus_reader *reader, const char **ret_text)
{
    uint32_t len;
    return dbus_read_u32(reader, &len) && read_chars(reader, len, ret_text);
}

bool dbus_read_signature(struct dbus_reader *reader, const char **ret_signature)
{
    if (reader->pos >= reader->len)
        return false;
    size_t len = (unsigned char)reader->at[reader->pos++];
    return read_chars(reader, len, ret_signature);
}

/* --- the connection --------------------------------------------------------------------------- */

static int send_all(const struct dbus *dbus, const void *at, size_t len, struct err *err)
{
    const char *from = at;
    while (len > 0) {
        ssize_t n = send(dbus->fd, from, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "D-Bus: send");
        from += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Up to len bytes, at least one. */
static ssize_t receive_some(const struct dbus *dbus, void *to, size_t len, struct err *err)
{
    ssize_t n;
    do
        n = recv(dbus->fd, to, len, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return err_set(err, ERR_SYSTEM, "D-Bus: no answer within %d s", ANSWER_S);
    if (n < 0)
        return err_sys(err, "D-Bus: receive");
    if (n == 0)
        return err_set(err, ERR_SYSTEM, "D-Bus: the other side closed the connection");
    return n;
}

static int receive_all(const struct dbus *dbus, char *to, size_t len, struct err *err)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = receive_some(dbus, to + got, len - got, err);
        if (n < 0)
            return -1;
        got += (size_t)n;
    }
    return 0;
}

/* D-Bus Specification, "Authentication Protocol": a zero byte, then who we are, in hexadecimal of
 * the decimal digits; the kernel tells the other side whether that is so. BEGIN is sent with it: were
 * it read together with the first message, systemd would look at that only when another comes. */
static int authenticate(const struct dbus *dbus, struct err *err)
{
    char digits[16];
    char answer[256] = {};
    size_t len = 0;
    struct str text = {};
    (void)snprintf(digits, sizeof(digits), "%u", geteuid());
    str_add_bytes(&text, "", 1);
    str_add(&text, "AUTH EXTERNAL ");
    for (const char *at = digits; *at; at++)
        str_addf(&text, "%02x", *at);
    str_add(&text, "\r\nBEGIN\r\n");
    int sent = send_all(dbus, text.at, text.len, err);
    str_done(&text);
    if (sent < 0)
        return -1;
    while (len == 0 || answer[len - 1] != '\n') {
        ssize_t n = len + 1 < sizeof(answer)
                        ? receive_some(dbus, answer + len, sizeof(answer) - 1 - len, err)
                        : err_set(err, ERR_SYSTEM, "D-Bus: a long answer to AUTH");
        if (n < 0)
            return -1;
        len += (size_t)n;
    }
    answer[len] = '\0';
    if (!text_starts(answer, "OK "))
        return err_set(err, ERR_DENIED, "D-Bus: the other side does not accept user %s", digits);
    return 0;
}

int dbus_begin(int fd, struct dbus *ret_dbus, struct err *err)
{
    const struct timeval wait = { .tv_sec = ANSWER_S };
    struct dbus dbus = { .fd = fd };
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)); /* else it waits longer */
    if (authenticate(&dbus, err) < 0) {
        dbus_close(&dbus);
        return -1;
    }
    *ret_dbus = dbus;
    return 0;
}

int dbus_open(const char *path, struct dbus *ret_dbus, struct err *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, ERR_INVALID, "%s: too long for a socket's path", path);
    memcpy(address.sun_path, path, strlen(path));
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, "make a socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == ENOENT || errno == ECONNREFUSED || errno == EACCES || errno == ENOTDIR)
            return 0;
        return err_sys(err, "connect to %s", path);
    }
    return dbus_begin(take_fd(fd), ret_dbus, err) < 0 ? -1 : 1;
}

void dbus_close(struct dbus *dbus)
{
    fd_close(&dbus->fd);
    for (size_t i = 0; i < dbus->signals.len; i++)
        dbus_message_done(&dbus->signals.at[i]);
    free(dbus->signals.at);
    dbus->signals.at = NULL;
    dbus->signals.len = 0;
}

/* --- messages --------------------------------------------------------------------------------- */

static void add_field(struct str *header, enum header_field field, const char *signature,
                      const char *value)
{
    char code = (char)field;
    dbus_align(header, 8);
    str_add_bytes(header, &code, 1);
    dbus_add_signature(header, signature);
    if (*signature == 'g')
        dbus_add_signature(header, value);
    else
        dbus_add_text(header, value);
}

static int send_call(struct dbus *dbus, const struct dbus_call *call, struct err *err)
{
    static const char begin[] = { 'l', DBUS_CALL, 0, 1 };
    auto_done(str) out = {};
    str_add_bytes(&out, begin, sizeof(begin));
    dbus_add_u32(&out, call->body ? (uint32_t)call->body->len : 0);
    dbus_add_u32(&out, ++dbus->serial);
    struct dbus_array fields = dbus_array_begin(&out, 8);
    add_field(&out, HEADER_PATH, "o", call->path);
    add_field(&out, HEADER_INTERFACE, "s", call->interface);
    add_field(&out, HEADER_MEMBER, "s", call->member);
    add_field(&out, HEADER_DESTINATION, "s", call->destination);
    if (call->signature)
        add_field(&out, HEADER_SIGNATURE, "g", call->signature);
    dbus_array_end(&out, fields);
    dbus_align(&out, 8);
    if (call->body)
        str_add_bytes(&out, call->body->at, call->body->len);
    return send_all(dbus, out.at, out.len, err);
}

/* One field of a header: those that matter are kept, whatever else is there is skipped. */
static bool read_field(struct dbus_reader *reader, struct dbus_message *message)
{
    const char *signature;
    const char *text = NULL;
    uint32_t number = 0;
    if (!reader_align(reader, 8) || reader->pos >= reader->len)
        return false;
    int field = (unsigned char)reader->at[reader->pos++];
    if (!dbus_read_signature(reader, &signature))
        return false;
    bool read = false;
    if (strcmp(signature, "s") == 0 || strcmp(signature, "o") == 0)
        read = dbus_read_text(reader, &text);
    else if (strcmp(signature, "g") == 0)
        read = dbus_read_signature(reader, &text);
    else if (strcmp(signature, "u") == 0)
        read = dbus_read_u32(reader, &number);
    if (!read)
        return false;
    if (field == HEADER_REPLY_SERIAL)
        message->reply_to = number;
    char **kept = field == HEADER_MEMBER       ? &message->member
                  : field == HEADER_ERROR_NAME ? &message->error
                                               : NULL;
    if (kept && text) {
        free(*kept);
        *kept = xstrdup(text);
    }
    return true;
}

/* The fields, and the body behind them. */
static bool message_parse(const char *at, size_t fields_len, size_t body_len,
                          struct dbus_message *message)
{
    struct dbus_reader reader = { .at = at, .len = fields_len };
    while (reader.pos < fields_len)
        if (!read_field(&reader, message))
            return false;
    size_t padded = (fields_len + 7) / 8 * 8;
    message->body = xmalloc(body_len + 1);
    memcpy(message->body, at + padded, body_len);
    message->body[body_len] = '\0';
    message->body_len = body_len;
    return true;
}

static int receive(const struct dbus *dbus, struct dbus_message *ret_message, struct err *err)
{
    char fixed[FIXED_SIZE];
    if (receive_all(dbus, fixed, sizeof(fixed), err) < 0)
        return -1;
    size_t body_len = get_u32(fixed + 4);
    size_t fields_len = get_u32(fixed + 12);
    bool known = fixed[0] == 'l' && fixed[3] == 1;
    if (!known || body_len > MESSAGE_MAX_BYTES || fields_len > MESSAGE_MAX_BYTES)
        return err_set(err, ERR_SYSTEM, "D-Bus: a message that cannot be read");
    size_t len = (fields_len + 7) / 8 * 8 + body_len;
    auto_free char *rest = xmalloc(len + 1);
    if (receive_all(dbus, rest, len, err) < 0)
        return -1;
    auto_done(dbus_message) message = { .type = (uint8_t)fixed[1] };
    if (!message_parse(rest, fields_len, body_len, &message))
        return err_set(err, ERR_SYSTEM, "D-Bus: a message whose header is cut short");
    *ret_message = message;
    message = (struct dbus_message){};
    return 0;
}

int dbus_receive(struct dbus *dbus, struct dbus_message *ret_message, struct err *err)
{
    if (!dbus->signals.len)
        return receive(dbus, ret_message, err);
    *ret_message = dbus->signals.at[0];
    dbus->signals.len--;
    memmove(dbus->signals.at, dbus->signals.at + 1, dbus->signals.len * sizeof(*dbus->signals.at));
    return 0;
}

void dbus_message_done(struct dbus_message *message)
{
    free(message->member);
    free(message->error);
    free(message->body);
    *message = (struct dbus_message){};
}

static int refused(const struct dbus_call *call, const struct dbus_message *message,
                   struct err *err)
{
    struct dbus_reader reader = { .at = message->body, .len = message->body_len };
    const char *text = NULL;
    const char *name = message->error ? message->error : "an error";
    enum err_kind kind =
        text_ends(name, ".NoSuchUnit")   ? ERR_NOT_FOUND
        : text_ends(name, ".UnitExists") ? ERR_EXISTS
        : text_ends(name, ".AccessDenied") || text_ends(name, ".InteractiveAuthorizationRequired")
            ? ERR_DENIED
            : ERR_SYSTEM;
    if (!dbus_read_text(&reader, &text) || !*text)
        text = name;
    return err_set(err, kind, "%s: %s", call->member, text);
}

int dbus_call(struct dbus *dbus, const struct dbus_call *call, struct dbus_message *ret_reply,
              struct err *err)
{
    if (send_call(dbus, call, err) < 0)
        return err_wrap(err, "%s", call->member);
    for (;;) {
        auto_done(dbus_message) message = {};
        if (receive(dbus, &message, err) < 0)
            return err_wrap(err, "%s", call->member);
        if (message.type == DBUS_SIGNAL && dbus->signals.len < SIGNALS_MAX) {
            *array_add(&dbus->signals) = message;
            message = (struct dbus_message){};
        }
        bool answer = message.type == DBUS_REPLY || message.type == DBUS_ERROR;
        if (!answer || message.reply_to != dbus->serial)
            continue;
        if (message.type == DBUS_ERROR)
            return refused(call, &message, err);
        *ret_reply = message;
        message = (struct dbus_message){};
        return 0;
    }
}
