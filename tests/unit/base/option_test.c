/* SPDX-License-Identifier: Apache-2.0 */
#include "base/option.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

struct run_args {
    bool tty;
    bool interactive;
    bool detach;
    bool init;
    const char *name;
    const char *pull;
    const char *explain;
    struct strings env;
    struct strings publish;
    struct maybe_i64 pids;
    struct maybe_i64 weight;
    struct maybe_i64 memory;
    struct maybe_i64 cpus;
};

static const char *const pull_words[] = { "always", "missing", "never", NULL };

static const struct option run_options[] = {
    OPTION_BOOL(run_args, tty, 't', "tty", "Give it a terminal"),
    OPTION_BOOL(run_args, interactive, 'i', "interactive", "Keep its input open"),
    OPTION_BOOL(run_args, detach, 'd', "detach", "Leave it in the background"),
    OPTION_TEXT(run_args, name, 0, "name", "NAME", "Name of the container"),
    OPTION_CHOICE(run_args, pull, 0, "pull", "WHEN", pull_words, "Pull the image"),
    OPTION_LIST(run_args, env, 'e', "env", "KEY=VALUE", "Set a variable"),
    OPTION_LIST(run_args, publish, 'p', "publish", "PORT", "Publish a port"),
    OPTION_END,
};
static const struct option limit_options[] = {
    OPTION_NUMBER(run_args, pids, 0, "pids-limit", "N", 0, 0, "Processes at most"),
    OPTION_NUMBER(run_args, weight, 0, "weight", "N", 10, 1000, "Share of the disk"),
    OPTION_SIZE(run_args, memory, 'm', "memory", "SIZE", "Memory at most"),
    OPTION_NANO(run_args, cpus, 0, "cpus", "N", "Processors at most"),
    OPTION_OPTIONAL(run_args, explain, 'x', "explain", "FORMAT", "Show the steps"),
    OPTION_BOOL(run_args, init, 0, "init", "Run an init"),
    OPTION_END,
};
static const struct option *const tables[] = { run_options, limit_options, NULL };

enum { WORDS_MAX = 16 };

struct line {
    char *argv[WORDS_MAX + 1];
    char **operands;
    struct run_args args;
    struct err err;
};

/* Splits at blanks and parses. */
static int parse(struct line *line, enum command_flags flags, const char *text)
{
    static char copy[512];
    size_t n = 0;

    *line = (struct line){};
    strncpy(copy, text, sizeof(copy) - 1);
    for (char *at = copy; *at && n < WORDS_MAX;) {
        line->argv[n++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
    }
    return option_parse(tables, flags, &line->args, line->argv, &line->operands, &line->err);
}

static void assert_operands(const struct line *line, const char *expected)
{
    auto_done(str) joined = {};

    for (char **operand = line->operands; *operand; operand++)
        str_addf(&joined, "%s%s", operand == line->operands ? "" : " ", *operand);
    cr_assert_str_eq(str_text(&joined), expected);
}

static void assert_fails(const char *text, const char *message)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, text), -1, "%s was taken", text);
    cr_assert_eq(line.err.kind, ERR_USAGE);
    cr_assert_str_eq(line.err.text, message);
    cr_assert_null(line.args.env.at);
}

Test(option, reads_values_attached_and_apart)
{
    static const char *const forms[] = { "-e A=1 x", "-eA=1 x", "-e=A=1 x", "--env A=1 x",
                                         "--env=A=1 x" };
    struct line line;

    for (size_t i = 0; i < array_size(forms); i++) {
        cr_assert_eq(parse(&line, 0, forms[i]), 0, "%s", line.err.text);
        cr_assert_eq(line.args.env.len, 1);
        cr_assert_str_eq(line.args.env.at[0], "A=1");
        assert_operands(&line, "x");
        option_done(tables, &line.args);
        cr_assert_null(line.args.env.at);
    }
}

Test(option, letters_combine)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, "-itd -p80 -p=81 -itp 82 x"), 0, "%s", line.err.text);
    cr_assert(line.args.interactive && line.args.tty && line.args.detach);
    cr_assert_eq(line.args.publish.len, 3);
    cr_assert_str_eq(line.args.publish.at[0], "80");
    cr_assert_str_eq(line.args.publish.at[1], "81");
    cr_assert_str_eq(line.args.publish.at[2], "82");
    option_done(tables, &line.args);

    cr_assert_eq(parse(&line, 0, "-it=false -p= x"), 0, "%s", line.err.text);
    cr_assert(line.args.interactive && !line.args.tty);
    cr_assert_str_eq(line.args.publish.at[0], "=");
    option_done(tables, &line.args);
}

Test(option, booleans)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, "--tty --init=1 --detach=T --interactive=true"), 0);
    cr_assert(line.args.tty && line.args.init && line.args.detach && line.args.interactive);
    cr_assert_eq(parse(&line, 0, "--tty --init --detach -i --tty=false --init=0 -d=F -i=False"), 0);
    cr_assert_not(line.args.tty || line.args.init || line.args.detach || line.args.interactive);
    cr_assert_eq(parse(&line, 0, "--tty false"), 0);
    cr_assert(line.args.tty);
    assert_operands(&line, "false");
    assert_fails("-e A --tty=maybe", "--tty: \"maybe\" is neither true nor false");
    assert_fails("--tty=", "--tty: \"\" is neither true nor false");
}

Test(option, numbers)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, "--pids-limit -5 --weight=10 -m 1.5g --cpus .5"), 0, "%s",
                 line.err.text);
    cr_assert(line.args.pids.set && line.args.pids.value == -5);
    cr_assert(line.args.weight.set && line.args.weight.value == 10);
    cr_assert(line.args.memory.set && line.args.memory.value == 3LL << 29);
    cr_assert(line.args.cpus.set && line.args.cpus.value == 500000000);
    cr_assert_eq(parse(&line, 0, "-m-1"), 0, "%s", line.err.text);
    cr_assert_eq(line.args.memory.value, -1);
    cr_assert_not(line.args.pids.set);
    assert_fails("--weight 9", "--weight: 9 is not from 10 to 1000");
    cr_assert_eq(parse(&line, 0, "-m lots"), -1);
    cr_assert_eq(line.err.kind, ERR_USAGE);
    cr_assert(text_starts(line.err.text, "--memory: \"lots\" is not "), "%s", line.err.text);
    cr_assert_not(line.args.memory.set);
}

Test(option, the_last_text_counts)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, "--name a --name=b --name= x"), 0);
    cr_assert_str_eq(line.args.name, "");
    cr_assert_eq(parse(&line, 0, "--name -- x"), 0);
    cr_assert_str_eq(line.args.name, "--");
    assert_operands(&line, "x");
}

Test(option, choices)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, "--pull never"), 0);
    cr_assert_str_eq(line.args.pull, "never");
    assert_fails("--pull=often", "--pull: \"often\" is not one of always, missing, never");
}

Test(option, optional_values_are_attached)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, "--explain json"), 0);
    cr_assert_str_eq(line.args.explain, "");
    assert_operands(&line, "json");
    cr_assert_eq(parse(&line, 0, "--explain=json"), 0);
    cr_assert_str_eq(line.args.explain, "json");
    cr_assert_eq(parse(&line, 0, "-xt"), 0);
    cr_assert_str_eq(line.args.explain, "");
    cr_assert(line.args.tty);
    cr_assert_eq(parse(&line, 0, "x"), 0);
    cr_assert_null(line.args.explain);
}

Test(option, first_operand_ends_options)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, "-t debian ls -l --tty --"), 0);
    assert_operands(&line, "debian ls -l --tty --");
    cr_assert_eq(parse(&line, 0, "-t -- -i ls"), 0);
    cr_assert_not(line.args.interactive);
    assert_operands(&line, "-i ls");
    cr_assert_eq(parse(&line, 0, "- -t"), 0);
    assert_operands(&line, "- -t");
    cr_assert_eq(parse(&line, 0, ""), 0);
    assert_operands(&line, "");
}

Test(option, operands_and_options_mix)
{
    struct line line;

    cr_assert_eq(parse(&line, COMMAND_INTERSPERSED, "a -t b c --name n d -e K=V - -- -i e --"), 0,
                 "%s", line.err.text);
    assert_operands(&line, "a b c d - -i e --");
    cr_assert(line.args.tty && !line.args.interactive);
    cr_assert_str_eq(line.args.name, "n");
    cr_assert_str_eq(line.args.env.at[0], "K=V");
    cr_assert_str_eq(line.argv[0], "-t");
    cr_assert_str_eq(line.argv[1], "--name");
    cr_assert_str_eq(line.argv[2], "n");
    option_done(tables, &line.args);
}

Test(option, help)
{
    struct line line;

    cr_assert_eq(parse(&line, 0, "-e A=1 --help --nonsense"), 1);
    cr_assert_null(line.args.env.at);
    cr_assert_eq(parse(&line, 0, "-th"), 1);
    cr_assert_eq(parse(&line, 0, "--help=false x"), 0);
    assert_operands(&line, "x");
    cr_assert_eq(parse(&line, 0, "x --help"), 0);
    cr_assert_eq(parse(&line, COMMAND_INTERSPERSED, "x --help"), 1);
    cr_assert_eq(parse(&line, 0, "-- --help"), 0);
}

Test(option, own_rows_come_before_help)
{
    struct own {
        const char *host;
    };
    static const struct option own_options[] = {
        OPTION_TEXT(own, host, 'h', "hostname", "NAME", "Name of the host"),
        OPTION_END,
    };
    static const struct option *const own_tables[] = { own_options, NULL };
    struct own own = {};
    struct err err = {};
    char *argv[] = { (char[]){ "-h" }, (char[]){ "box" }, NULL }, **operands;

    cr_assert_eq(option_parse(own_tables, 0, &own, argv, &operands, &err), 0, "%s", err.text);
    cr_assert_str_eq(own.host, "box");
}

Test(option, no_tables)
{
    struct err err = {};
    char *argv[] = { (char[]){ "-t" }, NULL }, **operands;

    cr_assert_eq(option_parse(NULL, 0, NULL, argv, &operands, &err), -1);
    cr_assert_str_eq(err.text, "unknown shorthand flag: 't' in -t");
    cr_assert_eq(option_parse(NULL, 0, NULL, argv + 1, &operands, &err), 0);
    cr_assert_eq(operands, argv + 1);
}

Test(option, unknown_flags)
{
    assert_fails("-e A --nam x", "unknown flag: --nam; did you mean --name?");
    assert_fails("--pul=never", "unknown flag: --pul; did you mean --pull?");
    assert_fails("--deatch", "unknown flag: --deatch; did you mean --detach?");
    assert_fails("--zzzzzz", "unknown flag: --zzzzzz");
    assert_fails("--inter", "unknown flag: --inter; did you mean --interactive?");
    assert_fails("--me\033[2J=1", "unknown flag: --me\\x1b[2J");
    assert_fails("-tz", "unknown shorthand flag: 'z' in -tz");
    assert_fails("-name x", "unknown shorthand flag: 'n' in -name; did you mean --name?");
    assert_fails("-é", "unknown shorthand flag: 'é' in -é");
    assert_fails("---tty", "bad flag syntax: ---tty");
    assert_fails("--=x", "bad flag syntax: --=x");
    assert_fails("-t=", "unknown shorthand flag: '=' in -t=");
}

Test(option, missing_values)
{
    assert_fails("-t --name", "flag needs a value: --name");
    assert_fails("-te", "flag needs a value: --env");
}

Test(option, nearest)
{
    static const char *const words[] = { "run", "ps", "inspect", "images", "image", NULL };
    char huge[200] = {};

    memset(huge, 'x', sizeof(huge) - 1);
    cr_assert_str_eq(option_nearest("rnu", words), "run");
    cr_assert_str_eq(option_nearest("isnpect", words), "inspect");
    cr_assert_str_eq(option_nearest("imagse", words), "images");
    cr_assert_str_eq(option_nearest("image", words), "image");
    cr_assert_str_eq(option_nearest("ins", words), "inspect");
    cr_assert_null(option_nearest("xyz", words));
    cr_assert_null(option_nearest("x", words));
    cr_assert_null(option_nearest("", words));
    cr_assert_null(option_nearest(huge, words));
}

Test(option, help_is_aligned_and_sorted)
{
    auto_done(str) out = {};

    option_help(tables, &out);
    cr_assert_str_eq(str_text(&out),
                     "      --cpus N             Processors at most\n"
                     "  -d, --detach             Leave it in the background\n"
                     "  -e, --env KEY=VALUE      Set a variable\n"
                     "  -x, --explain[=FORMAT]   Show the steps\n"
                     "      --init               Run an init\n"
                     "  -i, --interactive        Keep its input open\n"
                     "  -m, --memory SIZE        Memory at most\n"
                     "      --name NAME          Name of the container\n"
                     "      --pids-limit N       Processes at most\n"
                     "  -p, --publish PORT       Publish a port\n"
                     "      --pull WHEN          Pull the image (always, missing, never)\n"
                     "  -t, --tty                Give it a terminal\n"
                     "      --weight N           Share of the disk\n");
}

Test(option, help_wraps)
{
    struct wide {
        bool a;
        const char *b;
    };
    static const struct option wide_options[] = {
        OPTION_BOOL(wide, a, 'a', "all",
                    "A text of many words, so many that the line would be longer than a terminal "
                    "is wide, by far"),
        OPTION_TEXT(wide, b, 0, "a-name-that-is-long", "AND-A-VALUE-THAT-IS-LONGER", "Help"),
        OPTION_END,
    };
    static const struct option *const wide_tables[] = { wide_options, NULL };
    auto_done(str) out = {};

    option_help(wide_tables, &out);
    cr_assert_str_eq(str_text(&out),
                     "      --a-name-that-is-long AND-A-VALUE-THAT-IS-LONGER\n"
                     "              Help\n"
                     "  -a, --all   A text of many words, so many that the line would be longer "
                     "than a terminal is wide,\n"
                     "              by far\n");
}

Test(command, help)
{
    static const char *const examples[] = { "ruche run -it debian", "Start a shell", NULL };
    static const struct option few[] = {
        OPTION_BOOL(run_args, tty, 't', "tty", "Give it a terminal"),
        OPTION_END,
    };
    static const struct option *const few_tables[] = { few, NULL };
    const struct command command = {
        .name = "run",
        .args = "[OPTIONS] IMAGE",
        .summary = "Run a container",
        .text = "First paragraph\nof two lines.\n\nSecond:\n  kept   as is\n  too\nand on.",
        .examples = examples,
        .options = few_tables,
    };
    auto_done(str) out = {};

    command_help(&command, "ruche", &out);
    cr_assert_str_eq(str_text(&out), "Usage:  ruche run [OPTIONS] IMAGE\n"
                                     "\n"
                                     "Run a container\n"
                                     "\n"
                                     "First paragraph of two lines.\n"
                                     "\n"
                                     "Second:\n"
                                     "  kept   as is\n"
                                     "  too\n"
                                     "and on.\n"
                                     "\n"
                                     "Options:\n"
                                     "  -t, --tty   Give it a terminal\n"
                                     "\n"
                                     "Examples:\n"
                                     "  ruche run -it debian\n"
                                     "        Start a shell\n");

    const struct command bare = { .name = "version", .summary = "Show the version" };
    str_clear(&out);
    command_help(&bare, "ruche", &out);
    cr_assert_str_eq(str_text(&out), "Usage:  ruche version\n\nShow the version\n");
}
