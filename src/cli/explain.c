/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explain.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/field.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/table.h"
#include "runtime/runtime.h"

enum { STEP_WIDTH = 44 };

#define DIM   "\033[2m"
#define RED   "\033[31m"
#define PLAIN "\033[0m"

const char *const explain_words[] = { "json", NULL };

void explain_init(struct explain *explain, const char *word, enum explain_flags flags, int fd)
{
    struct timespec now = {};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    *explain = (struct explain){
        .fd = fd,
        .flags = flags,
        .json = strcmp(word, "json") == 0,
        .colours = terminal_colours(fd),
        .begin_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
    };
}

/* The last step, after which nobody is left to tell, has a beginning alone. */
static bool has_ended(const struct runtime_event *event)
{
    return event->end_ns != 0;
}

static int64_t since(const struct explain *explain, uint64_t time_ns)
{
    return (int64_t)(time_ns - explain->begin_ns);
}

static void format_json(const struct explain *explain, const struct runtime_event *event,
                        struct str *out)
{
    str_add(out, "{\"side\":");
    json_add_text(out, event->side);
    str_add(out, ",\"step\":");
    json_add_text(out, event->step);
    str_add(out, ",\"call\":");
    json_add_text(out, event->call);
    if (event->begin_ns != 0)
        str_addf(out, ",\"at_ns\":%" PRId64, since(explain, event->begin_ns));
    if (has_ended(event))
        str_addf(out, ",\"took_ns\":%" PRIu64 ",\"done\":%s", event->end_ns - event->begin_ns,
                 event->done ? "true" : "false");
    str_add(out, "}\n");
}

/* When it began and how long it took, in microseconds. */
static void add_times(const struct explain *explain, const struct runtime_event *event,
                      struct str *out)
{
    if (explain->flags & EXPLAIN_PLAN)
        return;
    if (event->begin_ns != 0)
        str_addf(out, "%9.1f", (double)since(explain, event->begin_ns) / 1000);
    else
        str_addf(out, "%9s", "");
    if (has_ended(event))
        str_addf(out, " %8.1f  ", (double)(event->end_ns - event->begin_ns) / 1000);
    else
        str_addf(out, " %8s  ", "");
}

static void format_text(const struct explain *explain, const struct runtime_event *event,
                        struct str *out)
{
    bool failed = has_ended(event) && !event->done;
    add_times(explain, event, out);
    str_addf(out, "%-6s  ", event->side);
    if (failed && explain->colours)
        str_add(out, RED);
    size_t begin = out->len;
    text_escape(out, event->step, strlen(event->step));
    if (failed)
        str_add(out, ": failed");
    for (size_t width = text_width(out->at + begin, out->len - begin); width < STEP_WIDTH; width++)
        str_add_char(out, ' ');
    if (explain->colours)
        str_add(out, failed ? PLAIN DIM : DIM);
    str_add(out, "  ");
    text_escape(out, event->call, strlen(event->call));
    if (explain->colours)
        str_add(out, PLAIN);
    str_add_char(out, '\n');
}

void explain_format(const struct explain *explain, const struct runtime_event *event,
                    struct str *out)
{
    if (explain->json)
        format_json(explain, event, out);
    else
        format_text(explain, event, out);
}

void explain_event(void *context, const struct runtime_event *event)
{
    const struct explain *explain = context;
    auto_done(str) line = {};
    explain_format(explain, event, &line);
    (void)fd_write_all(explain->fd, line.at,
                       line.len); /* a start does not fail for want of a reader */
}
