/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log has one line an event, in the forms engines read from runc: time="…" level=error msg="…",
 * or an object of level, msg and time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/field.h"
#include "base/file.h"
#include "runtime_cli/runtime_cli.h"

/* Years and months of the Gregorian calendar, days since 1970. The C library's gmtime_r reads the
 * machine's time zone first, in seven calls. */
static void date_of(int64_t days, int *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    enum { ERA_DAYS = 146097, ERA_YEARS = 400, MARCH_1970 = 719468 };
    /* Years that begin in March have their leap day at the end. */
    int64_t since = days + MARCH_1970; /* 0000-03-01 */
    int64_t era = since / ERA_DAYS;
    unsigned day = (unsigned)(since % ERA_DAYS);
    unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    unsigned of_year = day - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = (int)(era * ERA_YEARS + year) + (*ret_month <= 2);
}

char *time_format(const struct timespec *time, bool nanoseconds, char buffer[static TIME_TEXT_SIZE])
{
    int year;
    unsigned month;
    unsigned day;
    unsigned second = (unsigned)(time->tv_sec % 86400);
    date_of(time->tv_sec / 86400, &year, &month, &day);
    int len = snprintf(buffer, TIME_TEXT_SIZE, "%04d-%02u-%02uT%02u:%02u:%02u", year, month, day,
                       second / 3600, second / 60 % 60, second % 60);
    if (nanoseconds)
        (void)snprintf(buffer + len, TIME_TEXT_SIZE - (size_t)len, ".%09ldZ", time->tv_nsec);
    else
        (void)snprintf(buffer + len, TIME_TEXT_SIZE - (size_t)len, "Z");
    return buffer;
}

char *time_text(bool nanoseconds, char buffer[static TIME_TEXT_SIZE])
{
    struct timespec now = {};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return time_format(&now, nanoseconds, buffer);
}

static void line_add(struct str *out, bool json, const char *level, const char *text)
{
    char now[TIME_TEXT_SIZE];
    str_addf(out, json ? "{\"level\":\"%s\",\"msg\":" : "level=%s msg=", level);
    json_add_text(out, text);
    if (json)
        str_addf(out, ",\"time\":\"%s\"}", time_text(false, now));
    str_add_char(out, '\n');
}

static void text_line_add(struct str *out, const char *level, const char *text)
{
    char now[TIME_TEXT_SIZE];
    str_addf(out, "time=\"%s\" ", time_text(false, now));
    line_add(out, false, level, text);
}

/* Before anything is done: an engine that reads why something failed is not to find nothing. */
int log_open(struct program *program, struct err *err)
{
    const char *path = program->args.log;
    if (!path || !path[0])
        return 0;
    program->log =
        above_streams(open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644));
    return program->log < 0 ? err_sys(err, "open %s", path) : 0;
}

/* False: there is no log, or it cannot be written. */
static bool file_add(const struct program *program, const char *level, const char *text)
{
    auto_done(str) line = {};
    if (program->log < 0)
        return false;
    if (text_same(program->args.log_format, "json"))
        line_add(&line, true, level, text);
    else
        text_line_add(&line, level, text);
    return fd_write_all(program->log, line.at, line.len) == 0;
}

static void stderr_add(const struct program *program, const char *level, const char *text)
{
    auto_done(str) line = {};
    if (isatty(STDERR_FILENO)) {
        str_addf(&line, "ruche-runtime: %s", strcmp(level, "error") == 0 ? "" : level);
        str_add(&line, strcmp(level, "error") == 0 ? "" : ": ");
        text_escape_rest(&line, text, strlen(text));
        str_add_char(&line, '\n');
    } else if (text_same(program->args.log_format, "json")) {
        line_add(&line, true, level, text);
    } else {
        text_line_add(&line, level, text);
    }
    (void)fd_write_all(STDERR_FILENO, line.at, line.len); /* there is nobody else to tell */
}

void log_error(const struct program *program, const char *text)
{
    if (!file_add(program, "error", text)) {
        stderr_add(program, "error", text);
        return;
    }
    auto_done(str) line = {};
    text_escape_rest(&line, text, strlen(text));
    str_add_char(&line, '\n');
    (void)fd_write_all(STDERR_FILENO, line.at, line.len);
}

void log_warning(const struct program *program, const char *text)
{
    if (!file_add(program, "warning", text))
        stderr_add(program, "warning", text);
}

void log_debug(const struct program *program, const char *format, ...)
{
    if (!program->args.debug)
        return;
    auto_done(str) text = {};
    va_list args;
    va_start(args, format);
    str_vaddf(&text, format, args);
    va_end(args);
    if (!file_add(program, "debug", str_text(&text)))
        stderr_add(program, "debug", str_text(&text));
}

void log_step(void *context, const struct runtime_event *event)
{
    const struct program *program = context;
    if (event->done)
        log_debug(program, "%s: %s (%s): %llu us", event->side, event->step, event->call,
                  (unsigned long long)(event->end_ns - event->begin_ns) / 1000);
    else
        log_debug(program, "%s: %s (%s)", event->side, event->step, event->call);
}
