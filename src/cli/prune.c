/* SPDX-License-Identifier: Apache-2.0 */
/* image prune, system prune. */
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/usage.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include "engine/engine.h"
#include "engine/timestamp.h"
#include "image/image.h"

enum { SIZE_TEXT = 16 };

/* ---- what is asked ---- */

struct prune_args {
    bool all;
    bool force;
    struct strings filters;
};

/* What the filters come to. */
struct wanted {
    char until[TIMESTAMP_SIZE]; /* "": at any time */
    struct strings labels;
    struct strings not_labels;
};

static void wanted_done(struct wanted *wanted)
{
    strings_done(&wanted->labels);
    strings_done(&wanted->not_labels);
}

static int until_parse(const char *value, struct timespec *ret_time, struct err *err)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return timestamp_parse_any(value, now, "until", ret_time, err);
}

static int until_check(const char *value, struct err *err)
{
    struct timespec time;
    return until_parse(value, &time, err);
}

/* All of them say which are left out; none looks at an item. */
static int fits_any(const void *item, void *context, const char *value, struct err *err)
{
    (void)item;
    (void)context;
    (void)value;
    (void)err;
    return 1;
}

/* clang-format off */
static const struct filter_key prune_keys[] = {
    { .name = "until", .fits = fits_any, .check = until_check },
    { .name = "label", .fits = fits_any },
    { .name = "label!", .fits = fits_any },
    {},
};
/* clang-format on */

static int wanted_read(const struct prune_args *args, struct wanted *wanted, struct err *err)
{
    auto_done(filters) filters = {};
    if (filters_parse(prune_keys, &args->filters, &filters, err) < 0)
        return -1;
    for (size_t i = 0; i < filters.len; i++) {
        const char *key = filters.at[i].key->name, *value = filters.at[i].value;
        struct timespec time;
        if (strcmp(key, "label") == 0)
            strings_add(&wanted->labels, value);
        else if (strcmp(key, "label!") == 0)
            strings_add(&wanted->not_labels, value);
        else if (until_parse(value, &time, err) < 0)
            return -1;
        else
            timestamp_format(time, wanted->until);
    }
    return 0;
}

/* Asks, unless forced to. Returns 1, or 0: no. */
static int confirm(const struct prune_args *args, const char *warning, struct err *err)
{
    if (args->force)
        return 1;
    if (!isatty(STDIN_FILENO))
        return err_set(err, ERR_USAGE, "there is no terminal to ask; say --force (-f)");
    auto_free char *answer = NULL;
    auto_free char *question = xasprintf(
        "WARNING! This will remove:\n%s\nAre you sure you want to continue? [y/N] ", warning);
    if (ask(question, 0, &answer, err) < 0)
        return -1;
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

/* ---- images ---- */

static int images_go(struct engine *engine, const struct prune_args *args,
                     const struct wanted *wanted, struct str *out, uint64_t *freed_bytes,
                     struct err *err)
{
    const struct images_prune which = {
        .flags = args->all ? IMAGES_PRUNE_ALL : 0,
        .until = *wanted->until ? wanted->until : NULL,
        .labels = wanted->labels.len > 0 ? &wanted->labels : NULL,
        .not_labels = wanted->not_labels.len > 0 ? &wanted->not_labels : NULL,
    };
    auto_done(images_usage) before = {};
    auto_done(images_usage) after = {};
    auto_done(image_removed) removed = {};
    struct images *images;
    if (engine_images(engine, &images, err) < 0 ||
        images_usage(images, NULL, NULL, &before, err) < 0 ||
        images_prune_some(images, &which, engine_image_users, engine, &removed, err) < 0 ||
        images_usage(images, NULL, NULL, &after, err) < 0)
        return -1;
    if (removed.untagged.len + removed.deleted.len > 0)
        str_add(out, "Deleted Images:\n");
    for (size_t i = 0; i < removed.untagged.len; i++) {
        auto_free char *name = image_familiar(removed.untagged.at[i]);
        str_add(out, "untagged: ");
        text_escape(out, name, strlen(name));
        str_add_char(out, '\n');
    }
    for (size_t i = 0; i < removed.deleted.len; i++)
        str_addf(out, "deleted: %s\n", removed.deleted.at[i]);
    if (removed.untagged.len + removed.deleted.len > 0)
        str_add_char(out, '\n');
    if (before.total_bytes > after.total_bytes)
        *freed_bytes += before.total_bytes - after.total_bytes;
    return 0;
}

static int total_say(struct str *out, uint64_t freed_bytes, struct err *err)
{
    char size[SIZE_TEXT];
    str_addf(out, "Total reclaimed space: %s\n", size_format_decimal(freed_bytes, size));
    return say(out, err);
}

static const char dangling_text[] = "  - all images without a name that no container uses";
static const char unused_text[] = "  - all images that no container uses";

static int image_prune_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct prune_args *args = args_;
    auto_done(wanted) wanted = {};
    auto_done(str) out = {};
    struct engine *engine;
    uint64_t freed_bytes = 0;
    (void)operands;
    if (wanted_read(args, &wanted, err) < 0 || cli_engine(context, &engine, err) < 0)
        return -1;
    int sure = confirm(args, args->all ? unused_text : dangling_text, err);
    if (sure <= 0)
        return sure;
    if (images_go(engine, args, &wanted, &out, &freed_bytes, err) < 0)
        return -1;
    return total_say(&out, freed_bytes, err);
}

/* clang-format off */
static const struct option prune_table[] = {
    OPTION_BOOL(prune_args, all, 'a', "all", "Also images that have a name"),
    OPTION_BOOL(prune_args, force, 'f', "force", "Do not ask"),
    OPTION_LIST(prune_args, filters, 0, "filter", "KEY=VALUE",
        "Only what was created before a time (until=10h, until=2026-01-02), or has a label "
        "(label=KEY[=VALUE]), or has not (label!=…)"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const prune_options[] = { prune_table, NULL };

static const char *const image_prune_examples[] = {
    "ruche image prune",
    "Remove what was left without a name by newer images",
    "ruche image prune -a -f --filter until=720h",
    "Remove all that no container uses and that is older than a month, without a question",
    NULL,
};

const struct command image_prune_command = {
    .name = "image prune",
    .args = "[OPTIONS]",
    .summary = "Remove images that no container uses",
    .text = "Removes images that have no name and that no container uses, signatures of images "
            "that are gone, and what crashes left behind. A list of images has no time of "
            "creation and no labels: filters leave it.",
    .examples = image_prune_examples,
    .options = prune_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct prune_args),
    .run = image_prune_run,
};

/* ---- containers ---- */

static bool state_idle(const struct container_state *state)
{
    return state->status == CONTAINER_CREATED || state->status == CONTAINER_EXITED;
}

static bool labels_fit(const struct wanted *wanted, const struct pairs *labels)
{
    for (size_t i = 0; i < wanted->labels.len; i++)
        if (!filter_label_fits(labels, wanted->labels.at[i]))
            return false;
    for (size_t i = 0; i < wanted->not_labels.len; i++)
        if (filter_label_fits(labels, wanted->not_labels.at[i]))
            return false;
    return true;
}

/* Removes one if it is asked for. Returns 1 if it did. One that cannot be removed, because it was
 * started meanwhile, stays. */
static int container_go(struct engine *engine, const struct container_state *state,
                        const struct wanted *wanted, uint64_t *freed_bytes)
{
    auto_drop(container) *container = NULL;
    auto_done(usage) usage = {};
    struct err ignored;
    if (!state_idle(state) ||
        (*wanted->until && state->created && strcmp(state->created, wanted->until) >= 0) ||
        container_find(engine, state->id, &container, &ignored) < 0 ||
        !labels_fit(wanted, &container->config.labels) ||
        container_usage(engine, state->id, &usage, &ignored) < 0 ||
        container_remove(engine, container, 0, &ignored) < 0)
        return 0;
    *freed_bytes += usage.bytes;
    return 1;
}

static int containers_go(struct engine *engine, const struct wanted *wanted, struct str *out,
                         uint64_t *freed_bytes, struct err *err)
{
    auto_done(container_states) states = {};
    size_t gone = 0;
    if (container_list(engine, CONTAINER_LIST_ALL, &states, err) < 0)
        return -1;
    for (size_t i = 0; i < states.len; i++) {
        if (container_go(engine, &states.at[i], wanted, freed_bytes) == 0)
            continue;
        str_addf(out, "%s%s\n", gone++ == 0 ? "Deleted Containers:\n" : "", states.at[i].id);
    }
    str_add(out, gone > 0 ? "\n" : "");
    return 0;
}

static int system_prune_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct prune_args *args = args_;
    auto_done(wanted) wanted = {};
    auto_done(str) out = {};
    auto_free char *warning = NULL;
    struct engine *engine;
    uint64_t freed_bytes = 0;
    (void)operands;
    if (wanted_read(args, &wanted, err) < 0 || cli_engine(context, &engine, err) < 0)
        return -1;
    warning = xasprintf("  - all containers that do not run\n%s",
                        args->all ? unused_text : dangling_text);
    int sure = confirm(args, warning, err);
    if (sure <= 0)
        return sure;
    if (containers_go(engine, &wanted, &out, &freed_bytes, err) < 0 ||
        images_go(engine, args, &wanted, &out, &freed_bytes, err) < 0)
        return -1;
    return total_say(&out, freed_bytes, err);
}

static const char *const system_prune_examples[] = {
    "ruche system prune",
    "Remove containers that ended, and images without a name",
    "ruche system prune -af",
    "Remove all that is not in use, without a question",
    NULL,
};

const struct command system_prune_command = {
    .name = "system prune",
    .args = "[OPTIONS]",
    .summary = "Remove containers and images that are not in use",
    .text = "Removes containers that do not run, then images as \"image prune\" does. Volumes are "
            "never removed.",
    .examples = system_prune_examples,
    .options = prune_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct prune_args),
    .run = system_prune_run,
};
