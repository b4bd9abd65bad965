/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/completion.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct args {
    bool flag;
    bool other;
    const char *text;
    const char *pull;
    const char *explain;
    const char *from;
    struct strings env;
    struct maybe_i64 memory;
};
static const char *const pull_words[] = { "always", "missing", "never", NULL };
static const struct option global_options[] = {
    OPTION_TEXT(args, text, 'r', "root", "DIR", "Where the state lies"),
    OPTION_BOOL(args, flag, 0, "debug", "Say more"),
    OPTION_END,
};
static const struct option run_options[] = {
    OPTION_BOOL(args, flag, 't', "tty", "It's [a] terminal: \\ and $(so) \"on\""),
    OPTION_BOOL(args, other, 'i', "interactive", "Keep its input open"),
    OPTION_LIST(args, env, 'e', "env", "KEY=VALUE", "Set a variable"),
    OPTION_CHOICE(args, pull, 0, "pull", "WHEN", pull_words, "Pull the image"),
    OPTION_SIZE(args, memory, 'm', "memory", "A:B", "Memory at most"),
    OPTION_OPTIONAL(args, explain, 0, "explain", "FORMAT", "Show the steps"),
    OPTION_TEXT(args, from, 0, "volumes-from", "CONTAINER", "Mount its volumes"),
    OPTION_END,
};
static const struct option force_options[] = {
    OPTION_BOOL(args, flag, 'f', "force", "Without asking"),
    OPTION_END,
};
static const struct option *const globals[] = { global_options, NULL };
static const struct option *const run_tables[] = { run_options, NULL };
static const struct option *const force_tables[] = { force_options, NULL };
static const struct option *const no_tables[] = { NULL };

static const struct command run = {
    .name = "run",
    .also = COMMAND_ALSO("container run"),
    .summary = "Run it: that's all",
    .options = run_tables,
    .operands = OPERANDS_IMAGES,
    .most = -1,
};
static const struct command rm = {
    .name = "rm",
    .also = COMMAND_ALSO("container rm", "container remove"),
    .summary = "Remove containers",
    .options = force_tables,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_CONTAINERS,
    .most = -1,
};
static const struct command stop = {
    .name = "stop",
    .summary = "Stop a container",
    .options = no_tables,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_RUNNING,
    .most = 1,
};
static const struct command image_ls = {
    .name = "image ls",
    .summary = "List images",
    .options = force_tables,
    .flags = COMMAND_INTERSPERSED,
};
static const struct command image_rm = {
    .name = "image rm",
    .also = COMMAND_ALSO("rmi"),
    .summary = "Remove images",
    .options = force_tables,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .most = -1,
};
static const struct command load = {
    .name = "load",
    .also = COMMAND_ALSO("image load"),
    .summary = "Load an archive",
    .options = no_tables,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_FILES,
    .most = 1,
};
static const struct command secret = {
    .name = "__complete",
    .summary = "Names for completion",
    .options = force_tables,
    .flags = COMMAND_HIDDEN,
    .most = 1,
};
static const struct command *const commands[] = { &run,      &image_ls, &rm,     &stop,
                                                  &image_rm, &load,     &secret, NULL };

/* What the cursor stands behind, and what is offered there, in any order. */
struct offer {
    const char *line;
    const char *words;
};
static const struct offer offers[] = {
    { "ruche ", "container image load rm rmi run stop" },
    { "ruche r", "rm rmi run" },
    { "ruche image ", "load ls rm" },
    { "ruche container ", "remove rm run" },
    { "ruche container ru", "run" },
    { "ruche image r", "rm" },
    { "ruche run --pu", "--pull" },
    { "ruche run --pull n", "never" },
    { "ruche run --root", "" },
    { "ruche --ro", "--root" },
    { "ruche run deb", "debian:12" },
    { "ruche run -it deb", "debian:12" },
    { "ruche run -ite A=1 deb", "debian:12" },
    { "ruche run -eA=1 --tty=false --pull=never deb", "debian:12" },
    { "ruche --debug --root /x -r/y run deb", "debian:12" },
    { "ruche run --memory ", "" },
    { "ruche run --volumes-from w", "web worker" },
    { "ruche run debian --int", "" },
    { "ruche rm w", "web worker" },
    { "ruche rm web -f w", "web worker" },
    { "ruche rm web --fo", "--force" },
    { "ruche rm -- --fo", "" },
    { "ruche stop ", "web" },
    { "ruche stop web ", "" },
    { "ruche image ls ", "" },
    { "ruche image rm deb", "debian:12" },
    { "ruche rmi deb", "debian:12" },
    { "ruche rmi --fo", "--force" },
    { "ruche container rm w", "web worker" },
    { "ruche container remove web --fo", "--force" },
    { "ruche container rm -- --fo", "" },
    { "ruche container run --pull n", "never" },
    { "ruche --debug --root /x container run -ite A=1 deb", "debian:12" },
    { "ruche container run --volumes-from w", "web worker" },
    { "ruche container run debian --int", "" },
};

static bool have(const char *program)
{
    auto_free char *line = xasprintf("command -v %s >/dev/null", program);

    return system(line) == 0;
}

/* Runs the shell on the script and, behind it, the given lines. Gives what it prints. */
static char *run_shell(const char *shell, const char *script, const char *lines)
{
    char dir[] = "/tmp/completion_test.XXXXXX";
    static char text[1 << 16];

    cr_assert_not_null(mkdtemp(dir));
    auto_free char *path = xasprintf("%s/script", dir);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fprintf(file, "%s%s", script, lines);
    cr_assert_eq(fclose(file), 0);

    auto_free char *line =
        xasprintf("cd %s && touch zz-file && HOME=%s exec %s %s 2>&1", dir, dir, shell, path);
    FILE *pipe = popen(line, "r");
    cr_assert_not_null(pipe);
    text[fread(text, 1, sizeof(text) - 1, pipe)] = '\0';
    int status = pclose(pipe);
    auto_free char *clean = xasprintf("rm -r %s", dir);
    (void)!system(clean);
    cr_assert_eq(status, 0, "%s says: %s", shell, text);
    return text;
}

static char *script_of(const char *shell)
{
    auto_done(str) out = {};
    struct err err = {};

    cr_assert_eq(completion_write(shell, commands, globals, &out, &err), 0, "%s", err.text);
    return str_take(&out);
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The words of a line, sorted, with one blank between. */
static char *sorted(struct view line)
{
    struct strings words = {};
    auto_done(str) out = {};
    struct view word;

    while (line.len > 0) {
        (void)view_cut(&line, ' ', &word);
        if (word.len > 0)
            strings_add_taken(&words, xstrndup(word.at, word.len));
    }
    if (words.len > 1)
        qsort(words.at, words.len, sizeof(*words.at), text_compare);
    for (size_t i = 0; i < words.len; i++)
        str_addf(&out, "%s%s", i > 0 ? " " : "", words.at[i]);
    strings_done(&words);
    return str_take(&out);
}

/* One line of output for each offer. */
static void assert_offers(const char *output, const struct offer *rows, size_t n)
{
    struct view rest = view_of(output), line;

    for (size_t i = 0; i < n; i++) {
        (void)view_cut(&rest, '\n', &line);
        auto_free char *got = sorted(line);
        auto_free char *expected = sorted(view_of(rows[i].words));
        cr_assert_str_eq(got, expected, "behind \"%s\": \"%s\" instead of \"%s\"", rows[i].line,
                         got, expected);
    }
    cr_assert_eq(rest.len, 0, "%s", rest.at);
}

Test(completion, refuses_other_shells)
{
    auto_done(str) out = {};
    struct err err = {};

    cr_assert_eq(completion_write("tcsh", commands, globals, &out, &err), -1);
    cr_assert_eq(err.kind, ERR_USAGE);
    cr_assert_str_eq(err.text, "no completion for the shell \"tcsh\"; there is bash, zsh, fish");
    cr_assert_eq(out.len, 0);
}

Test(completion, hides_what_is_hidden)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };

    for (size_t i = 0; i < array_size(shells); i++) {
        auto_free char *script = script_of(shells[i]);
        cr_assert_not_null(strstr(script, "volumes-from"));
        cr_assert_null(strstr(script, "Names for completion"));
        cr_assert_null(strstr(script, "'__complete'"));
    }
}

/* Takes a line apart as readline does and prints what is offered; "default" stands for file names.
 */
static const char bash_harness[] =
    "ruche() {\n"
    "    [[ $1 == __complete ]] || printf '%s ' \"${@:1:$#-2}\" >&3\n"
    "    case ${@: -1} in\n"
    "    containers) printf 'web\\nworker\\ndb\\n' ;;\n"
    "    running) echo web ;;\n"
    "    images) printf 'alpine:3.20\\nalpine:edge\\nhost:5000/app:1\\ndebian:12\\n$(x)*\\n' ;;\n"
    "    esac\n"
    "}\n"
    "compopt() { COMPREPLY=(\"${@: -1}\"); }\n"
    "offer() {\n"
    "    local rest=$1\n"
    "    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=() COMPREPLY=()\n"
    "    while [[ $rest =~ ^[[:space:]]*([=:@]+|[^=:@[:space:]]+)(.*)$ ]]; do\n"
    "        COMP_WORDS+=(\"${BASH_REMATCH[1]}\")\n"
    "        rest=${BASH_REMATCH[2]}\n"
    "    done\n"
    "    [[ $1 == *' ' ]] && COMP_WORDS+=('')\n"
    "    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
    "    _ruche\n"
    "    echo \"${COMPREPLY[*]}\"\n"
    "}\n"
    "exec 3>globals\n";

static void add_offers(struct str *out, const struct offer *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        str_addf(out, "offer '%s'\n", rows[i].line);
}

Test(completion, bash_offers)
{
    /* bash replaces only what is behind the last = : or @. */
    static const struct offer own[] = {
        { "ruche run --pull=n", "never" },
        { "ruche run --pull=", "always missing never" },
        { "ruche container run --pull=n", "never" },
        { "ruche container run -e ", "default" },
        { "ruche run --tty=f", "false" },
        { "ruche run alpine:e", "edge" },
        { "ruche run host:5000/", "5000/app:1" },
        { "ruche run $", "$(x)*" },
        { "ruche run debian ", "default" },
        { "ruche run --env=/x", "default" },
        { "ruche nonsense ", "" },
        { "ruche container nonsense ", "" },
        { "ruche run -e ", "default" },
        { "ruche --root=/x", "default" },
        { "ruche load ", "default" },
        { "ruche load a ", "" },
        { "ruche image load ", "default" },
        { "ruche image load a ", "" },
        { "ruche run -", "--env --explain --help --interactive --memory --pull --tty "
                         "--volumes-from -e -i -m -t" },
    };
    auto_free char *script = script_of("bash");
    auto_done(str) lines = {};

    if (!have("bash"))
        cr_skip_test("bash is not installed");
    str_add(&lines, bash_harness);
    add_offers(&lines, own, array_size(own));
    assert_offers(run_shell("bash", script, lines.at), own, array_size(own));

    str_clear(&lines);
    str_add(&lines, bash_harness);
    /* Files are for the other test. */
    str_add(&lines, "compopt() { :; }\n");
    add_offers(&lines, offers, array_size(offers));
    assert_offers(run_shell("bash", script, lines.at), offers, array_size(offers));
}

Test(completion, bash_hands_global_options_on)
{
    auto_free char *script = script_of("bash");
    auto_done(str) lines = {};

    if (!have("bash"))
        cr_skip_test("bash is not installed");
    str_add(&lines, bash_harness);
    str_add(&lines, "offer 'ruche --root /x -r=/y --debug run -e A=1 deb'\ncat globals\n");
    cr_assert_str_eq(run_shell("bash", script, lines.at), "debian:12\n--root /x -r=/y --debug ");
}

Test(completion, bash_syntax)
{
    auto_free char *script = script_of("bash");

    if (!have("bash"))
        cr_skip_test("bash is not installed");
    cr_assert_str_eq(run_shell("bash -n", script, ""), "");
}

Test(completion, zsh_syntax)
{
    auto_free char *script = script_of("zsh");

    if (!have("zsh"))
        cr_skip_test("zsh is not installed");
    cr_assert_str_eq(run_shell("zsh -n", script, ""), "");
}

#define ZSH_IMAGE_RM                                                                               \
    "-s\n-S\n"                                                                                     \
    "(-f --force)-f[Without asking]\n"                                                             \
    "(-f --force)--force[Without asking]\n"                                                        \
    "(- *)--help[Show help]\n"                                                                     \
    "*:images:_ruche_list images\n"

/* What _arguments is called with, as it sees it behind the quotes. */
Test(completion, zsh_specs)
{
    auto_free char *script = script_of("zsh");

    if (!have("zsh"))
        cr_skip_test("zsh is not installed");
    auto_free char *all =
        xasprintf("%s_ruche-run\nprint -- --\n_ruche-stop\nprint -- --\n_ruche-rmi\n"
                  "print -- --\n_ruche-image-rm\nprint -- --\n_ruche_commands\n"
                  "print -- --\n_ruche-container_commands\n",
                  script);
    const char *text = run_shell("zsh -f",
                                 "compdef() { }\n_arguments() { print -rl -- \"$@\" }\n"
                                 "_describe() { print -rl -- \"${(@P)4}\" }\n",
                                 all);
    cr_assert_str_eq(text, "-s\n-S\n-A\n-*\n"
                           "*-e+[Set a variable]:KEY=VALUE:_files\n"
                           "*--env=[Set a variable]:KEY=VALUE:_files\n"
                           "--explain=-[Show the steps]::FORMAT: \n"
                           "(-i --interactive)-i[Keep its input open]\n"
                           "(-i --interactive)--interactive[Keep its input open]\n"
                           "(-m --memory)-m+[Memory at most]:A\\:B: \n"
                           "(-m --memory)--memory=[Memory at most]:A\\:B: \n"
                           "--pull=[Pull the image]:WHEN:(always missing never)\n"
                           "(-t --tty)-t[It's \\[a\\] terminal: \\\\ and $(so) \"on\"]\n"
                           "(-t --tty)--tty[It's \\[a\\] terminal: \\\\ and $(so) \"on\"]\n"
                           "--volumes-from=[Mount its volumes]:CONTAINER:_ruche_list containers\n"
                           "(- *)--help[Show help]\n"
                           "1:images:_ruche_list images\n"
                           "*:files:_files\n"
                           "--\n"
                           "-s\n-S\n"
                           "(- *)--help[Show help]\n"
                           "1:running:_ruche_list running\n"
                           "--\n" ZSH_IMAGE_RM "--\n" ZSH_IMAGE_RM "--\n"
                           "run:Run it: that's all\n"
                           "container:Manage containers\n"
                           "image:Manage images\n"
                           "rm:Remove containers\n"
                           "stop:Stop a container\n"
                           "rmi:Remove images\n"
                           "load:Load an archive\n"
                           "--\n"
                           "run:Run it: that's all\n"
                           "rm:Remove containers\n"
                           "remove:Remove containers\n");
}

static const char fish_harness[] = "function ruche\n"
                                   "    switch $argv[-1]\n"
                                   "        case containers; printf '%s\\n' web worker db\n"
                                   "        case running; echo web\n"
                                   "        case images; printf '%s\\n' alpine:3.20 alpine:edge "
                                   "debian:12 \"globals:$argv[1..-3]\"\n"
                                   "    end\n"
                                   "end\n"
                                   "function offer\n"
                                   "    set -l words (complete -C $argv[1])\n"
                                   "    echo (string replace -r '\\t.*' '' -- $words)\n"
                                   "end\n";

Test(completion, fish_offers)
{
    static const struct offer own[] = {
        { "ruche run --pull=n", "--pull=never" },
        { "ruche run alpine:e", "alpine:edge" },
        { "ruche --debug --root /x run --", "--env --explain --help --interactive --memory "
                                            "--pull --tty --volumes-from" },
        { "ruche --debug --root /x -r/y run -e A=1 glob", "globals:--debug --root /x -r/y" },
        { "ruche run debian zz", "zz-file" },
        { "ruche run -e zz", "zz-file" },
        { "ruche --root zz", "zz-file" },
        { "ruche load zz", "zz-file" },
        { "ruche load a zz", "" },
        { "ruche image load zz", "zz-file" },
        { "ruche image load a zz", "" },
        { "ruche container run --pull=n", "--pull=never" },
        { "ruche container run -e zz", "zz-file" },
        { "ruche container run debian zz", "zz-file" },
        { "ruche image ls zz", "" },
    };
    auto_free char *script = script_of("fish");
    auto_done(str) lines = {};

    if (!have("fish"))
        cr_skip_test("fish is not installed");
    cr_assert_str_eq(run_shell("fish -n", script, ""), "");
    str_add(&lines, fish_harness);
    add_offers(&lines, offers, array_size(offers));
    assert_offers(run_shell("fish --no-config", script, lines.at), offers, array_size(offers));

    str_clear(&lines);
    str_add(&lines, fish_harness);
    add_offers(&lines, own, array_size(own));
    assert_offers(run_shell("fish --no-config", script, lines.at), own, array_size(own));
}
