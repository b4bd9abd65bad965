/* SPDX-License-Identifier: Apache-2.0 */
#include "image/source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/room.h"

enum {
    MEMBERS_MAX = 16384,
    LINKS_MAX = 8,
};

/* ---- paths ---- */

/* "a/./b/../c" as "a/c", beginning at a directory. NULL: it leads out of the archive, or nowhere.
 * Owned by caller. */
static char *path_join(struct view directory, const char *path)
{
    auto_done(strings) parts = {};
    auto_free char *whole =
        xasprintf("%.*s/%s", (int)directory.len, directory.at ? directory.at : "", path);
    struct view rest = view_of(whole);
    struct view part;
    bool more = true;
    while (more) {
        more = view_cut(&rest, '/', &part);
        if (part.len == 0 || view_is(part, "."))
            continue;
        if (!view_is(part, "..")) {
            strings_add_taken(&parts, xstrndup(part.at, part.len));
            continue;
        }
        if (parts.len == 0)
            return NULL;
        free(parts.at[--parts.len]);
        parts.at[parts.len] = NULL;
    }
    auto_done(str) joined = {};
    for (size_t i = 0; i < parts.len; i++)
        str_addf(&joined, "%s%s", i > 0 ? "/" : "", parts.at[i]);
    return joined.len > 0 ? str_take(&joined) : NULL;
}

static struct view path_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    return (struct view){ path, slash ? (size_t)(slash - path) : 0 };
}

/* ---- spooling ---- */

static struct source_file *file_add(struct source *source)
{
    if (source->len == source->room) {
        source->room = source->room > 0 ? source->room * 2 : 16;
        source->files = xrealloc(source->files, source->room, sizeof(*source->files));
    }
    struct source_file *file = &source->files[source->len++];
    *file = (struct source_file){};
    return file;
}

static int member_add(struct source *source, const struct transfer_event *event, struct err *err)
{
    const char *text = event_text(event, 0);
    const char *target = event_text(event, 1);
    char *path = path_join((struct view){}, text);
    if (event->detail >= TRANSFER_MEMBER_COUNT || event->number >= MEMBERS_MAX || !path ||
        source->len >= MEMBERS_MAX) {
        free(path);
        return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
    }
    struct source_file *file = file_add(source);
    file->path = path;
    if (event->detail == TRANSFER_MEMBER_FILE) {
        file->number = event->number;
        file->size = event->bytes;
        if (event->number >= source->next)
            source->next = event->number + 1;
        return 0;
    }
    bool symlink = event->detail == TRANSFER_MEMBER_SYMLINK && target[0] != '/';
    file->target = path_join(symlink ? path_directory(path) : (struct view){}, target);
    if (!file->target)
        file->target = xstrdup(""); /* leads to nothing here */
    return 0;
}

static int by_path(const void *a, const void *b)
{
    const struct source_file *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static int spool_events(struct source *source, int socket, const struct image_watch *watch,
                        struct err *err)
{
    struct transfer_event event;
    for (;;) {
        if (helper_event(socket, &event, err) < 0)
            return -1;
        switch ((enum transfer_event_kind)event.kind) {
        case TRANSFER_MEMBER:
            if (member_add(source, &event, err) < 0)
                return -1;
            break;
        case TRANSFER_PROGRESS:
            if (watch && watch->progress)
                watch->progress(watch->context, 0, 0, event.bytes, 0);
            break;
        case TRANSFER_DONE:
            if (source->len > 0)
                qsort(source->files, source->len, sizeof(*source->files), by_path);
            return 0;
        case TRANSFER_FAILED:
            event_error(&event, err);
            return -1;
        case TRANSFER_DIGESTS:
        case TRANSFER_DEVICE:
        case TRANSFER_SIGNATURE:
        case TRANSFER_WARNING:
        case TRANSFER_EVENT_COUNT:
            return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
        }
    }
}

static int spool_with(const struct helper *helper, struct source *source, int fd,
                      const struct image_watch *watch, struct err *err)
{
    const struct images *images = source->ingest->images;
    const uint64_t room = store_room(images);
    struct stat st;
    const struct transfer_request request = {
        .version = TRANSFER_VERSION,
        .verb = TRANSFER_SPOOL,
        .max_bytes = STORE_BYTES_MAX,
        .room_bytes = room,
        .max_entries = MEMBERS_MAX,
    };
    auto_close int directory = -1;
    auto_close int socket = -1;
    if (helper_directory(helper, source->ingest->directory, &directory, err) < 0)
        return -1;
    const int fds[] = { fd, directory };
    if (helper_request(helper, &request, fds, array_size(fds), &socket, err) < 0)
        return -1;
    int result = spool_events(source, socket, watch, err);
    if (result < 0 && err->errnum == ENOSPC)
        return room_refuse(images, fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_size, room, err);
    return result;
}

/* The process that reads the archive is gone when this returns, and cannot change any more what it
 * wrote. */
static int source_spool(struct source *source, int fd, const struct image_watch *watch,
                        struct err *err)
{
    struct helper helper;
    const struct images *images = source->ingest->images;
    if (helper_open(images->transfer, source->ingest->directory, &helper, err) < 0)
        return -1;
    int result = spool_with(&helper, source, fd, watch, err);
    helper_close(&helper);
    return result;
}

int source_open(const struct ingest *ingest, int fd, const struct image_watch *watch,
                struct source *ret_source, struct err *err)
{
    auto_done(source) source = { .ingest = ingest, .layout = -1 };
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(err, "look at the archive");
    if (S_ISDIR(st.st_mode))
        source.layout = fd;
    else if (source_spool(&source, fd, watch, err) < 0)
        return -1;
    *ret_source = source;
    source = (struct source){};
    return 0;
}

void source_done(struct source *source)
{
    for (size_t i = 0; i < source->len; i++) {
        free(source->files[i].path);
        free(source->files[i].target);
    }
    free(source->files);
    *source = (struct source){};
}

/* ---- looking up ---- */

/* Of two members of one name the later one counts. */
static const struct source_file *archive_look(const struct source *source, const char *path)
{
    size_t low = 0, high = source->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(source->files[middle].path, path) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || strcmp(source->files[low - 1].path, path) != 0)
        return NULL;
    return &source->files[low - 1];
}

static const struct source_file *archive_find(const struct source *source, const char *path)
{
    const struct source_file *file = archive_look(source, path);
    for (int i = 0; file && file->target && i < LINKS_MAX; i++)
        file = archive_look(source, file->target);
    return file && !file->target ? file : NULL;
}

/* Copies a file of a layout into the ingest, where nobody changes it. Returns 1, or 0 if there is
 * none. */
static int layout_take(struct source *source, const char *path, const struct source_file **ret_file,
                       struct err *err)
{
    struct stat st;
    auto_close int fd = file_openat2(source->layout, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
                                     RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is no plain file", path);
    if ((uint64_t)st.st_size > STORE_BYTES_MAX)
        return err_set(err, ERR_INVALID, "%s is larger than the store may take", path);
    const uint64_t room = store_room(source->ingest->images);
    int result = ingest_copy(source->ingest, source->next, fd, err);
    if (result < 0 && room_lacked(err->errnum))
        return room_refuse(source->ingest->images, (uint64_t)st.st_size, room, err);
    if (result < 0)
        return err_wrap(err, "%s", path);
    struct source_file *file = file_add(source);
    file->path = xstrdup(path);
    file->number = source->next++;
    file->size = (uint64_t)st.st_size;
    *ret_file = file;
    return 1;
}

static int layout_find(struct source *source, const char *path, const struct source_file **ret_file,
                       struct err *err)
{
    for (size_t i = 0; i < source->len; i++) {
        if (strcmp(source->files[i].path, path) != 0)
            continue;
        *ret_file = &source->files[i];
        return 1;
    }
    return layout_take(source, path, ret_file, err);
}

int source_find(struct source *source, const char *path, uint64_t *ret_number, uint64_t *ret_size,
                struct err *err)
{
    const struct source_file *file = NULL;
    auto_free char *normal = path_join((struct view){}, path);
    if (!normal)
        return 0;
    if (source->layout >= 0) {
        int found = layout_find(source, normal, &file, err);
        if (found <= 0)
            return found;
    } else {
        file = archive_find(source, normal);
    }
    if (!file)
        return 0;
    *ret_number = file->number;
    *ret_size = file->size;
    return 1;
}

int source_count(struct source *source, size_t len, struct err *err)
{
    source->read_bytes += len;
    if (source->read_bytes <= (uint64_t)DOCUMENTS_MAX_MIB << 20)
        return 0;
    return err_set(err, ERR_INVALID, "its documents come to more than %d MiB", DOCUMENTS_MAX_MIB);
}

int source_load(struct source *source, const char *path, size_t max_bytes, char **ret_data,
                size_t *ret_len, struct err *err)
{
    uint64_t number, size;
    auto_close int fd = -1;
    auto_free char *data = NULL;
    size_t len;
    int found = source_find(source, path, &number, &size, err);
    if (found <= 0)
        return found;
    if (ingest_file(source->ingest, number, &fd, &size, err) < 0)
        return -1;
    if (file_load_fd(fd, max_bytes, &data, &len, err) < 0)
        return err_wrap(err, "%s", path);
    if (source_count(source, len, err) < 0)
        return -1;
    *ret_data = take_ptr(data);
    *ret_len = len;
    return 1;
}

int source_save(struct source *source, const void *data, size_t len, uint64_t *ret_number,
                struct err *err)
{
    if (ingest_save(source->ingest, source->next, data, len, err) < 0)
        return -1;
    *ret_number = source->next++;
    return 0;
}
