/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(str, an_empty_one_is_text_already)
{
    auto_done(str) str = {};
    cr_assert_str_eq(str_text(&str), "");
    cr_assert_null(str.at);
    auto_free char *text = str_take(&str);
    cr_assert_str_eq(text, "");
}

Test(str, grows)
{
    auto_done(str) str = {};
    for (int i = 0; i < 1000; i++) {
        str_add(&str, "ab");
        str_add_char(&str, 'c');
        str_add_bytes(&str, "d\0e", 3);
    }
    cr_assert_eq(str.len, 6000);
    cr_assert_eq(memcmp(str.at, "abcd\0eabc", 9), 0);
    cr_assert_eq(str.at[6000], '\0');
    cr_assert_not(str.over);
}

Test(str, formats)
{
    auto_done(str) str = {};
    str_addf(&str, "%s", "");
    cr_assert_str_eq(str_text(&str), "");
    for (int i = 0; i < 200; i++)
        str_addf(&str, "%d-%s;", i, "value");
    cr_assert(text_ends(str_text(&str), ";198-value;199-value;"));
    cr_assert_eq(strlen(str_text(&str)), str.len);
    str_addf(&str, "%0300d", 1);
    cr_assert_eq(strlen(str_text(&str)), str.len);
}

/* Every length around the room there is, where a zero byte may be lost. */
Test(str, formats_at_each_edge)
{
    for (int len = 0; len < 200; len++) {
        auto_done(str) str = {};
        str_addf(&str, "%*s", len, "");
        str_addf(&str, "%*s", len, "");
        cr_assert_eq(str.len, 2 * (size_t)len);
        cr_assert_eq(strlen(str_text(&str)), str.len);
    }
}

Test(str, stops_at_its_maximum)
{
    auto_done(str) str = { .max_bytes = 5 };
    str_add(&str, "abc");
    cr_assert_not(str.over);
    str_add(&str, "def");
    cr_assert(str.over);
    cr_assert_str_eq(str_text(&str), "abcde");
    str_clear(&str);
    cr_assert_not(str.over);
    str_add(&str, "12345");
    cr_assert_not(str.over);
    str_add_char(&str, '6');
    cr_assert(str.over);
    cr_assert_str_eq(str_text(&str), "12345");
}

Test(str, stops_formatting_at_its_maximum)
{
    auto_done(str) str = { .max_bytes = 5 };
    str_addf(&str, "%d", 1234567);
    cr_assert(str.over);
    cr_assert_str_eq(str_text(&str), "12345");

    auto_done(str) roomy = { .max_bytes = 70 };
    str_add(&roomy, "x");
    str_addf(&roomy, "%0100d", 0);
    cr_assert(roomy.over);
    cr_assert_eq(roomy.len, 70);
    cr_assert_eq(strlen(str_text(&roomy)), 70);
}

/* What is shorter must not slip in behind what was left out. */
Test(str, ignores_the_rest_once_over)
{
    auto_done(str) str = { .max_bytes = 3 };
    str_add(&str, "abcd");
    str.len = 2;
    str_add(&str, "x");
    str_addf(&str, "%c", 'y');
    cr_assert_eq(str.len, 2);
}

Test(str, has_a_default_maximum)
{
    auto_done(str) str = {};
    auto_free char *block = xcalloc(1, STR_MAX_DEFAULT);
    str_add_bytes(&str, block, STR_MAX_DEFAULT);
    cr_assert_not(str.over);
    str_add_char(&str, 'x');
    cr_assert(str.over);
    cr_assert_eq(str.len, STR_MAX_DEFAULT);
}

Test(str, take_hands_over)
{
    auto_done(str) str = { .max_bytes = 9 };
    str_add(&str, "abc");
    auto_free char *text = str_take(&str);
    cr_assert_str_eq(text, "abc");
    cr_assert_null(str.at);
    cr_assert_eq(str.len, 0);
    cr_assert_eq(str.max_bytes, 9);
    str_add(&str, "new");
    cr_assert_str_eq(str_text(&str), "new");
    cr_assert_str_eq(text, "abc");
}

Test(view, is)
{
    cr_assert(view_is(view_of("abc"), "abc"));
    cr_assert_not(view_is(view_of("abc"), "ab"));
    cr_assert_not(view_is(view_of("ab"), "abc"));
    cr_assert(view_is((struct view){}, ""));
    cr_assert_not(view_is((struct view){}, "a"));
    cr_assert(view_is((struct view){ "abcd", 2 }, "ab"));
    cr_assert_not(view_is((struct view){ "a\0b", 3 }, "a"));
}

Test(view, cut_gives_each_part)
{
    static const char *const parts[] = { "a", "", "bc", "" };
    struct view rest = view_of("a,,bc,"), head = {};
    size_t n = 0;
    for (bool more = true; more; n++) {
        more = view_cut(&rest, ',', &head);
        cr_assert_lt(n, array_size(parts));
        cr_assert(view_is(head, parts[n]), "part %zu", n);
    }
    cr_assert_eq(n, array_size(parts));
    cr_assert_eq(rest.len, 0);
}

Test(view, cut_of_nothing)
{
    struct view rest = {}, head = view_of("x");
    cr_assert_not(view_cut(&rest, ',', &head));
    cr_assert_eq(head.len, 0);
    rest = (struct view){ "ab,c", 2 };
    cr_assert_not(view_cut(&rest, ',', &head));
    cr_assert(view_is(head, "ab"));
}

Test(strings, end_in_null)
{
    auto_done(strings) list = {};
    for (int i = 0; i < 100; i++) {
        strings_addf(&list, "%d", i);
        cr_assert_eq(list.len, (size_t)i + 1);
        cr_assert_null(list.at[list.len]);
    }
    strings_add_taken(&list, xstrdup("taken"));
    cr_assert_str_eq(list.at[0], "0");
    cr_assert_str_eq(list.at[99], "99");
    cr_assert_str_eq(list.at[100], "taken");
    strings_done(&list);
    cr_assert_null(list.at);
    cr_assert_eq(list.len, 0);
}

Test(strings, add_to_a_list_made_by_hand)
{
    auto_done(strings) list = { .at = xcalloc(2, sizeof(char *)), .len = 1 };
    list.at[0] = xstrdup("a");
    strings_add(&list, "b");
    cr_assert_str_eq(list.at[0], "a");
    cr_assert_str_eq(list.at[1], "b");
    cr_assert_null(list.at[2]);
}

Test(strings, copy_is_its_own)
{
    auto_done(strings) from = {};
    auto_done(strings) list = {};
    strings_add(&from, "a");
    strings_add(&from, "b");
    strings_add(&list, "old");
    strings_copy(&list, &from);
    strings_copy(&list, &list);
    cr_assert_eq(list.len, 2);
    cr_assert_str_eq(list.at[1], "b");
    cr_assert_neq(list.at[1], from.at[1]);
    strings_copy(&list, &(struct strings){});
    cr_assert_null(list.at);
}

Test(strings, have)
{
    auto_done(strings) list = {};
    cr_assert_not(strings_have(&list, "a"));
    strings_add(&list, "ab");
    cr_assert_not(strings_have(&list, "a"));
    cr_assert(strings_have(&list, "ab"));
}

Test(strings, put_replaces_by_key)
{
    auto_done(strings) list = {};
    strings_put(&list, "PATH=/bin");
    strings_put(&list, "PATHS=x");
    strings_put(&list, "BARE");
    cr_assert_eq(list.len, 3);
    strings_put(&list, "PATH=/usr/bin");
    strings_put(&list, "BARE=now");
    strings_put(&list, list.at[1]);
    cr_assert_eq(list.len, 3);
    cr_assert_str_eq(list.at[0], "PATH=/usr/bin");
    cr_assert_str_eq(list.at[1], "PATHS=x");
    cr_assert_str_eq(list.at[2], "BARE=now");
    strings_put(&list, "PAT=y");
    cr_assert_eq(list.len, 4);
    strings_put(&list, "PATHS");
    cr_assert_str_eq(list.at[1], "PATHS");
}

Test(strings, value_by_key)
{
    auto_done(strings) list = {};
    cr_assert_null(strings_value(&list, "A"));
    strings_add(&list, "AB=1");
    strings_add(&list, "A=x=y");
    strings_add(&list, "EMPTY=");
    strings_add(&list, "BARE");
    cr_assert_str_eq(strings_value(&list, "A"), "x=y");
    cr_assert_str_eq(strings_value(&list, "EMPTY"), "");
    cr_assert_null(strings_value(&list, "BARE"));
    cr_assert_null(strings_value(&list, "B"));
}

Test(text, starts_ends_same)
{
    cr_assert(text_starts("abc", "ab"));
    cr_assert(text_starts("abc", ""));
    cr_assert_not(text_starts("a", "ab"));
    cr_assert(text_ends("abc", "bc"));
    cr_assert(text_ends("abc", ""));
    cr_assert_not(text_ends("c", "bc"));
    cr_assert_not(text_ends("abd", "bc"));
    cr_assert(text_same(NULL, NULL));
    cr_assert(text_same("a", "a"));
    cr_assert_not(text_same("a", NULL));
    cr_assert_not(text_same(NULL, "a"));
    cr_assert_not(text_same("a", "b"));
}

static void assert_escaped(const char *text, size_t len, const char *wanted)
{
    auto_done(str) out = {};
    text_escape(&out, text, len);
    cr_assert_str_eq(str_text(&out), wanted);
}

#define ESCAPED(text, wanted) assert_escaped((text), sizeof(text) - 1, (wanted))

Test(text, escape_of_the_rest_lets_escapes_pass)
{
    auto_done(str) once = {};
    auto_done(str) twice = {};
    text_escape(&once, "a\\b\x1b", 4);
    text_escape_rest(&twice, str_text(&once), once.len);
    cr_assert_str_eq(str_text(&twice), "a\\\\b\\x1b");
    str_clear(&twice);
    text_escape_rest(&twice, "\x1b\n", 2);
    cr_assert_str_eq(str_text(&twice), "\\x1b\\n");
}

Test(text, escape_lets_text_pass)
{
    ESCAPED("", "");
    ESCAPED("plain ~ text", "plain ~ text");
    ESCAPED("Grüße, 蜂, 🐝", "Grüße, 蜂, 🐝");
    ESCAPED("\xc2\xa0", "\xc2\xa0");                                 /* the first behind C1 */
    ESCAPED("\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd");                 /* U+10FFFD */
    ESCAPED("\xe2\x80\xa9\xe2\x80\xaf", "\xe2\x80\xa9\xe2\x80\xaf"); /* beside the overrides */
}

Test(text, escape_shows_what_acts)
{
    ESCAPED("a\nb\tc\rd\\e", "a\\nb\\tc\\rd\\\\e");
    ESCAPED("\033[31m\a\177", "\\x1b[31m\\x07\\x7f");
    ESCAPED("a\0b", "a\\x00b");
    ESCAPED("\xc2\x9b"
            "2J",
            "\\xc2\\x9b2J"); /* CSI as one C1 character */
    ESCAPED("\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f");
    ESCAPED("\xe2\x80\xaa\xe2\x80\xae", "\\xe2\\x80\\xaa\\xe2\\x80\\xae");
    ESCAPED("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
}

Test(text, escape_shows_what_is_not_utf8)
{
    ESCAPED("\x80z", "\\x80z");
    ESCAPED("\xc3", "\\xc3");
    ESCAPED("\xc3z", "\\xc3z");
    ESCAPED("\xc0\xaf", "\\xc0\\xaf");                   /* "/" in two bytes */
    ESCAPED("\xe0\x80\xaf", "\\xe0\\x80\\xaf");          /* and in three */
    ESCAPED("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"); /* and in four */
    ESCAPED("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
    ESCAPED("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* U+110000 */
    ESCAPED("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
    ESCAPED("\xff\xfe", "\\xff\\xfe");
    ESCAPED("\xe8\x9c\xc3\xbc", "\\xe8\\x9cü"); /* cut off, and whole again */
    assert_escaped("蜂", 2, "\\xe8\\x9c");      /* what is behind the length is not looked at */
}

Test(mem, nothing_is_something)
{
    auto_free void *a = xmalloc(0);
    auto_free void *b = xcalloc(0, 8);
    auto_free void *c = xrealloc(NULL, 0, 8);
    auto_free char *d = xstrndup(NULL, 0);
    auto_free char *e = xasprintf("%s-%d", "x", 3);
    cr_assert(a && b && c);
    cr_assert_str_eq(d, "");
    cr_assert_str_eq(e, "x-3");
}

Test(mem, takes_leave_nothing)
{
    char *text = xstrdup("x");
    auto_free char *taken = take_ptr(text);
    cr_assert_null(text);
    cr_assert_str_eq(taken, "x");

    int fd = dup(STDERR_FILENO);
    int given = take_fd(fd);
    cr_assert_eq(fd, -1);
    fd_close(&given);
    cr_assert_eq(given, -1);
    fd_close(&given);
}

Test(mem, ends_the_process_when_out, .exit_code = 125)
{
    (void)xmalloc(SIZE_MAX / 4);
}

Test(mem, ends_the_process_when_a_product_overflows, .exit_code = 125)
{
    (void)xrealloc(NULL, SIZE_MAX / 2, 4);
}
