/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/format.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"

struct item {
    const char *name;
    int size;
};

static int name_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct item *item = row->item;
    int *asked = row->context;
    (void)err;
    if (asked)
        (*asked)++;
    str_add(out, item->name);
    return 0;
}

static int size_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct item *item = row->item;
    if (item->size < 0)
        return err_set(err, ERR_NOT_FOUND, "%s is gone", item->name);
    str_addf(out, "%d", item->size);
    return 0;
}

static int big_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct item *item = row->item;
    (void)err;
    str_add(out, item->size > 10 ? "true" : "false");
    return 0;
}

static int label_add(const struct format_row *row, struct str *out, struct err *err)
{
    (void)err;
    str_addf(out, "<%s>", row->argument);
    return 0;
}

#define COLUMNS(X)                                                                                 \
    X(Name, "NAME OF IT", name_add, 0, 0)                                                          \
    X(Size, "SIZE", size_add, 0, FORMAT_NUMBER)                                                    \
    X(Big, NULL, big_add, 0, FORMAT_TRUTH)                                                         \
    X(Label, NULL, label_add, 0, FORMAT_ARGUMENT)

static const struct format_column columns[] = { COLUMNS(FORMAT_COLUMN){} };
static const struct format_list list = {
    .columns = columns,
    .table = "Size Name",
    .quiet = "Name",
    .raw = "name: {{.Name}}\n",
};
static const struct item items[] = { { "one", 1 }, { "tw\"o\x1b", 22 } };

/* What is printed; owned by the caller. */
static char *printed(const char *format, enum format_flags flags, size_t n)
{
    struct err err = {};
    char *text;
    size_t len;
    int out = memfd_create("out", 0), saved = dup(STDOUT_FILENO), errors = dup(STDERR_FILENO);
    int dropped = memfd_create("err", 0);
    (void)fflush(stdout);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(dropped, STDERR_FILENO);
    int result = format_print(&list, format, flags, items, n, sizeof(items[0]), NULL, &err);
    (void)dup2(saved, STDOUT_FILENO);
    (void)dup2(errors, STDERR_FILENO);
    cr_assert_eq(result, 0, "%s: %s", format ? format : "-", err.text);
    (void)lseek(out, 0, SEEK_SET);
    cr_assert_eq(file_load_fd(out, 1 << 20, &text, &len, &err), 0);
    (void)close(out);
    (void)close(saved);
    (void)close(errors);
    (void)close(dropped);
    return text;
}

static const struct {
    const char *format;
    const char *text;
    enum format_flags flags;
} rows[] = {
    { NULL, "SIZE      NAME OF IT\n1         one\n22        tw\"o\\x1b\n", 0 },
    { "", "SIZE      NAME OF IT\n1         one\n22        tw\"o\\x1b\n", 0 },
    { "table", "SIZE      NAME OF IT\n1         one\n22        tw\"o\\x1b\n", FORMAT_WHOLE },
    { NULL, "one\ntw\"o\x1b\n", FORMAT_QUIET },
    { "table {{.Name}}", "one\ntw\"o\x1b\n", FORMAT_QUIET },
    { "json",
      "{\"Big\":false,\"Name\":\"one\",\"Size\":1}\n"
      "{\"Big\":true,\"Name\":\"tw\\\"o\\u001b\",\"Size\":22}\n",
      0 },
    { "{{.Name}}:{{.Size}}", "one:1\ntw\"o\x1b:22\n", 0 },
    { "  {{.Name}}\\t|\\n ", "one\t|\n\ntw\"o\x1b\t|\n\n", 0 },
    { "{{if .Big}}big {{end}}{{printf \"%03d\" .Size}}", "001\nbig 022\n", 0 },
    { "table {{.Size}}\\t{{.Name}}\\t{{.Label \"com.example.a-b_c\"}}",
      "SIZE      NAME OF IT   a b c\n1         one          <com.example.a-b_c>\n"
      "22        tw\"o\x1b        <com.example.a-b_c>\n",
      0 },
    { "table {{lower .Name}}\\t{{json .Size}}\\t{{.Big}}",
      "NAME OF IT   SIZE      Big\none          1         false\ntw\"o\x1b        22        true\n",
      0 },
    { "table {{.Size}}\\t{{if eq (print .Big) \"Big\"}}{{index \"\" 1}}{{end}}x",
      "SIZE      \n1         x\n22        x\n", 0 },
    { "table{{.Size}}", "SIZE\n1\n22\n", 0 },
    { "tables {{.Size}}", "tables 1\ntables 22\n", 0 },
    { "raw", "name: one\n\nname: tw\"o\x1b\n\n", 0 },
    { "x", "x\nx\n", 0 },
};

Test(format, prints_rows)
{
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *text = printed(rows[i].format, rows[i].flags, array_size(items));
        cr_expect_str_eq(text, rows[i].text, "%s: %s", rows[i].format ? rows[i].format : "-", text);
    }
}

Test(format, prints_no_rows)
{
    auto_free char *plain = printed(NULL, 0, 0);
    auto_free char *json = printed("json", 0, 0);
    auto_free char *quiet = printed(NULL, FORMAT_QUIET, 0);
    auto_free char *table = printed("table {{.Name}}", 0, 0);
    cr_expect_str_eq(plain, "SIZE      NAME OF IT\n");
    cr_expect_str_eq(json, "");
    cr_expect_str_eq(quiet, "");
    cr_expect_str_eq(table, "NAME OF IT\n");
}

Test(format, refuses)
{
    static const struct {
        const char *format;
        const char *text;
    } wrong[] = {
        { "{{.Name", "--format: template: 1:1: unclosed action; close it with }}" },
        { "table x{{", "--format: template: 1:2: unclosed action; close it with }}" },
        { "{{.Nam}}",
          "--format: template: 1:3: can't evaluate field Nam; there are Name, Size, Big, Label" },
        { "{{.Size}}", "--format: template: 1:3: Size: lost is gone" },
        { NULL, "lost is gone" },
    };
    static const struct item lost[] = { { "lost", -1 } };
    for (size_t i = 0; i < array_size(wrong); i++) {
        struct err err = {};
        cr_expect_lt(format_print(&list, wrong[i].format, 0, lost, 1, sizeof(lost[0]), NULL, &err),
                     0);
        cr_expect_str_eq(err.text, wrong[i].text, "%s", err.text);
    }
}

Test(format, makes_only_what_is_shown)
{
    struct err err = {};
    int asked = 0, out = memfd_create("out", 0), saved = dup(STDOUT_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    cr_expect_eq(format_print(&list, "{{.Size}}{{if false}}{{.Name}}{{end}}", 0, items, 1,
                              sizeof(items[0]), &asked, &err),
                 0);
    (void)dup2(saved, STDOUT_FILENO);
    cr_expect_eq(asked, 0);
    (void)close(out);
    (void)close(saved);
}

/* What the help says a template may name. */
static const char help[] = FORMAT_TEXT COLUMNS(FORMAT_NAME);

Test(format, the_help_names_the_columns)
{
    cr_assert(text_ends(help, "A template may name: Name Size Big Label"), "%s", help);
}

Test(format, the_help_of_ps_names_its_filters)
{
    static const char *const keys[] = { "id",       "name",   "label", "status", "exited",
                                        "ancestor", "before", "since", "volume", "network" };
    for (size_t i = 0; i < array_size(keys); i++)
        cr_expect_not_null(strstr(ps_command.text, keys[i]), "%s", keys[i]);
}
