/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

enum { TIME_SIZE = 32, SHOWN_MAX = 2048, LINE_MAX_BYTES = 16384 };

/* "2026-01-31T12:00:00Z". */
static void time_format(char text[static TIME_SIZE])
{
    struct timespec now = {};
    struct tm parts = {};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* In one write, so that lines of several threads do not mix; nobody is there to be told if it fails. */
static void line_write(struct str *line)
{
    str_add_char(line, '\n');
    (void)fd_write_all(STDERR_FILENO, str_text(line), line->len);
}

/* Adds a blank and the text in quotes, "-" for none. */
static void quoted_add(struct str *out, const char *text)
{
    auto_done(str) shown = { .max_bytes = SHOWN_MAX };
    if (!text) {
        str_add(out, " -");
        return;
    }
    text_escape(&shown, text, strlen(text));
    str_add(out, " \"");
    for (const char *at = str_text(&shown); *at; at++) {
        if (*at == '"')
            str_add_char(out, '\\');
        str_add_char(out, *at);
    }
    str_addf(out, "%s\"", shown.over ? "…" : "");
}

static void member_add(struct str *out, const char *key, const char *text)
{
    if (!text)
        return;
    size_t len = strlen(text);
    auto_free char *cut = xstrndup(text, len < SHOWN_MAX ? len : SHOWN_MAX);
    str_addf(out, ",\"%s\":", key);
    json_add_text(out, cut);
}

static void request_as_json(const struct request *request, uint64_t sent_bytes, uint64_t took_us,
                            const char *time, struct str *out)
{
    str_addf(out, "{\"time\":\"%s\"", time);
    member_add(out, "peer", request->peer);
    member_add(out, "user", request->user);
    member_add(out, "method", request->method);
    member_add(out, "target", request->target);
    str_addf(out, ",\"status\":%u,\"bytes\":%" PRIu64 ",\"microseconds\":%" PRIu64,
             request->answer.status, sent_bytes, took_us);
    member_add(out, "agent", request_header(request, "User-Agent"));
    str_add_char(out, '}');
}

void log_request_format(const struct request *request, uint64_t sent_bytes, uint64_t took_us,
                        const char *time, struct str *out)
{
    if (request->service->log_json) {
        request_as_json(request, sent_bytes, took_us, time, out);
        return;
    }
    str_addf(out, "%s %s", time, request->peer ? request->peer : "-");
    quoted_add(out, request->user);
    str_add_char(out, ' ');
    text_escape(out, request->method, strlen(request->method));
    quoted_add(out, request->target);
    str_addf(out, " %u %" PRIu64 " %" PRIu64 "us", request->answer.status, sent_bytes, took_us);
    quoted_add(out, request_header(request, "User-Agent"));
}

void log_request(const struct request *request, uint64_t sent_bytes, uint64_t took_us)
{
    char time[TIME_SIZE];
    auto_done(str) line = { .max_bytes = LINE_MAX_BYTES };
    time_format(time);
    log_request_format(request, sent_bytes, took_us, time, &line);
    line_write(&line);
}

void log_failure(const struct request *request, const struct err *err)
{
    char time[TIME_SIZE];
    auto_done(str) line = { .max_bytes = LINE_MAX_BYTES };
    time_format(time);
    if (request->service->log_json) {
        str_addf(&line, "{\"time\":\"%s\"", time);
        member_add(&line, "peer", request->peer);
        member_add(&line, "error", err->text);
        str_add_char(&line, '}');
    } else {
        str_addf(&line, "%s %s error:", time, request->peer ? request->peer : "-");
        quoted_add(&line, err->text);
    }
    line_write(&line);
}
