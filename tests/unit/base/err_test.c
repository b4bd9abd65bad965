/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"

enum { TEXT_MAX = sizeof(((struct err *)NULL)->text) - 1 };

/* count copies of text. */
static char *many(const char *text, size_t count)
{
    size_t len = strlen(text);
    char *all = xmalloc(len * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(all + i * len, text, len);
    all[len * count] = '\0';
    return all;
}

static bool ends(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

Test(err, set_begins_a_chain)
{
    struct err err = { .kind = ERR_DENIED, .errnum = EPERM, .text = "old" };
    cr_assert_eq(err_set(&err, ERR_NOT_FOUND, "image %s", "alpine"), -1);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
    cr_assert_eq(err.errnum, 0);
    cr_assert_str_eq(err.text, "image alpine");
}

Test(err, set_takes_its_own_text_as_argument)
{
    struct err err = {};
    (void)err_set(&err, ERR_INVALID, "inner");
    (void)err_set(&err, ERR_USAGE, "outer (%s)", err.text);
    cr_assert_str_eq(err.text, "outer (inner)");
}

Test(err, sys_adds_the_systems_text)
{
    struct err err = {};
    errno = ENOENT;
    cr_assert_eq(err_sys(&err, "open %s", "/x"), -1);
    cr_assert_str_eq(err.text, "open /x: No such file or directory");
    cr_assert_eq(err.errnum, ENOENT);
    cr_assert_eq(errno, ENOENT);
}

Test(err, sys_knows_the_kind)
{
    static const struct {
        int errnum;
        enum err_kind kind;
    } rows[] = {
        { ENOENT, ERR_NOT_FOUND }, { EEXIST, ERR_EXISTS },      { EPERM, ERR_DENIED },
        { EACCES, ERR_DENIED },    { ENOSYS, ERR_UNSUPPORTED }, { EOPNOTSUPP, ERR_UNSUPPORTED },
        { EBUSY, ERR_CONFLICT },   { EIO, ERR_SYSTEM },         { ENOSPC, ERR_SYSTEM },
        { ENOTDIR, ERR_SYSTEM },   { 4095, ERR_SYSTEM },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct err err = {};
        errno = rows[i].errnum;
        (void)err_sys(&err, "do");
        cr_assert_eq(err.kind, rows[i].kind, "errno %d", rows[i].errnum);
        cr_assert_eq(err.errnum, rows[i].errnum);
    }
}

Test(err, sys_survives_an_unknown_errno)
{
    struct err err = {};
    errno = 4095;
    (void)err_sys(&err, "do");
    cr_assert_str_eq(err.text, "do: unknown system error");
}

Test(err, wrap_puts_text_before)
{
    struct err err = {};
    errno = EACCES;
    (void)err_sys(&err, "open %s", "key");
    cr_assert_eq(err_wrap(&err, "pull %d", 7), -1);
    cr_assert_str_eq(err.text, "pull 7: open key: Permission denied");
    cr_assert_eq(err.kind, ERR_DENIED);
    cr_assert_eq(err.errnum, EACCES);
}

Test(err, hint_puts_text_behind)
{
    struct err err = {};
    (void)err_set(&err, ERR_CONFLICT, "container web runs");
    cr_assert_eq(err_hint(&err, "stop it or use %s", "--force"), -1);
    cr_assert_str_eq(err.text, "container web runs; stop it or use --force");
}

Test(err, text_that_just_fits_is_whole)
{
    auto_free char *text = many("x", TEXT_MAX);
    struct err err = {};
    (void)err_set(&err, ERR_INVALID, "%s", text);
    cr_assert_str_eq(err.text, text);
}

Test(err, longer_text_is_cut_with_an_ellipsis)
{
    auto_free char *text = many("x", TEXT_MAX + 1);
    struct err err = {};
    (void)err_set(&err, ERR_INVALID, "%s", text);
    cr_assert_eq(strlen(err.text), TEXT_MAX);
    cr_assert(ends(err.text, "xx…"));
}

Test(err, cuts_at_a_characters_beginning)
{
    /* Each start shifts the characters against the limit by one byte. */
    static const char *const starts[] = { "", "a", "aa", "aaa" };
    auto_free char *tail = many("\xf0\x9f\x90\x9d", TEXT_MAX);
    for (size_t i = 0; i < array_size(starts); i++) {
        struct err err = {};
        (void)err_set(&err, ERR_INVALID, "%s%s", starts[i], tail);
        size_t len = strlen(err.text);
        cr_assert(ends(err.text, "\x9d…"), "start %zu", i);
        cr_assert_eq((len - strlen("…") - strlen(starts[i])) % 4, 0);
        cr_assert_gt(len, TEXT_MAX - 4);
    }
}

Test(err, cuts_what_is_not_utf8_too)
{
    auto_free char *text = many("\x80", TEXT_MAX * 2);
    struct err err = {};
    (void)err_set(&err, ERR_INVALID, "%s", text);
    cr_assert(ends(err.text, "\x80…"));
    cr_assert_gt(strlen(err.text), TEXT_MAX - 4);
}

Test(err, the_cause_outlives_a_long_name)
{
    auto_free char *name = many("n", TEXT_MAX * 2);
    struct err err = {};
    errno = ENOSPC;
    (void)err_sys(&err, "write %s", name);
    cr_assert(ends(err.text, "n…: No space left on device"));
    cr_assert_eq(strlen(err.text), TEXT_MAX);

    errno = ENOSPC;
    (void)err_sys(&err, "write");
    (void)err_wrap(&err, "%s", name);
    cr_assert(ends(err.text, "n…: write: No space left on device"));
    cr_assert_eq(strlen(err.text), TEXT_MAX);
}

Test(err, wrap_keeps_half_for_itself)
{
    auto_free char *name = many("n", TEXT_MAX * 2);
    struct err err = {};
    (void)err_set(&err, ERR_INVALID, "%s", name);
    (void)err_wrap(&err, "the circumstances");
    cr_assert_eq(strncmp(err.text, "the circumstances: nnn", 22), 0);
    cr_assert(ends(err.text, "n…"));
    cr_assert_eq(strlen(err.text), TEXT_MAX);
    (void)err_hint(&err, "no room for this");
    cr_assert(ends(err.text, "n…"));
    cr_assert_eq(strlen(err.text), TEXT_MAX);
}

Test(err, plain_says_what_and_name)
{
    struct err err = { .kind = ERR_USAGE, .errnum = 1, .text = "old" };
    cr_assert_eq(err_plain(&err, ERR_NO_COMMAND, ENOENT, "exec", "/bin/x"), -1);
    cr_assert_str_eq(err.text, "exec \"/bin/x\": No such file or directory");
    cr_assert_eq(err.kind, ERR_NO_COMMAND);
    cr_assert_eq(err.errnum, ENOENT);

    (void)err_plain(&err, ERR_INVALID, 0, "no name for", "x");
    cr_assert_str_eq(err.text, "no name for \"x\"");
    (void)err_plain(&err, ERR_SYSTEM, EINVAL, "mount", NULL);
    cr_assert_str_eq(err.text, "mount: Invalid argument");
    (void)err_plain(&err, ERR_SYSTEM, 0, "mount", NULL);
    cr_assert_str_eq(err.text, "mount");
}

Test(err, plain_fits_whatever_it_is_given)
{
    auto_free char *long_text = many("ä", TEXT_MAX * 2);
    struct err err = {};
    (void)err_plain(&err, ERR_SYSTEM, EXDEV, "x", long_text);
    cr_assert(ends(err.text, "ä…\": Invalid cross-device link"));
    (void)err_plain(&err, ERR_SYSTEM, EXDEV, long_text, long_text);
    cr_assert(ends(err.text, "ä…\": Invalid cross-device link"));
    cr_assert_leq(strlen(err.text), TEXT_MAX);
    (void)err_plain(&err, ERR_SYSTEM, EXDEV, long_text, NULL);
    cr_assert(ends(err.text, "ä…: Invalid cross-device link"));
    cr_assert_leq(strlen(err.text), TEXT_MAX);
}

Test(err, nobody_has_to_listen)
{
    cr_assert_eq(err_set(NULL, ERR_INVALID, "x"), -1);
    cr_assert_eq(err_sys(NULL, "x"), -1);
    cr_assert_eq(err_wrap(NULL, "x"), -1);
    cr_assert_eq(err_hint(NULL, "x"), -1);
    cr_assert_eq(err_plain(NULL, ERR_INVALID, 0, "x", NULL), -1);
}

Test(err, kinds_have_names_and_statuses)
{
    static const struct {
        enum err_kind kind;
        const char *name;
        int exit_status, http_status;
    } rows[] = {
        { ERR_NONE, "no error", 0, 200 },
        { ERR_USAGE, "wrong usage", 125, 400 },
        { ERR_NOT_FOUND, "not found", 125, 404 },
        { ERR_EXISTS, "already exists", 125, 409 },
        { ERR_NOT_EXECUTABLE, "cannot be executed", 126, 400 },
        { ERR_NO_COMMAND, "command not found", 127, 400 },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct err err = { .kind = rows[i].kind };
        cr_assert_str_eq(err_kind_name(rows[i].kind), rows[i].name);
        cr_assert_eq(err_exit_status(&err), rows[i].exit_status);
        cr_assert_eq(err_http_status(&err), rows[i].http_status);
    }
}

Test(err, a_kind_from_nowhere_is_a_system_error)
{
    struct err err = { .kind = (enum err_kind)1000 };
    cr_assert_str_eq(err_kind_name(err.kind), "system error");
    cr_assert_eq(err_exit_status(&err), 125);
    cr_assert_eq(err_http_status(&err), 500);
}
