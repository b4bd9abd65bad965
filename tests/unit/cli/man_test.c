/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/man.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct args {
    bool all;
    const char *format;
    const char *explain;
    const char *pull;
};
static const char *const pull_words[] = { "always", "never", NULL };
static const struct option options[] = {
    OPTION_TEXT(args, format, 0, "format", "'{{.ID}}'", "Print with a template, e.g. \"\\t\""),
    OPTION_BOOL(args, all, 'a', "all", "Show all… not only the running"),
    OPTION_OPTIONAL(args, explain, 0, "explain", "HOW", ".hidden start, ~ and ^ and `"),
    OPTION_CHOICE(args, pull, 0, "pull-it", "WHEN", pull_words, "Pull"),
    OPTION_END,
};
static const struct option *const tables[] = { options, NULL };
static const struct option global_options[] = {
    OPTION_TEXT(args, format, 0, "root", "DIR", "Where the state lies"),
    OPTION_END,
};
static const struct option *const globals[] = { global_options, NULL };
static const char *const examples[] = { "ruche image ls -a --format '{{.ID}}\\n'", "Print the ids",
                                        NULL };

static const struct command image_ls = {
    .name = "image ls",
    .args = "[OPTIONS] [NAME...]",
    .summary = "List images",
    .text = ".SH is no heading here\n'nor is this one\n\nA second paragraph:\n"
            "    --as -it   is\n    .and so on\nback\\slash again",
    .options = tables,
    .examples = examples,
};

static const struct command bare = {
    .name = "version",
    .also = COMMAND_ALSO("system version", "v"),
    .summary = "Show the version",
};

Test(man, has_every_section_in_order)
{
    static const char *const sections[] = { ".SH NAME\n",        ".SH SYNOPSIS\n",
                                            ".SH DESCRIPTION\n", ".SH OPTIONS\n",
                                            ".SH EXAMPLES\n",    ".SH \"EXIT STATUS\"\n",
                                            ".SH \"SEE ALSO\"\n" };
    auto_done(str) out = {};

    man_write(&image_ls, globals, &out);
    const char *at = str_text(&out);
    for (size_t i = 0; i < array_size(sections); i++) {
        at = strstr(at, sections[i]);
        cr_assert_not_null(at, "%s", sections[i]);
    }
    cr_assert_not_null(strstr(out.at, "\nruche\\-image\\-ls \\- List images\n"));
    cr_assert_not_null(strstr(out.at, "\n\\fB\\-a\\fR, \\fB\\-\\-all\\fR\n"));
    cr_assert_not_null(strstr(out.at, "\\fB\\-\\-explain\\fR[=\\fIHOW\\fR]\n"));
    cr_assert_not_null(strstr(out.at, "Pull (always, never).\n"));
    cr_assert_not_null(strstr(out.at, "\\fB\\-\\-root\\fR \\fIDIR\\fR\n"));
    /* By name: all, explain, format, pull-it. */
    cr_assert_lt(strstr(out.at, "\\-\\-all"), strstr(out.at, "\\-\\-explain"));
    cr_assert_lt(strstr(out.at, "\\-\\-explain"), strstr(out.at, "\\-\\-format"));
}

Test(man, tells_the_other_names)
{
    auto_done(str) out = {};

    man_write(&bare, NULL, &out);
    cr_assert_not_null(strstr(
        out.at, "\nruche\\-version, ruche\\-system\\-version, ruche\\-v \\- Show the version\n"));
    cr_assert_not_null(
        strstr(out.at, "\n.PP\nAlso: \\fBruche system version\\fR, \\fBruche v\\fR\n"));
    str_clear(&out);
    man_write(&image_ls, NULL, &out);
    cr_assert_null(strstr(out.at, "Also:"));
}

Test(man, escapes_what_roff_takes_for_its_own)
{
    auto_done(str) out = {};

    man_write(&image_ls, NULL, &out);
    cr_assert_not_null(strstr(out.at, "\n\\&.SH is no heading here\n"));
    cr_assert_not_null(strstr(out.at, "\n\\(aqnor is this one\n"));
    cr_assert_not_null(strstr(out.at, "\n\\-\\-as \\-it   is\n\\&.and so on\n"));
    cr_assert_not_null(strstr(out.at, "\nback\\(rsslash again\n"));
    cr_assert_not_null(strstr(out.at, "all\\[u2026] not"));
    cr_assert_not_null(strstr(out.at, "\n\\&.hidden start, \\(ti and \\(ha and \\(ga.\n"));
    cr_assert_null(strstr(out.at, "GLOBAL"));
    for (const char *at = out.at; *at; at++)
        cr_assert((unsigned char)*at < 0x80);
}

Test(man, program_itself)
{
    const struct command program = { .name = "", .args = "COMMAND", .summary = "Run containers" };
    auto_done(str) out = {};

    man_write(&program, NULL, &out);
    cr_assert(text_starts(out.at, ".TH \"ruche\" \"1\" "));
    cr_assert_not_null(strstr(out.at, "\nruche \\- Run containers\n"));
    cr_assert_not_null(strstr(out.at, "\n\\fBruche\\fR COMMAND\n"));
    cr_assert_null(strstr(out.at, "SEE ALSO"));
}

/* Runs a shell command with the page on its input; gives what it prints on both outputs. */
static int filter(const char *page, const char *command, char *text, size_t size)
{
    char path[] = "/tmp/man_test.XXXXXX";
    auto_close int fd = mkstemp(path);
    auto_free char *line = xasprintf("%s < %s 2>&1", command, path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, page, strlen(page)), (ssize_t)strlen(page));
    FILE *pipe = popen(line, "r");
    cr_assert_not_null(pipe);
    text[fread(text, 1, size - 1, pipe)] = '\0';
    int status = pclose(pipe);
    (void)unlink(path);
    return status;
}

static bool have(const char *program)
{
    auto_free char *line = xasprintf("command -v %s >/dev/null", program);

    return system(line) == 0;
}

static void assert_no_warnings(const struct command *command, const struct option *const *before)
{
    auto_done(str) out = {};
    static char text[1 << 16];

    man_write(command, before, &out);
    cr_assert_eq(filter(out.at, "groff -ww -man -Tutf8 -z", text, sizeof(text)), 0, "%s", text);
    cr_assert_str_eq(text, "");
    if (have("man")) {
        cr_assert_eq(
            filter(out.at, "LC_ALL=C.UTF-8 man --warnings -l - >/dev/null", text, sizeof(text)), 0,
            "%s", text);
        cr_assert_str_eq(text, "");
    }
}

Test(man, groff_has_no_warnings)
{
    if (!have("groff"))
        cr_skip_test("groff is not installed");
    assert_no_warnings(&image_ls, globals);
    assert_no_warnings(&bare, NULL);
}

Test(man, is_shown_as_written)
{
    static char text[1 << 16];
    auto_done(str) out = {};

    if (!have("groff"))
        cr_skip_test("groff is not installed");
    man_write(&image_ls, globals, &out);
    cr_assert_eq(filter(out.at, "groff -man -Tutf8 -P-cbou", text, sizeof(text)), 0, "%s", text);
    static const char *const shown[] = {
        "ruche [GLOBAL OPTIONS] image ls [OPTIONS] [NAME...]",
        "-a, --all",
        "--format '{{.ID}}'",
        "e.g. \"\\t\".",
        "Show all… not only",
        ".hidden start, ~ and ^ and `.",
        ".SH is no heading here 'nor is this one",
        "--as -it   is\n",
        ".and so on\n",
        "back\\slash again",
        "ruche image ls -a --format '{{.ID}}\\n'",
    };
    for (size_t i = 0; i < array_size(shown); i++)
        cr_assert_not_null(strstr(text, shown[i]), "%s\nis not in\n%s", shown[i], text);
}
