/* SPDX-License-Identifier: Apache-2.0 */
#include "box.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "kernel/pidfd.h"

static const char configuration[] =
    "{\"ociVersion\":\"1.3.0\",\"hostname\":\"box\","
    "\"process\":{\"args\":[\"true\"],\"cwd\":\"/\",\"env\":[\"PATH=/"
    "bin\"],\"noNewPrivileges\":true,"
    "\"user\":{\"uid\":0,\"gid\":0},\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_CHOWN\"],"
    "\"effective\":[\"CAP_KILL\",\"CAP_CHOWN\"],\"permitted\":[\"CAP_KILL\",\"CAP_CHOWN\"]}},"
    "\"root\":{\"path\":\"root\"},\"mounts\":["
    "{\"destination\":\"/"
    "proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
    "{\"destination\":\"/"
    "dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"noexec\",\"mode=755\"]"
    "},"
    "{\"destination\":\"/dev/"
    "pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
    "\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]},"
    "{\"destination\":\"/"
    "sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\","
    "\"ro\"]}],"
    "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},{"
    "\"type\":\"uts\"},"
    "{\"type\":\"network\"},{\"type\":\"cgroup\"},{\"type\":\"user\"}],"
    "\"maskedPaths\":[\"/proc/kcore\",\"/sys/firmware\",\"/proc/not-there\"],"
    "\"readonlyPaths\":[\"/proc/sys\",\"/proc/not-there\"]}}";

static const char *const applets[] = {
    "awk",   "cat",    "chmod", "chown",    "cut",   "date", "echo", "env",      "false",
    "find",  "grep",   "head",  "hostname", "id",    "ip",   "kill", "ln",       "ls",
    "mkdir", "mkfifo", "mknod", "mount",    "mv",    "od",   "ps",   "readlink", "rm",
    "sed",   "sh",     "sleep", "sort",     "stat",  "stty", "tail", "test",     "touch",
    "tr",    "true",   "tty",   "umount",   "uname", "wc",
};

/* --- the host --------------------------------------------------------------------------------- */

char *box_load(const char *path)
{
    struct err err = {};
    char *text = NULL;
    size_t len;
    cr_assert_eq(file_load(AT_FDCWD, path, 16 << 20, &text, &len, &err), 1, "%s: %s", path,
                 err.text);
    return text;
}

static int fds_count(void)
{
    struct strings names = {};
    struct err err = {};
    cr_assert_eq(dir_list(AT_FDCWD, "/proc/self/fd", &names, &err), 1, "%s", err.text);
    int count = (int)names.len;
    strings_done(&names);
    return count;
}

char *box_mounts(const struct box *box)
{
    auto_free char *mountinfo = box_load("/proc/self/mountinfo");
    auto_done(str) ours = {};
    struct view rest = view_of(mountinfo);
    struct view line;
    while (view_cut(&rest, '\n', &line)) {
        auto_free char *text = xstrndup(line.at, line.len);
        if (strstr(text, strrchr(box->dir, '/')) || strstr(text, " /dev "))
            str_addf(&ours, "%s\n", text);
    }
    return str_take(&ours);
}

int box_groups(const struct box *box)
{
    int count = 0;
    for (size_t i = 0; i < box->host.len; i++) {
        auto_free char *path = xasprintf("%s%s", box->host.at[i].mount, box->group);
        count += access(path, F_OK) == 0;
    }
    return count;
}

/* The test's own parent of the group goes too. */
static void groups_remove(struct box *box)
{
    auto_free char *parent = xstrdup(box->group);
    *strrchr(parent, '/') = '\0';
    for (size_t i = 0; i < box->host.len; i++) {
        auto_free char *path = xasprintf("%s%s", box->host.at[i].mount, parent);
        cr_expect(rmdir(path) == 0 || errno == ENOENT || errno == EROFS, "left over: %s", path);
    }
}

static void group_end(struct box *box)
{
    struct cgroup group = {};
    struct err err = {};
    if (!box->request.cgroups || cgroup_open(&box->host, box->group, &group, &err) != 1)
        return;
    cr_expect_eq(cgroup_remove(&group, 5000, &err), 0, "%s", err.text);
    cgroup_close(&group);
}

/* --- the image -------------------------------------------------------------------------------- */

void box_file(struct box *box, const char *path, const char *text, unsigned mode)
{
    auto_free char *whole = xasprintf("%s%s", box->root, path);
    auto_close int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    cr_assert(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0 && fchmod(fd, mode) == 0, "%s",
              whole);
}

void box_link(struct box *box, const char *target, const char *path)
{
    auto_free char *whole = xasprintf("%s%s", box->root, path);
    cr_assert_eq(symlink(target, whole), 0, "%s", whole);
}

static void busybox_copy(const struct box *box)
{
    struct err err = {};
    auto_free char *path = xasprintf("%s/bin/busybox", box->root);
    auto_free char *program = NULL;
    size_t len;
    cr_assert_eq(file_load(AT_FDCWD, "/bin/busybox", 16 << 20, &program, &len, &err), 1, "%s",
                 err.text);
    cr_assert_eq(file_save(AT_FDCWD, path, program, len, 0755, 0, &err), 0, "%s", err.text);
}

static void image_make(struct box *box)
{
    static const char *const directories[] = { "",
                                               "/bin",
                                               "/dev",
                                               "/etc",
                                               "/proc",
                                               "/sys",
                                               "/tmp",
                                               "/../lower",
                                               "/../lower/bin",
                                               "/../upper",
                                               "/../upper/upper",
                                               "/../upper/work",
                                               "/../data",
                                               "/../data/below" };
    for (size_t i = 0; i < array_size(directories); i++) {
        auto_free char *path = xasprintf("%s%s", box->root, directories[i]);
        cr_assert(mkdir(path, 0755) == 0 && chmod(path, i == 6 ? 01777 : 0755) == 0, "%s", path);
    }
    busybox_copy(box);
    for (size_t i = 0; i < array_size(applets); i++) {
        auto_free char *path = xasprintf("/bin/%s", applets[i]);
        box_link(box, "busybox", path);
    }
    box_file(box, "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbee:x:7:8:a bee:/tmp:/bin/sh\n",
             0644);
    box_file(box, "/etc/group", "root:x:0:\nhive:x:8:\nswarm:x:9:bee\n", 0644);
    box_file(box, "/../lower/from-below", "below\n", 0644);
    box_file(box, "/../data/file", "data\n", 0644);
}

/* --- the configuration ------------------------------------------------------------------------ */

static void maps_add(struct box *box)
{
    uint32_t uid = geteuid() ? geteuid() : BOX_UID;
    uint32_t gid = geteuid() ? getegid() : BOX_UID;
    uint32_t count = geteuid() ? 1 : BOX_IDS;
    struct spec_id_mapping *to = array_add(&box->spec.linux->uid_mappings);
    *to = (struct spec_id_mapping){ 0, uid, count };
    to = array_add(&box->spec.linux->gid_mappings);
    *to = (struct spec_id_mapping){ 0, gid, count };
}

static void request_init(struct box *box, enum box_flags flags)
{
    strings_addf(&box->rootfs.lower, "%s/root", box->dir);
    if (flags & BOX_OVERLAY) {
        box->rootfs.kind = ROOTFS_OVERLAY;
        strings_addf(&box->rootfs.lower, "%s/lower", box->dir);
        box->upper = xasprintf("%s/upper", box->dir);
        box->rootfs.upper = box->upper;
    }
    box->request = (struct runtime_request){
        .spec = &box->spec,
        .rootfs = &box->rootfs,
        .cgroups = &box->host,
        .seccomp = RUNTIME_SECCOMP_DEFAULT,
        .flags = RUNTIME_LANDLOCK | RUNTIME_MAKE_CWD | RUNTIME_MAP_OWNERS,
        .seccomp_cache = -1,
        .stdio = { -1, -1, -1 },
    };
}

bool box_open(struct box *box, enum box_flags flags)
{
    char template[] = "/tmp/ruche-test-XXXXXX";
    *box = (struct box){ .process = { .pidfd = -1, .terminal = -1, .mounts = -1 } };
    if (access("/bin/busybox", X_OK) < 0 || (geteuid() && (flags & BOX_HOST_USERNS)))
        return false;
    (void)umask(022);
    cr_assert(mkdtemp(template) && chmod(template, 0755) == 0);
    box->dir = xstrdup(template);
    box->root = xasprintf("%s/root", template);
    box->group = xasprintf("/ruche-test-%s/one", template + strlen("/tmp/ruche-test-"));
    box->mounts = box_mounts(box);
    image_make(box);
    cr_assert_eq(spec_parse(configuration, strlen(configuration), &box->spec, &box->err), 0, "%s",
                 box->err.text);
    request_init(box, flags);
    cr_assert_eq(cgroup_host_detect(&box->host, &box->err), 0, "%s", box->err.text);
    if (geteuid() == 0)
        box->spec.linux->cgroups_path = xstrdup(box->group);
    if (flags & BOX_HOST_USERNS)
        box_namespace_drop(box, SPEC_NAMESPACE_USER);
    else
        maps_add(box);
    box->fds = fds_count();
    return true;
}

void box_close(struct box *box)
{
    struct err err = {};
    if (!box->dir)
        return;
    box_stop(box);
    runtime_process_done(&box->process);
    cr_expect_eq(fds_count(), box->fds, "descriptors were left open");
    cr_expect(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "a process was left");
    auto_free char *mounts = box_mounts(box);
    cr_expect_str_eq(mounts, box->mounts, "the mounts are not what they were");
    if (geteuid() == 0)
        groups_remove(box);
    cr_expect_eq(tree_remove(AT_FDCWD, box->dir, &err), 0, "%s", err.text);
    cgroup_host_done(&box->host);
    strings_done(&box->rootfs.lower);
    spec_done(&box->spec);
    free(box->upper);
    free(box->dir);
    free(box->root);
    free(box->group);
    free(box->mounts);
    free(box->output);
    *box = (struct box){};
}

struct spec_mount *box_mount(struct box *box, const char *destination)
{
    for (size_t i = 0; i < box->spec.mounts.len; i++)
        if (strcmp(box->spec.mounts.at[i].destination, destination) == 0)
            return &box->spec.mounts.at[i];
    cr_assert_fail("no mount on %s", destination);
    return NULL;
}

void box_mount_add(struct box *box, const char *destination, const char *type, const char *source,
                   const char *options)
{
    struct spec_mount *mount = array_add(&box->spec.mounts);
    struct view rest = view_of(options);
    struct view word;
    mount->destination = xstrdup(destination);
    mount->type = xstrdup(type);
    mount->source = xstrdup(source);
    for (bool more = *options; more;) {
        more = view_cut(&rest, ',', &word);
        strings_add_taken(&mount->options, xstrndup(word.at, word.len));
    }
}

void box_mount_drop(struct box *box, const char *destination)
{
    struct spec_mount *mount = box_mount(box, destination);
    struct spec_mount *end = box->spec.mounts.at + box->spec.mounts.len;
    field_done(spec_mount_fields, mount);
    memmove(mount, mount + 1, (size_t)(end - mount - 1) * sizeof(*mount));
    box->spec.mounts.len--;
}

void box_namespace_drop(struct box *box, enum spec_namespace_type type)
{
    struct spec_linux *part = box->spec.linux;
    size_t kept = 0;
    for (size_t i = 0; i < part->namespaces.len; i++)
        if (part->namespaces.at[i].type != type)
            part->namespaces.at[kept++] = part->namespaces.at[i];
        else
            free(part->namespaces.at[i].path);
    part->namespaces.len = kept;
}

void box_capabilities(struct box *box, const char *const *names)
{
    struct spec_capabilities *sets = box->spec.process->capabilities;
    struct strings *lists[] = { &sets->bounding, &sets->effective, &sets->permitted };
    for (size_t i = 0; i < array_size(lists); i++) {
        strings_done(lists[i]);
        for (size_t n = 0; names[n]; n++)
            strings_add(lists[i], names[n]);
    }
}

void box_command(struct box *box, const char *const *argv)
{
    strings_done(&box->spec.process->args);
    for (size_t i = 0; argv[i]; i++)
        strings_add(&box->spec.process->args, argv[i]);
}

void box_script(struct box *box, const char *script)
{
    box_command(box, (const char *const[]){ "sh", "-c", script, NULL });
}

/* --- running ---------------------------------------------------------------------------------- */

static void collect(struct box *box, int fd)
{
    struct err err = {};
    size_t len;
    free(box->output);
    box->output = NULL;
    cr_assert_eq(file_load_fd(fd, 16 << 20, &box->output, &len, &err), 0, "%s", err.text);
}

static int finish(struct runtime_process *process)
{
    int status;
    cr_assert_eq(pidfd_wait(process->pidfd, 0, &status), 1, "wait for the process");
    runtime_process_done(process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : BOX_KILLED + WTERMSIG(status);
}

int box_run(struct box *box)
{
    int ends[2];
    auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert(null >= 0 && pipe2(ends, O_CLOEXEC) == 0);
    auto_close int out = ends[0];
    box->request.stdio[0] = null;
    box->request.stdio[1] = box->request.stdio[2] = ends[1];
    box->err = (struct err){};
    int result = runtime_create(&box->request, &box->process, &box->err);
    (void)close(ends[1]);
    collect(box, out);
    if (result == 0)
        result = finish(&box->process);
    else
        cr_expect_eq(box_groups(box), 0, "a cgroup was left by: %s", box->err.text);
    group_end(box);
    return result;
}

int box_run_script(struct box *box, const char *script)
{
    box_script(box, script);
    return box_run(box);
}

int box_start(struct box *box)
{
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        box->request.stdio[i] = null;
    box->err = (struct err){};
    return runtime_create(&box->request, &box->process, &box->err);
}

void box_stop(struct box *box)
{
    if (box->process.pidfd >= 0) {
        (void)pidfd_signal(box->process.pidfd, SIGKILL);
        (void)finish(&box->process);
    }
    group_end(box);
}

int box_exec_request(struct box *box, struct runtime_request *request)
{
    struct runtime_process process;
    int ends[2];
    auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert(null >= 0 && pipe2(ends, O_CLOEXEC) == 0);
    auto_close int out = ends[0];
    request->stdio[0] = null;
    request->stdio[1] = request->stdio[2] = ends[1];
    box->err = (struct err){};
    int result = runtime_exec(request, box->process.pidfd, &process, &box->err);
    (void)close(ends[1]);
    collect(box, out);
    return result == 0 ? finish(&process) : result;
}

int box_exec(struct box *box, const char *script)
{
    struct runtime_request request = box->request;
    request.flags &= ~(unsigned)(RUNTIME_LANDLOCK | RUNTIME_INIT | RUNTIME_MAKE_CWD);
    box_script(box, script);
    return box_exec_request(box, &request);
}

bool box_said(const struct box *box, const char *text)
{
    return box->output && strstr(box->output, text);
}
