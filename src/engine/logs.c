/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading logs (docs/formats/log.md) while they may be written, and rotated, by a monitor. A file
 * is known by its inode: the one that follows is found by looking at all names, newest first, so
 * that a rotation between two of these looks shows a file twice and never hides one. A file is read
 * to its end once more after a newer one was seen, for then nothing is added to it any more.
 *
 * Following waits for inotify's word on the directory, and for the monitor's end by its descriptor;
 * the reader's going away ends it, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/logfile.h"
#include "engine/record_part.h"
#include "engine/timestamp.h"

enum {
    READ_SIZE = 64 << 10,
    OUT_SIZE = 64 << 10, /* written when it is that much */
    LINE_MAX = 1 << 20,  /* of a line in the file; writers make far shorter ones */
    TIME_MAX = 40,       /* of a line's time */
    MS_PER_S = 1000,
    NANO_PER_MS = 1000000,
};

/* One line of a file. */
struct log_entry {
    struct view time;
    struct view text;
    enum log_stream stream;
    bool partial; /* the line goes on in the next one of the same stream */
};

struct log_reader {
    int dir_fd; /* of log/, or -1: there is none yet */
    int record_fd;
    int file_fd; /* what is read now, or -1 */
    int inotify;
    int monitor; /* pidfd, or -1 */
    bool done;   /* nobody reads any more, or it is past `until` */
    const struct log_request *request;
    bool has_since, has_until;
    struct timespec since, until;
    int64_t skip;    /* lines to leave out */
    bool in_line[2]; /* of each stream: a part was written already */
    int fds[2];      /* where each stream goes */
    int out_stream;  /* whose text waits in `out` */
    struct str out;
    struct str rest; /* of the file: what has no end yet */
};

static void log_reader_done(struct log_reader *reader)
{
    fd_close(&reader->dir_fd);
    fd_close(&reader->record_fd);
    fd_close(&reader->file_fd);
    fd_close(&reader->inotify);
    fd_close(&reader->monitor);
    str_done(&reader->out);
    str_done(&reader->rest);
}

/* --- one line --- */

/* "TIME stdout F text". False: it is none, as the end of a file may be after a power cut. */
static bool entry_parse(struct view line, struct log_entry *ret_entry)
{
    struct log_entry entry;
    struct view stream, tag;
    if (!view_cut(&line, ' ', &entry.time) || !view_cut(&line, ' ', &stream))
        return false;
    if (!view_cut(&line, ' ', &tag)) /* an empty line may have lost the blank at its end */
        line = (struct view){ "", 0 };
    bool out = view_is(stream, "stdout");
    if (!out && !view_is(stream, "stderr"))
        return false;
    entry.partial = tag.len > 0 && tag.at[0] == 'P';
    if (!entry.partial && (tag.len == 0 || tag.at[0] != 'F'))
        return false;
    entry.stream = out ? LOG_STDOUT : LOG_STDERR;
    entry.text = line;
    *ret_entry = entry;
    return true;
}

static bool entry_time(const struct log_entry *entry, struct timespec *ret_time)
{
    char text[TIME_MAX + 1];
    if (entry->time.len > TIME_MAX)
        return false;
    memcpy(text, entry->time.at, entry->time.len);
    text[entry->time.len] = '\0';
    return timestamp_parse(text, ret_time) == 0;
}

static int out_flush(struct log_reader *reader, struct err *err)
{
    if (reader->out.len == 0)
        return 0;
    int written = fd_write_all(reader->fds[reader->out_stream], reader->out.at, reader->out.len);
    str_clear(&reader->out);
    if (written < 0 && errno != EPIPE)
        return err_sys(err, "write what the log says");
    if (written < 0)
        reader->done = true;
    return 0;
}

static int out_entry(struct log_reader *reader, const struct log_entry *entry, struct err *err)
{
    int stream = entry->stream;
    bool other = reader->fds[stream] != reader->fds[reader->out_stream];
    if ((other || reader->out.len >= OUT_SIZE) && out_flush(reader, err) < 0)
        return -1;
    reader->out_stream = stream;
    if (reader->request->flags & LOG_TIMESTAMPS && !reader->in_line[stream]) {
        str_add_bytes(&reader->out, entry->time.at, entry->time.len);
        str_add_char(&reader->out, ' ');
    }
    str_add_bytes(&reader->out, entry->text.at, entry->text.len);
    if (!entry->partial)
        str_add_char(&reader->out, '\n');
    reader->in_line[stream] = entry->partial;
    return 0;
}

static int line_take(struct log_reader *reader, struct view line, struct err *err)
{
    struct log_entry entry;
    struct timespec time;
    if (!entry_parse(line, &entry))
        return 0;
    if (reader->skip > 0) {
        reader->skip -= !entry.partial;
        return 0;
    }
    if ((reader->has_since || reader->has_until) && entry_time(&entry, &time)) {
        if (reader->has_since && timestamp_compare(time, reader->since) < 0)
            return 0;
        if (reader->has_until && timestamp_compare(time, reader->until) > 0) {
            reader->done = true;
            return 0;
        }
    }
    return out_entry(reader, &entry, err);
}

/* --- one file --- */

/* Reads to the file's present end. What has no line's end there is kept: it may still be written.
 */
static int file_drain(struct log_reader *reader, struct err *err)
{
    char buffer[READ_SIZE];
    while (!reader->done) {
        ssize_t n = read(reader->file_fd, buffer, sizeof(buffer));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "read the log");
        if (n == 0)
            break;
        struct view text = { buffer, (size_t)n }, line;
        while (!reader->done && view_cut(&text, '\n', &line)) {
            if (reader->rest.len > 0) {
                str_add_bytes(&reader->rest, line.at, line.len);
                line = (struct view){ reader->rest.at, reader->rest.len };
            }
            if (line_take(reader, line, err) < 0)
                return -1;
            str_clear(&reader->rest);
        }
        if (!reader->done)
            str_add_bytes(&reader->rest, line.at, line.len);
    }
    return 0;
}

/* Lines in a file from its beginning to its present end. *ret_open: another one has begun and has
 * no end there. */
static int file_count(int fd, int64_t *ret_lines, bool *ret_open, struct err *err)
{
    auto_done(str) rest = { .max_bytes = LINE_MAX };
    char buffer[READ_SIZE];
    struct log_entry entry = {};
    int64_t lines = 0;
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(fd, buffer, sizeof(buffer), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "read the log");
        if (n == 0)
            break;
        at += n;
        struct view text = { buffer, (size_t)n }, line;
        while (view_cut(&text, '\n', &line)) {
            str_add_bytes(&rest, line.at, line.len);
            if (entry_parse((struct view){ str_text(&rest), rest.len }, &entry))
                lines += !entry.partial;
            str_clear(&rest);
        }
        str_add_bytes(&rest, line.at, line.len);
    }
    *ret_lines = lines;
    *ret_open = entry.partial;
    return 0;
}

/* --- the files --- */

struct log_files {
    int fds[LOG_FILES]; /* newest first; -1: absent */
};

static void log_files_done(struct log_files *files)
{
    for (int i = 0; i < LOG_FILES; i++)
        fd_close(&files->fds[i]);
}

static int log_files_open(const struct log_reader *reader, struct log_files *files, struct err *err)
{
    for (int i = 0; i < LOG_FILES; i++) {
        auto_free char *name = i == 0 ? xstrdup("current") : xasprintf("current.%d", i);
        files->fds[i] = openat(reader->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (files->fds[i] < 0 && errno != ENOENT)
            return err_sys(err, "open the log %s", name);
    }
    return 0;
}

static bool same_file(int a, int b)
{
    struct stat first, second;
    return a >= 0 && b >= 0 && fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
           first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

/* The file behind the one that is read, or the oldest if that is none any more. Returns 1, or 0:
 * there is no newer one. */
static int file_next(const struct log_reader *reader, int *ret_fd, struct err *err)
{
    auto_done(log_files) files = { { -1, -1, -1 } };
    if (reader->dir_fd < 0)
        return 0;
    if (log_files_open(reader, &files, err) < 0)
        return -1;
    int next = -1;
    for (int i = 0; i < LOG_FILES; i++) {
        if (same_file(files.fds[i], reader->file_fd))
            break;
        if (files.fds[i] >= 0)
            next = i;
    }
    if (next < 0)
        return 0;
    *ret_fd = take_fd(files.fds[next]);
    return 1;
}

/* Opens the file in which the last `tail` lines begin. */
static int tail_find(struct log_reader *reader, struct err *err)
{
    auto_done(log_files) files = { { -1, -1, -1 } };
    int64_t wanted = reader->request->tail, lines = 0;
    bool open = false;
    if (reader->dir_fd < 0 || wanted < 0)
        return 0;
    if (log_files_open(reader, &files, err) < 0)
        return -1;
    for (int i = 0; i < LOG_FILES; i++) {
        if (files.fds[i] < 0 || (i > 0 && same_file(files.fds[i], reader->file_fd)))
            continue;
        fd_close(&reader->file_fd);
        reader->file_fd = take_fd(files.fds[i]);
        if (wanted == 0)
            return lseek(reader->file_fd, 0, SEEK_END) < 0 ? err_sys(err, "read the log") : 0;
        if (file_count(reader->file_fd, &lines, &open, err) < 0)
            return -1;
        wanted -=
            open && i == 0; /* in an older file it ends in the next one, and was counted there */
        if (lines >= wanted) {
            reader->skip = lines - wanted;
            return 0;
        }
        wanted -= lines;
    }
    return 0;
}

/* All that is there now. */
static int files_drain(struct log_reader *reader, struct err *err)
{
    while (!reader->done) {
        auto_close int next = -1;
        if (reader->file_fd >= 0 && file_drain(reader, err) < 0)
            return -1;
        int found = reader->done ? 0 : file_next(reader, &next, err);
        if (found <= 0)
            return found;
        if (reader->file_fd >= 0 && file_drain(reader, err) < 0)
            return -1;
        fd_close(&reader->file_fd);
        reader->file_fd = take_fd(next);
        str_clear(&reader->rest); /* no more will come of it */
    }
    return 0;
}

/* --- following --- */

static int log_dir_open(struct log_reader *reader, struct err *err)
{
    if (reader->dir_fd >= 0)
        return 0;
    reader->dir_fd =
        openat(reader->record_fd, "log", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return reader->dir_fd < 0 && errno != ENOENT ? err_sys(err, "open the log") : 0;
}

/* A watch is given by path; that of a descriptor means what it was opened for. */
static int watch_add(const struct log_reader *reader, int dir_fd, uint32_t events, struct err *err)
{
    auto_free char *path = xasprintf("/proc/self/fd/%d", dir_fd);
    if (inotify_add_watch(reader->inotify, path, events | IN_ONLYDIR) < 0)
        return err_sys(err, "watch the log");
    return 0;
}

static int follow_begin(struct engine *engine, const struct container *container,
                        struct log_reader *reader, struct err *err)
{
    reader->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (reader->inotify < 0)
        return err_sys(err, "make an inotify instance");
    if (watch_add(reader, reader->record_fd, IN_CREATE, err) < 0 || log_dir_open(reader, err) < 0)
        return -1;
    if (reader->dir_fd >= 0 && watch_add(reader, reader->dir_fd, IN_MODIFY | IN_CREATE, err) < 0)
        return -1;
    (void)monitor_pidfd(engine, container->config.id,
                        &reader->monitor); /* none: nothing will be added */
    return 0;
}

static int until_ms(const struct log_reader *reader)
{
    struct timespec now;
    if (!reader->has_until)
        return -1;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (reader->until.tv_sec - now.tv_sec) * MS_PER_S +
                 (reader->until.tv_nsec - now.tv_nsec) / NANO_PER_MS + 1;
    return ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* Sleeps until something may have been added. Returns 1, or 0: nothing more will come, or nobody is
 * there to read it. */
static int follow_wait(struct log_reader *reader, struct err *err)
{
    enum { INOTIFY, MONITOR, OUT, ERR, COUNT };
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    struct pollfd polled[COUNT] = {
        [INOTIFY] = { .fd = reader->inotify, .events = POLLIN },
        [MONITOR] = { .fd = reader->monitor, .events = POLLIN },
        [OUT] = { .fd = reader->fds[LOG_STDOUT] },
        [ERR] = { .fd = reader->fds[LOG_STDERR] },
    };
    int ready;
    do
        ready = poll(polled, COUNT, until_ms(reader));
    while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return err_sys(err, "wait for the log");
    if (ready == 0 || polled[OUT].revents || polled[ERR].revents) {
        reader->done = polled[OUT].revents || polled[ERR].revents;
        return 0;
    }
    while (read(reader->inotify, events, sizeof(events)) >
           0) /* that there were some is all they say */
        continue;
    if (reader->dir_fd < 0) {
        if (log_dir_open(reader, err) < 0)
            return -1;
        if (reader->dir_fd >= 0 &&
            watch_add(reader, reader->dir_fd, IN_MODIFY | IN_CREATE, err) < 0)
            return -1;
    }
    return polled[MONITOR].revents == 0;
}

static int logs_follow(struct log_reader *reader, struct err *err)
{
    int more = reader->monitor >= 0;
    for (;;) {
        if (files_drain(reader, err) < 0 || out_flush(reader, err) < 0)
            return -1;
        if (more <= 0 || reader->done)
            return more;
        more = follow_wait(reader, err);
        if (more == 0 && log_dir_open(reader, err) < 0) /* its last words may also be its first */
            return -1;
    }
}

/* --- all of it --- */

static int request_parse(struct log_reader *reader, struct err *err)
{
    const struct log_request *request = reader->request;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    reader->has_since = request->since && request->since[0] != '\0';
    reader->has_until = request->until && request->until[0] != '\0';
    if (reader->has_since &&
        timestamp_parse_any(request->since, now, "--since", &reader->since, err) < 0)
        return -1;
    if (reader->has_until &&
        timestamp_parse_any(request->until, now, "--until", &reader->until, err) < 0)
        return -1;
    return 0;
}

int container_logs(struct engine *engine, const struct container *container,
                   const struct log_request *request, int out_fd, int err_fd, struct err *err)
{
    bool follow = request->flags & LOG_FOLLOW;
    auto_done(log_reader) reader = {
        .dir_fd = -1,
        .record_fd = -1,
        .file_fd = -1,
        .inotify = -1,
        .monitor = -1,
        .request = request,
        .fds = { out_fd, err_fd },
        .rest = { .max_bytes = LINE_MAX },
    };
    if (request_parse(&reader, err) < 0)
        return -1;
    if (record_open(engine, container->config.id, &reader.record_fd, err) < 0)
        return -1;
    int result =
        follow ? follow_begin(engine, container, &reader, err) : log_dir_open(&reader, err);
    if (result == 0)
        result = tail_find(&reader, err);
    if (result == 0)
        result = logs_follow(&reader, err);
    return result < 0 ? err_wrap(err, "logs of container %s", container_label(container)) : 0;
}
