/* SPDX-License-Identifier: Apache-2.0 */
/* The other side is a child that plays a service: it answers with bytes written out here. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/dbus.h"

static struct err err;

/* A header whose fields are one: that it answers call 1. */
#define REPLY_TO_1 "\10\0\0\0\5\1u\0\1\0\0\0"

static const char reply_text[] =
    "l\2\1\1\6\0\0\0\11\0\0\0" REPLY_TO_1 "\1\0\0\0a\0"; /* body: "a" */
/* fields: member "Ping" of a signal, then the reply */
static const char signal_bytes[] = "l\4\1\1\0\0\0\0\7\0\0\0\15\0\0\0\3\1s\0\4\0\0\0Ping\0\0\0\0";

struct script {
    const char *auth;
    const char *at[3];
    size_t len[3];
};

/* Reads what begins the connection and one message, then sends all. */
static void serve(int fd, const struct script *script)
{
    char in[1024];
    bool done =
        read(fd, in, sizeof(in)) > 0 && fd_write_all(fd, script->auth, strlen(script->auth)) == 0;
    done = done && read(fd, in, sizeof(in)) >= 0;
    for (size_t i = 0; i < array_size(script->at) && done; i++)
        done = fd_write_all(fd, script->at[i], script->len[i]) == 0;
    _exit(!done);
}

static int connect_to(const struct script *script, struct dbus *ret_dbus)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        serve(ends[1], script);
    }
    (void)close(ends[1]);
    return dbus_begin(ends[0], ret_dbus, &err);
}

static const struct dbus_call call = {
    .destination = "a.b", .path = "/a", .interface = "a.b", .member = "Do"
};

Test(dbus, values_are_aligned_and_little_endian)
{
    auto_done(str) body = {};
    dbus_add_signature(&body, "s");
    dbus_add_text(&body, "hi");
    dbus_add_u64(&body, 0x1122334455667788);
    static const char want[] = "\1s\0\0\2\0\0\0hi\0\0\0\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11";
    cr_assert_eq(body.len, 24);
    cr_assert_arr_eq(body.at, want, 24);
}

Test(dbus, the_length_of_an_array_leaves_the_padding_before_it_out)
{
    auto_done(str) body = {};
    struct dbus_array array = dbus_array_begin(&body, 8);
    dbus_add_u64(&body, 1);
    dbus_array_end(&body, array);
    cr_assert_eq(body.len, 16);
    cr_assert_arr_eq(body.at, "\10\0\0\0\0\0\0\0\1", 9);
}

Test(dbus, reads_what_it_writes_and_nothing_beyond)
{
    auto_done(str) body = {};
    const char *text;
    const char *signature;
    uint32_t number;
    dbus_add_signature(&body, "as");
    dbus_add_text(&body, "text");
    dbus_add_u32(&body, 7);
    struct dbus_reader reader = { .at = body.at, .len = body.len };
    cr_assert(dbus_read_signature(&reader, &signature));
    cr_assert_str_eq(signature, "as");
    cr_assert(dbus_read_text(&reader, &text));
    cr_assert_str_eq(text, "text");
    cr_assert(dbus_read_u32(&reader, &number));
    cr_assert_eq(number, 7);
    cr_assert_not(dbus_read_u32(&reader, &number));
    /* Cut at each byte, it is never read past its end. */
    for (size_t len = 0; len < body.len; len++) {
        auto_free char *copy = xmalloc(len + 1);
        memcpy(copy, body.at, len);
        struct dbus_reader cut = { .at = copy, .len = len };
        bool whole = dbus_read_signature(&cut, &signature) && dbus_read_text(&cut, &text) &&
                     dbus_read_u32(&cut, &number);
        cr_assert_not(whole, "%zu bytes", len);
    }
}

Test(dbus, a_text_longer_than_its_body_is_refused)
{
    const char *text;
    struct dbus_reader reader = { .at = "\xff\xff\xff\xff\0", .len = 5 };
    cr_assert_not(dbus_read_text(&reader, &text));
}

Test(dbus, a_call_gives_the_reply)
{
    struct dbus dbus;
    struct dbus_message reply = {};
    const char *text;
    const struct script script = { "OK 0123\r\n", { reply_text }, { sizeof(reply_text) - 1 } };
    cr_assert_eq(connect_to(&script, &dbus), 0, "%s", err.text);
    cr_assert_eq(dbus_call(&dbus, &call, &reply, &err), 0, "%s", err.text);
    struct dbus_reader reader = { .at = reply.body, .len = reply.body_len };
    cr_assert(dbus_read_text(&reader, &text));
    cr_assert_str_eq(text, "a");
    dbus_message_done(&reply);
    dbus_close(&dbus);
}

Test(dbus, a_signal_before_the_reply_is_kept)
{
    struct dbus dbus;
    struct dbus_message message = {};
    const struct script script = { "OK 0123\r\n",
                                   { signal_bytes, reply_text },
                                   { sizeof(signal_bytes) - 1, sizeof(reply_text) - 1 } };
    cr_assert_eq(connect_to(&script, &dbus), 0, "%s", err.text);
    cr_assert_eq(dbus_call(&dbus, &call, &message, &err), 0, "%s", err.text);
    dbus_message_done(&message);
    cr_assert_eq(dbus_receive(&dbus, &message, &err), 0, "%s", err.text);
    cr_assert_eq(message.type, DBUS_SIGNAL);
    cr_assert_str_eq(message.member, "Ping");
    dbus_message_done(&message);
    dbus_close(&dbus);
}

Test(dbus, one_who_is_not_accepted_is_told)
{
    struct dbus dbus;
    const struct script script = { "REJECTED EXTERNAL\r\n", {}, {} };
    cr_assert_eq(connect_to(&script, &dbus), -1);
    cr_assert_eq(err.kind, ERR_DENIED);
}

Test(dbus, an_end_in_the_middle_is_an_error)
{
    struct dbus dbus;
    struct dbus_message reply = {};
    const struct script script = { "OK 0123\r\n", { reply_text }, { sizeof(reply_text) - 3 } };
    cr_assert_eq(connect_to(&script, &dbus), 0, "%s", err.text);
    cr_assert_eq(dbus_call(&dbus, &call, &reply, &err), -1);
    cr_assert(strstr(err.text, "closed"), "%s", err.text);
    dbus_close(&dbus);
}

Test(dbus, nobody_there_is_no_error)
{
    struct dbus dbus;
    cr_assert_eq(dbus_open("/nonexistent/socket", &dbus, &err), 0);
}
