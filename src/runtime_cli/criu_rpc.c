/* SPDX-License-Identifier: Apache-2.0 */
/*
 * criu as a service of one request (criu swrk): only so does it write a terminal without its other end
 * to disk, and give that end when it brings the terminal back. Messages are protocol buffers, one a packet:
 *
 *   → request      DUMP, PRE_DUMP or RESTORE, with options; those that the command line has too lie in a file it names
 *   ← response     NOTIFY and the name of what is about to happen; with "orphan-pts-master" comes the
 *                  terminal's master
 *   → request      NOTIFY: go on
 *   ← response     of the first one's type, and whether it succeeded
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/handover.h"
#include "runtime_cli/criu.h"

/* Numbers of images/rpc.proto in criu's sources. */
enum { TYPE_DUMP = 1, TYPE_RESTORE = 2, TYPE_PRE_DUMP = 4, TYPE_NOTIFY = 6 };
enum { REQUEST_TYPE = 1, REQUEST_OPTIONS = 2, REQUEST_NOTIFIED = 3 };
enum { RESPONSE_TYPE = 1, RESPONSE_SUCCESS = 2, RESPONSE_NOTIFY = 5 };
enum { NOTIFY_SCRIPT = 1 };
enum {
    OPTION_IMAGES_FD = 1,
    OPTION_PID = 2,
    OPTION_LOG_LEVEL = 9,
    OPTION_LOG_FILE = 10,
    OPTION_NOTIFY = 12,
    OPTION_SIBLING = 26,
    OPTION_ORPHAN_MASTER = 50,
    OPTION_CONFIG_FILE = 51,
    OPTION_NETWORK_LOCK = 64,
};
enum { LOCK_NFTABLES = 2 };
enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };
enum { MESSAGE_MAX = 4096, LOG_LEVEL = 4 };

/* --- messages --------------------------------------------------------------------------------- */

static void varint_add(struct str *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        str_add_char(out, (char)(value | 0x80));
    str_add_char(out, (char)value);
}

static void number_add(struct str *out, unsigned field, uint64_t value)
{
    varint_add(out, (uint64_t)field << 3 | WIRE_VARINT);
    varint_add(out, value);
}

static void bytes_add(struct str *out, unsigned field, const char *at, size_t len)
{
    varint_add(out, (uint64_t)field << 3 | WIRE_BYTES);
    varint_add(out, len);
    str_add_bytes(out, at, len);
}

static bool varint_cut(struct view *rest, uint64_t *ret_value)
{
    *ret_value = 0;
    for (unsigned shift = 0; rest->len && shift < 64; shift += 7) {
        unsigned char byte = (unsigned char)*rest->at;
        *rest = (struct view){ rest->at + 1, rest->len - 1 };
        *ret_value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* A field, its number, and its value in one of the two forms. False at the end, or where it is none. */
static bool field_cut(struct view *rest, unsigned *ret_field, uint64_t *ret_number,
                      struct view *ret_bytes)
{
    uint64_t head;
    uint64_t value;
    *ret_bytes = (struct view){};
    if (!varint_cut(rest, &head) || !varint_cut(rest, &value))
        return false;
    *ret_field = (unsigned)(head >> 3);
    *ret_number = value;
    if ((head & 7) == WIRE_VARINT)
        return true;
    if ((head & 7) != WIRE_BYTES || value > rest->len)
        return false;
    *ret_bytes = (struct view){ rest->at, (size_t)value };
    *rest = (struct view){ rest->at + value, rest->len - (size_t)value };
    return true;
}

struct response {
    uint64_t type;
    bool success;
    struct view script;
};

static struct response response_parse(struct view rest)
{
    struct response response = {};
    unsigned field;
    uint64_t number;
    struct view bytes;
    while (field_cut(&rest, &field, &number, &bytes)) {
        if (field == RESPONSE_TYPE)
            response.type = number;
        else if (field == RESPONSE_SUCCESS)
            response.success = number;
        else if (field == RESPONSE_NOTIFY)
            for (struct view notify = bytes; field_cut(&notify, &field, &number, &bytes);)
                if (field == NOTIFY_SCRIPT)
                    response.script = bytes;
    }
    return response;
}

/* --- the options ------------------------------------------------------------------------------ */

/* What the request itself says, or what is no option of a service. The work directory is none of them: by
 * a descriptor of ours it would lie in our mount namespace, and criu mounts in it. */
static bool is_own(const char *option)
{
    /* network-lock in a file brings criu 3.17 down. */
    static const char *const own[] = {
        "--images-dir", "--log-file",     "-v4", "--restore-detached", "--restore-sibling",
        "--tree",       "--network-lock",
    };
    for (size_t i = 0; i < array_size(own); i++)
        if (strcmp(option, own[i]) == 0)
            return true;
    return false;
}

static void config_value_add(struct str *out, const char *value)
{
    str_add(out, " \"");
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            str_add_char(out, '\\');
        str_add_char(out, *value);
    }
    str_add_char(out, '"');
}

/* The command line as lines of a configuration file: criu(8), "CONFIGURATION FILES". */
static void config_add(const struct strings *argv, struct str *out)
{
    for (size_t i = 2; i < argv->len; i++) {
        const char *option = argv->at[i];
        const char *equals = strchr(option, '=');
        const char *value = equals ? equals + 1
                            : i + 1 < argv->len && !text_starts(argv->at[i + 1], "-")
                                ? argv->at[++i]
                                : NULL;
        if (is_own(option))
            continue;
        option += strspn(option, "-");
        str_add_bytes(out, option, strcspn(option, "="));
        if (value)
            config_value_add(out, value);
        str_add_char(out, '\n');
    }
}

/* Its descriptor is criu's as well. */
static int config_open(const struct strings *argv, struct err *err)
{
    auto_done(str) text = {};
    for (size_t i = 0; i < argv->len; i++)
        if (strchr(argv->at[i], '\n'))
            return err_set(err, ERR_INVALID, "criu takes no line breaks in paths");
    config_add(argv, &text);
    auto_close int fd = memfd_create("criu.conf", 0); /* NOLINT(android-cloexec-memfd-create) */
    if (fd < 0 || fd_write_all(fd, text.at, text.len) < 0)
        return err_sys(err, "write criu's configuration");
    return take_fd(fd);
}

/* --- the service ------------------------------------------------------------------------------ */

/* One under way. */
struct service {
    const struct criu_call *call;
    int (*before)(void *context, struct err *err);
    void *context;
    int ours;
    int theirs; /* closed when criu has it */
    int config;
    int images; /* criu opens it by our number */
    int master;
    bool success;
};

static void service_done(struct service *service)
{
    int *const fds[] = { &service->ours, &service->theirs, &service->config, &service->images,
                         &service->master };
    for (size_t i = 0; i < array_size(fds); i++)
        fd_close(fds[i]);
}

static int request_send(const struct service *service, const struct str *request, struct err *err)
{
    if (send(service->ours, request->at, request->len, MSG_NOSIGNAL) != (ssize_t)request->len)
        return err_sys(err, "write to criu");
    return 0;
}

static unsigned type_of(const struct criu_call *call)
{
    if (strcmp(call->verb, "restore") == 0)
        return TYPE_RESTORE;
    return strcmp(call->verb, "dump") == 0 ? TYPE_DUMP : TYPE_PRE_DUMP;
}

static int work_ask(struct service *service, struct err *err)
{
    const struct criu_call *call = service->call;
    auto_done(str) request = {};
    auto_done(str) options = {};
    char config[40];
    auto_free char *log = xasprintf("%s.log", call->verb);
    service->images = open(call->images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (service->images < 0)
        return err_sys(err, "open %s", call->images);
    (void)snprintf(config, sizeof(config), "/proc/self/fd/%d", service->config);
    number_add(&options, OPTION_IMAGES_FD, (uint64_t)service->images);
    number_add(&options, OPTION_LOG_LEVEL, LOG_LEVEL);
    bytes_add(&options, OPTION_LOG_FILE, log, strlen(log));
    number_add(&options, OPTION_NOTIFY, true);
    if (call->tree)
        number_add(&options, OPTION_PID, (uint64_t)call->tree);
    else
        number_add(&options, OPTION_SIBLING, true);
    number_add(&options, OPTION_ORPHAN_MASTER, true);
    if (strings_have(&call->argv, "--network-lock")) /* it has one value, criu_begin */
        number_add(&options, OPTION_NETWORK_LOCK, LOCK_NFTABLES);
    bytes_add(&options, OPTION_CONFIG_FILE, config, strlen(config));
    number_add(&request, REQUEST_TYPE, type_of(call));
    bytes_add(&request, REQUEST_OPTIONS, options.at, options.len);
    return request_send(service, &request, err);
}

/* What happens, one word after the other, until all is done or criu has gone, which its log explains. */
static int service_talk(void *context, struct err *err)
{
    struct service *service = context;
    char message[MESSAGE_MAX];
    auto_done(str) go_on = {};
    fd_close(&service->theirs);
    number_add(&go_on, REQUEST_TYPE, TYPE_NOTIFY);
    number_add(&go_on, REQUEST_NOTIFIED, true);
    if (work_ask(service, err) < 0)
        return -1;
    for (;;) {
        int fd = -1;
        size_t n_fds = 0;
        ssize_t len = handover_receive(service->ours, message, sizeof(message), &fd, 1, &n_fds);
        if (len < 0 && errno != ECONNRESET)
            return err_sys(err, "read from criu");
        if (len <= 0)
            return 0;
        struct response response = response_parse((struct view){ message, (size_t)len });
        if (n_fds && view_is(response.script, "orphan-pts-master") && service->master < 0)
            service->master = take_fd(fd);
        fd_close(&fd);
        if (response.type != TYPE_NOTIFY) {
            service->success = response.success;
            return 0;
        }
        if (request_send(service, &go_on, err) < 0)
            return -1;
    }
}

static int service_before(void *context, struct err *err)
{
    struct service *service = context;
    if (fcntl(service->theirs, F_SETFD, 0) < 0)
        return err_sys(err, "fcntl");
    return service->before ? service->before(service->context, err) : 0;
}

int criu_serve(const struct criu_call *call, int (*before)(void *context, struct err *err),
               void *context, int *ret_master, struct err *err)
{
    auto_done(service) service = { .call = call,
                                   .before = before,
                                   .context = context,
                                   .ours = -1,
                                   .theirs = -1,
                                   .images = -1,
                                   .master = -1 };
    int pair[2];
    int status = 0;
    char number[16];
    service.config = config_open(&call->argv, err);
    if (service.config < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, "socketpair");
    service.ours = pair[0];
    service.theirs = pair[1];
    (void)snprintf(number, sizeof(number), "%d", service.theirs);
    char *argv[] = { call->argv.at[0], "swrk", number, NULL };
    const struct criu_work work = { argv, -1, service_before, service_talk, &service };
    if (criu_execute(&work, &status, err) < 0)
        return -1;
    if (!service.success)
        return criu_failed(call, status, err);
    if (!ret_master)
        return 0;
    if (service.master < 0)
        return err_set(err, ERR_SYSTEM, "criu gives no terminal");
    *ret_master = take_fd(service.master);
    return 0;
}
