/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "image/image.h"

enum {
    BAR_MAX = 30,
    BAR_LEAST = 8,
    LABEL_WIDTH = 12,
    STEP_WIDTH = 11,
    LINES_MAX = 8, /* parts that are shown; of more, the sum is */
    SIZE_TEXT = 16,
    WIDTH_UNKNOWN = 80, /* of a terminal that does not tell */
};

static const uint64_t draw_every_ns = 50000000;
static const uint64_t measure_ns = 500000000;
static const uint64_t second_ns = 1000000000;
static const double weight_of_news = 0.3; /* of a measurement against those before */

static const char bar_begin[] = "\033[32m", bar_end[] = "\033[m";

static uint64_t clock_now_ns(void)
{
    struct timespec now = {};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
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
    progress->kind = terminal_redraws(STDERR_FILENO) ? PROGRESS_BARS : PROGRESS_LINES;
    progress->colours = terminal_colours(STDERR_FILENO);
}

void progress_done(struct progress *progress)
{
    progress_clear(progress);
    for (size_t i = 0; i < progress->len; i++)
        free(progress->parts[i].label);
    free(progress->parts);
    *progress = (struct progress){};
}

/* ---- what there is ---- */

static struct progress_part *part_get(struct progress *progress, size_t part, size_t n_parts)
{
    size_t len = (part > n_parts ? part : n_parts) + 1;
    if (len > progress->len) {
        progress->parts = xrealloc(progress->parts, len, sizeof(*progress->parts));
        memset(progress->parts + progress->len, 0,
               (len - progress->len) * sizeof(*progress->parts));
        progress->len = len;
    }
    return &progress->parts[part];
}

/* All parts but the reading. */
static struct progress_part sum_of(const struct progress *progress)
{
    struct progress_part sum = { .speed = progress->speed };
    for (size_t i = 1; i < progress->len; i++) {
        sum.begun = sum.begun || progress->parts[i].begun;
        sum.bytes += progress->parts[i].bytes;
        sum.total += progress->parts[i].total;
    }
    return sum;
}

static void speed_measure(struct progress_speed *speed, uint64_t bytes, uint64_t now_ns)
{
    if (speed->since_ns == 0 || bytes < speed->since_bytes) {
        speed->since_ns = now_ns;
        speed->since_bytes = bytes;
        return;
    }
    if (now_ns - speed->since_ns < measure_ns)
        return;
    double seconds = (double)(now_ns - speed->since_ns) / (double)second_ns;
    double news = (double)(bytes - speed->since_bytes) / seconds;
    if (speed->bytes_per_s > 0)
        news = news * weight_of_news + speed->bytes_per_s * (1 - weight_of_news);
    *speed = (struct progress_speed){ now_ns, bytes, news };
}

bool progress_note(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total, uint64_t now_ns)
{
    struct progress_part *at = part_get(progress, part, n_parts);
    bool news = !at->begun;
    at->begun = true;
    at->bytes = bytes;
    at->total = total;
    speed_measure(&at->speed, bytes, now_ns);
    if (part > 0)
        speed_measure(&progress->speed, sum_of(progress).bytes, now_ns);
    return news;
}

/* ---- lines ---- */

static void add_bar(size_t width, bool colours, const struct progress_part *part, struct str *out)
{
    size_t full = width;
    if (part->bytes < part->total)
        full = (size_t)((double)part->bytes / (double)part->total * (double)width);
    str_addf(out, "  [%s", colours ? bar_begin : "");
    for (size_t i = 0; i < width; i++)
        str_add_char(out, i < full ? '=' : i == full ? '>' : ' ');
    str_addf(out, "%s]", colours ? bar_end : "");
}

/* "12s", "3m20s", "1h05m" */
static void add_time(uint64_t seconds, struct str *out)
{
    if (seconds < 60)
        str_addf(out, "%" PRIu64 "s", seconds);
    else if (seconds < 3600)
        str_addf(out, "%" PRIu64 "m%02" PRIu64 "s", seconds / 60, seconds % 60);
    else
        str_addf(out, "%" PRIu64 "h%02" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
}

static void add_speed(const struct progress_part *part, struct str *out)
{
    char speed[SIZE_TEXT];
    if (part->speed.bytes_per_s < 1 || (part->total > 0 && part->bytes >= part->total))
        return;
    str_addf(out, "  %s/s", size_format_decimal((uint64_t)part->speed.bytes_per_s, speed));
    if (part->total == 0)
        return;
    double seconds = (double)(part->total - part->bytes) / part->speed.bytes_per_s;
    if (seconds >= 360000)
        return;
    str_add(out, "  ");
    add_time((uint64_t)seconds + 1, out);
    str_add(out, " left");
}

/* One line; what has no room is left out, the bar first. */
static void add_line(const char *what, const struct progress_part *part, bool colours, size_t width,
                     struct str *out)
{
    char done[SIZE_TEXT], all[SIZE_TEXT];
    auto_done(str) size = {};
    auto_done(str) speed = {};
    if (part->begun)
        str_addf(&size, "  %s", size_format_decimal(part->bytes, done));
    if (part->begun && part->total > 0)
        str_addf(&size, " of %s", size_format_decimal(part->total, all));
    add_speed(part, &speed);

    size_t taken = strlen(what) + size.len + strlen("  []");
    if (taken + speed.len > width)
        str_clear(&speed);
    size_t bar = width > taken + speed.len ? width - taken - speed.len : 0;
    if (strlen(what) + size.len > width)
        str_clear(&size);
    text_shorten(out, what, width);
    if (part->begun && part->total > 0 && bar >= BAR_LEAST)
        add_bar(bar < BAR_MAX ? bar : BAR_MAX, colours, part, out);
    str_add(out, str_text(&size));
    str_add(out, str_text(&speed));
}

static const char *step_of(const struct progress_part *part)
{
    return part->step ? part->step : "unpacking";
}

static void add_part(const struct progress *progress, size_t i, size_t width, struct str *out)
{
    const struct progress_part *part = &progress->parts[i];
    auto_done(str) what = {};
    if (part->label)
        str_addf(&what, "%-*s", LABEL_WIDTH, part->label);
    else
        str_addf(&what, "layer %-6zu", i);
    str_addf(&what, "  %-*s", STEP_WIDTH, step_of(part));
    add_line(what.at, part, progress->colours, width, out);
}

static void add_sum(const struct progress *progress, size_t width, struct str *out)
{
    auto_done(str) what = {};
    struct progress_part sum = sum_of(progress);
    size_t n = progress->len - 1, ended = 0;
    for (size_t i = 1; i < progress->len; i++)
        ended += progress->parts[i].ended;
    str_addf(&what, "%zu of %zu layer%s", ended, n, n == 1 ? "" : "s");
    auto_free char *padded = xasprintf("%-*s", LABEL_WIDTH + 2 + STEP_WIDTH, what.at);
    add_line(padded, &sum, progress->colours, width, out);
}

size_t progress_format(const struct progress *progress, size_t width, struct str *out)
{
    size_t lines = 0;
    if (progress->len <= 1) {
        const struct progress_part none = {};
        add_line("reading", progress->len > 0 ? &progress->parts[0] : &none, false, width, out);
        return 1;
    }
    for (size_t i = 1; i < progress->len && lines < LINES_MAX; i++) {
        const struct progress_part *part = &progress->parts[i];
        if (part->ended || !(part->begun || part->step))
            continue;
        add_part(progress, i, width, out);
        str_add_char(out, '\n');
        lines++;
    }
    add_sum(progress, width, out);
    return lines + 1;
}

/* ---- the terminal ---- */

/* Takes the lines away; the cursor is where the first one began. */
static void add_clear(const struct progress *progress, struct str *out)
{
    if (progress->lines > 1)
        str_addf(out, "\033[%zuA", progress->lines - 1);
    if (progress->lines > 0)
        str_add(out, "\r\033[J");
}

static void draw(struct progress *progress)
{
    uint64_t now = clock_now_ns();
    if (now - progress->drawn_ns < draw_every_ns)
        return;
    auto_done(str) text = {};
    size_t width = terminal_width(STDERR_FILENO);
    add_clear(progress, &text);
    /* One column less: a full line would make some terminals begin the next. */
    progress->lines = progress_format(progress, (width > 1 ? width : WIDTH_UNKNOWN) - 1, &text);
    put(text.at, text.len);
    progress->drawn_ns = now;
}

void progress_clear(struct progress *progress)
{
    auto_done(str) text = {};
    add_clear(progress, &text);
    if (text.len > 0)
        put(text.at, text.len);
    progress->lines = 0;
    progress->drawn_ns = 0;
}

/* ---- what is told ---- */

/* Behind a part that ended, another may come by its number: of the next image, or its signature. */
static void part_renew(struct progress_part *at, const char *label)
{
    if (!at->ended || !label || text_same(at->label, label))
        return;
    free(at->label);
    *at = (struct progress_part){};
}

static void step_line(struct progress_part *at, size_t part, size_t n_parts)
{
    auto_done(str) line = {};
    if (part == 0)
        str_add(&line, "reading\n");
    else if (at->label)
        str_addf(&line, "%s: %s\n", at->label, step_of(at));
    else
        str_addf(&line, "layer %zu of %zu: %s\n", part, n_parts, step_of(at));
    put(line.at, line.len);
    at->told = true;
}

void progress_tell(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total)
{
    if (progress->kind == PROGRESS_NONE)
        return;
    (void)progress_note(progress, part, n_parts, bytes, total, clock_now_ns());
    if (progress->kind == PROGRESS_BARS)
        draw(progress);
    else if (!progress->parts[part].told && (total == 0 || bytes < total))
        step_line(&progress->parts[part], part, n_parts);
}

void progress_step(struct progress *progress, size_t part, size_t n_parts, const char *label,
                   const char *step, enum progress_flags flags)
{
    if (progress->kind == PROGRESS_NONE)
        return;
    struct progress_part *at = part_get(progress, part, n_parts);
    part_renew(at, label);
    if (label && !at->label && !at->step)
        at->label = xstrdup(label);
    at->step = step;
    at->ended = flags & PROGRESS_LAST;
    if (progress->kind == PROGRESS_BARS)
        draw(progress);
    else if (!(flags & PROGRESS_SHORT) && (at->told || !(flags & PROGRESS_AFTER)))
        step_line(at, part, n_parts);
}

/* ---- images ---- */

static const struct {
    const char *text;
    enum progress_flags flags;
} steps[] = {
    [IMAGE_STEP_HERE] = { "already here", PROGRESS_LAST },
    [IMAGE_STEP_THERE] = { "already there", PROGRESS_LAST },
    [IMAGE_STEP_WAIT] = { "waiting", 0 },
    [IMAGE_STEP_FETCH] = { "downloading", 0 },
    [IMAGE_STEP_UNPACK] = { "unpacking", PROGRESS_SHORT },
    [IMAGE_STEP_PUSH] = { "uploading", 0 },
    [IMAGE_STEP_DONE] = { "done", PROGRESS_LAST | PROGRESS_AFTER },
};
_Static_assert(array_size(steps) == IMAGE_STEP_COUNT, "each step has its words");

static void watch_progress(void *context, size_t layer, size_t n_layers, uint64_t bytes,
                           uint64_t total)
{
    progress_tell(context, layer, n_layers, bytes, total);
}

/* The first digits of a digest. Owned by the caller; NULL: none. */
static char *digest_short(const char *digest)
{
    const char *colon = digest ? strchr(digest, ':') : NULL;
    return colon ? xstrndup(colon + 1, strnlen(colon + 1, LABEL_WIDTH)) : NULL;
}

static void watch_step(void *context, size_t layer, size_t n_layers, const char *digest,
                       enum image_step step)
{
    auto_free char *label = digest_short(digest);
    progress_step(context, layer, n_layers, label, steps[step].text, steps[step].flags);
}

static void watch_warning(void *context, const char *text)
{
    progress_clear(context);
    warn_lines(text);
}

struct image_watch progress_watch(struct progress *progress)
{
    return (struct image_watch){
        .step = watch_step,
        .progress = watch_progress,
        .warning = watch_warning,
        .context = progress,
    };
}
