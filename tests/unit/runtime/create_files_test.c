/* SPDX-License-Identifier: Apache-2.0 */
/* A container's files: its root, what is mounted, masked and made read-only, its devices and its
 * terminal. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/file.h"
#include "box.h"
#include "kernel/pidfd.h"

static struct box box;

static void tidy(void)
{
    box_close(&box);
}

TestSuite(create_files, .fini = tidy, .timeout = 600);

/* The texts are the test's own. */
static char *of_box(const char *path)
{
    return xasprintf("%s/%s", box.dir, path);
}

/* --- the root --------------------------------------------------------------------------------- */

Test(create_files, writes_into_a_directory)
{
    OPEN_BOX(0);
    RUNS("echo new >/new; stat -c '%u %g' /bin/busybox /new");
    SAYS_ALL("0 0\n0 0\n");
    auto_free char *path = of_box("root/new");
    auto_free char *text = box_load(path);
    cr_expect_str_eq(text, "new\n");
}

Test(create_files, writes_into_the_upper_layer)
{
    OPEN_BOX(BOX_OVERLAY);
    RUNS("cat /from-below; echo new >/new; rm /from-below; ls /");
    SAYS("below\n");
    SAYS_NOT("from-below");
    auto_free char *lower = of_box("lower/from-below");
    auto_free char *new = of_box("upper/upper/new");
    auto_free char *text = box_load(new);
    cr_expect_str_eq(text, "new\n");
    cr_expect_eq(access(lower, F_OK), 0, "a layer is not changed");
    box.rootfs.flags = ROOTFS_VOLATILE;
    RUNS("ls /; cat /proc/self/mountinfo");
    SAYS_NOT("from-below");
    SAYS("volatile");
}

Test(create_files, writes_into_memory)
{
    OPEN_BOX(BOX_OVERLAY);
    box.rootfs.upper = NULL;
    box.rootfs.flags = ROOTFS_TMPFS;
    RUNS("cat /from-below; echo new >/new; ls /");
    SAYS("below\n");
    SAYS("new\n");
    RUNS("ls / /..");
    SAYS_NOT("new\n");
    SAYS_NOT("upper");
}

Test(create_files, writes_nowhere_without_an_upper_layer)
{
    OPEN_BOX(BOX_OVERLAY);
    box.rootfs.upper = NULL;
    RUNS("cat /from-below; ! echo new >/new");
    SAYS("below\n");
    SAYS("Read-only file system");
}

Test(create_files, has_a_read_only_root)
{
    for (int overlay = 0; overlay < 2; overlay++) {
        OPEN_BOX(overlay ? BOX_OVERLAY : 0);
        box.spec.root->readonly = true;
        free(box.spec.process->cwd);
        box.spec.process->cwd = xstrdup("/made");
        RUNS("pwd; ! touch /x; ! touch /made/x; echo >/dev/null; grep ' / / ' /proc/self/mountinfo "
             "|| :");
        SAYS("/made\n");
        SAYS("touch: /x: Read-only file system");
        box_close(&box);
    }
}

/* Whatever the image holds. */
Test(create_files, has_no_devices_in_its_root)
{
    NEED_ROOT();
    for (int overlay = 0; overlay < 2; overlay++) {
        OPEN_BOX(overlay ? BOX_OVERLAY | BOX_HOST_USERNS : BOX_HOST_USERNS);
        auto_free char *path = of_box("root/zero");
        cr_assert(mknod(path, S_IFCHR | 0666, makedev(1, 5)) == 0 && chmod(path, 0666) == 0);
        RUNS("test -c /zero; ! head -c 1 /zero");
        SAYS("Permission denied");
        box_close(&box);
    }
}

/* The layers' owners are mapped, those on disk stay. */
Test(create_files, keeps_owners)
{
    NEED_ROOT();
    OPEN_BOX(0);
    auto_free char *path = of_box("root/etc/group");
    auto_free char *made = of_box("root/tmp/made");
    struct stat status;
    cr_assert_eq(chown(path, 7, 8), 0);
    RUNS("stat -c '%u:%g' /etc/group; touch /tmp/made; chown 7:8 /tmp/made");
    SAYS_ALL("7:8\n");
    cr_assert_eq(stat(made, &status), 0);
    cr_expect(status.st_uid == 7 && status.st_gid == 8);
}

/* As an OCI runtime is asked to: then files belong to whoever has their ids. */
Test(create_files, maps_owners_only_on_demand)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box.request.flags &= ~(unsigned)RUNTIME_MAP_OWNERS;
    auto_free char *path = of_box("root/etc/group");
    auto_free char *tmp = of_box("root/tmp");
    cr_assert(chown(path, BOX_UID + 7, BOX_UID + 8) == 0 && chown(tmp, BOX_UID, BOX_UID) == 0);
    RUNS("stat -c '%u:%g' /etc/group /etc/passwd; touch /tmp/x; ! touch /x; exit 0");
    SAYS("7:8\n65534:65534\n");
    SAYS("touch: /x: Permission denied");
}

/* --- mounts ----------------------------------------------------------------------------------- */

Test(create_files, binds_directories_and_files)
{
    OPEN_BOX(0);
    auto_free char *data = of_box("data");
    auto_free char *file = of_box("data/file");
    box_mount_add(&box, "/data", "bind", data, "rbind");
    box_mount_add(&box, "/a/new/place", "bind", file, "bind,ro");
    RUNS("cat /data/file /a/new/place; echo more >>/data/file; cat /data/file; ! echo x "
         ">/a/new/place");
    SAYS("data\ndata\ndata\nmore\n");
    SAYS("Read-only file system");
    auto_free char *text = box_load(file);
    cr_expect_str_eq(text, "data\nmore\n");
}

Test(create_files, takes_a_mounts_options)
{
    OPEN_BOX(0);
    auto_free char *data = of_box("data");
    box_mount_add(&box, "/data", "bind", data, "rbind,ro,nosuid,nodev,noexec,noatime");
    box_mount_add(&box, "/t", "tmpfs", "called", "nosuid,mode=1750,size=64k,nr_inodes=100");
    box_mount_add(&box, "/below", "bind", data, "rbind,rro,strictatime,nosymfollow");
    RUNS("cut -d' ' -f5- /proc/self/mountinfo; stat -c %a /t");
    SAYS("/data ro,nosuid,nodev,noexec,noatime");
    SAYS("/t rw,nosuid,relatime - tmpfs called rw,size=64k,nr_inodes=100,mode=1750");
    SAYS("/below ro,nosymfollow");
    SAYS("\n1750\n");
    RUNS("! head -c 100000 /dev/zero >/t/x");
}

/* A mount below one that is read-only recursively is so too; below one that is not, it is not. */
Test(create_files, makes_mounts_below_read_only_or_not)
{
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    box_mount_add(&box, "/one", "bind", "/dev", "rbind,ro");
    box_mount_add(&box, "/all", "bind", "/dev", "rbind,rro");
    RUNS("cut -d' ' -f5,6 /proc/self/mountinfo");
    SAYS("/one ro");
    SAYS("/all ro");
    SAYS("/all/pts ro");
    SAYS_NOT("/one/pts ro");
}

Test(create_files, mounts_over_earlier_mounts)
{
    OPEN_BOX(0);
    auto_free char *data = of_box("data");
    box_mount_add(&box, "/t", "tmpfs", "tmpfs", "");
    box_mount_add(&box, "/t/deep/er", "bind", data, "rbind");
    box_mount_add(&box, "/t/deep/er/below", "tmpfs", "tmpfs", "mode=700");
    RUNS("cat /t/deep/er/file; stat -c %a /t/deep/er/below");
    SAYS_ALL("data\n700\n");
}

/* Links are the image's to make; they lead nowhere but into it. */
Test(create_files, follows_links_of_the_image_below_its_root)
{
    OPEN_BOX(0);
    auto_free char *data = of_box("data");
    box_link(&box, "/tmp", "/absolute");
    box_link(&box, "../../../../tmp", "/relative");
    box_mount_add(&box, "/absolute/one", "bind", data, "rbind");
    box_mount_add(&box, "/relative/two", "bind", data, "rbind");
    RUNS("cat /tmp/one/file /tmp/two/file");
    SAYS_ALL("data\ndata\n");
}

/* What they lead to need not be there: it is made, in the root. */
Test(create_files, makes_what_a_link_leads_to)
{
    OPEN_BOX(0);
    auto_free char *data = of_box("data");
    auto_free char *file = of_box("data/file");
    box_link(&box, "/no/such/place", "/dangling");
    box_link(&box, "../../../srv/a/b", "/etc/relative");
    box_link(&box, "dangling-too", "/chain");
    box_link(&box, "/etc/end", "/dangling-too");
    box_mount_add(&box, "/dangling", "bind", data, "rbind");
    box_mount_add(&box, "/etc/relative", "bind", file, "bind");
    box_mount_add(&box, "/chain", "bind", file, "bind");
    RUNS("cat /no/such/place/file /srv/a/b /etc/end");
    SAYS_ALL("data\ndata\ndata\n");
}

Test(create_files, mounts_on_no_links_in_a_circle)
{
    OPEN_BOX(0);
    auto_free char *data = of_box("data");
    box_link(&box, "/circle", "/circle");
    box_mount_add(&box, "/circle", "bind", data, "rbind");
    cr_expect_eq(box_run(&box), -1);
    cr_expect(strstr(box.err.text, "circle"), "%s", box.err.text);
}

/* Nor do file systems follow an image that has prepared a place for them. */
Test(create_files, makes_no_file_system_behind_a_link_that_leads_nowhere)
{
    OPEN_BOX(0);
    box_link(&box, "/no/such/place", "/dangling");
    box_mount_add(&box, "/dangling", "tmpfs", "tmpfs", "nosuid");
    cr_expect_eq(box_run(&box), -1);
    cr_expect(strstr(box.err.text, "\"dangling\""), "%s", box.err.text);
}

Test(create_files, says_that_a_file_meets_a_directory)
{
    OPEN_BOX(0);
    auto_free char *data = of_box("data");
    auto_free char *file = of_box("data/file");
    box_mount_add(&box, "/etc/passwd", "bind", data, "rbind");
    cr_expect_eq(box_run(&box), -1);
    cr_expect(strstr(box.err.text, "no directory at \"etc/passwd\""), "%s", box.err.text);
    box_mount_drop(&box, "/etc/passwd");
    box_mount_add(&box, "/etc", "bind", file, "bind");
    cr_expect_eq(box_run(&box), -1);
    cr_expect(strstr(box.err.text, "no file at \"etc\""), "%s", box.err.text);
}

/* More than one message can hand over. */
Test(create_files, mounts_hundreds)
{
    OPEN_BOX(0);
    auto_free char *data = of_box("data");
    for (int i = 0; i < 600; i++) {
        char destination[32];
        (void)snprintf(destination, sizeof(destination), "/m/%d", i);
        box_mount_add(&box, destination, "bind", data, "bind");
    }
    RUNS("cat /m/0/file /m/599/file; grep -c ' /m/' /proc/self/mountinfo");
    SAYS_ALL("data\ndata\n600\n");
}

Test(create_files, stacks_many_layers)
{
    OPEN_BOX(BOX_OVERLAY);
    for (int i = 0; i < 120; i++) {
        auto_free char *directory = xasprintf("%s/data/layer%d", box.dir, i);
        auto_free char *file = xasprintf("%s/in%d", directory, i);
        cr_assert(mkdir(directory, 0755) == 0 && mkdir(file, 0755) == 0);
        strings_add(&box.rootfs.lower, directory);
    }
    RUNS("ls -d /in* | wc -l; ls -d /in0 /in119; ls / >/tmp/a; ls /.. >/tmp/b; wc -l </tmp/a; wc "
         "-l </tmp/b");
    SAYS("120\n/in0\n/in119\n127\n127\n");
}

/* --- masked and read-only --------------------------------------------------------------------- */

Test(create_files, masks_files_and_directories)
{
    static const enum box_flags kinds[] = { 0, BOX_HOST_USERNS };
    for (size_t i = 0; i < array_size(kinds); i++) {
        if (geteuid() && kinds[i])
            continue;
        OPEN_BOX(kinds[i]);
        strings_add(&box.spec.linux->masked_paths, "/proc/interrupts");
        strings_add(&box.spec.linux->masked_paths, "/proc/bus");
        strings_add(&box.spec.linux->masked_paths, "/sys/kernel");
        strings_add(&box.spec.linux->masked_paths, "/etc/group");
        RUNS("ls -l /proc/interrupts; cat /proc/interrupts /etc/group; ls -a /proc/bus; ls "
             "/sys/kernel; "
             "! mkdir /proc/bus/x; ! mkdir /sys/kernel/x; [ ! -e /proc/kcore ] || cat /proc/kcore");
        SAYS("1,   3");
        SAYS("\n.\n..\nmkdir: can't create directory '/proc/bus/x': Read-only file system\n");
        SAYS("'/sys/kernel/x': Read-only file system");
        SAYS_NOT("CPU0");
        SAYS_NOT("hive");
        box_close(&box);
    }
}

/* It would be mounted over what is to be hidden, and could be anything. */
Test(create_files, masks_by_no_false_null)
{
    OPEN_BOX(0);
    box_mount_drop(&box, "/dev/pts");
    box_mount_drop(&box, "/dev");
    box_file(&box, "/dev/null", "not so\n", 0666);
    strings_add(&box.spec.linux->masked_paths, "/etc/group");
    cr_expect_eq(box_run(&box), -1);
    cr_expect(strstr(box.err.text, "/dev/null"), "%s", box.err.text);
}

Test(create_files, makes_paths_read_only)
{
    OPEN_BOX(0);
    strings_add(&box.spec.linux->readonly_paths, "/tmp");
    strings_add(&box.spec.linux->readonly_paths, "/etc/group");
    RUNS("grep ' /proc/sys ' /proc/self/mountinfo; ! touch /tmp/x; ! touch /etc/group; touch "
         "/etc/passwd");
    SAYS("/proc/sys ro,");
    SAYS("touch: /tmp/x: Read-only file system\ntouch: /etc/group: Read-only file system\n");
}

/* --- devices ---------------------------------------------------------------------------------- */

Test(create_files, has_the_usual_devices)
{
    static const enum box_flags kinds[] = { 0, BOX_HOST_USERNS };
    for (size_t i = 0; i < array_size(kinds); i++) {
        if (geteuid() && kinds[i])
            continue;
        OPEN_BOX(kinds[i]);
        RUNS("cd /dev; stat -c '%n %a %t,%T' null zero full random urandom tty; "
             "for i in fd stdin stdout stderr ptmx; do readlink $i; done; ls; "
             "echo x >null; head -c 2 zero | wc -c; ! echo x >full");
        SAYS("null 666 1,3\nzero 666 1,5\nfull 666 1,7\nrandom 666 1,8\nurandom 666 1,9\ntty 666 "
             "5,0\n"
             "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n"
             "fd\nfull\nnull\nptmx\npts\nrandom\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n2\n");
        SAYS("No space left");
        SAYS_NOT("core");
        box_close(&box);
    }
}

static void device_add(const char *path, const char *type, int major, int minor, unsigned mode)
{
    struct spec_device *device = array_add(&box.spec.linux->devices);
    device->path = xstrdup(path);
    device->type = xstrdup(type);
    device->major = (struct maybe_i64){ true, major };
    device->minor = (struct maybe_i64){ true, minor };
    device->file_mode = (struct maybe_u64){ true, mode };
}

Test(create_files, has_further_devices)
{
    static const enum box_flags kinds[] = { 0, BOX_HOST_USERNS };
    for (size_t i = 0; i < array_size(kinds); i++) {
        struct pairs sources = {};
        if (geteuid() && kinds[i])
            continue;
        OPEN_BOX(kinds[i]);
        (void)umask(077);
        device_add("/dev/deep/er/full", "c", 1, 7, 0622);
        device_add("/dev/null", "c", 1, 3, 0606); /* one that is there anyway */
        device_add("/srv/zero", "c", 1, 5, 0666);
        pairs_put(&sources, "/dev/deep/er/full", "/dev/full");
        pairs_put(&sources, "/srv/zero", "/dev/zero");
        box.request.device_sources = &sources;
        RUNS("stat -c '%a %t,%T' /dev/deep/er/full /dev/null /srv/zero; stat -c %a /dev/deep "
             "/dev/deep/er; ! echo >/dev/deep/er/full");
        SAYS(geteuid() == 0 ? "622 1,7\n606 1,3\n666 1,5\n755\n755\n"
                            : "666 1,7\n666 1,3\n666 1,5\n755\n755\n");
        SAYS("No space left");
        (void)umask(022);
        pairs_done(&sources);
        box_close(&box);
    }
}

Test(create_files, has_devices_with_owners)
{
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    device_add("/dev/mine", "c", 1, 3, 0600);
    device_add("/dev/pipe", "p", 0, 0, 0640);
    box.spec.linux->devices.at[0].uid = (struct maybe_u64){ true, 7 };
    box.spec.linux->devices.at[0].gid = (struct maybe_u64){ true, 8 };
    RUNS("stat -c '%F %a %u:%g' /dev/mine /dev/pipe");
    SAYS_ALL("character special file 600 7:8\nfifo 640 0:0\n");
}

/* Names of the image's: whatever they are, they are covered or refused, and nothing hangs. */
Test(create_files, is_not_led_astray_by_what_an_image_calls_dev)
{
    static const enum box_flags kinds[] = { 0, BOX_OVERLAY };
    for (size_t i = 0; i < array_size(kinds); i++) {
        OPEN_BOX(kinds[i]);
        auto_free char *dev = of_box("root/dev");
        cr_assert_eq(rmdir(dev), 0);
        box_link(&box, "/tmp", "/dev");
        RUNS("test -c /dev/null; test -c /tmp/null; grep -c ' /tmp tmpfs\\| /tmp ' "
             "/proc/self/mountinfo; ls /..");
        SAYS_NOT("home\n");
        box_close(&box);
    }
}

Test(create_files, is_not_led_astray_by_what_an_image_calls_proc)
{
    OPEN_BOX(0);
    auto_free char *proc = of_box("root/proc");
    cr_assert_eq(rmdir(proc), 0);
    box_link(&box, "../../../tmp", "/proc");
    strings_add(&box.spec.linux->masked_paths, "/proc/interrupts");
    RUNS("cat /tmp/interrupts; echo x >/tmp/sys/kernel/hostname || true; read line </tmp/1/comm; "
         "echo $line");
    SAYS_NOT("CPU0");
    SAYS("Read-only file system");
    SAYS("sh\n");
}

/* On top of the root a mount is reached by "/.." alone, and nothing in it would be masked. */
Test(create_files, mounts_on_no_link_to_the_root)
{
    static const char *const targets[] = { "/", "..", "tmp/..", "/tmp/../../" };
    for (size_t i = 0; i < array_size(targets); i++) {
        OPEN_BOX(0);
        auto_free char *proc = of_box("root/proc");
        cr_assert_eq(rmdir(proc), 0);
        box_link(&box, targets[i], "/proc");
        cr_expect_eq(box_run_script(&box, "ls /.."), -1, "%s: %s", targets[i], box.output);
        cr_expect(strstr(box.err.text, "mount point \"proc\""), "%s", box.err.text);
        box_close(&box);
    }
}

/* --- the terminal ----------------------------------------------------------------------------- */

static void read_terminal(char *said, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len + 1 < size && (n = read(box.process.terminal, said + len, size - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
}

static void use_terminal(const char *script)
{
    box.spec.process->terminal = true;
    free(box.spec.process->console_size);
    box.spec.process->console_size = xnew(struct spec_console_size);
    *box.spec.process->console_size = (struct spec_console_size){ .height = 30, .width = 90 };
    box_script(&box, script);
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    cr_assert_geq(box.process.terminal, 0);
    cr_expect_eq(fcntl(box.process.terminal, F_GETFD), FD_CLOEXEC);
}

Test(create_files, has_a_terminal)
{
    static const enum box_flags kinds[] = { 0, BOX_OVERLAY, BOX_HOST_USERNS };
    for (size_t i = 0; i < array_size(kinds); i++) {
        char said[4096];
        if (geteuid() && kinds[i] == BOX_HOST_USERNS)
            continue;
        OPEN_BOX(kinds[i]);
        use_terminal("tty; stty size; echo there >/dev/console; echo here >/dev/tty; stat -c '%t' "
                     "/dev/console; "
                     "cut -d' ' -f6 /proc/1/stat; cd /dev/pts; echo *; cd /proc/self/fd; echo *");
        read_terminal(said, sizeof(said));
        cr_expect_str_eq(
            said, "/dev/pts/0\r\n30 90\r\nthere\r\nhere\r\n88\r\n1\r\n0 ptmx\r\n0 1 2 3\r\n");
        box_stop(&box);
        box_close(&box);
    }
}

Test(create_files, has_a_terminal_of_its_users)
{
    NEED_ROOT();
    char said[4096];
    OPEN_BOX(0);
    box.request.user = "bee";
    use_terminal("stat -c '%u' /dev/pts/0; echo works >/dev/stdout; read line; echo got $line");
    cr_assert_eq(write(box.process.terminal, "honey\n", 6), 6);
    read_terminal(said, sizeof(said));
    cr_expect(strstr(said, "7\r\n") && strstr(said, "works\r\n") && strstr(said, "got honey"), "%s",
              said);
}

/* To open it for writing would wait for a reader for ever. */
Test(create_files, waits_for_nobody_behind_the_console)
{
    char said[4096];
    OPEN_BOX(0);
    box_mount_drop(&box, "/dev/pts");
    box_mount_drop(&box, "/dev");
    box_mount_add(&box, "/dev/pts", "devpts", "devpts", "newinstance,ptmxmode=0666");
    strings_done(&box.spec.linux->masked_paths);
    auto_free char *console = of_box("root/dev/console");
    cr_assert_eq(mkfifo(console, 0666), 0);
    use_terminal("echo said >/dev/console");
    read_terminal(said, sizeof(said));
    cr_expect_str_eq(said, "said\r\n");
}

Test(create_files, takes_no_terminal_from_a_false_devpts)
{
    OPEN_BOX(0);
    box_mount_drop(&box, "/dev/pts");
    box.spec.process->terminal = true;
    box_mount_add(&box, "/dev/pts", "tmpfs", "tmpfs", "");
    cr_expect_eq(box_start(&box), -1);
    cr_expect(strstr(box.err.text, "/dev/pts"), "%s", box.err.text);
}

/* --- the working directory -------------------------------------------------------------------- */

static void use_cwd(const char *path)
{
    free(box.spec.process->cwd);
    box.spec.process->cwd = xstrdup(path);
}

Test(create_files, changes_to_its_working_directory)
{
    OPEN_BOX(0);
    box_link(&box, "/etc", "/link");
    use_cwd("/etc");
    RUNS("pwd; cat passwd");
    SAYS("/etc\nroot:");
    use_cwd("/link");
    RUNS("pwd; cat passwd");
    SAYS("root:");
    use_cwd("//etc/../tmp/.");
    RUNS("pwd");
    SAYS_ALL("/tmp\n");
    use_cwd("/../../..");
    RUNS("pwd; ls");
    SAYS("/\nbin\n");
}

Test(create_files, makes_its_working_directory)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box.request.user = "bee";
    box_link(&box, "/tmp", "/link");
    use_cwd("/link/made/below");
    RUNS("pwd; stat -c '%a %u:%g' /tmp/made /tmp/made/below; touch x");
    SAYS_ALL("/tmp/made/below\n755 0:0\n755 7:8\n");
    box.request.flags &= ~(unsigned)RUNTIME_MAKE_CWD;
    use_cwd("/not-there");
    cr_expect_eq(box_run(&box), -1);
    cr_expect(strstr(box.err.text, "working directory \"/not-there\": No such"), "%s",
              box.err.text);
}

/* Where its author says, as an image's WORKDIR of root's and USER of somebody else: every runtime
 * does. */
Test(create_files, begins_in_a_directory_its_user_may_not_enter)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box.request.user = "bee";
    auto_free char *path = of_box("root/closed");
    cr_assert_eq(mkdir(path, 0700), 0);
    use_cwd("/closed");
    cr_expect_eq(box_run(&box), 0, "%s", box.err.text);
}

/* The caller has a directory of the host open, and the image a link to whatever has its number. */
Test(create_files, is_not_led_out_by_descriptors)
{
    static const enum box_flags kinds[] = { 0, BOX_HOST_USERNS };
    for (size_t k = 0; k < array_size(kinds); k++) {
        if (geteuid() && kinds[k])
            continue;
        OPEN_BOX(kinds[k]);
        auto_free char *data = of_box("data");
        auto_free char *made = of_box("data/evil");
        int fd = open(data, O_PATH | O_DIRECTORY); /* not close-on-exec */
        cr_assert_geq(fd, 0);
        box_link(&box, "/proc/self/fd", "/fds");
        for (int n = 3; n <= fd; n++) {
            auto_free char *cwd = xasprintf("/fds/%d/evil", n);
            use_cwd(cwd);
            cr_expect_eq(box_run_script(&box, "pwd"), -1, "%s: %s", cwd, box.output);
            *strrchr(cwd, '/') = '\0';
            use_cwd(cwd);
            cr_expect_eq(box_run_script(&box, "pwd; ls -la"), -1, "%s: %s", cwd, box.output);
        }
        cr_expect_eq(access(made, F_OK), -1);
        (void)close(fd);
        box_close(&box);
    }
}

/* Its standard input may be one. */
Test(create_files, is_not_led_out_by_its_streams)
{
    OPEN_BOX(0);
    int out[2];
    auto_free char *data = of_box("data");
    auto_close int directory = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(directory >= 0 && pipe2(out, O_CLOEXEC) == 0);
    box_link(&box, "/proc/self/fd/0", "/in");
    static const char *const paths[] = { "/in", "/proc/self/fd/0", "/proc/1/fd/0", "/in/below",
                                         "/in/made" };
    for (size_t i = 0; i < array_size(paths); i++) {
        use_cwd(paths[i]);
        box.request.stdio[0] = directory;
        box.request.stdio[1] = box.request.stdio[2] = out[1];
        box_script(&box, "true");
        cr_expect_eq(runtime_create(&box.request, &box.process, &box.err), -1, "%s", paths[i]);
        box_stop(&box);
    }
    auto_free char *made = of_box("data/made");
    cr_expect_eq(access(made, F_OK), -1);
    (void)close(out[0]);
    (void)close(out[1]);
}
