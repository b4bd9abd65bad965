/* SPDX-License-Identifier: Apache-2.0 */
/* system df, system check, system gc. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/usage.h"
#include "cli/ago.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "engine/timestamp.h"
#include "image/image.h"

enum { SIZE_TEXT = 16, ID_SHORT = 12, PERCENT = 100, DAY_S = 24 * 60 * 60 };

/* ---- df ---- */

struct df_args {
    bool verbose;
    const char *format;
};

/* clang-format off */
static const struct option df_table[] = {
    OPTION_TEXT(df_args, format, 0, "format", "FORMAT", FORMAT_HELP),
    OPTION_BOOL(df_args, verbose, 'v', "verbose", "Show each image and container"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const df_options[] = { df_table, NULL };

struct df_row {
    const char *type;
    size_t total;
    size_t active;
    uint64_t bytes;
    uint64_t reclaimable_bytes;
};

static int type_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct df_row *df = row->item;
    (void)err;
    str_add(out, df->type);
    return 0;
}

static int total_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct df_row *df = row->item;
    (void)err;
    str_addf(out, "%zu", df->total);
    return 0;
}

static int active_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct df_row *df = row->item;
    (void)err;
    str_addf(out, "%zu", df->active);
    return 0;
}

static int size_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct df_row *df = row->item;
    char size[SIZE_TEXT];
    (void)err;
    str_add(out, size_format_decimal(df->bytes, size));
    return 0;
}

static int reclaimable_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct df_row *df = row->item;
    char size[SIZE_TEXT];
    (void)err;
    str_add(out, size_format_decimal(df->reclaimable_bytes, size));
    if (df->bytes > 0)
        str_addf(out, " (%" PRIu64 "%%)", df->reclaimable_bytes * PERCENT / df->bytes);
    return 0;
}

static int bytes_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct df_row *df = row->item;
    (void)err;
    str_addf(out, "%" PRIu64, df->bytes);
    return 0;
}

static int reclaimable_bytes_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct df_row *df = row->item;
    (void)err;
    str_addf(out, "%" PRIu64, df->reclaimable_bytes);
    return 0;
}

/* clang-format off */
static const struct format_column df_columns[] = {
    { .name = "Type", .title = "TYPE", .add = type_add },
    { .name = "TotalCount", .title = "TOTAL", .add = total_add },
    { .name = "Active", .title = "ACTIVE", .add = active_add },
    { .name = "Size", .title = "SIZE", .add = size_add },
    { .name = "Reclaimable", .title = "RECLAIMABLE", .add = reclaimable_add },
    { .name = "Bytes", .title = "BYTES", .add = bytes_add, .flags = FORMAT_NUMBER },
    { .name = "ReclaimableBytes", .title = "RECLAIMABLE BYTES", .add = reclaimable_bytes_add, .flags = FORMAT_NUMBER },
    {},
};
/* clang-format on */
static const struct format_list df_list = {
    .columns = df_columns,
    .table = "Type TotalCount Active Size Reclaimable",
};

/* A container and what it takes. */
struct box {
    const struct container_state *state;
    uint64_t bytes;
};

struct df {
    struct images_usage images;
    struct container_states states;
    struct box *boxes;
    struct usage containers; /* all of it */
    struct df_row rows[2];
};

static void df_done(struct df *df)
{
    images_usage_done(&df->images);
    container_states_done(&df->states);
    usage_done(&df->containers);
    free(df->boxes);
}

static bool state_runs(const struct container_state *state)
{
    return state->status == CONTAINER_RUNNING || state->status == CONTAINER_PAUSED;
}

static int boxes_read(struct engine *engine, struct df *df, struct err *err)
{
    struct df_row *row = &df->rows[1];
    if (container_list(engine, CONTAINER_LIST_ALL, &df->states, err) < 0)
        return -1;
    df->boxes = xcalloc(df->states.len + 1, sizeof(*df->boxes));
    *row = (struct df_row){ .type = "Containers", .total = df->states.len };
    for (size_t i = 0; i < df->states.len; i++) {
        auto_done(usage) usage = {};
        df->boxes[i].state = &df->states.at[i];
        if (container_usage(engine, df->states.at[i].id, &usage, err) < 0)
            return -1;
        df->boxes[i].bytes = usage.bytes;
        row->active += state_runs(&df->states.at[i]);
        row->reclaimable_bytes += state_runs(&df->states.at[i]) ? 0 : usage.bytes;
    }
    if (engine_usage(engine, &df->containers, err) < 0)
        return -1;
    row->bytes = df->containers.bytes;
    return 0;
}

static int df_read(struct engine *engine, struct images *images, struct df *df, struct err *err)
{
    if (images_usage(images, engine_image_users, engine, &df->images, err) < 0)
        return -1;
    df->rows[0] = (struct df_row){
        .type = "Images",
        .total = df->images.images.len,
        .bytes = df->images.total_bytes,
        .reclaimable_bytes = df->images.reclaimable_bytes,
    };
    for (size_t i = 0; i < df->images.images.len; i++)
        df->rows[0].active += df->images.images.at[i].used;
    return boxes_read(engine, df, err);
}

static void unreadable_warn(const struct df *df)
{
    uint64_t n = df->images.unreadable + df->containers.unreadable;
    if (n == 0)
        return;
    auto_free char *text = xasprintf(
        "%" PRIu64 " directories of other users cannot be looked into, and are not counted", n);
    warn_lines(text);
}

/* clang-format off */
static const struct column image_columns[] = {
    { "NAME", 12 }, { "IMAGE ID", 0 }, { "SIZE", 0 }, { "SHARED SIZE", 0 }, { "UNIQUE SIZE", 0 }, { "LAST USED", 0 },
    { "IN USE", 0 },
};
static const struct column box_columns[] = {
    { "CONTAINER ID", 0 }, { "IMAGE", 12 }, { "SIZE", 0 }, { "CREATED", 0 }, { "STATUS", 0 }, { "NAMES", 8 },
};
/* clang-format on */

static void table_add_size(struct table *table, uint64_t bytes)
{
    char size[SIZE_TEXT];
    table_add(table, size_format_decimal(bytes, size));
}

static void used_add(struct table *table, int64_t used_s, int64_t now_s)
{
    char text[TIMESTAMP_SIZE];
    auto_done(str) ago = {};
    ago_format(timestamp_format((struct timespec){ .tv_sec = used_s }, text), now_s, &ago);
    table_add(table, str_text(&ago));
}

static void image_row_add(struct table *table, const struct image_usage *image, int64_t now_s)
{
    const char *hex = strchr(image->id, ':') + 1;
    auto_done(str) names = {};
    auto_free char *id = xstrndup(hex, ID_SHORT);
    for (size_t i = 0; i < image->names.len; i++) {
        auto_free char *name = image_familiar(image->names.at[i]);
        str_addf(&names, "%s%s", i > 0 ? ", " : "", name);
    }
    table_add(table, names.len > 0 ? str_text(&names) : "<none>");
    table_add(table, id);
    table_add_size(table, image->shared_bytes + image->unique_bytes);
    table_add_size(table, image->shared_bytes);
    table_add_size(table, image->unique_bytes);
    used_add(table, image->used_s, now_s);
    table_add(table, image->used ? "yes" : "no");
}

static void box_row_add(struct table *table, const struct box *box, int64_t now_s)
{
    const struct container_state *state = box->state;
    auto_free char *id = xstrndup(state->id, ID_SHORT);
    auto_done(str) created = {};
    ago_format(state->created, now_s, &created);
    table_add(table, id);
    table_add(table, state->image ? state->image : "<directory>");
    table_add_size(table, box->bytes);
    table_add(table, str_text(&created));
    table_add(table, container_status_names[state->status]);
    table_add(table, state->name ? state->name : "");
}

static int df_verbose(const struct df *df, struct err *err)
{
    int64_t now_s = time(NULL);
    auto_done(table) images = { .columns = image_columns, .n_columns = array_size(image_columns) };
    auto_done(table) boxes = { .columns = box_columns, .n_columns = array_size(box_columns) };
    for (size_t i = 0; i < df->images.images.len; i++)
        image_row_add(&images, &df->images.images.at[i], now_s);
    for (size_t i = 0; i < df->states.len; i++)
        box_row_add(&boxes, &df->boxes[i], now_s);
    if (say_line("Images space usage:\n", err) < 0 || table_print(&images, err) < 0 ||
        say_line("\nContainers space usage:\n", err) < 0)
        return -1;
    return table_print(&boxes, err);
}

static int df_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct df_args *args = args_;
    struct engine *engine;
    struct images *images;
    auto_done(df) df = {};
    (void)operands;
    if (args->verbose && args->format)
        return err_set(err, ERR_USAGE, "--verbose and --format cannot stand together");
    if (cli_images(context, &engine, &images, err) < 0 || df_read(engine, images, &df, err) < 0)
        return -1;
    unreadable_warn(&df);
    if (args->verbose)
        return df_verbose(&df, err);
    return format_print(&df_list, args->format, 0, df.rows, array_size(df.rows), sizeof(df.rows[0]),
                        NULL, err);
}

static const char *const df_examples[] = {
    "ruche system df",
    "What images and containers take of the disk",
    "ruche system df -v",
    "Each of them",
    "ruche system df --format '{{.Type}} {{.Bytes}}'",
    "In bytes",
    NULL,
};

const struct command system_df_command = {
    .name = "system df",
    .args = "[OPTIONS]",
    .summary = "Show how much of the disk is used",
    .text = "Counts what is allocated on the disk, as du(1) does: files with several names once, "
            "directories too. What could be reclaimed is what images take that no container "
            "uses, and containers that do not run.\n\n" FORMAT_TEXT
            " Type, TotalCount, Active, Size, Reclaimable, Bytes, ReclaimableBytes.",
    .examples = df_examples,
    .options = df_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct df_args),
    .run = df_run,
};

/* ---- check ---- */

/* Exit statuses. */
enum { CHECK_FAULTS = 1, CHECK_UNSURE = 2 };

struct check_args {
    bool repair;
    bool offline;
    bool quick;
    bool quiet;
};

/* clang-format off */
static const struct option check_table[] = {
    OPTION_BOOL(check_args, offline, 0, "offline", "With --repair, do not pull again what cannot be mended here"),
    OPTION_BOOL(check_args, quick, 0, "quick", "Do not read blobs and layers"),
    OPTION_BOOL(check_args, quiet, 'q', "quiet", "Show faults only"),
    OPTION_BOOL(check_args, repair, 0, "repair",
        "Move away what is damaged, unpack layers again whose blobs are whole, pull the others again"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const check_options[] = { check_table, NULL };

static void faults_format(const struct images_checked *checked, struct str *out)
{
    for (size_t i = 0; i < checked->faults.len; i++) {
        const struct image_fault *fault = &checked->faults.at[i];
        str_add(out, fault->text);
        if (fault->remedy)
            str_addf(out, "; %s", fault->remedy);
        str_add_char(out, '\n');
    }
    for (size_t i = 0; i < checked->fetched.len; i++) {
        auto_free char *name = image_familiar(checked->fetched.at[i]);
        str_add(out, "pulled again: ");
        text_escape(out, name, strlen(name));
        str_add_char(out, '\n');
    }
    for (size_t i = 0; i < checked->again.len; i++) {
        auto_free char *name = image_familiar(checked->again.at[i]);
        str_add(out, "pull or load it again: ");
        text_escape(out, name, strlen(name));
        str_add_char(out, '\n');
    }
}

static void fetch_warning(void *context, const char *text)
{
    (void)context;
    warn_lines(text);
}

static void summary_format(const struct images_checked *checked, size_t open, struct str *out)
{
    char size[SIZE_TEXT];
    str_addf(out, "%zu rows, %zu blobs, %zu layers, %s read: ", checked->rows, checked->blobs,
             checked->layers, size_format_decimal(checked->bytes, size));
    if (checked->faults.len == 0)
        str_add(out, "no faults\n");
    else
        str_addf(out, "%zu fault%s, %zu repaired\n", checked->faults.len,
                 checked->faults.len == 1 ? "" : "s", checked->faults.len - open);
    if (checked->unchecked > 0)
        str_addf(out, "%zu layer%s could not be checked\n", checked->unchecked,
                 checked->unchecked == 1 ? "" : "s");
    if (checked->left_over > 0)
        str_addf(out,
                 "%" PRIu64 " blobs or layers are left over; \"ruche image prune\" removes "
                 "them\n",
                 checked->left_over);
}

static int check_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct check_args *args = args_;
    struct engine *engine;
    struct images *images;
    auto_done(images_checked) checked = {};
    auto_done(str) out = {};
    enum images_check_flags flags = (args->repair ? IMAGES_CHECK_REPAIR : 0) |
                                    (args->offline ? 0 : IMAGES_CHECK_FETCH) |
                                    (args->quick ? IMAGES_CHECK_QUICK : 0);
    size_t open = 0;
    (void)operands;
    static const struct image_watch watch = { .warning = fetch_warning };
    if (cli_images(context, &engine, &images, err) < 0 ||
        images_check(images, flags, engine_image_users, engine_running_images, engine, &watch,
                     &checked, err) < 0)
        return -1;
    for (size_t i = 0; i < checked.faults.len; i++)
        open += !checked.faults.at[i].repaired;
    faults_format(&checked, &out);
    if (!args->quiet)
        summary_format(&checked, open, &out);
    if (out.len > 0 && say(&out, err) < 0)
        return -1;
    if (open > 0 || checked.again.len > 0)
        return CHECK_FAULTS;
    return checked.unchecked > 0 ? CHECK_UNSURE : 0;
}

static const char *const check_examples[] = {
    "ruche system check",
    "Read all that is stored, and tell what is damaged",
    "ruche system check --repair",
    "Mend what can be mended, and pull again what cannot",
    NULL,
};

const struct command system_check_command = {
    .name = "system check",
    .args = "[OPTIONS]",
    .summary = "Check the image store",
    .text = "Compares every blob with its digest, every unpacked layer with what its blob unpacks "
            "to, every row of the index with its sum, and looks whether what images and "
            "containers need is there. What crashes left over is told, and is no fault. The exit "
            "status is 1 if there are faults that are not repaired, or images that have to be "
            "pulled or loaded again; 2 if there are none, but layers that could not be checked: "
            "each is unpacked a second time, for which there may be no room.",
    .examples = check_examples,
    .options = check_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct check_args),
    .run = check_run,
};

/* ---- gc ---- */

enum { HIGH_DEFAULT = 85, LOW_DEFAULT = 80, DAYS_MAX = 100000 };

struct gc_args {
    const char *high;
    const char *low;
    struct maybe_i64 keep_days;
    bool dry_run;
};

/* clang-format off */
static const struct option gc_table[] = {
    OPTION_BOOL(gc_args, dry_run, 0, "dry-run", "Only tell what would go"),
    OPTION_TEXT(gc_args, high, 0, "high-watermark", "PERCENT",
        "Do nothing unless the file system is fuller than that, 85% by default"),
    OPTION_NUMBER(gc_args, keep_days, 0, "keep-days", "DAYS", 0, DAYS_MAX,
        "Keep what was used in so many last days"),
    OPTION_TEXT(gc_args, low, 0, "low-watermark", "PERCENT",
        "Go on until it is no fuller than that, 80% by default"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const gc_options[] = { gc_table, NULL };

/* "80%" or "80". */
static int percent_parse(const char *text, const char *what, unsigned otherwise,
                         unsigned *ret_percent, struct err *err)
{
    int64_t value = otherwise;
    if (text) {
        auto_free char *number = xstrndup(text, strlen(text) - text_ends(text, "%"));
        if (number_parse(number, 0, PERCENT, what, &value, err) < 0)
            return -1;
    }
    *ret_percent = (unsigned)value;
    return 0;
}

static int policy_read(const struct gc_args *args, struct images_gc *policy, struct err *err)
{
    if (percent_parse(args->high, "--high-watermark", HIGH_DEFAULT, &policy->high_percent, err) <
            0 ||
        percent_parse(args->low, "--low-watermark",
                      policy->high_percent < LOW_DEFAULT ? policy->high_percent : LOW_DEFAULT,
                      &policy->low_percent, err) < 0)
        return -1;
    if (policy->low_percent > policy->high_percent)
        return err_set(err, ERR_USAGE, "--low-watermark is above --high-watermark");
    policy->keep_s = args->keep_days.set ? args->keep_days.value * DAY_S : 0;
    policy->flags = args->dry_run ? IMAGES_GC_DRY_RUN : 0;
    return 0;
}

static int gc_say(const struct images_gc *policy, const struct images_gc_done *done,
                  struct err *err)
{
    auto_done(str) out = {};
    bool dry = policy->flags & IMAGES_GC_DRY_RUN;
    for (size_t i = 0; i < done->removed.untagged.len; i++) {
        auto_free char *name = image_familiar(done->removed.untagged.at[i]);
        str_add(&out, dry ? "Would untag: " : "Untagged: ");
        text_escape(&out, name, strlen(name));
        str_add_char(&out, '\n');
    }
    for (size_t i = 0; i < done->removed.deleted.len; i++)
        str_addf(&out, "%s: %s\n", dry ? "Would delete" : "Deleted", done->removed.deleted.at[i]);
    str_addf(&out, "The file system is %u%% full", done->before_percent);
    if (done->removed.deleted.len > 0)
        str_addf(&out, ", and %s %u%%", dry ? "would be" : "now", done->after_percent);
    str_add_char(&out, '\n');
    return say(&out, err);
}

static int gc_run(void *context, void *args, char **operands, struct err *err)
{
    struct engine *engine;
    struct images *images;
    struct images_gc policy = {};
    struct images_gc_done done = {};
    (void)operands;
    if (policy_read(args, &policy, err) < 0 || cli_images(context, &engine, &images, err) < 0 ||
        images_gc(images, &policy, engine_image_users, engine, &done, err) < 0)
        return -1;
    int result = gc_say(&policy, &done, err);
    image_removed_done(&done.removed);
    return result;
}

static const char *const gc_examples[] = {
    "ruche system gc",
    "If the disk is more than 85% full, make it 80%",
    "ruche system gc --high-watermark 0 --low-watermark 0 --keep-days 30 --dry-run",
    "What was not used for a month",
    NULL,
};

const struct command system_gc_command = {
    .name = "system gc",
    .args = "[OPTIONS]",
    .summary = "Remove images that were not used for long, if the disk is full",
    .text = "Above the high mark, removes images that no container uses, with their names, those "
            "first that were not used for longest, down to the low mark. For a timer, say. When "
            "an image was used is told by the file system, to the day: on one mounted with "
            "noatime it is when the image was stored.",
    .examples = gc_examples,
    .options = gc_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct gc_args),
    .run = gc_run,
};
