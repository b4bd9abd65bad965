/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default profile as tables. Three ways a call can go:
 *
 *  - it stands in ALLOWED_…: nothing it does is more than the kernel's own checks grant an ordinary
 *    program;
 *  - it stands in a group that a capability opens: without it EPERM, as the kernel would say, but
 *    before any of the call's code has run;
 *  - it stands nowhere: ENOSYS. So it is with calls newer than this table, and with those the
 *    kernel has lost or keeps for programs of the nineties (uselib, ustat, sysfs, vm86 …).
 *
 * Where a group's refusal is ENOSYS, a library has an older way to do the same and takes it only on
 * that answer. Calls of which some arguments are refused come first, in the conditions. Arguments
 * are compared in the 32 bits the kernel looks at.
 *
 * The lists are written once and become both names and numbers: names are for other architectures
 * and for people, and with the machine's numbers at hand no name is looked up when a container
 * starts.
 */
#include "kernel/seccomp_default.h"

#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "kernel/capability.h"
#include "kernel/seccomp_number.h"

/* X: calls that the headers know since long, N: those of SECCOMP_NUMBERS_NEW. */
/* clang-format off */
#define ALLOWED_EVERYWHERE(X, N)                                                                   \
    /* files */                                                                                    \
    X(read) X(write) X(readv) X(writev) X(pread64) X(pwrite64) X(preadv) X(pwritev) X(preadv2)     \
    X(pwritev2) X(lseek) X(sendfile) X(copy_file_range) X(splice) X(tee) X(vmsplice) X(readahead)  \
    X(openat) X(openat2) X(close) X(close_range) X(dup) X(dup3) X(fcntl) X(flock) X(ioctl)         \
    X(pipe2) X(fsync) X(fdatasync) X(sync) X(syncfs) X(sync_file_range) X(truncate) X(ftruncate)   \
    X(fallocate) X(fadvise64) X(fstat) X(newfstatat) X(statx) X(statfs) X(fstatfs) X(faccessat)    \
    X(faccessat2) X(readlinkat) X(getdents64) X(getcwd) X(chdir) X(fchdir) X(mkdirat) X(mknodat)   \
    X(linkat) X(symlinkat) X(unlinkat) X(renameat) X(renameat2) X(fchmod) X(fchmodat) X(fchown)    \
    X(fchownat) X(utimensat) X(umask) X(setxattr) X(lsetxattr) X(fsetxattr) X(getxattr)            \
    X(lgetxattr) X(fgetxattr) X(listxattr) X(llistxattr) X(flistxattr) X(removexattr)              \
    X(lremovexattr) X(fremovexattr) X(name_to_handle_at) X(inotify_init1) X(inotify_add_watch)     \
    X(inotify_rm_watch) X(memfd_create) N(cachestat) N(fchmodat2) N(setxattrat) N(getxattrat)      \
    N(listxattrat) N(removexattrat) N(file_getattr) N(file_setattr)                                \
    /* memory */                                                                                   \
    X(mmap) X(mprotect) X(munmap) X(mremap) X(msync) X(mincore) X(madvise) X(brk) X(mlock)         \
    X(mlock2) X(munlock) X(mlockall) X(munlockall) X(remap_file_pages) X(pkey_mprotect)            \
    X(pkey_alloc) X(pkey_free) X(memfd_secret) X(membarrier) X(process_mrelease)                   \
    N(map_shadow_stack) N(mseal)                                                                   \
    /* waiting */                                                                                  \
    X(pselect6) X(ppoll) X(epoll_create1) X(epoll_ctl) X(epoll_pwait) X(epoll_pwait2) X(eventfd2)  \
    X(signalfd4) X(timerfd_create) X(timerfd_settime) X(timerfd_gettime) X(io_setup)               \
    X(io_destroy) X(io_getevents) X(io_pgetevents) X(io_submit) X(io_cancel)                       \
    X(futex) X(futex_waitv) X(set_robust_list) X(get_robust_list)                                  \
    N(futex_wake) N(futex_wait) N(futex_requeue)                                                   \
    /* processes */                                                                                \
    X(execve) X(execveat) X(exit) X(exit_group) X(wait4) X(waitid) X(getpid) X(getppid) X(gettid)  \
    X(set_tid_address) X(restart_syscall) X(rseq) X(prctl) X(ptrace) X(seccomp) X(pidfd_open)      \
    X(pidfd_send_signal) X(landlock_create_ruleset) X(landlock_add_rule)                           \
    X(landlock_restrict_self) N(lsm_get_self_attr) N(lsm_list_modules)                             \
    X(setpgid) X(getpgid) X(setsid) X(getsid) X(getuid) X(geteuid) X(getgid) X(getegid)            \
    X(getgroups) X(setgroups) X(setuid) X(setgid) X(setreuid) X(setregid) X(setresuid)             \
    X(getresuid) X(setresgid) X(getresgid) X(setfsuid) X(setfsgid) X(capget) X(capset)             \
    X(getrlimit) X(setrlimit) X(prlimit64) X(getrusage) X(times) X(getpriority) X(setpriority)     \
    X(ioprio_set) X(ioprio_get) X(sched_yield) X(sched_setparam) X(sched_getparam)                 \
    X(sched_setscheduler) X(sched_getscheduler) X(sched_setattr) X(sched_getattr)                  \
    X(sched_get_priority_max) X(sched_get_priority_min) X(sched_rr_get_interval)                   \
    X(sched_setaffinity) X(sched_getaffinity) X(getcpu) X(uname) X(sysinfo) X(getrandom)           \
    /* signals */                                                                                  \
    X(kill) X(tkill) X(tgkill) X(rt_sigaction) X(rt_sigprocmask) X(rt_sigreturn)                   \
    X(rt_sigpending) X(rt_sigtimedwait) X(rt_sigqueueinfo) X(rt_tgsigqueueinfo)                    \
    X(rt_sigsuspend) X(sigaltstack)                                                                \
    /* time; the two adjtimex are also how it is read, and setting is the kernel's to refuse */    \
    X(gettimeofday) X(clock_gettime) X(clock_getres) X(clock_nanosleep) X(nanosleep)               \
    X(getitimer) X(setitimer) X(timer_create) X(timer_settime) X(timer_gettime)                    \
    X(timer_getoverrun) X(timer_delete) X(adjtimex) X(clock_adjtime)                               \
    /* sockets and System V */                                                                     \
    X(connect) X(accept) X(accept4) X(bind) X(listen) X(shutdown) X(getsockname)                   \
    X(getpeername) X(setsockopt) X(getsockopt) X(sendto) X(recvfrom) X(sendmsg) X(recvmsg)         \
    X(sendmmsg) X(recvmmsg) X(shmget) X(shmat) X(shmctl) X(shmdt) X(semget) X(semop)               \
    X(semtimedop) X(semctl) X(msgget) X(msgsnd) X(msgrcv) X(msgctl) X(mq_open) X(mq_unlink)        \
    X(mq_timedsend) X(mq_timedreceive) X(mq_notify) X(mq_getsetattr)

/* Newer architectures have only what replaced these. */
#define ALLOWED_OLD(X)                                                                             \
    X(open) X(creat) X(stat) X(lstat) X(access) X(readlink) X(getdents) X(mkdir) X(rmdir)          \
    X(mknod) X(link) X(symlink) X(unlink) X(rename) X(chmod) X(chown) X(lchown) X(utime)           \
    X(utimes) X(futimesat) X(pipe) X(dup2) X(poll) X(select) X(epoll_create) X(epoll_wait)         \
    X(eventfd) X(signalfd) X(inotify_init) X(pause) X(alarm) X(time) X(fork) X(vfork) X(getpgrp)   \
    X(arch_prctl)

/* Written into programs by the kernel itself, for probes. */
#define ALLOWED_PROBES(X) X(uretprobe, 335) X(uprobe, 336)

/* Of i386 and arm alone; the last line is arm's. */
#define ALLOWED_32                                                                                 \
    "waitpid nice signal sigaction sigpending sigprocmask sigsuspend sigreturn olduname _llseek "  \
    "_newselect ugetrlimit mmap2 truncate64 ftruncate64 stat64 lstat64 fstat64 fstatat64 "         \
    "lchown32 chown32 fchown32 getuid32 geteuid32 getgid32 getegid32 setuid32 setgid32 "           \
    "setreuid32 setregid32 setresuid32 getresuid32 setresgid32 getresgid32 setfsuid32 "            \
    "setfsgid32 getgroups32 setgroups32 fcntl64 sendfile64 statfs64 fstatfs64 fadvise64_64 "       \
    "set_thread_area get_thread_area modify_ldt socketcall ipc send recv clock_gettime64 "         \
    "clock_adjtime64 clock_getres_time64 clock_nanosleep_time64 timer_gettime64 "                  \
    "timer_settime64 timerfd_gettime64 timerfd_settime64 utimensat_time64 pselect6_time64 "        \
    "ppoll_time64 io_pgetevents_time64 recvmmsg_time64 mq_timedsend_time64 "                       \
    "mq_timedreceive_time64 semtimedop_time64 rt_sigtimedwait_time64 futex_time64 "                \
    "sched_rr_get_interval_time64 "                                                                \
    "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls get_tls "

/* mounts, namespaces, host-wide names, and keys, which no namespace contains */
#define ADMIN(X, N)                                                                                \
    X(mount) X(umount2) X(pivot_root) X(open_tree) X(move_mount) X(fsopen) X(fsconfig) X(fsmount)  \
    X(fspick) X(mount_setattr) N(open_tree_attr) X(unshare) X(clone) X(setns) X(sethostname)       \
    X(setdomainname) X(quotactl) X(quotactl_fd) X(fanotify_init) X(fanotify_mark)                  \
    X(keyctl) X(add_key) X(request_key)
/* clone3 keeps its flags in memory, out of the filter's sight: libc falls back to clone. */
#define ADMIN_NEWER(X, N) X(clone3) N(statmount) N(listmount)
#define BPF(X, N) X(bpf)
#define PERFMON(X, N) X(perf_event_open)
#define SYSLOG(X, N) X(syslog)
#define PTRACE(X, N)                                                                               \
    X(process_vm_readv) X(process_vm_writev) X(pidfd_getfd) X(process_madvise) X(userfaultfd)
#define COMPARE(X, N) X(kcmp)
#define TIME(X, N) X(settimeofday) X(clock_settime)
#define MODULE(X, N) X(init_module) X(finit_module) X(delete_module)
#define BOOT(X, N) X(reboot) X(kexec_load) X(kexec_file_load)
#define NICE(X, N)                                                                                 \
    X(mbind) X(set_mempolicy) X(get_mempolicy) X(set_mempolicy_home_node) X(migrate_pages)         \
    X(move_pages)
#define ROOT(X, N) X(chroot)
#define HANDLE(X, N) X(open_by_handle_at)
#define ACCOUNT(X, N) X(acct)
#define HANGUP(X, N) X(vhangup)
#define PERSONALITY(X, N) X(personality)
#define SOCKET(X, N) X(socket) X(socketpair)
/* io_uring does what it is asked beside the filter; swap is the host's. */
#define NEVER(X, N) X(io_uring_setup) X(io_uring_enter) X(io_uring_register) X(swapon) X(swapoff)
#define RAWIO(X, N) X(iopl) X(ioperm)
/* clang-format on */

#define NAME(name)                 #name " "
#define NUMBER(name)               __NR_##name,
#define NUMBER_NEW(name)           SECCOMP_NUMBER_##name,
#define PROBE_NAME(name, number)   #name " "
#define PROBE_NUMBER(name, number) (number),

#if defined(__x86_64__)
#define ALLOWED_OLD_NUMBERS ALLOWED_OLD(NUMBER) ALLOWED_PROBES(PROBE_NUMBER)
#else
#define ALLOWED_OLD_NUMBERS
#endif

#define NUMBERS(list)                                                                              \
    (const uint16_t[])                                                                             \
    {                                                                                              \
        list(NUMBER, NUMBER_NEW)                                                                   \
    }
#define GROUP(list, names_32, errnum, capabilities)                                                \
    {                                                                                              \
        .names = list(NAME, NAME) names_32, .numbers = NUMBERS(list),                              \
        .n_numbers = array_size(NUMBERS(list)), .refusal = (errnum), .opened_by = (capabilities)   \
    }

struct group {
    const char *names;
    const uint16_t *numbers;
    uint16_t n_numbers;
    uint16_t refusal;   /* errno */
    uint64_t opened_by; /* any of these capabilities */
};

static const uint16_t allowed_numbers[] = { ALLOWED_EVERYWHERE(NUMBER, NUMBER_NEW)
                                                ALLOWED_OLD_NUMBERS };
static const char allowed_names[] =
    ALLOWED_EVERYWHERE(NAME, NAME) ALLOWED_OLD(NAME) ALLOWED_PROBES(PROBE_NAME) ALLOWED_32;

/* clang-format off */
static const struct group groups[] = {
    GROUP(ADMIN, "umount", EPERM, CAPABILITY_BIT(SYS_ADMIN)),
    GROUP(ADMIN_NEWER, "", ENOSYS, CAPABILITY_BIT(SYS_ADMIN)),
    GROUP(BPF, "", EPERM, CAPABILITY_BIT(BPF) | CAPABILITY_BIT(SYS_ADMIN)),
    GROUP(PERFMON, "", EPERM, CAPABILITY_BIT(PERFMON) | CAPABILITY_BIT(SYS_ADMIN)),
    GROUP(SYSLOG, "", EPERM, CAPABILITY_BIT(SYSLOG)),
    GROUP(PTRACE, "", EPERM, CAPABILITY_BIT(SYS_PTRACE)),
    GROUP(COMPARE, "", EPERM, CAPABILITY_BIT(SYS_PTRACE) | CAPABILITY_BIT(CHECKPOINT_RESTORE)),
    GROUP(TIME, "stime clock_settime64", EPERM, CAPABILITY_BIT(SYS_TIME)),
    GROUP(MODULE, "", EPERM, CAPABILITY_BIT(SYS_MODULE)),
    GROUP(BOOT, "", EPERM, CAPABILITY_BIT(SYS_BOOT)),
    GROUP(NICE, "", EPERM, CAPABILITY_BIT(SYS_NICE)),
    GROUP(ROOT, "", EPERM, CAPABILITY_BIT(SYS_CHROOT)),
    GROUP(HANDLE, "", EPERM, CAPABILITY_BIT(DAC_READ_SEARCH)),
    GROUP(ACCOUNT, "", EPERM, CAPABILITY_BIT(SYS_PACCT)),
    GROUP(HANGUP, "", EPERM, CAPABILITY_BIT(SYS_TTY_CONFIG)),
    GROUP(PERSONALITY, "", EPERM, CAPABILITY_BIT(SYS_PTRACE) | CAPABILITY_BIT(SYS_ADMIN)),
    GROUP(SOCKET, "", EAFNOSUPPORT, CAPABILITY_BIT(NET_RAW) | CAPABILITY_BIT(NET_ADMIN)),
    GROUP(NEVER, "", EPERM, 0),
#if defined(__x86_64__)
    GROUP(RAWIO, "", EPERM, CAPABILITY_BIT(SYS_RAWIO)),
#endif
};
/* clang-format on */

/* A comparison that is made before the groups are asked. */
struct condition {
    const char *names;
    const uint16_t *numbers;
    uint16_t n_numbers;
    uint8_t argument;
    uint16_t refusal; /* errno; 0: allowed */
    uint32_t value;
    uint32_t mask;
    uint64_t made_with;    /* only with any of these capabilities; 0: always */
    uint64_t made_without; /* only without all of these */
};

#define CONDITION(calls, number, value_, mask_, errnum, with, without)                             \
    {                                                                                              \
        .names = calls(NAME, NAME) "", .numbers = NUMBERS(calls),                                  \
        .n_numbers = array_size(NUMBERS(calls)), .argument = (number), .refusal = (errnum),        \
        .value = (value_), .mask = (mask_), .made_with = (with), .made_without = (without)         \
    }

#define IOCTL(X, N)   X(ioctl)
#define CLONE(X, N)   X(clone)
#define UNSHARE(X, N) X(unshare)

#define CLONE_NAMESPACES                                                                           \
    ((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |      \
                CLONE_NEWPID | CLONE_NEWNET))
/* CLONE_NEWTIME is among the bits where clone has the signal; only unshare takes it. */
#define UNSHARE_NAMESPACES (CLONE_NAMESPACES | 0x80)
/* All but what changes the answer of uname(2) and nothing else. */
#define PERSONALITY_TRAITS (~(uint32_t)(PER_LINUX32 | UNAME26))

#define ALL_BITS UINT32_MAX
#define SOCKETS  (CAPABILITY_BIT(NET_RAW) | CAPABILITY_BIT(NET_ADMIN))
#define LINES    (CAPABILITY_BIT(SYS_TTY_CONFIG) | CAPABILITY_BIT(NET_ADMIN))
#define TRAITS   (CAPABILITY_BIT(SYS_PTRACE) | CAPABILITY_BIT(SYS_ADMIN))

/* clang-format off */
static const struct condition conditions[] = {
    /* Typing on, or pasting into, the terminal of whoever started the container. */
    CONDITION(IOCTL, 1, TIOCSTI, ALL_BITS, EPERM, 0, 0),
    CONDITION(IOCTL, 1, TIOCLINUX, ALL_BITS, EPERM, 0, 0),
    /* Loads modules of line disciplines: a list of local root holes of its own. */
    CONDITION(IOCTL, 1, TIOCSETD, ALL_BITS, EPERM, 0, LINES),
    /* Rare families are where the kernel's code is least looked at. */
    CONDITION(SOCKET, 0, AF_UNIX, ALL_BITS, 0, 0, SOCKETS),
    CONDITION(SOCKET, 0, AF_INET, ALL_BITS, 0, 0, SOCKETS),
    CONDITION(SOCKET, 0, AF_INET6, ALL_BITS, 0, 0, SOCKETS),
    CONDITION(SOCKET, 0, AF_NETLINK, ALL_BITS, 0, 0, SOCKETS),
    CONDITION(SOCKET, 0, AF_PACKET, ALL_BITS, 0, 0, SOCKETS),
    /* These two belong to no network namespace. */
    CONDITION(SOCKET, 0, AF_ALG, ALL_BITS, EAFNOSUPPORT, SOCKETS, 0),
    CONDITION(SOCKET, 0, AF_VSOCK, ALL_BITS, EAFNOSUPPORT, SOCKETS, 0),
    CONDITION(CLONE, 0, 0, CLONE_NAMESPACES, 0, 0, CAPABILITY_BIT(SYS_ADMIN)),
    CONDITION(UNSHARE, 0, 0, UNSHARE_NAMESPACES, 0, 0, CAPABILITY_BIT(SYS_ADMIN)),
    CONDITION(PERSONALITY, 0, 0, PERSONALITY_TRAITS, 0, 0, TRAITS),
    CONDITION(PERSONALITY, 0, UINT32_MAX, ALL_BITS, 0, 0, TRAITS), /* asks what it is */
};
/* clang-format on */

static uint32_t action_of(uint16_t refusal)
{
    return refusal ? SECCOMP_RET_ERRNO | refusal : SECCOMP_RET_ALLOW;
}

static void condition_add(struct seccomp_rules *rules, const struct condition *condition)
{
    struct seccomp_rule *rule =
        seccomp_rules_add(rules, condition->names, action_of(condition->refusal));

    rule->numbers = condition->numbers;
    rule->n_numbers = condition->n_numbers;
    rule->n_compares = 1;
    rule->compares[0] = (struct seccomp_compare){
        .argument = condition->argument,
        .operation = SECCOMP_MASKED_EQUAL,
        .value = condition->value,
        .mask = condition->mask,
    };
}

void seccomp_default_rules(uint64_t capabilities, enum seccomp_default_flags flags,
                           struct seccomp_rules *ret_rules)
{
    struct seccomp_rules rules = {
        .otherwise = SECCOMP_RET_ERRNO | ENOSYS,
        .foreign = SECCOMP_RET_KILL_PROCESS,
        .architectures = (flags & SECCOMP_I386 ? SECCOMP_ARCH_I386 : 0) |
                         (flags & SECCOMP_ARM ? SECCOMP_ARCH_ARM : 0),
    };

    for (size_t i = 0; i < array_size(conditions); i++) {
        const struct condition *condition = &conditions[i];
        if ((condition->made_with == 0 || capabilities & condition->made_with) &&
            !(capabilities & condition->made_without))
            condition_add(&rules, condition);
    }
    struct seccomp_rule *rule = seccomp_rules_add(&rules, allowed_names, SECCOMP_RET_ALLOW);
    rule->numbers = allowed_numbers;
    rule->n_numbers = array_size(allowed_numbers);

    for (size_t i = 0; i < array_size(groups); i++) {
        const struct group *group = &groups[i];
        bool open = capabilities & group->opened_by;
        rule = seccomp_rules_add(&rules, group->names, action_of(open ? 0 : group->refusal));
        rule->numbers = group->numbers;
        rule->n_numbers = group->n_numbers;
    }
    *ret_rules = rules;
}
