/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts with the options that few have, and namespaces that are joined. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "box.h"

static struct box box;
static struct oci_state state;

static void tidy(void)
{
    box_close(&box);
}

TestSuite(create_mounts, .fini = tidy, .timeout = 600);

static void use_state(void)
{
    static char version[] = "1.3.0";
    static char id[] = "bee";
    state = (struct oci_state){ .oci_version = version, .id = id, .bundle = box.dir };
    box.request.state = &state;
}

static const enum box_flags kinds[] = { 0, BOX_OVERLAY, BOX_HOST_USERNS,
                                        BOX_OVERLAY | BOX_HOST_USERNS };

/* --- what a tmpfs begins with ----------------------------------------------------------------- */

Test(create_mounts, copies_up)
{
    for (size_t i = 0; i < array_size(kinds); i++) {
        OPEN_BOX(kinds[i]);
        const char *from = box.rootfs.kind == ROOTFS_OVERLAY ? "/../lower" : "";
        auto_free char *deep = xasprintf("%s%s/etc/a/b", box.root, from);
        struct err err = {};
        cr_assert_eq(dir_make_all(AT_FDCWD, deep, 0755, &err), 0, "%s", err.text);
        auto_free char *file = xasprintf("%s/etc/a/b/script", from);
        auto_free char *link = xasprintf("%s/etc/a/link", from);
        box_file(&box, file, "honey\n", 04750);
        box_link(&box, "b/script", link);
        cr_assert_eq(chmod(deep, 01777), 0);
        box_mount_add(&box, "/etc", "tmpfs", "tmpfs", "tmpcopyup,mode=0711");
        RUNS("stat -c '%a %n' /etc /etc/a/b /etc/a/b/script; cat /etc/a/link; echo new >/etc/new; "
             "cat /etc/group; stat -f -c %T /etc");
        SAYS("711 /etc\n1777 /etc/a/b\n4750 /etc/a/b/script\nhoney\nroot:x:0:");
        SAYS("tmpfs");
        auto_free char *leaked = xasprintf("%s/etc/new", box.root);
        cr_expect(access(leaked, F_OK) < 0);
        box_close(&box);
    }
}

Test(create_mounts, gives_a_tmpfs_the_mode_of_what_it_covers)
{
    OPEN_BOX(0);
    use_state();
    auto_free char *path = xasprintf("%s/etc", box.root);
    cr_assert_eq(chmod(path, 0750), 0);
    box_mount_add(&box, "/etc", "tmpfs", "tmpfs", "");
    box_mount_add(&box, "/new", "tmpfs", "tmpfs", "");
    RUNS("stat -c '%a %n' /etc /new");
    SAYS("750 /etc\n1777 /new\n");
}

Test(create_mounts, fills_a_tmpfs_before_it_is_read_only)
{
    for (size_t i = 0; i < array_size(kinds); i++) {
        OPEN_BOX(kinds[i]);
        auto_free char *data = xasprintf("%s/data", box.dir);
        box_mount_add(&box, "/run", "tmpfs", "tmpfs", "ro,nosuid");
        box_mount_add(&box, "/run/secrets/one", "bind", data, "rbind");
        strings_add(&box_mount(&box, "/dev")->options, "ro");
        RUNS("cat /run/secrets/one/file; touch /run/x /dev/x; echo x >/dev/null && echo null");
        SAYS("data\n");
        SAYS("/run/x: Read-only");
        SAYS("/dev/x: Read-only");
        SAYS("null\n");
        box_close(&box);
    }
}

/* --- options ---------------------------------------------------------------------------------- */

Test(create_mounts, changes_options_of_what_is_there)
{
    OPEN_BOX(BOX_HOST_USERNS);
    box_mount_add(&box, "/run", "tmpfs", "tmpfs", "size=8k");
    box_mount_add(&box, "/run", "tmpfs", "tmpfs", "remount,ro,noexec,size=16k");
    RUNS("grep ' /run ' /proc/self/mounts");
    SAYS("ro,noexec");
    SAYS("size=16k");
    box_mount_add(&box, "/etc", "none", "none", "remount,bind,ro");
    cr_expect_eq(box_run_script(&box, "true"), -1, "nothing is mounted there");
    cr_expect(strstr(box.err.text, "etc"), "%s", box.err.text);
}

Test(create_mounts, sets_options_below)
{
    NEED_ROOT();
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    OPEN_BOX(BOX_HOST_USERNS);
    auto_free char *data = xasprintf("%s/data", box.dir);
    auto_free char *below = xasprintf("%s/data/below", box.dir);
    cr_assert_eq(mount("none", below, "tmpfs", 0, NULL), 0);
    box_mount_add(&box, "/all", "bind", data, "rbind,rro,rnosuid,rnoatime");
    box_mount_add(&box, "/one", "bind", data, "rbind,ro,nosymfollow");
    RUNS("cut -d' ' -f5,6 /proc/self/mountinfo");
    SAYS("/all ro,nosuid,noatime\n");
    SAYS("/all/below ro,nosuid,noatime\n");
    SAYS("/one ro,");
    SAYS("nosymfollow");
    SAYS("/one/below rw,relatime\n");
    cr_assert_eq(umount(below), 0);
}

/* The file is of the host's 0; the container's 0 is BOX_UID. */
Test(create_mounts, maps_owners_of_one_mount)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box.request.flags &= ~(unsigned)RUNTIME_MAP_OWNERS;
    auto_free char *data = xasprintf("%s/data", box.dir);
    cr_assert_eq(chown(box.root, BOX_UID, BOX_UID), 0);
    box_mount_add(&box, "/plain", "bind", data, "rbind");
    box_mount_add(&box, "/own", "bind", data, "rbind,idmap");
    box_mount_add(&box, "/given", "bind", data, "bind");
    struct spec_mount *given = &box.spec.mounts.at[box.spec.mounts.len - 1];
    *(struct spec_id_mapping *)array_add(&given->uid_mappings) =
        (struct spec_id_mapping){ 0, BOX_UID + 5, 1 };
    *(struct spec_id_mapping *)array_add(&given->gid_mappings) =
        (struct spec_id_mapping){ 0, BOX_UID + 6, 1 };
    RUNS("stat -c '%u:%g %n' /plain/file /own/file /given/file");
    SAYS_ALL("65534:65534 /plain/file\n0:0 /own/file\n5:6 /given/file\n");
}

/* --- propagation of the root ------------------------------------------------------------------ */

static void share_mounts(void)
{
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_eq(mount("none", "/tmp", "tmpfs", 0, NULL), 0);
    cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_SHARED, NULL), 0);
}

Test(create_mounts, sets_the_roots_propagation)
{
    static const char *const rows[][2] = {
        { "private", "/ rw,nodev,relatime -\n" },
        { "slave", "/ rw,nodev,relatime master:" },
        { "shared", "/ rw,nodev,relatime shared:" },
        { "unbindable", "/ rw,nodev,relatime unbindable" },
    };
    NEED_ROOT();
    share_mounts();
    for (size_t i = 0; i < array_size(rows); i++) {
        OPEN_BOX(BOX_HOST_USERNS);
        box.spec.linux->rootfs_propagation = xstrdup(rows[i][0]);
        RUNS("cut -d' ' -f5-7 /proc/self/mountinfo");
        SAYS(rows[i][1]);
        box_close(&box);
    }
}

/* --- devices ---------------------------------------------------------------------------------- */

static void device_add(const char *json)
{
    auto_free char *whole =
        xasprintf("{\"ociVersion\":\"1.3.0\",\"linux\":{\"devices\":[%s]}}", json);
    struct spec more = {};
    cr_assert_eq(spec_parse(whole, strlen(whole), &more, &box.err), 0, "%s", box.err.text);
    box.spec.linux->devices.at = take_ptr(more.linux->devices.at);
    box.spec.linux->devices.len = more.linux->devices.len;
    more.linux->devices.len = 0;
    spec_done(&more);
}

Test(create_mounts, places_devices_anywhere)
{
    NEED_ROOT();
    for (size_t i = 0; i < array_size(kinds); i++) {
        OPEN_BOX(kinds[i]);
        device_add("{\"path\":\"/srv/new/zero\",\"type\":\"c\",\"major\":1,\"minor\":5,\"uid\":7,"
                   "\"fileMode\":432},"
                   "{\"path\":\"/dev/sub/pipe\",\"type\":\"p\",\"fileMode\":384},"
                   "{\"path\":\"/pipe\",\"type\":\"p\"},"
                   "{\"path\":\"/dev/disk\",\"type\":\"b\",\"major\":7,\"minor\":9}");
        RUNS("head -c 3 /srv/new/zero | od -An -tx1; stat -c '%F %a %u %n' /srv/new/zero "
             "/dev/sub/pipe /pipe /dev/disk; ls -a /dev");
        SAYS(" 00 00 00\n");
        SAYS("character special file 660 7 /srv/new/zero\nfifo 600 0 /dev/sub/pipe\nfifo 666 0 "
             "/pipe\nblock special file 666 0 /dev/disk\n");
        SAYS_NOT(".device");
        RUNS("stat -c %F /pipe"); /* the same bundle once more */
        SAYS("fifo\n");
        box_file(&box, "/pipe", "of the image's own\n", 0644);
        if (box.rootfs.kind == ROOTFS_DIRECTORY) {
            cr_expect_eq(box_run_script(&box, "true"), -1);
            cr_expect(strstr(box.err.text, "/pipe"), "%s", box.err.text);
        }
        box_close(&box);
    }
}

/* The rules deny everything, as callers write them. */
Test(create_mounts, opens_the_default_devices_and_no_others)
{
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    use_state();
    device_add("{\"path\":\"/dev/other\",\"type\":\"c\",\"major\":1,\"minor\":11}");
    struct spec_resources *resources = box.spec.linux->resources = xnew(struct spec_resources);
    struct spec_device_rule *rule = array_add(&resources->devices);
    rule->access = xstrdup("rwm");
    int status = box_run_script(&box, "echo x >/dev/null && head -c 1 /dev/zero | od -An -tx1; "
                                      "stat -c %F /dev/other; head -c 1 /dev/other; true");
    if (status == -1 && box.err.kind == ERR_UNSUPPORTED)
        cr_skip_test("no device controller: %s", box.err.text);
    cr_assert_eq(status, 0, "%s", box.err.text);
    SAYS(" 00\ncharacter special file\n");
    SAYS("not permitted");
}

Test(create_mounts, has_a_dev_where_none_is_asked_for)
{
    NEED_ROOT();
    OPEN_BOX(0);
    use_state();
    box_mount_drop(&box, "/dev/pts");
    box_mount_drop(&box, "/dev");
    RUNS("ls /dev | tr '\\n' ' '; echo x >/dev/null && echo well");
    SAYS("fd full null ptmx random stderr stdin stdout tty urandom zero well\n");
}

/* --- namespaces that are joined --------------------------------------------------------------- */

static pid_t other_start(int flags)
{
    int ends[2];
    char byte;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(flags) < 0)
            _exit(1);
        if (flags & CLONE_NEWNS)
            (void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
        (void)!write(ends[1], "x", 1);
        for (;;)
            (void)pause();
    }
    (void)close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    return pid;
}

static void other_end(pid_t pid)
{
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static char *namespace_of(pid_t pid, const char *file)
{
    char text[64] = "";
    auto_free char *path = xasprintf("/proc/%d/ns/%s", pid, file);
    cr_assert(readlink(path, text, sizeof(text) - 1) > 0);
    return xasprintf("%s\n", text);
}

static void join(enum spec_namespace_type type, pid_t pid, const char *file)
{
    struct spec_namespace *to = NULL;
    for (size_t i = 0; i < box.spec.linux->namespaces.len; i++)
        if (box.spec.linux->namespaces.at[i].type == type)
            to = &box.spec.linux->namespaces.at[i];
    cr_assert(to);
    to->path = xasprintf("/proc/%d/ns/%s", pid, file);
}

Test(create_mounts, joins_a_user_namespace)
{
    NEED_ROOT();
    for (size_t i = 0; i < 2; i++) {
        OPEN_BOX(i ? BOX_OVERLAY : 0);
        pid_t other = other_start(CLONE_NEWUSER | CLONE_NEWNET);
        struct id_maps maps = {};
        id_map_add(&maps.uid, 0, BOX_UID, BOX_IDS);
        id_map_add(&maps.gid, 0, BOX_UID, BOX_IDS);
        cr_assert_eq(id_maps_write(&maps, other, &box.err), 0, "%s", box.err.text);
        id_maps_done(&maps);
        join(SPEC_NAMESPACE_USER, other, "user");
        join(SPEC_NAMESPACE_NETWORK, other, "net");
        auto_free char *user = namespace_of(other, "user");
        auto_free char *net = namespace_of(other, "net");
        RUNS("readlink /proc/self/ns/user; readlink /proc/self/ns/net; id -u; echo pid $$; "
             "stat -c %u /bin");
        SAYS(user);
        SAYS(net);
        SAYS("\n0\npid 1\n0\n");
        box_script(&box, "sleep 100");
        cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
        auto_free char *inside = namespace_of(box.process.pid, "user");
        cr_expect_str_eq(inside, user);
        cr_assert_eq(box_exec(&box, "readlink /proc/self/ns/user; id -u"), 0, "%s", box.err.text);
        SAYS(user);
        SAYS("\n0\n");
        box_stop(&box);
        cr_expect_eq(box_run_script(&box, "exit 7"), 7);
        other_end(other);
        cr_expect_eq(box_run_script(&box, "true"), -1, "it is gone");
        cr_expect(strstr(box.err.text, "/ns/"), "%s", box.err.text);
        box_close(&box);
    }
}

Test(create_mounts, joins_a_mount_namespace)
{
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    pid_t other = other_start(CLONE_NEWNS);
    join(SPEC_NAMESPACE_MOUNT, other, "mnt");
    auto_free char *mounts = namespace_of(other, "mnt");
    RUNS("readlink /proc/self/ns/mnt; cat /etc/group");
    SAYS(mounts);
    SAYS("hive:x:8:");
    other_end(other);
}

/* --- cgroups without a namespace of theirs ---------------------------------------------------- */

Test(create_mounts, shows_its_own_cgroups_alone)
{
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    box_namespace_drop(&box, SPEC_NAMESPACE_CGROUP);
    box_mount_add(&box, "/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid");
    RUNS("find /sys/fs/cgroup -name cgroup.procs | while read f; do grep -l '^1$' $f; done; "
         "mkdir /sys/fs/cgroup/x; true");
    SAYS("cgroup.procs");
    SAYS("Read-only");
}
