/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "cli/table.h"

enum {
    BAR_MAX = 40,
    BAR_LEAST = 8,
    SIZE_TEXT = 16,
    DRAW_EVERY_NS = 50000000,
    WIDTH_UNKNOWN = 80, /* of a terminal that does not tell */
};

static const char line_clear[] = "\r\033[K";

static uint64_t now_ns(void)
{
    struct timespec now = {};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void put(const char *text, size_t len)
{
    (void)fd_write_all(STDERR_FILENO, text, len); /* work goes on without being watched */
}

void progress_init(struct progress *progress, bool quiet)
{
    *progress = (struct progress){ .part = SIZE_MAX };
    if (quiet)
        return;
    bool terminal = isatty(STDERR_FILENO);
    progress->kind = terminal ? PROGRESS_BAR : PROGRESS_LINES;
    progress->width = terminal ? terminal_width(STDERR_FILENO) : 0;
    if (progress->width == 0)
        progress->width = WIDTH_UNKNOWN;
}

static void add_what(size_t part, size_t n_parts, struct str *out)
{
    if (part == 0)
        str_add(out, "reading");
    else
        str_addf(out, "layer %zu of %zu", part, n_parts);
}

static void add_bar(size_t width, uint64_t bytes, uint64_t total, struct str *out)
{
    size_t full = bytes >= total ? width : (size_t)((double)bytes / (double)total * (double)width);
    str_add(out, "  [");
    for (size_t i = 0; i < width; i++)
        str_add_char(out, i < full ? '=' : i == full ? '>' : ' ');
    str_add_char(out, ']');
}

void progress_format(size_t width, size_t part, size_t n_parts, uint64_t bytes, uint64_t total,
                     struct str *out)
{
    char done[SIZE_TEXT], all[SIZE_TEXT];
    auto_done(str) what = {};
    auto_done(str) size = {};
    add_what(part, n_parts, &what);
    str_addf(&size, "  %s", size_format_decimal(bytes, done));
    if (total > 0)
        str_addf(&size, " of %s", size_format_decimal(total, all));

    size_t taken = what.len + size.len + strlen("  []");
    size_t bar = width > taken ? width - taken : 0;
    str_add(out, what.at);
    if (total > 0 && bar >= BAR_LEAST)
        add_bar(bar < BAR_MAX ? bar : BAR_MAX, bytes, total, out);
    str_add(out, size.at);
}

static void draw(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                 uint64_t total)
{
    uint64_t now = now_ns();
    bool last = total > 0 && bytes >= total;
    if (part == progress->part && !last && now - progress->drawn_ns < DRAW_EVERY_NS)
        return;
    auto_done(str) line = {};
    str_add(&line, line_clear);
    /* One column less: a full line would make some terminals begin the next. */
    progress_format(progress->width - 1, part, n_parts, bytes, total, &line);
    put(line.at, line.len);
    progress->part = part;
    progress->drawn = true;
    progress->drawn_ns = now;
}

/* Once, when a part begins. */
static void tell_line(struct progress *progress, size_t part, size_t n_parts)
{
    if (part == progress->part)
        return;
    auto_done(str) line = {};
    add_what(part, n_parts, &line);
    str_add_char(&line, '\n');
    put(line.at, line.len);
    progress->part = part;
}

void progress_tell(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total)
{
    switch (progress->kind) {
    case PROGRESS_NONE:
        return;
    case PROGRESS_LINES:
        tell_line(progress, part, n_parts);
        return;
    case PROGRESS_BAR:
        draw(progress, part, n_parts, bytes, total);
        return;
    }
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        put(line_clear, strlen(line_clear));
    progress->drawn = false;
}
