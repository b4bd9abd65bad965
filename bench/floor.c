/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor: the kernel's own price of a container, which no engine can be below. It does in bare
 * system calls what cannot be left out: directories for a writable layer, control groups, clone3
 * into namespaces (mounts, processes, host name, IPC, network, control groups), loopback, overlay
 * of one layer, /proc, /sys, /dev with its nodes, pseudo-terminals, shared memory and queues, the
 * change of root, exec, wait, and removing what was made. No seccomp, capabilities, masked paths,
 * log, state on disk or attached streams: what those cost is above the floor.
 *
 *   floor [-u] DIR [PROGRAM [ARGUMENT...]]
 *       once: as a command, to be timed from outside; it ends when the program did, and leaves the
 *       removing to a copy of itself
 *   floor [-u] -n RUNS [-p PAUSE_MS] DIR [PROGRAM...]
 *       RUNS times in this process: a line for each phase, with tabs: phase, median and tenth
 *       percentile in microseconds
 *
 * DIR/rootfs is the layer, and DIR the place of the writable one. -u adds a user namespace with ids
 * of its own, to which the layers' owners are mapped. The choices are those that measured best: the
 * child is cloned into its v2 group and enters v1 groups itself, and the overlay is volatile. Needs
 * root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_ID = 1 << 30, IDS = 65536, PATH_SIZE = 256, PHASES_MAX = 32, NODES = 6 };

static const char *const nodes[NODES] = { "null", "zero", "full", "random", "urandom", "tty" };

/* Of two processes: memory is shared, descriptors too (CLONE_FILES), so that the parent can open
 * them for the child. */
struct container {
    bool userns;
    bool leaves; /* once the status is known, and a copy removes what was made */
    char **words;
    char place[PATH_SIZE]; /* DIR/c.PID */
    char rootfs[PATH_SIZE];
    char v1_group[PATH_SIZE];
    char v2_group[PATH_SIZE];
    int v1_tasks;
    int v2_dir;
    int wake[2]; /* the parent wakes the child */
    pid_t pid;
    int lower; /* detached mounts: the layer, and the directory of the writable one */
    int upper;
    int root;
    int proc;
    int sys;
    int mqueue;
    int nodes[NODES];
    int failed; /* errno of the child */
    const char *failed_at;
    uint64_t end_ns[PHASES_MAX];
};

struct phase {
    const char *name;
    int (*run)(struct container *container); /* -1 with errno */
};

static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- mounts: a file system is made detached, and put in its place by descriptor ---- */

struct fs_option {
    const char *key;
    const char *value; /* NULL: a flag */
};

static int fs_make(const char *type, const struct fs_option *options, unsigned attributes)
{
    int fs = fsopen(type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    int mount = 0;
    for (; mount == 0 && options && options->key; options++)
        mount = fsconfig(fs, options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options->key,
                         options->value, 0);
    if (mount == 0)
        mount = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (mount == 0)
        mount = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
    (void)close(fs);
    return mount;
}

static int attach(int mount, int dir, const char *path)
{
    return move_mount(mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH);
}

/* Takes the mount. */
static int attach_new(int mount, int dir, const char *path)
{
    if (mount < 0 || attach(mount, dir, path) < 0)
        return -1;
    return close(mount);
}

/* ---- the parent's phases, before the clone ---- */

static int make_directories(struct container *container)
{
    char path[PATH_SIZE + 8];
    if (mkdir(container->place, 0700) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/upper", container->place);
    if (mkdir(path, 0755) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/work", container->place);
    return mkdir(path, 0755);
}

/* A v2 group where there is such a hierarchy, and one for the limit on processes on v1. */
static int make_groups(struct container *container)
{
    container->v1_tasks = -1;
    container->v2_dir = -1;
    if (container->v2_group[0]) {
        if (mkdir(container->v2_group, 0755) < 0)
            return -1;
        container->v2_dir = open(container->v2_group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (container->v2_dir < 0)
            return -1;
    }
    if (container->v1_group[0]) {
        char path[PATH_SIZE + 8];
        if (mkdir(container->v1_group, 0755) < 0)
            return -1;
        (void)snprintf(path, sizeof(path), "%s/tasks", container->v1_group);
        container->v1_tasks = open(path, O_WRONLY | O_CLOEXEC);
        if (container->v1_tasks < 0)
            return -1;
    }
    return 0;
}

/* ---- the child's phases ---- */

static int enter_group(struct container *container)
{
    if (container->v1_tasks < 0)
        return 0;
    return write(container->v1_tasks, "0", 1) == 1 ? 0 : -1;
}

static int unshare_groups(struct container *container)
{
    (void)container;
    return unshare(CLONE_NEWCGROUP);
}

static int wait_for_parent(struct container *container)
{
    char byte;
    if (!container->userns)
        return 0;
    if (read(container->wake[0], &byte, 1) != 1)
        return -1;
    return setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ? -1 : 0;
}

static int loopback_up(struct container *container)
{
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    (void)container;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return -1;
    return close(fd);
}

/* A user namespace may make these only while the host's are in sight: so before the change of root.
 */
static int make_kernel_mounts(struct container *container)
{
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    container->proc = fs_make("proc", NULL, attributes);
    container->sys = fs_make("sysfs", NULL, attributes | MOUNT_ATTR_RDONLY);
    container->mqueue = fs_make("mqueue", NULL, attributes);
    return container->proc < 0 || container->sys < 0 || container->mqueue < 0 ? -1 : 0;
}

/* The host's own, to be bound: a user namespace can make none. */
static int open_nodes(struct container *container)
{
    char path[32];
    for (size_t i = 0; i < NODES; i++) {
        (void)snprintf(path, sizeof(path), "/dev/%s", nodes[i]);
        container->nodes[i] = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (container->nodes[i] < 0)
            return -1;
    }
    return 0;
}

/* Layers are attached where the old root takes them with it. */
static int mount_overlay(struct container *container)
{
    char lower[64], upper[64], work[64];
    if (!container->userns) {
        container->lower =
            open_tree(AT_FDCWD, container->rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        container->upper =
            open_tree(AT_FDCWD, container->place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    }
    if (container->lower < 0 || container->upper < 0 ||
        attach(container->lower, AT_FDCWD, "/dev") < 0 ||
        attach(container->upper, AT_FDCWD, "/dev") < 0)
        return -1;
    (void)snprintf(lower, sizeof(lower), "/proc/self/fd/%d", container->lower);
    (void)snprintf(upper, sizeof(upper), "/proc/self/fd/%d/upper", container->upper);
    (void)snprintf(work, sizeof(work), "/proc/self/fd/%d/work", container->upper);
    const struct fs_option options[] = {
        { "lowerdir", lower }, { "upperdir", upper }, { "workdir", work },
        { "userxattr", NULL }, { "volatile", NULL },  {},
    };
    container->root = fs_make("overlay", options, MOUNT_ATTR_NODEV);
    return container->root < 0 ? -1 : attach(container->root, AT_FDCWD, "/");
}

static int change_root(struct container *container)
{
    if (fchdir(container->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0)
        return -1;
    return 0;
}

static int attach_kernel_mounts(struct container *container)
{
    if (attach_new(container->proc, container->root, "proc") < 0)
        return -1;
    return attach_new(container->sys, container->root, "sys");
}

static int clone_node(int dev, const char *name, int source)
{
    int file = openat(dev, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (file < 0)
        return -1;
    (void)close(file);
    return attach_new(source, dev, name);
}

static int make_dev(struct container *container)
{
    static const struct fs_option dev_options[] = { { "mode", "755" }, { "size", "65536k" }, {} };
    static const struct fs_option pts_options[] = {
        { "newinstance", NULL }, { "ptmxmode", "0666" }, { "mode", "0620" }, {}
    };
    static const struct fs_option shm_options[] = { { "mode", "1777" }, { "size", "65536k" }, {} };
    static const char *const links[][2] = {
        { "/proc/self/fd", "fd" },       { "/proc/self/fd/0", "stdin" },
        { "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" },
        { "pts/ptmx", "ptmx" },
    };
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    int dev = fs_make("tmpfs", dev_options, attributes);
    if (dev < 0 || attach(dev, container->root, "dev") < 0)
        return -1;
    for (size_t i = 0; i < NODES; i++)
        if (clone_node(dev, nodes[i], container->nodes[i]) < 0)
            return -1;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        if (symlinkat(links[i][0], dev, links[i][1]) < 0)
            return -1;
    if (mkdirat(dev, "pts", 0755) < 0 || mkdirat(dev, "shm", 01777) < 0 ||
        mkdirat(dev, "mqueue", 0755) < 0 ||
        attach_new(fs_make("devpts", pts_options, attributes), dev, "pts") < 0 ||
        attach_new(fs_make("tmpfs", shm_options, attributes | MOUNT_ATTR_NODEV), dev, "shm") < 0)
        return -1;
    return attach_new(container->mqueue, dev, "mqueue");
}

static const struct phase before_phases[] = {
    { "make directories", make_directories },
    { "make control groups", make_groups },
    {},
};

static const struct phase child_phases[] = {
    { "child: begin, enter v1 group", enter_group },
    { "child: cgroup namespace", unshare_groups },
    { "child: wait for id maps and layers", wait_for_parent },
    { "child: loopback", loopback_up },
    { "child: make proc, sysfs, mqueue", make_kernel_mounts },
    { "child: open device nodes", open_nodes },
    { "child: overlay", mount_overlay },
    { "child: change root", change_root },
    { "child: attach proc, sysfs", attach_kernel_mounts },
    { "child: dev", make_dev },
    {},
};

static _Noreturn void child(struct container *container, uint64_t *end_ns)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const struct phase *phase = child_phases; phase->run; phase++) {
        if (phase->run(container) < 0) {
            container->failed = errno;
            container->failed_at = phase->name;
            _exit(125);
        }
        *end_ns++ = clock_ns();
    }
    char *const environment[] = { NULL };
    (void)execve(container->words[0], container->words, environment);
    container->failed = errno;
    container->failed_at = container->words[0];
    _exit(127);
}

/* ---- the parent's phases, after the clone ---- */

static int write_map(struct container *container, const char *name)
{
    char path[64], map[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)container->pid, name);
    int len = snprintf(map, sizeof(map), "0 %d %d", FIRST_ID, IDS);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, map, (size_t)len) != len)
        return -1;
    return close(fd);
}

/* A detached mount of the directory, with the owners as the user namespace has them. */
static int mapped_clone(const char *path, int userns)
{
    struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
    int mount = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0 || mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
        return -1;
    return mount;
}

static int map_ids(struct container *container)
{
    char path[64];
    if (!container->userns)
        return 0;
    if (write_map(container, "uid_map") < 0 || write_map(container, "gid_map") < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)container->pid);
    int userns = open(path, O_RDONLY | O_CLOEXEC);
    container->lower = mapped_clone(container->rootfs, userns);
    container->upper = mapped_clone(container->place, userns);
    if (container->lower < 0 || container->upper < 0 || write(container->wake[1], "", 1) != 1)
        return -1;
    return close(userns);
}

static int wait_for_child(struct container *container)
{
    int status;
    while (waitpid(container->pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    if (container->failed) {
        errno = container->failed;
        die(container->failed_at);
    }
    errno = ECHILD;
    return status == 0 ? 0 : -1;
}

/* The child's descriptors are the parent's too; what it mounted goes with the last of them. */
static int remove_groups(struct container *container)
{
    if (close_range(3, ~0u, 0) < 0 || (container->v1_group[0] && rmdir(container->v1_group) < 0))
        return -1;
    return container->v2_group[0] ? rmdir(container->v2_group) : 0;
}

static int remove_directories(struct container *container)
{
    static const struct {
        const char *path;
        int flags;
    } things[] = {
        { "work/work/incompat/volatile/dirty", 0 },
        { "work/work/incompat/volatile", AT_REMOVEDIR },
        { "work/work/incompat", AT_REMOVEDIR },
        { "work/work", AT_REMOVEDIR },
        { "work", AT_REMOVEDIR },
        { "upper/dev", AT_REMOVEDIR },
        { "upper", AT_REMOVEDIR },
    };
    int dir = open(container->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++)
        if (unlinkat(dir, things[i].path, things[i].flags) < 0 && errno != ENOENT)
            return -1;
    (void)close(dir);
    return rmdir(container->place);
}

static const struct phase after_phases[] = {
    { "id maps and mapped layers", map_ids },
    { "wait for the child", wait_for_child },
    {},
};

static const struct phase removal_phases[] = {
    { "remove control groups", remove_groups },
    { "remove directories", remove_directories },
    {},
};

/* ---- one container ---- */

static pid_t clone_child(const struct container *container)
{
    struct clone_args args = {
        .flags =
            CLONE_FILES | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
        .exit_signal = SIGCHLD,
    };
    if (container->userns)
        args.flags |= CLONE_NEWUSER;
    if (container->v2_dir >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)container->v2_dir;
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static uint64_t *phases_run(const struct phase *phases, struct container *container,
                            uint64_t *end_ns)
{
    for (; phases->run; phases++) {
        if (phases->run(container) < 0)
            die(phases->name);
        *end_ns++ = clock_ns();
    }
    return end_ns;
}

static void container_run(struct container *container)
{
    container->lower = container->upper = container->root = -1;
    uint64_t *end_ns = phases_run(before_phases, container, container->end_ns);
    if (pipe2(container->wake, O_CLOEXEC) < 0)
        die("pipe2");
    uint64_t *child_end_ns = end_ns + 1;
    pid_t pid = clone_child(container);
    if (pid < 0)
        die("clone3");
    if (pid == 0)
        child(container, child_end_ns);
    container->pid = pid;
    *end_ns = clock_ns();
    uint64_t *after_end_ns = child_end_ns + sizeof(child_phases) / sizeof(child_phases[0]) - 1;
    after_end_ns = phases_run(after_phases, container, after_end_ns);
    /* Nobody has to wait for what follows, so a command does not. */
    if (container->leaves && fork() > 0)
        return;
    (void)phases_run(removal_phases, container, after_end_ns);
}

/* ---- many, with the time of each phase ---- */

static const char *const clone_name = "clone3";

static size_t names_add(const char **names, size_t n, const struct phase *phases)
{
    for (; phases->run; phases++)
        names[n++] = phases->name;
    return n;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void phase_print(const char *name, uint64_t *ns, size_t runs)
{
    size_t median = (runs - 1) / 2;
    size_t tenth = (runs - 1) / 10;
    qsort(ns, runs, sizeof(*ns), by_size);
    printf("%s\t%.0f\t%.0f\n", name, (double)ns[median] / 1e3, (double)ns[tenth] / 1e3);
}

/* A phase begins where the one before it on its side ended; the child's first one where the clone
 * did. */
static uint64_t phase_begin(const struct container *container, size_t i, size_t clone_at,
                            size_t after_at, uint64_t begin)
{
    if (i == 0)
        return begin;
    if (i == clone_at + 1)
        return container->end_ns[clone_at - 1];
    return container->end_ns[i == after_at ? clone_at : i - 1];
}

static void containers_run(struct container *container, size_t runs, unsigned pause_ms)
{
    const char *names[PHASES_MAX];
    size_t clone_at = names_add(names, 0, before_phases);
    names[clone_at] = clone_name;
    size_t after_at = names_add(names, clone_at + 1, child_phases);
    size_t n = names_add(names, after_at, after_phases);
    size_t removal_at = n;
    n = names_add(names, n, removal_phases);
    uint64_t *ns = calloc((n + 2) * runs, sizeof(*ns));
    if (!ns)
        die("memory");

    for (size_t run = 0; run < runs; run++) {
        (void)usleep(pause_ms * 1000);
        uint64_t begin = clock_ns();
        container_run(container);
        for (size_t i = 0; i < n; i++) {
            uint64_t from = phase_begin(container, i, clone_at, after_at, begin);
            ns[i * runs + run] = container->end_ns[i] - from;
        }
        ns[n * runs + run] = container->end_ns[removal_at - 1] - begin;
        ns[(n + 1) * runs + run] = container->end_ns[n - 1] - begin;
    }
    for (size_t i = 0; i < n; i++)
        phase_print(names[i], ns + i * runs, runs);
    phase_print("to the exit status", ns + n * runs, runs);
    phase_print("in all", ns + (n + 1) * runs, runs);
    free(ns);
}

static void group_name(char *name, const char *hierarchy, const char *probe)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", hierarchy, probe);
    if (access(path, F_OK) == 0)
        (void)snprintf(name, PATH_SIZE, "%s/floor-%d", hierarchy, (int)getpid());
}

static void container_init(struct container *container, const char *dir, char **words)
{
    static char *default_words[] = { "/bin/true", NULL };
    container->words = words[0] ? words : default_words;
    (void)snprintf(container->place, sizeof(container->place), "%s/c.%d", dir, (int)getpid());
    (void)snprintf(container->rootfs, sizeof(container->rootfs), "%s/rootfs", dir);
    group_name(container->v2_group, "/sys/fs/cgroup", "cgroup.subtree_control");
    if (!container->v2_group[0])
        group_name(container->v2_group, "/sys/fs/cgroup/unified", "cgroup.procs");
    group_name(container->v1_group, "/sys/fs/cgroup/pids", "tasks");
}

int main(int argc, char **argv)
{
    size_t runs = 0;
    unsigned pause_ms = 0;
    struct container *container =
        mmap(NULL, sizeof(*container), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (container == MAP_FAILED)
        die("memory");
    for (int option; (option = getopt(argc, argv, "+un:p:")) != -1;) {
        if (option == 'u')
            container->userns = true;
        else if (option == 'n')
            runs = strtoul(optarg, NULL, 10);
        else if (option == 'p')
            pause_ms = (unsigned)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (!argv[optind]) {
        fprintf(stderr, "usage: floor [-u] [-n RUNS] [-p PAUSE_MS] DIR [PROGRAM [ARGUMENT...]]\n");
        return 2;
    }
    container_init(container, argv[optind], argv + optind + 1);
    container->leaves = runs == 0;
    if (runs)
        containers_run(container, runs, pause_ms);
    else
        container_run(container);
    return 0;
}
