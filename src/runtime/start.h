/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A start under way, and the steps it is made of. Two ordered tables of steps, one for each side of
 * the clone, are all that a start does; --explain prints them, so it cannot say anything else.
 * Steps of the child run between clone and exec: no allocation, no stdio.
 */
#include <unistd.h>

#include "kernel/cgroup.h"
#include "runtime/plan.h"

enum {
    START_GROUPS_MAX = 1024,
    START_HOME_MAX = 512,
    START_DEVICES_MAX = 1024,
    START_NETWORK_STACK = 16384,
    START_PROC_NAMES = 16384,
};

/* Who the process becomes, when names had to be looked up inside. */
struct identity {
    uint32_t uid;
    uint32_t gid;
    size_t n_groups;
    size_t n_asked; /* the first of them, which were asked for; the others are of /etc/group */
    gid_t groups[START_GROUPS_MAX];
    char home[START_HOME_MAX]; /* "HOME=/root" */
};

struct stamp {
    uint64_t begin_ns;
    uint64_t end_ns; /* 0: it did not come back */
    bool failed;
};

struct start {
    const struct plan *plan;
    int join_pidfd; /* exec: the running container */
    int channel;    /* our side of the socket between parent and child */
    int peer;       /* the other one's, until the clone */
    pid_t pid;
    int pidfd;
    int made; /* exec: the process made inside, as the child in between handed it over, or -1 */
    int userns;
    int pids;  /* the pid namespace that is entered late, or -1 */
    int *kept; /* child: room for what it has open then; NULL: it does not */
    int home; /* parent, child: the caller's mount namespace, where the container is to be in it; exec:
                   the root of such a container. Else -1 */
    int *own; /* the parent's own namespaces, plan.n_joins of them, while it is in those it joined;
                 else -1 */
    struct cgroup cgroup;
    bool cgroup_made;
    bool resctrl_made; /* a directory of the class's own */
    int *sources;      /* plan.n_sources detached mounts, -1 where there is none yet */
    int *mounts;       /* plan.n_mounts file systems made and not yet attached; -1 for binds */
    int *devices;      /* likewise for device nodes: the default ones, then the plan's */
    size_t n_devices;
    int spent;           /* child: the first of the sources that were cloned again, or -1 */
    int null;            /* what covers masked files: /dev/null, or -1 */
    const char *empty;   /* the first directory masked by an empty one, or NULL */
    int root;            /* the container's root directory */
    int dev;             /* its /dev, once a device was placed there */
    int terminal;        /* parent: the master; child: the slave */
    int held;            /* parent: the child's mount namespace, or -1 */
    int listener;        /* parent: of the child's seccomp filter, or -1 */
    int proc;            /* child: the host's /proc, where the process gets a label; else -1 */
    int init;            /* ruche-init, as a detached mount that cannot be written */
    char *network_stack; /* of START_NETWORK_STACK bytes */
    pid_t network_maker; /* child: makes the network namespace, or -1 */
    int network;         /* child: that namespace, once the maker ended */
    char *proc_names;    /* child: what its /proc holds, getdents64(2), or NULL; */
    long n_proc_names; /* so many bytes of START_PROC_NAMES, 0: not asked yet, -1: not to be had */
    bool turned;       /* child: a file system was made in its turn */
    bool linked;       /* child: a link was on the way to a mount point */
    bool at_root;      /* child: its root is the container's, */
    bool away;         /* and no more its working directory */
    bool in_cwd;       /* likewise what the process is to have */
    mode_t umask;      /* the caller's; the child makes files with none */
    struct identity *identity;
    struct stamp *stamps; /* shared by both sides, one a step and index; NULL: nobody listens */
    char warning[256];
};

struct step {
    const char *words;     /* what it does */
    const char *call;      /* the system call it rests on */
    const char *arguments; /* its arguments, or NULL when describe adds them */
    /* How often it runs: once for each of what the plan has. NULL: once. */
    size_t (*count)(const struct plan *plan);
    /* Adds what differs from one plan to the next. NULL: nothing does. */
    void (*describe)(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
    int (*run)(struct start *start, size_t i, struct err *err);
};

struct steps {
    const char *side;      /* "parent", "child" */
    const struct step *at; /* ends where run is NULL */
};

extern const struct steps create_parent_steps; /* up to and with the child's exec */
extern const struct steps create_child_steps;
extern const struct steps exec_parent_steps;
extern const struct steps exec_child_steps;

size_t steps_count(const struct steps *steps, const struct plan *plan);
/* Runs all; stamps begins at the first one of this table, or is NULL. */
int steps_run(const struct steps *steps, struct start *start, struct stamp *stamps,
              struct err *err);
/* Tells the request's listener what was done, in the order of time; stamps NULL: what would be
 * done. */
void steps_tell(const struct steps *const *tables, size_t n_tables, const struct plan *plan,
                const struct stamp *stamps);

/* What number a process has here, for people: 0 if it cannot be told. */
pid_t pidfd_number(int pidfd);

/* Children: a failed system call in the words of err_plain. Returns -1. */
int step_fail(struct err *err, const char *what, const char *name);

/* The socket between the two sides (channel.c). */
int channel_open(struct start *start, struct err *err);
/* Parent: descriptors for the child, and with them the word to go on. */
int channel_release(struct start *start, const int *fds, size_t n_fds, struct err *err);
/* Child: waits for that word. Gives as many descriptors as it has room for. */
int channel_wait(struct start *start, int *fds, size_t n_fds, struct err *err);
/* Child: hands over the terminal's master. */
int channel_send_terminal(struct start *start, int master, struct err *err);
/* Child between: hands over the process it made inside. */
int channel_send_process(struct start *start, int pidfd, struct err *err);
/* Child: hands over the listener of its filter, and waits until it is where it belongs. */
int channel_send_listener(struct start *start, int listener, struct err *err);
/* Child: has the parent run its hooks, and waits until they did. */
int channel_ask_hooks(struct start *start, struct err *err);
/* Child between: makes the process inside, in the namespaces of `flags`, as the parent's child, and
 * hands it over. Only the process inside comes back from it, with 0, and goes on with the steps
 * (join.c). */
int go_on_inside(struct start *start, uint64_t flags, struct err *err);
/* Child: what is left out, for people; of a longer text, the beginning. */
enum { CHANNEL_WARNING_SIZE = 200 };
void channel_send_warning(struct start *start, const char *text);
/* Child: what follows is the program. */
int channel_announce(struct start *start, struct err *err);
/* Child: why it failed. */
void channel_send_error(struct start *start, const struct err *why);
/* Parent: until the child sent 'H', 'P' or 'S' (0), or failed (-1). What comes before is taken. */
int channel_await(struct start *start, char word, struct err *err);
/* Parent: until the child executed its program (0), having taken the terminal, or failed (-1). */
int channel_watch(struct start *start, struct err *err);

/* Steps in files of their own. */
int child_devices_clone(struct start *start, size_t i, struct err *err);
int child_layers_mount(struct start *start, size_t i, struct err *err);
int child_root_mount(struct start *start, size_t i, struct err *err);
/* Makes the container's root the root directory. */
int root_change(struct start *start, struct err *err);
int child_mount_make(struct start *start, size_t i, struct err *err);
int child_late_mount_make(struct start *start, size_t i, struct err *err);
int child_mount(struct start *start, size_t i, struct err *err);
int child_mount_rest(struct start *start, size_t i, struct err *err);
int child_late_readonly(struct start *start, size_t i, struct err *err);
int child_root_propagation(struct start *start, size_t i, struct err *err);
int child_device(struct start *start, size_t i, struct err *err);
int child_device_links(struct start *start, size_t i, struct err *err);
int child_far_device(struct start *start, size_t i, struct err *err);
size_t count_far_devices(const struct plan *plan);
void describe_far_device(const struct plan *plan, size_t i, struct str *words,
                         struct str *arguments);
/* Masked and read-only paths (mask.c). */
char *proc_names_new(const struct plan *plan); /* room for what /proc holds, if it pays; or NULL */
int child_mask(struct start *start, size_t i, struct err *err);
int child_readonly(struct start *start, size_t i, struct err *err);
int child_root_readonly(struct start *start, size_t i, struct err *err);
int child_sources_clone(struct start *start, size_t i, struct err *err);
/* Likewise, but the root's; while the host's mounts are still its peers. */
int child_bind_clone(struct start *start, size_t i, struct err *err);
int child_terminal(struct start *start, size_t i, struct err *err);
int parent_dev(struct start *start, size_t i, struct err *err);
/* Child: fills the /dev it mounted. */
int dev_fill_mounted(struct start *start, struct err *err);
/* Makes the file system of a row of the plan, detached; *ret_fs is what it was made by, to be closed
 * whether it failed or not. */
int file_system_make(const struct plan_mount *mount, int *ret_fs, int *ret_made, struct err *err);
/* Devices that the child places. */
size_t device_count(const struct plan *plan);
const char *device_path(const struct plan *plan, size_t i);

/* Parent: hands the listener of the child's filter to the agent (listener.c). */
int parent_listener(struct start *start, size_t i, struct err *err);
size_t count_listener(const struct plan *plan);
void describe_listener(const struct plan *plan, size_t i, struct str *words, struct str *arguments);

/* Parent: the host's network devices, and classes of cache and memory bandwidth (netdevice.c,
 * resctrl.c). */
int parent_netdevice(struct start *start, size_t i, struct err *err);
int parent_resctrl(struct start *start, size_t i, struct err *err);
void resctrl_undo(const struct start *start);
size_t count_netdevices(const struct plan *plan);
size_t count_resctrl(const struct plan *plan);
void describe_netdevice(const struct plan *plan, size_t i, struct str *words,
                        struct str *arguments);

/* Owners of what enters the container (source.c). Whether all of it is mapped: */
bool owners_mapped(const struct plan *plan);
/* Clones the i-th source, parts it from the host's mounts, and gives it the options of what it is
 * mounted for. -1 with errno. Async-signal-safe. */
int source_clone(struct start *start, size_t i);
/* Maps the i-th source as the plan has it. */
int source_map(struct start *start, size_t i, struct err *err);
/* Copies what a directory holds into another one (copy_up.c). Async-signal-safe; -1 with errno. */
int copy_up(int from, int to);

/* Hooks (child_hooks.c); the root is changed behind those that are told of it. */
int parent_hooks(struct start *start, size_t i, struct err *err);
int child_runtime_hooks(struct start *start, size_t i, struct err *err);
int child_container_hook(struct start *start, size_t i, struct err *err);
int child_pivot(struct start *start, size_t i, struct err *err);
int process_hook(struct start *start, size_t i, struct err *err);
size_t count_runtime_hooks(const struct plan *plan);
size_t count_container_hooks(const struct plan *plan);
size_t count_start_hooks(const struct plan *plan);
size_t count_pivot(const struct plan *plan);
void describe_runtime_hooks(const struct plan *plan, size_t i, struct str *words,
                            struct str *arguments);
void describe_container_hook(const struct plan *plan, size_t i, struct str *words,
                             struct str *arguments);
void describe_start_hook(const struct plan *plan, size_t i, struct str *words,
                         struct str *arguments);

/* The network namespace (network.c). */
int child_network_begin(struct start *start, size_t i, struct err *err);
int child_network_enter(struct start *start, size_t i, struct err *err);

/* Without pivot_root: takes the host's proc and sysfs out of the mount namespace, but not what lies
 * below `root` (no_pivot.c). The working directory is another afterwards. -1 with errno. */
int host_conceal(int root);

/* Opens what is at a path below the container's root, O_PATH. No link leads out of it, those of
 * /proc least. -1 with errno. */
int target_open(struct start *start, const char *path);
/* The same, making what is missing of the path; its last component is a file if is_file. */
int target_make(struct start *start, const char *text, bool is_file);
/* The same; links that lead to what is still to be made are followed. EEXIST: something is there. */
int target_make_through(struct start *start, const char *text, bool is_file);
/* Opens what is there to be mounted on. */
int target_find(struct start *start, const char *path);
/* Nothing inside may trace us, read our memory or open what we have open: ptrace(2). After each
 * change of ids, for those set back to what the sysctl fs.suid_dumpable says. */
int child_hide(struct start *start, size_t i, struct err *err);

/* Parent's steps that an exec has as well. */
int parent_limit(struct start *start, size_t i, struct err *err);
int parent_oom_score(struct start *start, size_t i, struct err *err);
int parent_streams(struct start *start, size_t i, struct err *err);
int parent_watch(struct start *start, size_t i, struct err *err);
size_t count_limits(const struct plan *plan);
/* Whether a limit leaves too few descriptors for what is still to be done. */
bool limit_is_low(const struct rlimit_pair *limit);
/* Back from the namespaces that were joined by path. Nothing to do is fine; -1 with errno. */
int start_go_back(struct start *start);
size_t count_oom_score(const struct plan *plan);
size_t count_streams(const struct plan *plan);
/* Adds a warning for people; what does not fit is left out. */
void start_warn(struct start *start, const char *text);

/* Steps every process has, in a new container or a running one; both child tables end with them
 * (process.c). */
size_t count_terminal(const struct plan *plan);
size_t count_init(const struct plan *plan);
size_t count_landlock(const struct plan *plan);
size_t count_hold(const struct plan *plan);
size_t count_make_cwd(const struct plan *plan);
size_t count_no_new_privileges(const struct plan *plan);
size_t count_seccomp_notify(const struct plan *plan);
size_t count_seccomp(const struct plan *plan);
void describe_identity(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_capabilities(const struct plan *plan, size_t i, struct str *words,
                           struct str *arguments);
void describe_cwd(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_seccomp(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
void describe_execute(const struct plan *plan, size_t i, struct str *words, struct str *arguments);
size_t count_low_limits(const struct plan *plan);
int process_descriptors(struct start *start, size_t i, struct err *err);
int process_low_limits(struct start *start, size_t i, struct err *err);
int process_signals(struct start *start, size_t i, struct err *err);
int process_landlock(struct start *start, size_t i, struct err *err);
int process_identity_find(struct start *start, size_t i, struct err *err);
int process_capabilities_bound(struct start *start, size_t i, struct err *err);
int process_identity_set(struct start *start, size_t i, struct err *err);
int process_cwd_make(struct start *start, size_t i, struct err *err);
int process_cwd_enter(struct start *start, size_t i, struct err *err);
int process_cwd(struct start *start, size_t i, struct err *err);
int process_stdio(struct start *start, size_t i, struct err *err);
int process_no_new_privileges(struct start *start, size_t i, struct err *err);
int process_seccomp(struct start *start, size_t i, struct err *err);
int process_execute(struct start *start, size_t i, struct err *err);
/* Tells the parent that all is done, and waits until somebody else says "start" (hold.c). */
int process_hold(struct start *start, size_t i, struct err *err);

/* What few processes ask for (process_attributes.c). The host's /proc is opened while it is in
 * sight. */
size_t count_processors_initial(const struct plan *plan);
size_t count_processors_reset(const struct plan *plan);
size_t count_processors_final(const struct plan *plan);
size_t count_memory_policy(const struct plan *plan);
size_t count_io_priority(const struct plan *plan);
size_t count_personality(const struct plan *plan);
size_t count_scheduler(const struct plan *plan);
size_t count_label(const struct plan *plan);
int process_processors_initial(struct start *start, size_t i, struct err *err);
int process_processors_reset(struct start *start, size_t i, struct err *err);
int process_processors_final(struct start *start, size_t i, struct err *err);
int process_memory_policy(struct start *start, size_t i, struct err *err);
int process_io_priority(struct start *start, size_t i, struct err *err);
int process_personality(struct start *start, size_t i, struct err *err);
int process_scheduler(struct start *start, size_t i, struct err *err);
int process_label_open(struct start *start, size_t i, struct err *err);
int process_label(struct start *start, size_t i, struct err *err);

/* clang-format off */
/* While the root file system can still be written. */
#define PROCESS_STEPS_AS_ROOT                                                                                                            \
    { "close what the caller had open", "close_range", "", NULL, NULL, process_descriptors },                                            \
    { "find the user", "read", "/etc/passwd, /etc/group", NULL, describe_identity, process_identity_find },                              \
    { "reset the signals", "rt_sigprocmask, rt_sigaction", "SIG_DFL", NULL, NULL, process_signals },                                     \
    { "take the streams", "setsid, dup2", "0, 1, 2", NULL, NULL, process_stdio },                                                        \
    { "make the working directory", "mkdir", NULL, count_make_cwd, describe_cwd, process_cwd_make },                                     \
    { "change to the working directory", "openat2, fchdir", NULL, NULL, describe_cwd, process_cwd_enter },                               \
    { "bind to processors", "sched_setaffinity", "", count_processors_final, NULL, process_processors_final },                           \
    { "bind to memory nodes", "set_mempolicy", "", count_memory_policy, NULL, process_memory_policy },                                   \
    { "set the I/O priority", "ioprio_set", "", count_io_priority, NULL, process_io_priority },                                          \
    { "set the execution domain", "personality", "", count_personality, NULL, process_personality },                                     \
    { "set the scheduler", "sched_setattr", "", count_scheduler, NULL, process_scheduler },                                              \
    { "label the program", "write", "attr/exec", count_label, NULL, process_label }

/* From root of the namespace down to what was granted. The filter comes last, for it need not let through what these
 * steps call; where it is loaded without no_new_privs the process keeps CAP_SYS_ADMIN until then. With a listener it
 * comes before the wait: whoever creates the container hands the listener over. */
#define PROCESS_STEPS                                                                                                                    \
    { "refuse new privileges", "prctl", "PR_SET_NO_NEW_PRIVS", count_no_new_privileges, NULL, process_no_new_privileges },               \
    { "restrict by Landlock", "landlock_restrict_self", "no device nodes, no mounts", count_landlock, NULL, process_landlock },          \
    { "bound the capabilities", "prctl", NULL, NULL, describe_capabilities, process_capabilities_bound },                                \
    { "become the user", "setgroups, setresgid, setresuid, capset", "", NULL, describe_identity, process_identity_set },                 \
    { "change to it as the user, if root may not", "openat2, fchdir", NULL, NULL, describe_cwd, process_cwd },                           \
    { "limit the descriptors", "prlimit", "nofile", count_low_limits, NULL, process_low_limits },                                        \
    { "filter system calls", "seccomp", NULL, count_seccomp_notify, describe_seccomp, process_seccomp },                                 \
    { "wait for start", "poll, accept4", "", count_hold, NULL, process_hold },                                                           \
    { "filter system calls", "seccomp", NULL, count_seccomp, describe_seccomp, process_seccomp },                                        \
    { "run hook", "clone, execve", NULL, count_start_hooks, describe_start_hook, process_hook },                                         \
    { "execute", "execve", NULL, NULL, describe_execute, process_execute }
/* clang-format on */

/* passwd(5) and group(5) of the container (identity.c), read below the root the caller is in. */
int identity_find(const struct plan_process *process, struct identity *ret_identity,
                  struct err *err);

/* execve(2) with a search of PATH; only returns if it fails, with the reason and its remedy. */
int execute(char *const *argv, char *const *env, struct err *err);
/* Fails likewise where it can be told beforehand that execute would. */
int execute_check(char *const *argv, char *const *env, struct err *err);
