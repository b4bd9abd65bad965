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
    *progress = (struct progress){};
    if (quiet)
        return;
    bool terminal = isatty(STDERR_FILENO);
    progress->kind = terminal ? PROGRESS_BAR : PROGRESS_LINES;
    progress->width = terminal ? terminal_width(STDERR_FILENO) : 0;
    if (progress->width == 0)
        progress->width = WIDTH_UNKNOWN;
}

void progress_done(struct progress *progress)
{
    progress_clear(progress);
    free(progress->parts);
    *progress = (struct progress){};
}

bool progress_note(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total)
{
    size_t len = (part > n_parts ? part : n_parts) + 1;
    if (len > progress->len) {
        progress->parts = xrealloc(progress->parts, len, sizeof(*progress->parts));
        memset(progress->parts + progress->len, 0,
               (len - progress->len) * sizeof(*progress->parts));
        progress->len = len;
    }
    bool news = !progress->parts[part].begun;
    progress->parts[part] = (struct progress_part){ true, bytes, total };
    return news;
}

/* All parts but the reading. */
static struct progress_part sum_of(const struct progress *progress)
{
    struct progress_part sum = {};
    for (size_t i = 1; i < progress->len; i++) {
        sum.begun = sum.begun || progress->parts[i].begun;
        sum.bytes += progress->parts[i].bytes;
        sum.total += progress->parts[i].total;
    }
    return sum;
}

static void add_bar(size_t width, const struct progress_part *part, struct str *out)
{
    size_t full = width;
    if (part->bytes < part->total)
        full = (size_t)((double)part->bytes / (double)part->total * (double)width);
    str_add(out, "  [");
    for (size_t i = 0; i < width; i++)
        str_add_char(out, i < full ? '=' : i == full ? '>' : ' ');
    str_add_char(out, ']');
}

void progress_format(const struct progress *progress, size_t width, struct str *out)
{
    char done[SIZE_TEXT], all[SIZE_TEXT];
    auto_done(str) what = {};
    auto_done(str) size = {};
    struct progress_part part = sum_of(progress);
    size_t n = progress->len - 1;
    if (part.begun)
        str_addf(&what, "unpacking %zu layer%s", n, n == 1 ? "" : "s");
    else
        str_add(&what, "reading");
    if (!part.begun)
        part = progress->parts[0];
    str_addf(&size, "  %s", size_format_decimal(part.bytes, done));
    if (part.total > 0)
        str_addf(&size, " of %s", size_format_decimal(part.total, all));

    size_t taken = what.len + size.len + strlen("  []");
    size_t bar = width > taken ? width - taken : 0;
    str_add(out, what.at);
    if (part.total > 0 && bar >= BAR_LEAST)
        add_bar(bar < BAR_MAX ? bar : BAR_MAX, &part, out);
    str_add(out, size.at);
}

static void draw(struct progress *progress)
{
    uint64_t now = now_ns();
    if (now - progress->drawn_ns < DRAW_EVERY_NS)
        return;
    auto_done(str) line = {};
    str_add(&line, line_clear);
    /* One column less: a full line would make some terminals begin the next. */
    progress_format(progress, progress->width - 1, &line);
    put(line.at, line.len);
    progress->drawn = true;
    progress->drawn_ns = now;
}

static void begin_line(size_t part, size_t n_parts)
{
    auto_done(str) line = {};
    if (part == 0)
        str_add(&line, "reading\n");
    else
        str_addf(&line, "unpacking layer %zu of %zu\n", part, n_parts);
    put(line.at, line.len);
}

void progress_tell(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total)
{
    bool news = progress_note(progress, part, n_parts, bytes, total);
    switch (progress->kind) {
    case PROGRESS_NONE:
        return;
    case PROGRESS_LINES:
        if (news)
            begin_line(part, n_parts);
        return;
    case PROGRESS_BAR:
        draw(progress);
        return;
    }
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        put(line_clear, strlen(line_clear));
    progress->drawn = false;
}
