/* SPDX-License-Identifier: Apache-2.0 */
/* state and list: what is told of containers, in runc's words. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "runtime_cli/container.h"

/* What `state` prints, and `list` of each. */
struct shown {
    char *oci_version;
    char *id;
    int64_t pid; /* 0: it has ended */
    char *status;
    char *bundle;
    char *rootfs;
    char *created;
    struct pairs annotations;
    char *owner;
};

/* clang-format off */
static const struct field shown_fields[] = {
    FIELD_TEXT(shown, oci_version, "ociVersion", F_ALWAYS),
    FIELD_TEXT(shown, id, "id", F_ALWAYS),
    FIELD_I64(shown, pid, "pid", F_ALWAYS),
    FIELD_TEXT(shown, status, "status", F_ALWAYS),
    FIELD_TEXT(shown, bundle, "bundle", F_ALWAYS),
    FIELD_TEXT(shown, rootfs, "rootfs", F_ALWAYS),
    FIELD_TEXT(shown, created, "created", F_ALWAYS),
    FIELD_PAIRS(shown, annotations, "annotations", 0),
    FIELD_TEXT(shown, owner, "owner", F_ALWAYS),
    FIELD_END,
};
/* clang-format on */

/* The user's name where /etc/passwd has one (passwd(5)), as runc shows it; else the number. */
static char *owner_name(uint32_t uid)
{
    enum { PASSWD_MAX_BYTES = 4 << 20 };
    auto_free char *text = NULL;
    auto_free char *number = xasprintf("%u", uid);
    size_t len;
    struct err ignored = {};
    if (uid == 0)
        return xstrdup("root"); /* wherever it is looked up */
    if (file_load(AT_FDCWD, "/etc/passwd", PASSWD_MAX_BYTES, &text, &len, &ignored) != 1)
        return take_ptr(number);
    struct view rest = { text, len };
    struct view line;
    for (bool more = true; more;) {
        struct view name;
        struct view field;
        more = view_cut(&rest, '\n', &line);
        if (view_cut(&line, ':', &name) && view_cut(&line, ':', &field) &&
            view_cut(&line, ':', &field) && view_is(field, number))
            return xstrndup(name.at, name.len);
    }
    return take_ptr(number);
}

/* Borrows all but the owner, which the caller frees. */
static int shown_make(struct container *container, struct shown *ret_shown, struct err *err)
{
    enum container_status status;
    const struct record *record = &container->record;
    if (container_status(container, &status, err) < 0)
        return -1;
    *ret_shown = (struct shown){
        .oci_version = record->oci_version,
        .id = record->id,
        .pid = status == CONTAINER_STOPPED ? 0 : record->pid,
        .status = (char *)container_status_names[status],
        .bundle = record->bundle,
        .rootfs = record->rootfs,
        .created = record->created,
        .annotations = record->annotations,
        .owner = owner_name(record->owner),
    };
    return 0;
}

static int state_run(void *context, void *args, char **operands, struct err *err)
{
    (void)args;
    auto_done(container) container = { .dir = -1 };
    auto_done(str) out = {};
    struct shown shown;
    if (container_find(context, operands[0], 0, &container, err) < 0 ||
        shown_make(&container, &shown, err) < 0)
        return -1;
    field_write(shown_fields, &shown, 2, &out);
    str_add_char(&out, '\n');
    free(shown.owner);
    return say(&out, err);
}

/* --- list ------------------------------------------------------------------------------------- */

struct list_args {
    const char *format;
    bool quiet;
};

static const char *const formats[] = { "table", "json", NULL };

/* clang-format off */
static const struct option list_options[] = {
    OPTION_CHOICE(list_args, format, 'f', "format", "FORMAT", formats, "How to write the list"),
    OPTION_BOOL(list_args, quiet, 'q', "quiet", "Ids alone"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const list_tables[] = { list_options, NULL };

enum { COLUMNS = 6, COLUMN_LEAST = 12, COLUMN_GAP = 3 };

static const char *const headings[COLUMNS] = {
    "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"
};

static void row_add(struct strings *cells, const struct shown *shown)
{
    strings_add(cells, shown->id);
    strings_addf(cells, "%lld", (long long)shown->pid);
    strings_add(cells, shown->status);
    strings_add(cells, shown->bundle);
    strings_add(cells, shown->created);
    strings_add(cells, shown->owner);
}

static void table_add(struct str *out, const struct strings *cells)
{
    size_t widths[COLUMNS] = {};
    for (size_t i = 0; i < cells->len; i++) {
        size_t width = strlen(cells->at[i]) + COLUMN_GAP;
        size_t least = width < COLUMN_LEAST ? COLUMN_LEAST : width;
        widths[i % COLUMNS] = least > widths[i % COLUMNS] ? least : widths[i % COLUMNS];
    }
    for (size_t i = 0; i < cells->len; i++) {
        bool last = i % COLUMNS == COLUMNS - 1;
        size_t before = out->len;
        text_escape(out, cells->at[i], strlen(cells->at[i]));
        while (!last && out->len < before + widths[i % COLUMNS])
            str_add_char(out, ' ');
        if (last)
            str_add_char(out, '\n');
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds one to whatever is written; one that is going away meanwhile is passed over. */
static void list_add(struct program *program, const char *id, const struct list_args *args,
                     struct strings *cells, struct str *out)
{
    auto_done(container) container = { .dir = -1 };
    struct err err = {};
    struct shown shown = {};
    int found = container_open(program, id, 0, &container, &err);
    if (found == 1 && shown_make(&container, &shown, &err) < 0)
        found = -1;
    if (found < 0)
        log_warning(program, err.text);
    if (found <= 0)
        return;
    if (args->quiet) {
        str_addf(out, "%s\n", shown.id);
    } else if (text_same(args->format, "json")) {
        str_add(out, out->len > 1 ? "," : "");
        field_write(shown_fields, &shown, 0, out);
    } else {
        row_add(cells, &shown);
    }
    free(shown.owner);
}

static int list_run(void *context, void *args_, char **operands, struct err *err)
{
    (void)operands;
    struct program *program = context;
    const struct list_args *args = args_;
    auto_done(strings) names = {};
    auto_done(strings) cells = {};
    auto_done(str) out = {};
    bool json = text_same(args->format, "json") && !args->quiet;
    int found = root_open(program, false, err);
    if (found < 0 || (found && dir_list(program->root_fd, ".", &names, err) < 0))
        return -1;
    if (names.len)
        qsort(names.at, names.len, sizeof(*names.at), compare_names);
    for (size_t i = 0; i < COLUMNS; i++)
        strings_add(&cells, headings[i]);
    str_add(&out, json ? "[" : "");
    struct err ignored = {};
    for (size_t i = 0; i < names.len; i++)
        if (container_id_check(names.at[i], &ignored) == 0)
            list_add(program, names.at[i], args, &cells, &out);
    if (json)
        str_add(&out, "]\n");
    else if (!args->quiet)
        table_add(&out, &cells);
    if (json && strcmp(str_text(&out), "[]\n") == 0) {
        str_clear(&out);
        str_add(&out, "null\n"); /* runc's list of none */
    }
    return say(&out, err);
}

const struct command state_command = {
    .name = "state",
    .args = "ID",
    .summary = "Print what is known of a container, as JSON",
    .flags = COMMAND_INTERSPERSED,
    .least = 1,
    .most = 1,
    .run = state_run,
};

const struct command list_command = {
    .name = "list",
    .args = "[OPTIONS]",
    .summary = "List the containers of the root",
    .options = list_tables,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct list_args),
    .run = list_run,
};
