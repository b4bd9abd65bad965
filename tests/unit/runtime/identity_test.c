/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process becomes, by the container's own files. Each look-up happens in a child whose root
 * directory is a fresh tmpfs with nothing but those files in it.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/mount.h"
#include "runtime/start.h"

enum { TROUBLE = 99 }; /* of the test itself */

/* What the child answers. */
struct answer {
    struct identity identity;
    struct err err;
    int result;
};

/* A case: files, or what stands in their place, and who is asked for. */
struct question {
    const char *passwd; /* NULL: no such file */
    const char *group;
    const char *user; /* NULL: the numbers of the configuration */
    uint32_t uid;
    uint32_t gid;
    const uint32_t *groups;
    size_t n_groups;
    struct strings *group_names;
    bool home_missing;
    void (*prepare)(void); /* in the child, beside or instead of the files */
};

static struct answer *answer;
static int host_proc; /* in the child: a clone of the host's procfs, not yet attached */

static void map_answer(void)
{
    answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(answer, MAP_FAILED);
}

TestSuite(identity, .init = map_answer, .timeout = 600);

#define NEED(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            perror(#condition);                                                                    \
            _exit(TROUBLE);                                                                        \
        }                                                                                          \
    } while (0)

static void poke(const char *path, const char *text)
{
    NEED(file_poke(AT_FDCWD, path, text) == 0);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    NEED(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0 && close(fd) == 0);
}

/* A user and mount namespace whose root is empty but for /etc. */
static void enter_root(void)
{
    char map[40];
    (void)snprintf(map, sizeof(map), "0 %u 1", geteuid());
    uint32_t gid = getegid();
    NEED(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
    poke("/proc/self/uid_map", map);
    poke("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof(map), "0 %u 1", gid);
    poke("/proc/self/gid_map", map);
    host_proc = mount_clone(AT_FDCWD, "/proc", MOUNT_RECURSIVE);
    NEED(host_proc >= 0 && mount("none", "/tmp", "tmpfs", 0, NULL) == 0);
    NEED(chdir("/tmp") == 0 && mkdir("etc", 0755) == 0 && chroot(".") == 0);
}

static void ask_inside(const struct question *question)
{
    enter_root();
    if (question->passwd)
        write_file("/etc/passwd", question->passwd);
    if (question->group)
        write_file("/etc/group", question->group);
    if (question->prepare)
        question->prepare();
    struct plan_process process = {
        .user = question->user,
        .uid = question->uid,
        .gid = question->gid,
        .groups = question->groups,
        .n_groups = question->n_groups,
        .group_names = question->group_names,
        .home_missing = question->home_missing,
    };
    answer->result = identity_find(&process, &answer->identity, &answer->err);
}

static int ask(const struct question *question)
{
    int status;
    memset(answer, 0x5a, sizeof(*answer)); /* nothing may be taken for granted */
    answer->err = (struct err){};
    pid_t pid = fork();
    if (pid == 0) {
        ask_inside(question);
        _exit(0);
    }
    cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child of the test failed");
    return answer->result;
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "# a remark\n"
                             "\n"
                             "bee:x:1000:1001:a bee:/home/bee:/bin/sh\n"
                             "short:x:7\n"
                             "4711:x:0:0:a trap:/root:/bin/sh\n"
                             "bad:x:zero:0::/:\n"
                             "wide:x:4294967296:0::/:\n"
                             "none:x:4294967295:4294967295::/:\n"
                             "minus:x:-1:-1::/:\n"
                             "second:x:1000:5::/elsewhere:\n";

static const char group[] = "root:x:0:\n"
                            "hive:x:1001:\n"
                            "swarm:x:2000:root,bee\n"
                            "queens:x:2001:beetle,be,eeb\n"
                            "meadow:x:2002:bee\n"
                            "4712:x:0:bee\n"
                            "wide:x:4294967296:bee\n";

static void becomes(const char *user, uint32_t uid, uint32_t gid)
{
    struct question question = { .passwd = passwd, .group = group, .user = user };
    cr_assert_eq(ask(&question), 0, "%s: %s", user, answer->err.text);
    cr_expect_eq(answer->identity.uid, uid, "%s is %u", user, answer->identity.uid);
    cr_expect_eq(answer->identity.gid, gid, "%s has the group %u", user, answer->identity.gid);
}

static void is_nobody(const char *user)
{
    struct question question = { .passwd = passwd, .group = group, .user = user };
    cr_expect_eq(ask(&question), -1, "%s became %u:%u", user, answer->identity.uid,
                 answer->identity.gid);
    cr_expect_eq(answer->err.kind, ERR_NOT_FOUND, "%s: %s", user, answer->err.text);
}

Test(identity, finds_names)
{
    becomes("root", 0, 0);
    becomes("bee", 1000, 1001);
}

Test(identity, finds_numbers)
{
    becomes("1000", 1000, 1001);
    becomes("0", 0, 0);
    becomes("00", 0, 0);
    becomes("0001000", 1000, 1001);
    becomes("5", 5, 0);
    becomes("4294967294", 4294967294, 0);
}

Test(identity, takes_the_group_behind_the_colon)
{
    becomes("bee:swarm", 1000, 2000);
    becomes("bee:0", 1000, 0);
    becomes("5:6", 5, 6);
    becomes("5:hive", 5, 1001);
    becomes("bee:4294967294", 1000, 4294967294);
}

/* docker's rule: with a group named, those of /etc/group do not come along. */
Test(identity, has_the_groups_of_its_name)
{
    struct question question = { .passwd = passwd, .group = group, .user = "bee" };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_assert_eq(answer->identity.n_groups, 3);
    cr_expect_eq(answer->identity.groups[0], 2000);
    cr_expect_eq(answer->identity.groups[1], 2002);
    cr_expect_eq(answer->identity.groups[2], 0); /* the group is called 4712, its number is 0 */
    question.user = "1000";
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.n_groups, 3, "by its number it is the same account");
    question.user = "bee:hive";
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.n_groups, 0);
}

Test(identity, takes_digits_for_a_number_never_for_a_name)
{
    becomes("4711", 4711, 0); /* the file has an account of that name with uid 0 */
    becomes("5:4712", 5, 4712);
    struct question question = { .passwd = "12345678901:x:0:0::/:\n4294967295:x:0:0::/:\n"
                                           "4294967296:x:0:0::/:\n99999999999999999999:x:0:0::/:\n",
                                 .group = "4294967296:x:0:\n" };
    static const char *const users[] = { "12345678901",  "4294967295",
                                         "4294967296",   "99999999999999999999",
                                         "5:4294967296", "18446744073709551616" };
    for (size_t i = 0; i < array_size(users); i++) {
        question.user = users[i];
        cr_expect_eq(ask(&question), -1, "%s became %u:%u", users[i], answer->identity.uid,
                     answer->identity.gid);
        cr_expect_eq(answer->err.kind, ERR_NOT_FOUND);
    }
}

Test(identity, refuses_what_is_neither_name_nor_number)
{
    static const char *const users[] = {
        "",       ":",          "1:",         ":1",    ":0",         "bee:",
        "1::",    "1:2:3",      "-1",         "-0",    "+0",         "+1",
        "0x0",    "0x10",       "1e3",        " 0",    "0 ",         "0\n",
        "1.0",    "1:-1",       "1:+0",       "1:0x0", "1: 0",       "1:4294967295",
        "nobody", "ROOT",       "roo",        "root ", "4294967295", "4294967296",
        "short",  "bad",        "wide",       "none",  "minus",      "root:nogroup",
        "1:wide", "# a remark", "root:x:0:0",
    };
    for (size_t i = 0; i < array_size(users); i++)
        is_nobody(users[i]);
}

Test(identity, names_who_was_not_found)
{
    is_nobody("wasp");
    cr_expect(strstr(answer->err.text, "\"wasp\"") && strstr(answer->err.text, "/etc/passwd"), "%s",
              answer->err.text);
    is_nobody("bee:wasps");
    cr_expect(strstr(answer->err.text, "\"wasps\"") && strstr(answer->err.text, "/etc/group"), "%s",
              answer->err.text);
}

Test(identity, needs_no_files_for_numbers)
{
    struct question question = { .user = "12:34", .home_missing = true };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.uid, 12);
    cr_expect_eq(answer->identity.gid, 34);
    cr_expect_str_eq(answer->identity.home, "HOME=/");
    question.user = "root";
    cr_expect_eq(ask(&question), -1, "there is no file that says who root is");
}

Test(identity, takes_the_numbers_of_the_configuration)
{
    const uint32_t groups[] = { 8, 9, 8 };
    struct question question = { .passwd = passwd,
                                 .group = group,
                                 .uid = 1000,
                                 .gid = 77,
                                 .groups = groups,
                                 .n_groups = 3,
                                 .home_missing = true };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.uid, 1000);
    cr_expect_eq(answer->identity.gid, 77, "the configuration's, not the file's");
    cr_expect_eq(answer->identity.n_groups, 2, "each once, and none of the file's");
    cr_expect_str_eq(answer->identity.home, "HOME=/home/bee");
}

Test(identity, adds_groups_by_name_and_number)
{
    struct strings names = {};
    strings_add(&names, "swarm");
    strings_add(&names, "4000");
    struct question question = {
        .passwd = passwd, .group = group, .user = "5", .group_names = &names
    };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_assert_eq(answer->identity.n_groups, 2);
    cr_expect_eq(answer->identity.groups[0], 2000);
    cr_expect_eq(answer->identity.groups[1], 4000);
    strings_add(&names, "wasps");
    cr_expect_eq(ask(&question), -1);
    cr_expect_eq(answer->err.kind, ERR_NOT_FOUND);
    strings_done(&names);
}

Test(identity, finds_homes)
{
    struct question question = {
        .passwd = passwd, .group = group, .user = "bee", .home_missing = true
    };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_str_eq(answer->identity.home, "HOME=/home/bee");
    question.user = "5";
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_str_eq(answer->identity.home, "HOME=/");
    question.passwd = "ant:x:5:5:::\n";
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_str_eq(answer->identity.home, "HOME=/", "an empty one is none");
}

Test(identity, passes_over_homes_that_are_too_long)
{
    auto_done(str) text = {};
    str_add(&text, "bee:x:5:6::/");
    for (int i = 0; i < START_HOME_MAX; i++)
        str_add_char(&text, 'h');
    str_add(&text, ":\n");
    struct question question = { .passwd = text.at, .user = "bee", .home_missing = true };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_str_eq(answer->identity.home, "HOME=/");
}

Test(identity, reads_a_last_line_without_its_end)
{
    struct question question = { .passwd = "root:x:0:0::/root:\nbee:x:1000:1001::/home/bee:/bin/sh",
                                 .group = "swarm:x:2000:bee",
                                 .user = "bee",
                                 .home_missing = true };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.uid, 1000);
    cr_expect_str_eq(answer->identity.home, "HOME=/home/bee");
    cr_assert_eq(answer->identity.n_groups, 1);
    cr_expect_eq(answer->identity.groups[0], 2000);
}

Test(identity, reads_thousands_of_lines)
{
    auto_done(str) users = {};
    auto_done(str) groups = {};
    for (unsigned i = 0; i < 20000; i++) {
        str_addf(&users, "user%u:x:%u:%u::/home/user%u:/bin/sh\n", i, 10000 + i, 40000 + i, i);
        str_addf(&groups, "group%u:x:%u:user%u\n", i, 80000 + i, i % 10000);
    }
    struct question question = {
        .passwd = users.at, .group = groups.at, .user = "user19999", .home_missing = true
    };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.uid, 29999);
    cr_expect_eq(answer->identity.gid, 59999);
    cr_expect_str_eq(answer->identity.home, "HOME=/home/user19999");
    question.user = "user9999";
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_assert_eq(answer->identity.n_groups, 2);
    cr_expect_eq(answer->identity.groups[0], 89999);
    cr_expect_eq(answer->identity.groups[1], 99999);
    question.user = "20000:group10000";
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.gid, 90000);
}

Test(identity, has_no_more_groups_than_there_is_room_for)
{
    auto_done(str) groups = {};
    for (unsigned i = 0; i < START_GROUPS_MAX + 100; i++)
        str_addf(&groups, "group%u:x:%u:bee\n", i, 5000 + i);
    struct question question = { .passwd = passwd, .group = groups.at, .user = "bee" };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.n_groups, START_GROUPS_MAX);
}

/* Neither its beginning nor its end says anything; lines before and behind it do. */
Test(identity, passes_over_huge_lines)
{
    static const size_t sizes[] = { 16383, 16384, 16385, 32768, 100000, 1 << 20 };
    for (size_t i = 0; i < array_size(sizes); i++) {
        auto_done(str) text = {};
        str_add(&text, "first:x:1:1::/:\n");
        str_add(&text, "begin:x:2:2:");
        while (text.len < sizes[i])
            str_add_char(&text, 'x');
        str_add(&text, ":/:\nlast:x:3:3::/:\n");
        struct question question = { .passwd = text.at, .user = "last" };
        cr_assert_eq(ask(&question), 0, "%zu: %s", sizes[i], answer->err.text);
        cr_expect_eq(answer->identity.uid, 3);
        question.user = "first";
        cr_assert_eq(ask(&question), 0, "%zu: %s", sizes[i], answer->err.text);
        cr_expect_eq(answer->identity.uid, 1);
    }
}

/* The buffer ends within the line, and what follows would make a line of its own. */
Test(identity, takes_no_part_of_a_huge_line_for_a_line)
{
    for (size_t before = 16384 - 8; before <= 16384 + 8; before++) {
        auto_done(str) text = {};
        while (text.len < before)
            str_add_char(&text, 'x');
        str_add(&text, "root:x:0:0::/root:/bin/sh\n");
        struct question question = { .passwd = text.at, .user = "root" };
        cr_expect_eq(ask(&question), -1, "at %zu root became %u", before, answer->identity.uid);
        question = (struct question){ .group = text.at, .user = "5:root" };
        cr_expect_eq(ask(&question), -1, "at %zu root became %u", before, answer->identity.gid);
    }
}

static void large_files(void)
{
    /* 80 MiB of nothing, then a name; a hole costs no memory. */
    int fd = open("/etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    static const char line[] = "\nroot:x:0:0::/root:/bin/sh\n";
    NEED(fd >= 0 && pwrite(fd, line, sizeof(line) - 1, 80 << 20) == sizeof(line) - 1);
    NEED(close(fd) == 0);
}

Test(identity, reads_no_files_without_end)
{
    struct question question = { .user = "root", .prepare = large_files };
    cr_expect_eq(ask(&question), -1);
    cr_expect_eq(answer->err.kind, ERR_NOT_FOUND);
}

static void fifos(void)
{
    NEED(mkfifo("/etc/passwd", 0666) == 0 && mkfifo("/etc/group", 0666) == 0);
}

static void directories(void)
{
    NEED(mkdir("/etc/passwd", 0755) == 0 && mkdir("/etc/group", 0755) == 0);
}

static void links_to_nowhere(void)
{
    NEED(symlink("/nowhere", "/etc/passwd") == 0 && symlink("passwd", "/etc/group") == 0);
}

static void links_in_circles(void)
{
    NEED(symlink("group", "/etc/passwd") == 0 && symlink("passwd", "/etc/group") == 0);
}

static void unreadable(void)
{
    /* The test's user is root in here; without capabilities even he is bound by the mode. */
    write_file("/etc/passwd", passwd);
    write_file("/etc/group", group);
    NEED(chmod("/etc/passwd", 0) == 0 && chmod("/etc/group", 0) == 0);
    NEED(capability_set(&(struct capability_sets){}) == 0);
}

static void sockets(void)
{
    NEED(mknod("/etc/passwd", S_IFSOCK | 0666, 0) == 0 &&
         mknod("/etc/group", S_IFSOCK | 0666, 0) == 0);
}

Test(identity, takes_other_things_than_files_for_none)
{
    void (*const prepare[])(void) = { fifos,      directories, links_to_nowhere, links_in_circles,
                                      unreadable, sockets };
    for (size_t i = 0; i < array_size(prepare); i++) {
        struct question question = { .user = "bee", .prepare = prepare[i], .home_missing = true };
        cr_expect_eq(ask(&question), -1, "case %zu", i);
        cr_expect_eq(answer->err.kind, ERR_NOT_FOUND);
        question.user = "5:swarm";
        cr_expect_eq(ask(&question), -1, "case %zu", i);
        question.user = "5";
        cr_assert_eq(ask(&question), 0, "case %zu: %s", i, answer->err.text);
        cr_expect_eq(answer->identity.uid, 5);
        cr_expect_eq(answer->identity.gid, 0);
        cr_expect_str_eq(answer->identity.home, "HOME=/");
    }
}

static void links_to_files(void)
{
    NEED(mkdir("/usr", 0755) == 0);
    write_file("/usr/passwd", passwd);
    write_file("/usr/group", group);
    NEED(symlink("/usr/passwd", "/etc/passwd") == 0 && symlink("../usr/group", "/etc/group") == 0);
}

Test(identity, follows_links_below_the_root)
{
    struct question question = { .user = "bee:swarm", .prepare = links_to_files };
    cr_assert_eq(ask(&question), 0, "%s", answer->err.text);
    cr_expect_eq(answer->identity.uid, 1000);
    cr_expect_eq(answer->identity.gid, 2000);
}

/* A file that whoever calls has open, and that is none of the container's. */
static void links_to_descriptors(void)
{
    enum { NUMBER = 100 };
    int fd = open("/etc", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    NEED(fd >= 0 && fd_write_all(fd, passwd, strlen(passwd)) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    NEED(dup3(fd, NUMBER, O_CLOEXEC) == NUMBER && mkdir("/proc", 0755) == 0);
    NEED(syscall(SYS_move_mount, host_proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) == 0);
    NEED(access("/proc/self/fd/100", R_OK) == 0 &&
         symlink("/proc/self/fd/100", "/etc/passwd") == 0);
}

Test(identity, follows_no_links_to_descriptors)
{
    struct question question = { .user = "bee", .prepare = links_to_descriptors };
    cr_expect_eq(ask(&question), -1, "bee became %u", answer->identity.uid);
    cr_expect_eq(answer->err.kind, ERR_NOT_FOUND);
}
