/* SPDX-License-Identifier: Apache-2.0 */
/* The words of mount options: which bits they are, who wins, what is no option at all. */
#include "runtime/mount_options.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mount.h>

static struct mount_options options;
static struct err err;

static void tidy(void)
{
    mount_options_done(&options);
}

TestSuite(mount_options, .fini = tidy);

/* Words with commas between them. */
static int parse(const char *text)
{
    auto_done(strings) words = {};
    struct view rest = view_of(text);
    struct view word;
    for (bool more = *text; more;) {
        more = view_cut(&rest, ',', &word);
        strings_add_taken(&words, xstrndup(word.at, word.len));
    }
    mount_options_done(&options);
    options = (struct mount_options){};
    return mount_options_parse(&words, "/there", &options, &err);
}

static void parses(const char *text)
{
    cr_assert_eq(parse(text), 0, "%s: %s", text, err.text);
}

static void formats_as(const char *expected)
{
    auto_done(str) text = {};
    mount_options_format(&options, &text);
    cr_expect_str_eq(str_text(&text), expected);
}

Test(mount_options, knows_each_word)
{
    static const struct {
        const char *word;
        uint64_t set;
        uint64_t clear;
    } rows[] = {
        { "ro", MOUNT_ATTR_RDONLY, 0 },
        { "rw", 0, MOUNT_ATTR_RDONLY },
        { "nosuid", MOUNT_ATTR_NOSUID, 0 },
        { "suid", 0, MOUNT_ATTR_NOSUID },
        { "nodev", MOUNT_ATTR_NODEV, 0 },
        { "dev", 0, MOUNT_ATTR_NODEV },
        { "noexec", MOUNT_ATTR_NOEXEC, 0 },
        { "exec", 0, MOUNT_ATTR_NOEXEC },
        { "noatime", MOUNT_ATTR_NOATIME, 0 },
        { "atime", 0, MOUNT_ATTR__ATIME },
        { "relatime", 0, MOUNT_ATTR__ATIME },
        { "norelatime", MOUNT_ATTR_STRICTATIME, 0 },
        { "strictatime", MOUNT_ATTR_STRICTATIME, 0 },
        { "nostrictatime", 0, MOUNT_ATTR__ATIME },
        { "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
        { "diratime", 0, MOUNT_ATTR_NODIRATIME },
        { "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0 },
        { "symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        parses(rows[i].word);
        cr_expect_eq(options.set, rows[i].set, "%s", rows[i].word);
        cr_expect_eq(options.clear, rows[i].clear, "%s", rows[i].word);
        cr_expect_eq(options.set_below | options.clear_below, 0, "%s", rows[i].word);
        cr_expect_eq(options.rest.len, 0, "%s", rows[i].word);
    }
}

Test(mount_options, knows_the_recursive_words)
{
    parses("rro,rnosuid,rexec,rnoatime");
    cr_expect_eq(options.set_below, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME);
    cr_expect_eq(options.clear_below, MOUNT_ATTR_NOEXEC);
    cr_expect_eq(options.set | options.clear, 0);
    cr_expect_eq(options.rest.len, 0);
}

Test(mount_options, takes_a_word_that_begins_with_r_for_itself)
{
    parses("ro,rw,relatime");
    cr_expect_eq(options.set_below | options.clear_below, 0);
    cr_expect_eq(options.rest.len, 0);
    parses("rrw,rrelatime");
    cr_expect_eq(options.set | options.clear, 0);
    cr_expect_eq(options.clear_below, MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME);
}

Test(mount_options, lets_the_last_word_win)
{
    parses("ro,rw");
    cr_expect_eq(options.set, 0);
    cr_expect_eq(options.clear, MOUNT_ATTR_RDONLY);
    parses("rw,ro");
    cr_expect_eq(options.set, MOUNT_ATTR_RDONLY);
    cr_expect_eq(options.clear, 0);
    parses("private,rslave");
    cr_expect_eq(options.propagation, MS_SLAVE);
    cr_expect(options.propagation_below);
}

/* The kernel refuses two access times at once, and a part of their bits to be cleared. */
Test(mount_options, never_gives_two_access_times)
{
    parses("noatime,strictatime");
    cr_expect_eq(options.set, MOUNT_ATTR_STRICTATIME);
    parses("strictatime,noatime");
    cr_expect_eq(options.set, MOUNT_ATTR_NOATIME);
    parses("strictatime,relatime");
    cr_expect_eq(options.set, 0);
    parses("noatime,atime");
    cr_expect_eq(options.set, 0);
    cr_expect_eq(options.clear, MOUNT_ATTR__ATIME);
}

Test(mount_options, knows_propagation)
{
    static const struct {
        const char *word;
        uint64_t flag;
        bool below;
    } rows[] = {
        { "private", MS_PRIVATE, false },       { "rprivate", MS_PRIVATE, true },
        { "slave", MS_SLAVE, false },           { "rslave", MS_SLAVE, true },
        { "shared", MS_SHARED, false },         { "rshared", MS_SHARED, true },
        { "unbindable", MS_UNBINDABLE, false }, { "runbindable", MS_UNBINDABLE, true },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        parses(rows[i].word);
        cr_expect_eq(options.propagation, rows[i].flag, "%s", rows[i].word);
        cr_expect_eq(options.propagation_below, rows[i].below, "%s", rows[i].word);
    }
}

Test(mount_options, knows_binds)
{
    parses("bind");
    cr_expect(options.bind && !options.bind_below);
    parses("rbind");
    cr_expect(options.bind && options.bind_below);
    parses("");
    cr_expect(!options.bind && !options.bind_below);
}

Test(mount_options, keeps_the_file_systems_own_words_in_order)
{
    parses("mode=755,nosuid,size=64k,newinstance,sync");
    cr_assert_eq(options.rest.len, 4);
    cr_expect_str_eq(options.rest.at[0], "mode=755");
    cr_expect_str_eq(options.rest.at[1], "size=64k");
    cr_expect_str_eq(options.rest.at[2], "newinstance");
    cr_expect_str_eq(options.rest.at[3], "sync");
}

Test(mount_options, passes_over_what_holds_anyway)
{
    parses("defaults,async,loud,nomand,noiversion");
    cr_expect_eq(options.set | options.clear | options.set_below | options.clear_below, 0);
    cr_expect_eq(options.rest.len, 0);
}

Test(mount_options, reads_words_that_are_neither)
{
    parses("remount,ridmap,tmpcopyup");
    cr_expect(options.remount && options.idmap && options.idmap_below && options.copy_up);
    cr_expect_eq(options.rest.len, 0);
    parses("idmap");
    cr_expect(options.idmap && !options.idmap_below && !options.remount && !options.copy_up);
}

Test(mount_options, knows_what_a_bind_mount_has_not)
{
    cr_expect(mount_option_is_general("sync"));
    cr_expect(!mount_option_is_general("r0"));
    cr_expect(!mount_option_is_general(""));
}

Test(mount_options, says_what_it_read)
{
    parses("rbind,ro,nosuid,rnoexec,rslave");
    formats_as("rbind,ro,nosuid,rnoexec,rslave");
    parses("nodev,mode=755,strictatime");
    formats_as("nodev,strictatime,mode=755");
    parses("");
    formats_as("");
}

/* Behind an opening bracket no comma is needed, behind other text one is. */
Test(mount_options, is_said_behind_other_text)
{
    auto_done(str) text = {};
    parses("bind,ro");
    str_add(&text, "move_mount(");
    mount_options_format(&options, &text);
    cr_expect_str_eq(str_text(&text), "move_mount(bind,ro");
    str_clear(&text);
    str_add(&text, "there");
    mount_options_format(&options, &text);
    cr_expect_str_eq(str_text(&text), "there,bind,ro");
}
