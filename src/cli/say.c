/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"

int say(const struct str *text, struct err *err)
{
    if (text->len > 0 && fd_write_all(STDOUT_FILENO, text->at, text->len) < 0)
        return err_sys(err, "write to the standard output");
    return 0;
}

int say_line(const char *text, struct err *err)
{
    auto_done(str) line = {};
    str_add(&line, text);
    str_add_char(&line, '\n');
    return say(&line, err);
}

static void complain_as(const char *head, const char *text, size_t len)
{
    auto_done(str) line = {};
    str_add(&line, head);
    text_escape_rest(&line, text, len);
    str_add_char(&line, '\n');
    (void)fd_write_all(STDERR_FILENO, line.at, line.len); /* there is nobody else to tell */
}

void complain(const char *text)
{
    complain_as("ruche: ", text, strlen(text));
}

void warn_lines(const char *lines)
{
    struct view rest = view_of(lines);
    struct view line;
    bool more = rest.len > 0;
    while (more) {
        more = view_cut(&rest, '\n', &line);
        if (line.len > 0)
            complain_as("ruche: warning: ", line.at, line.len);
    }
}
