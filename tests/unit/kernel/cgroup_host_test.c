/* SPDX-License-Identifier: Apache-2.0 */
/* Where groups can be made, from texts; nothing here needs rights. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/cgroup.h"

static const char v1_text[] =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "25 22 0:22 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755\n"
    "30 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:14 - cgroup cgroup rw,cpu,cpuacct\n"
    "31 25 0:28 / /sys/fs/cgroup/memory rw,nosuid shared:15 - cgroup cgroup rw,memory\n"
    "32 25 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup "
    "rw,xattr,release_agent=/lib/a,name=systemd\n";

static const char hybrid_text[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

static struct cgroup_host parse(const char *text)
{
    struct cgroup_host host;
    struct err err = {};
    cr_assert_eq(cgroup_host_parse(text, &host, &err), 0, "%s", err.text);
    return host;
}

Test(cgroup_host, finds_v1_and_mounted_together)
{
    struct cgroup_host host = parse(v1_text);
    cr_assert_eq(host.len, 3);
    cr_assert_eq(host.v2, -1);
    cr_assert_eq(cgroup_host_find(&host, CGROUP_CPU), cgroup_host_find(&host, CGROUP_CPUACCT));
    cr_assert_eq(cgroup_host_find(&host, CGROUP_MEMORY), 1);
    cr_assert_eq(cgroup_host_find(&host, CGROUP_PIDS), -1);
    cr_assert_str_eq(host.at[0].names, "cpu,cpuacct");
    cr_assert_str_eq(host.at[0].mount, "/sys/fs/cgroup/cpu,cpuacct");
    cr_assert_str_eq(host.at[2].names, "name=systemd");
    cr_assert_eq(host.at[2].controllers, 0);
    cgroup_host_done(&host);
}

Test(cgroup_host, finds_hybrid)
{
    struct cgroup_host host = parse(hybrid_text);
    cr_assert_eq(host.len, 2);
    cr_assert_eq(host.v2, 1);
    cr_assert_str_eq(host.at[1].mount, "/sys/fs/cgroup/unified");
    cgroup_host_done(&host);
}

Test(cgroup_host, begins_at_groups_of_ones_own)
{
    struct cgroup_host host = parse(v1_text);
    struct cgroup_host rebased;
    struct pairs own = {};
    pairs_put(&own, "memory", "/a/b");
    cgroup_host_rebase(&host, &own, &rebased);
    cr_assert_eq(rebased.len, host.len);
    cr_assert_eq(rebased.v2, -1);
    cr_assert_str_eq(rebased.at[0].mount, host.at[0].mount);
    cr_assert_str_eq(rebased.at[0].root, host.at[0].root);
    cr_assert_str_eq(rebased.at[1].mount, "/sys/fs/cgroup/memory/a/b");
    cr_assert_str_eq(rebased.at[1].root, "/a/b");
    cr_assert_eq(rebased.at[1].controllers, host.at[1].controllers);
    cgroup_host_done(&rebased);
    cgroup_host_done(&host);
    pairs_done(&own);
}

Test(cgroup_host, finds_v2_alone_and_none)
{
    struct cgroup_host host =
        parse("30 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
    cr_assert_eq(host.len, 1);
    cr_assert_eq(host.v2, 0);
    cgroup_host_done(&host);
    host = parse("22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n");
    cr_assert_eq(host.len, 0);
    cr_assert_eq(host.v2, -1);
    cgroup_host_done(&host);
}

Test(cgroup_host, prefers_the_usual_place_and_reads_escapes)
{
    struct cgroup_host host = parse("50 1 0:26 / /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n"
                                    "51 1 0:27 / /mnt/p\\134ids rw - cgroup cgroup rw,pids\n"
                                    "52 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                                    "53 1 0:26 / /srv/cgroup rw - cgroup2 cgroup2 rw\n");
    cr_assert_eq(host.len, 2);
    cr_assert_str_eq(host.at[host.v2].mount, "/sys/fs/cgroup");
    cr_assert_str_eq(host.at[1].mount, "/mnt/p\\ids");
    cgroup_host_done(&host);
    host = parse("50 1 0:26 / /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n");
    cr_assert_str_eq(host.at[0].mount, "/mnt/my groups");
    cgroup_host_done(&host);
}

Test(cgroup_host, refuses_a_broken_line)
{
    struct cgroup_host host;
    struct err err = {};
    cr_assert_eq(cgroup_host_parse("31 23 - cgroup2 cgroup2 rw\n", &host, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert_eq(cgroup_host_parse("31 23 0:1 / /a rw - cgroup2\n", &host, &err), -1);
}

/* --- what has been delegated, on directories that stand for groups --- */

static char scratch[] = "/tmp/ruche-cgroup-XXXXXX";

/* A group that others may write, or not. */
static void make(const char *path, bool open_to_all)
{
    auto_free char *dir = xasprintf("%s%s", scratch, path);
    auto_free char *procs = xasprintf("%s/cgroup.procs", dir);
    (void)mkdir(dir, 0755); /* the top one is there */
    int fd = open(procs, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    cr_assert_eq(chmod(procs, open_to_all ? 0666 : 0444), 0);
    cr_assert_eq(chmod(dir, open_to_all ? 0777 : 0555), 0);
}

static void scratch_open(void)
{
    cr_assert_not_null(mkdtemp(scratch));
}

static void scratch_close(void)
{
    static const char *const dirs[] = { "", "/slice", "/slice/own" };
    struct err err = {};
    for (size_t i = 0; i < array_size(dirs); i++) {
        auto_free char *dir = xasprintf("%s%s", scratch, dirs[i]);
        (void)chmod(dir, 0755); /* not all are made in each test */
    }
    cr_assert_eq(tree_remove(AT_FDCWD, scratch, &err), 0, "%s", err.text);
}

TestSuite(cgroup_place, .init = scratch_open, .fini = scratch_close);

/* The base an ordinary user is given, "none" if there is none. Root may write everything, so it is
 * a child's. */
static char *base_for(const char *root, const char *own)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(1);
        struct cgroup_host host = { .len = 1, .v2 = 0 };
        host.at[0] = (struct cgroup_hierarchy){ .names = xstrdup(""),
                                                .root = xstrdup(root),
                                                .mount = xstrdup(scratch) };
        cgroup_host_place(&host, own);
        const char *base = host.base ? host.base : "none";
        _exit(fd_write_all(ends[1], base, strlen(base)) < 0);
    }
    (void)close(ends[1]);
    char *base;
    size_t len;
    struct err err = {};
    int status;
    cr_assert_eq(file_load_fd(ends[0], 4096, &base, &len, &err), 0, "%s", err.text);
    (void)close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    return base;
}

Test(cgroup_place, begins_at_a_top_that_can_be_written)
{
    make("", true);
    auto_free char *base = base_for("/", NULL);
    cr_assert_str_eq(base, "");
}

Test(cgroup_place, begins_beside_our_own_group)
{
    make("", false);
    (void)chmod(scratch, 0755);
    make("/slice", true);
    make("/slice/own", true);
    (void)chmod(scratch, 0555);
    auto_free char *base = base_for("/", "1:name=systemd:/\n0::/slice/own\n");
    cr_assert_str_eq(base, "/slice");
    auto_free char *nested = base_for("/outer", "0::/outer/slice/own\n");
    cr_assert_str_eq(nested, "/slice");
}

Test(cgroup_place, begins_below_our_own_group_where_the_parent_is_not_ours)
{
    make("", false);
    (void)chmod(scratch, 0755);
    make("/slice", false);
    auto_free char *slice = xasprintf("%s/slice", scratch);
    (void)chmod(slice, 0755);
    make("/slice/own", true);
    (void)chmod(slice, 0555);
    (void)chmod(scratch, 0555);
    auto_free char *base = base_for("/", "0::/slice/own\n");
    cr_assert_str_eq(base, "/slice/own");
}

Test(cgroup_place, begins_nowhere_without_delegation)
{
    make("", false);
    (void)chmod(scratch, 0755);
    make("/slice", false);
    (void)chmod(scratch, 0555);
    static const char *const owns[] = { "0::/slice\n",       "0::/\n",
                                        "0::/../other\n",    "0::/slice/own (deleted)\n",
                                        "4:memory:/slice\n", "" };
    for (size_t i = 0; i < array_size(owns); i++) {
        auto_free char *base = base_for("/", owns[i]);
        cr_assert_str_eq(base, "none", "%s", owns[i]);
    }
    auto_free char *outside = base_for("/outer", "0::/outermost/slice\n");
    cr_assert_str_eq(outside, "none");
}

/* --- the saved form --- */

Test(cgroup_place, is_saved_and_loaded)
{
    struct cgroup_host host;
    struct cgroup_host loaded;
    struct err err = {};
    auto_close int dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(cgroup_host_load(dir, "cgroups", &loaded, &err), 0);
    cr_assert_eq(cgroup_host_detect(&host, &err), 0, "%s", err.text);
    if (!host.identity)
        cr_skip_test("there is no /sys/fs/cgroup here");
    cr_assert_eq(cgroup_host_save(&host, dir, "cgroups", &err), 0, "%s", err.text);
    cr_assert_eq(cgroup_host_load(dir, "cgroups", &loaded, &err), 1, "%s", err.text);
    cr_assert_eq(loaded.len, host.len);
    cr_assert_eq(loaded.v2, host.v2);
    cr_assert(text_same(loaded.base, host.base));
    for (size_t i = 0; i < host.len; i++) {
        cr_assert_str_eq(loaded.at[i].names, host.at[i].names);
        cr_assert_str_eq(loaded.at[i].root, host.at[i].root);
        cr_assert_str_eq(loaded.at[i].mount, host.at[i].mount);
        cr_assert_eq(loaded.at[i].controllers, host.at[i].controllers);
        cr_assert_eq(loaded.at[i].writable, host.at[i].writable);
    }
    cgroup_host_done(&host);
    cgroup_host_done(&loaded);
}

Test(cgroup_place, of_another_boot_or_mount_is_not_loaded)
{
    struct cgroup_host host;
    struct cgroup_host loaded;
    struct err err = {};
    auto_close int dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(cgroup_host_detect(&host, &err), 0, "%s", err.text);
    if (!host.identity)
        cr_skip_test("there is no /sys/fs/cgroup here");
    host.identity[0] ^= 1;
    cr_assert_eq(cgroup_host_save(&host, dir, "cgroups", &err), 0, "%s", err.text);
    cr_assert_eq(cgroup_host_load(dir, "cgroups", &loaded, &err), 0);
    cr_assert_eq(cgroup_host_open(dir, "cgroups", &loaded, &err), 0, "%s", err.text);
    cgroup_host_done(&loaded);
    cr_assert_eq(cgroup_host_load(dir, "cgroups", &loaded, &err), 1,
                 "opening has not saved it anew");
    cgroup_host_done(&loaded);
    cgroup_host_done(&host);
}

Test(cgroup_place, broken_saved_forms_are_not_loaded)
{
    struct cgroup_host host;
    struct cgroup_host loaded;
    struct err err = {};
    auto_close int dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(cgroup_host_detect(&host, &err), 0, "%s", err.text);
    static const char *const tails[] = { "w\n",         "w pids\n",
                                         "w pids / \n", "w pids / relative\n",
                                         "w rw / /a\n", "w - / /sys/fs/cgroup" };
    for (size_t i = 0; i < array_size(tails); i++) {
        auto_free char *text =
            xasprintf("ruche-cgroup 1 %s\n%s", host.identity ? host.identity : "", tails[i]);
        cr_assert_eq(file_save(dir, "cgroups", text, strlen(text), 0600, 0, &err), 0, "%s",
                     err.text);
        cr_assert_eq(cgroup_host_load(dir, "cgroups", &loaded, &err), 0, "%s", tails[i]);
    }
    cgroup_host_done(&host);
}
