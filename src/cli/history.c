/* SPDX-License-Identifier: Apache-2.0 */
/* history, image history. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/ago.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/table.h"
#include "image/image.h"

enum { SIZE_TEXT = 16, ID_SHORT = 12, CREATED_BY_SHORT = 45 };

struct history_args {
    const char *human; /* "" or a truth; NULL: as if it were true */
    bool no_trunc;
    bool quiet;
    const char *format;
};

/* clang-format off */
static const struct option history_table[] = {
    OPTION_TEXT(history_args, format, 0, "format", "FORMAT", FORMAT_HELP),
    OPTION_OPTIONAL(history_args, human, 'H', "human", "true|false",
        "Show sizes and times as people say them, as is the default"),
    OPTION_BOOL(history_args, no_trunc, 0, "no-trunc", "Do not shorten anything"),
    OPTION_BOOL(history_args, quiet, 'q', "quiet", "Show ids only"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const history_options[] = { history_table, NULL };

struct history {
    const struct history_args *args;
    const struct image *image;
    const struct image_step_made *newest;
    bool exact; /* --human=false */
    int64_t now_s;
};

static const struct oci_history *entry_of(const struct format_row *row)
{
    static const struct oci_history none;
    const struct image_step_made *step = row->item;
    return step->entry ? step->entry : &none;
}

/* Only the last step gave something that has an id. */
static int id_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct history *history = row->context;
    const char *id = history->image->id;
    (void)err;
    if (row->item != history->newest)
        str_add(out, "<missing>");
    else if (history->args->no_trunc)
        str_add(out, id);
    else
        str_add_bytes(out, strchr(id, ':') + 1, ID_SHORT);
    return 0;
}

static int created_at_add(const struct format_row *row, struct str *out, struct err *err)
{
    const char *created = entry_of(row)->created;
    (void)err;
    str_add(out, created ? created : "N/A");
    return 0;
}

static int created_since_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct history *history = row->context;
    if (history->exact)
        return created_at_add(row, out, err);
    ago_format(entry_of(row)->created, history->now_s, out);
    return 0;
}

static int created_by_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct history *history = row->context;
    const char *text = entry_of(row)->created_by;
    auto_done(str) flat = {};
    (void)err;
    for (const char *at = text ? text : ""; *at; at++)
        str_add_char(&flat, *at == '\t' || *at == '\n' ? ' ' : *at);
    text_shorten(out, str_text(&flat), history->args->no_trunc ? SIZE_MAX : CREATED_BY_SHORT);
    return 0;
}

static int size_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct history *history = row->context;
    const struct image_step_made *step = row->item;
    char size[SIZE_TEXT];
    (void)err;
    if (history->exact)
        str_addf(out, "%" PRIu64, step->size_bytes);
    else
        str_add(out, size_format_decimal(step->size_bytes, size));
    return 0;
}

static int comment_add(const struct format_row *row, struct str *out, struct err *err)
{
    const char *comment = entry_of(row)->comment;
    (void)err;
    str_add(out, comment ? comment : "");
    return 0;
}

static const struct format_column history_columns[] = {
    { .name = "ID", .title = "IMAGE", .add = id_add },
    { .name = "CreatedSince", .title = "CREATED", .add = created_since_add },
    { .name = "CreatedAt", .title = "CREATED AT", .add = created_at_add },
    { .name = "CreatedBy", .title = "CREATED BY", .add = created_by_add, .least = 12 },
    { .name = "Size", .title = "SIZE", .add = size_add },
    { .name = "Comment", .title = "COMMENT", .add = comment_add, .least = 8 },
    {},
};
static const struct format_list history_list = {
    .columns = history_columns,
    .table = "ID CreatedSince CreatedBy Size Comment",
    .quiet = "ID",
};

static int human_parse(const char *text, bool *ret_human, struct err *err)
{
    *ret_human = !text || !*text || strcmp(text, "true") == 0;
    if (*ret_human || strcmp(text, "false") == 0)
        return 0;
    return err_set(err, ERR_USAGE, "--human: neither true nor false");
}

static void newest_first(struct image_steps *steps)
{
    for (size_t i = 0; i < steps->len / 2; i++) {
        struct image_step_made step = steps->at[i];
        steps->at[i] = steps->at[steps->len - 1 - i];
        steps->at[steps->len - 1 - i] = step;
    }
}

static int history_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct history_args *args = args_;
    struct images *images;
    bool human;
    auto_drop(image) *image = NULL;
    auto_done(image_steps) steps = {};
    if (human_parse(args->human, &human, err) < 0 || cli_images(context, NULL, &images, err) < 0)
        return -1;
    int found = image_find(images, operands[0], &image, err);
    if (found == 0)
        return image_absent(images, operands[0], NULL, err);
    if (found < 0 || image_history(images, image, &steps, err) < 0)
        return -1;
    newest_first(&steps);
    struct history history = {
        .args = args,
        .image = image,
        .newest = steps.at,
        .exact = !human,
        .now_s = time(NULL),
    };
    enum format_flags flags =
        (args->quiet ? FORMAT_QUIET : 0) | (args->no_trunc ? FORMAT_WHOLE : 0);
    return format_print(&history_list, args->format, flags, steps.at, steps.len, sizeof(*steps.at),
                        &history, err);
}

static const char history_text[] =
    "Shows the steps by which an image was made, the last one first, and what each added. Only "
    "the image itself has an id: what lay between is nowhere.\n\n" FORMAT_TEXT
    " ID CreatedSince CreatedAt CreatedBy Size Comment.";

static const char *const history_examples[] = {
    "ruche history debian",
    "How the image was made",
    "ruche history --no-trunc --format '{{.Size}}\\t{{.CreatedBy}}' debian",
    "Whole commands, with what they added",
    NULL,
};

const struct command history_command = {
    .name = "history",
    .also = COMMAND_ALSO("image history"),
    .args = "[OPTIONS] IMAGE",
    .summary = "Show how an image was made",
    .text = history_text,
    .examples = history_examples,
    .options = history_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct history_args),
    .run = history_run,
};
