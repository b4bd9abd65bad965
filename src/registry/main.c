/* SPDX-License-Identifier: Apache-2.0 */
/* ruche-registry: what `ruche registry serve` executes. */
#include <stdio.h>
#include <string.h>

#include "base/program.h"
#include "registry/serve.h"

struct program_args {
    struct registry_serve_args serve;
    const char *root;
};

/* clang-format off */
static const struct option program_table[] = {
    OPTION_TEXT(program_args, root, 0, "root", "DIRECTORY", "Where images are kept"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const program_options[] = { registry_serve_table, program_table, NULL };
_Static_assert(offsetof(struct program_args, serve) == 0, "the first table fills it");

int main(int argc, char **argv)
{
    struct err err = {};
    struct program_args args = {};
    char **operands;
    program_streams_fill();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("ruche-registry %s\n", RUCHE_VERSION);
        return 0;
    }
    int help = argc > 0 ? option_parse(program_options, 0, &args, argv + 1, &operands, &err) : 0;
    if (help == 0 && !args.root)
        help =
            err_set(&err, ERR_USAGE, "started by ruche registry serve, which says with what root");
    if (help > 0) {
        auto_done(str) text = {};
        str_add(&text, "Usage:  ruche-registry --root DIRECTORY [OPTIONS]\n\nOptions:\n");
        option_help(program_options, &text);
        (void)fputs(str_text(&text), stdout);
        return 0;
    }
    if (help == 0 && serve_registry(args.root, &args.serve, &err) == 0)
        return 0;
    auto_done(str) text = {};
    text_escape(&text, err.text, strlen(err.text));
    (void)fprintf(stderr, "ruche-registry: %s\n", str_text(&text));
    return err_exit_status(&err);
}
