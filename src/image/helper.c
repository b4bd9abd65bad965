/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which user namespace the server gets, tried in this order:
 *
 * - root: ids 0 to 2^31-2 become 2^31 to 2^32-2, which nobody else has, and directories are handed
 * over as mounts of their own in which owners are mapped back (mount_setattr(2), MOUNT_ATTR_IDMAP):
 * uid 0 of the server is uid 0 on the disk there, and a stranger anywhere else.
 * - root, on a file system that cannot be mapped so: ids are themselves. The server has no
 * capability outside of its namespace, but owns files of root's; what keeps it from them is
 * Landlock.
 * - an ordinary user: his own id and his subordinate ones, as his containers have them.
 */
#include "image/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/program.h"
#include "kernel/handover.h"
#include "kernel/mount.h"

static const uint32_t high_ids = UINT32_C(1) << 31;
enum { ID_MAP_MAX_BYTES = 64 << 10, ERROR_TEXT_MAX = 900 };

/* ---- the server ---- */

/* What this process may map: /proc/self/uid_map, each extent to itself. */
static int own_map(const char *path, struct id_map *map, struct err *err)
{
    auto_free char *data = NULL;
    size_t len;
    int found = file_load(AT_FDCWD, path, ID_MAP_MAX_BYTES, &data, &len, err);
    if (found == 0)
        return err_set(err, ERR_UNSUPPORTED, "%s is missing; is /proc mounted?", path);
    if (found < 0)
        return -1;
    /* "inside outside count" lines, by the kernel's own hand. */
    char *at = data;
    while (*at) {
        unsigned long inside = strtoul(at, &at, 10);
        (void)strtoul(at, &at, 10);
        unsigned long count = strtoul(at, &at, 10);
        id_map_add(map, (uint32_t)inside, (uint32_t)inside, (uint32_t)count);
        at += strspn(at, " \n");
    }
    return 0;
}

static int own_maps(struct id_maps *maps, struct err *err)
{
    if (own_map("/proc/self/uid_map", &maps->uid, err) < 0)
        return -1;
    return own_map("/proc/self/gid_map", &maps->gid, err);
}

static int directory_idmapped(int userns_fd, int directory)
{
    auto_close int mount = mount_clone(directory, "", 0);
    if (mount < 0 || mount_idmap(mount, userns_fd, 0) < 0)
        return -1;
    uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    if (mount_change(mount, attributes, 0, 0, 0) < 0)
        return -1;
    return take_fd(mount);
}

/* Root's first way. Returns 1, or 0 if something of it does not work here. */
static int open_high(int directory, struct userns *ret_userns)
{
    auto_done(id_maps) maps = {};
    struct err ignored;
    id_map_add(&maps.uid, 0, high_ids, high_ids - 1);
    id_map_add(&maps.gid, 0, high_ids, high_ids - 1);
    if (userns_open(&maps, ret_userns, &ignored) < 0)
        return 0;
    auto_close int probe = directory_idmapped(ret_userns->userns_fd, directory);
    if (probe >= 0)
        return 1;
    userns_close(ret_userns);
    return 0;
}

static int helper_enter(int directory, struct helper *helper, struct err *err)
{
    auto_done(id_maps) maps = {};
    bool root = geteuid() == 0;
    if (root && open_high(directory, &helper->userns)) {
        helper->idmap = true;
        return 0;
    }
    if ((root ? own_maps(&maps, err) : id_maps_of_user(&maps, err)) < 0)
        return -1;
    return userns_open(&maps, &helper->userns, err);
}

/* Executes the program inside the namespace, with the other end of a control socket. */
static int helper_exec(struct helper *helper, const char *name, const char *program,
                       struct err *err)
{
    auto_free char *found = NULL;
    int ends[2];

    if (!program && program_path(name, &found, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_sys(err, "make a socket pair");
    helper->control = ends[0];
    const char *const argv[] = { program ? program : found, NULL };
    const struct userns_program confined = { .argv = argv, .fds = &ends[1], .n_fds = 1 };
    int result = userns_exec(&helper->userns, &confined, err);
    close(ends[1]);
    return result;
}

int helper_open(const char *program, int directory, struct helper *ret_helper, struct err *err)
{
    struct helper helper = { .control = -1 };
    if (helper_enter(directory, &helper, err) < 0)
        return err_wrap(err, "confine ruche-transfer");
    if (helper_exec(&helper, "ruche-transfer", program, err) < 0) {
        helper_close(&helper);
        return -1;
    }
    *ret_helper = helper;
    return 0;
}

/* Ids that nobody has; an ordinary user has only his own ones to give. */
static int remote_enter(struct helper *helper, struct err *err)
{
    auto_done(id_maps) maps = {};
    if (geteuid() == 0) {
        struct err ignored;
        id_map_add(&maps.uid, 0, high_ids, high_ids - 1);
        id_map_add(&maps.gid, 0, high_ids, high_ids - 1);
        if (userns_open(&maps, &helper->userns, &ignored) == 0)
            return 0;
        id_maps_done(&maps);
        maps = (struct id_maps){};
        if (own_maps(&maps, err) < 0)
            return -1;
    } else {
        id_map_add(&maps.uid, 0, geteuid(), 1);
        id_map_add(&maps.gid, 0, getegid(), 1);
    }
    return userns_open(&maps, &helper->userns, err);
}

int helper_open_remote(struct helper *ret_helper, struct err *err)
{
    struct helper helper = { .control = -1 };
    if (remote_enter(&helper, err) < 0)
        return err_wrap(err, "confine ruche-remote");
    if (helper_exec(&helper, "ruche-remote", NULL, err) < 0) {
        helper_close(&helper);
        return -1;
    }
    *ret_helper = helper;
    return 0;
}

void helper_close(struct helper *helper)
{
    fd_close(&helper->control);
    if (helper->userns.pid > 0)
        userns_close(&helper->userns);
    *helper = (struct helper){ .control = -1 };
}

int helper_directory(const struct helper *helper, int directory, int *ret_fd, struct err *err)
{
    int fd = helper->idmap ? directory_idmapped(helper->userns.userns_fd, directory)
                           : fcntl(directory, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, "hand a directory to ruche-transfer");
    *ret_fd = fd;
    return 0;
}

int helper_mount(const struct helper *helper, int mount, struct err *err)
{
    const uint64_t attributes =
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    if ((helper->idmap && mount_idmap(mount, helper->userns.userns_fd, 0) < 0) ||
        mount_change(mount, attributes, 0, 0, 0) < 0)
        return err_sys(err, "hand a mount to ruche-transfer");
    return 0;
}

/* ---- requests ---- */

int helper_request(const struct helper *helper, const struct transfer_request *request,
                   const int *fds, size_t n_fds, int *ret_socket, struct err *err)
{
    int all[TRANSFER_FDS_MAX];
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_sys(err, "make a socket pair");
    all[0] = ends[1];
    memcpy(all + 1, fds, n_fds * sizeof(int));
    int result = handover_send(helper->control, request, sizeof(*request), all, n_fds + 1);
    if (result < 0)
        err_sys(err, "ask ruche-transfer");
    close(ends[1]);
    if (result < 0) {
        close(ends[0]);
        return -1;
    }
    *ret_socket = ends[0];
    return 0;
}

/* ---- events ---- */

/* Whether all texts are there and closed. */
static bool texts_valid(const struct transfer_event *event, size_t len)
{
    size_t at = 0;
    for (size_t i = 0; i < TRANSFER_TEXTS; i++) {
        const char *end = memchr(event->texts + at, 0, len - at);
        if (!end || (size_t)(end - event->texts) - at >= TRANSFER_TEXT_MAX)
            return false;
        at = (size_t)(end - event->texts) + 1;
    }
    return at == len;
}

int helper_event(int socket, struct transfer_event *ret_event, struct err *err)
{
    ssize_t len;
    do
        len = recv(socket, ret_event, sizeof(*ret_event), MSG_TRUNC);
    while (len < 0 && errno == EINTR);
    if (len < 0 && errno != ECONNRESET)
        return err_sys(err, "listen to ruche-transfer");
    if (len <= 0) {
        err_set(err, ERR_SYSTEM, "ruche-transfer died");
        return err_hint(err, "the kernel's log may say why");
    }
    if ((size_t)len < TRANSFER_EVENT_HEAD || (size_t)len > sizeof(*ret_event) ||
        ret_event->kind >= TRANSFER_EVENT_COUNT ||
        !texts_valid(ret_event, (size_t)len - TRANSFER_EVENT_HEAD))
        return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
    return 1;
}

const char *event_text(const struct transfer_event *event, size_t i)
{
    const char *text = event->texts;
    while (i-- > 0)
        text += strlen(text) + 1;
    return text;
}

void event_error(const struct transfer_event *event, struct err *err)
{
    auto_done(str) text = { .max_bytes = ERROR_TEXT_MAX };
    const char *raw = event_text(event, 0);
    text_escape(&text, raw, strlen(raw));
    /* No other kinds come of archives, and callers act on them. */
    bool possible = event->detail == ERR_INVALID || event->detail == ERR_DENIED ||
                    event->detail == ERR_UNSUPPORTED;
    err_set(err, possible ? event->detail : ERR_SYSTEM, "%s", str_text(&text));
    err->errnum = (int)(event->number & 0xfff);
}

int helper_answer(int socket, int errnum, struct err *err)
{
    const struct transfer_answer answer = { .errnum = errnum };
    ssize_t sent;
    do
        sent = send(socket, &answer, sizeof(answer), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? err_sys(err, "answer ruche-transfer") : 0;
}
