/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/timestamp.h"

void logfile_init(struct logfile *log, int record_fd)
{
    *log = (struct logfile){ .record_fd = record_fd, .dir_fd = -1, .fd = -1 };
}

void logfile_done(struct logfile *log)
{
    fd_close(&log->fd);
    fd_close(&log->dir_fd);
    str_done(&log->line[LOG_STDOUT]);
    str_done(&log->line[LOG_STDERR]);
}

static void log_open(struct logfile *log)
{
    struct stat status;
    if (log->dir_fd < 0) {
        (void)mkdirat(log->record_fd, "log", 0700); /* there from an earlier start is fine */
        log->dir_fd = openat(log->record_fd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (log->dir_fd < 0)
        return;
    log->fd = openat(log->dir_fd, "current", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    log->size_bytes = log->fd >= 0 && fstat(log->fd, &status) == 0 ? (size_t)status.st_size : 0;
}

/* current → current.1 → current.2, which is the last: LOG_FILES. */
static void log_rotate(struct logfile *log)
{
    fd_close(&log->fd);
    (void)renameat(log->dir_fd, "current.1", log->dir_fd, "current.2"); /* may not be there yet */
    (void)renameat(log->dir_fd, "current", log->dir_fd, "current.1");
    log_open(log);
}

static void add_head(struct str *out, enum log_stream stream, bool whole)
{
    char time[TIMESTAMP_SIZE];
    str_addf(out, "%s %s %c ", timestamp_now(time), stream == LOG_STDOUT ? "stdout" : "stderr",
             whole ? 'F' : 'P');
}

static void log_write(struct logfile *log, const struct str *text)
{
    if (log->fd < 0)
        log_open(log);
    else if (log->size_bytes + text->len > LOG_FILE_MAX_BYTES)
        log_rotate(log);
    if (log->fd < 0 || fd_write_all(log->fd, text->at, text->len) < 0)
        return; /* a full disk: the container must not stand still for its log */
    log->size_bytes += text->len;
}

/* Whole lines go out in one write for all that came together. */
void logfile_add(struct logfile *log, enum log_stream stream, const char *at, size_t len)
{
    auto_done(str) out = {};
    struct str *line = &log->line[stream];
    while (len) {
        const char *newline = memchr(at, '\n', len);
        size_t part = newline ? (size_t)(newline - at) : len;
        bool whole = newline != NULL;
        if (line->len + part > LOG_LINE_MAX_BYTES) {
            part = LOG_LINE_MAX_BYTES - line->len;
            whole = false;
        }
        str_add_bytes(line, at, part);
        at += part + whole;
        len -= part + whole;
        if (!whole && line->len < LOG_LINE_MAX_BYTES)
            break;
        add_head(&out, stream, whole);
        str_add_bytes(&out, str_text(line), line->len);
        str_add_char(&out, '\n');
        str_clear(line);
    }
    if (out.len)
        log_write(log, &out);
}

void logfile_flush(struct logfile *log)
{
    for (enum log_stream stream = LOG_STDOUT; stream <= LOG_STDERR; stream++) {
        auto_done(str) out = {};
        if (!log->line[stream].len)
            continue;
        add_head(&out, stream, false);
        str_add_bytes(&out, log->line[stream].at, log->line[stream].len);
        str_add_char(&out, '\n');
        log_write(log, &out);
        str_clear(&log->line[stream]);
    }
}
