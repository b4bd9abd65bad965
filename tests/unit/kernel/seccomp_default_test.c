/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/seccomp_default.h"

#include <asm/ioctls.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "child.h"
#include "kernel/capability.h"
#include "seccomp_simulate.h"

#define HIGH_BITS 0xabcd00000000

/* The eleven a container has by default. */
static const uint64_t usual =
    CAPABILITY_BIT(CHOWN) | CAPABILITY_BIT(DAC_OVERRIDE) | CAPABILITY_BIT(FOWNER) |
    CAPABILITY_BIT(FSETID) | CAPABILITY_BIT(KILL) | CAPABILITY_BIT(SETGID) |
    CAPABILITY_BIT(SETUID) | CAPABILITY_BIT(SETPCAP) | CAPABILITY_BIT(NET_BIND_SERVICE) |
    CAPABILITY_BIT(SYS_CHROOT) | CAPABILITY_BIT(SETFCAP);

static void default_make(uint64_t capabilities, enum seccomp_default_flags flags,
                         struct seccomp_filter *ret_filter)
{
    struct seccomp_rules rules;

    seccomp_default_rules(capabilities, flags, &rules);
    compile(&rules, ret_filter);
    seccomp_rules_done(&rules);
}

static uint32_t call(const struct seccomp_filter *filter, const char *name, uint64_t a, uint64_t b)
{
    int number = seccomp_number(NATIVE, name);

    cr_assert_geq(number, 0, "%s", name);
    return simulate_call(filter, NATIVE, number, a, b);
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The tables' numbers are those of the tables' names, and no name stands twice where it decides. */
Test(seccomp_default, names_are_the_numbers)
{
    char *seen[600];
    struct seccomp_rules rules;
    size_t n_seen = 0;

    seccomp_default_rules(0, 0, &rules);
    for (size_t i = 0; i < rules.len; i++) {
        const struct seccomp_rule *rule = &rules.at[i];
        char *names = strdup(rule->names);
        size_t found = 0;
        cr_assert_not_null(rule->numbers);
        for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
            int number = seccomp_number(NATIVE, name);
            cr_assert(number >= 0 || seccomp_number(AUDIT_ARCH_X86_64, name) >= 0 ||
                          seccomp_number(AUDIT_ARCH_I386, name) >= 0 ||
                          seccomp_number(AUDIT_ARCH_ARM, name) >= 0 ||
                          seccomp_gate(AUDIT_ARCH_I386, name) != NULL,
                      "%s is nowhere", name);
            found += rule_names(rule, number);
            if (rule->n_compares == 0)
                seen[n_seen++] = strdup(name);
        }
        free(names);
        cr_assert_eq(found, rule->n_numbers, "%s", rule->names);
    }
    qsort(seen, n_seen, sizeof(*seen), name_compare);
    for (size_t i = 1; i < n_seen; i++)
        cr_assert_str_neq(seen[i - 1], seen[i]);
    for (size_t i = 0; i < n_seen; i++)
        free(seen[i]);
    seccomp_rules_done(&rules);
}

/* The program says what the tables say, with each capability, for every number. */
Test(seccomp_default, program_is_the_tables)
{
    /* clang-format off */
    static const uint64_t arguments[] = {
        0, 1, 2, 16, 38, 40, 0x5412, 0x541c, 0x5423, 0x7e020000, 0x20000, 0x10000000, 0xffffffff,
        HIGH_BITS, HIGH_BITS | 0x5412,
    };
    /* clang-format on */

    for (int i = -2; i < CAPABILITY_COUNT; i++) {
        uint64_t capabilities = i == -2 ? usual : i == -1 ? UINT64_MAX : UINT64_C(1) << i;
        struct seccomp_filter filter;
        struct seccomp_rules rules;
        seccomp_default_rules(capabilities, 0, &rules);
        compile(&rules, &filter);
        for (int number = 0; number < 1100; number++) {
            for (size_t a = 0; a < sizeof(arguments) / sizeof(arguments[0]); a++) {
                struct seccomp_data data = { .nr = number, .arch = NATIVE };
                data.args[0] = arguments[a];
                data.args[1] = arguments[(a + 3) % 15];
                cr_assert_eq(simulate(&filter, &data), rules_ask(&rules, &data), "%d %d", i,
                             number);
            }
        }
        seccomp_filter_done(&filter);
        seccomp_rules_done(&rules);
    }
}

Test(seccomp_default, is_small)
{
    struct seccomp_filter filter;
    int allowed = 0;

    default_make(usual, 0, &filter);
    /* With arguments that pass where arguments are looked at. */
    for (int number = 0; number < 1024; number++)
        allowed += simulate_call(&filter, NATIVE, number,
                                 number == seccomp_number(NATIVE, "socket") ||
                                         number == seccomp_number(NATIVE, "socketpair")
                                     ? AF_UNIX
                                     : 0,
                                 0) == SECCOMP_RET_ALLOW;
#if defined(__x86_64__)
    cr_assert(allowed > 290 && allowed < 310, "%d calls", allowed);
#endif
    cr_assert_lt(filter.len, 160);
    seccomp_filter_done(&filter);
}

Test(seccomp_default, looks_at_arguments_in_32_bits)
{
    struct seccomp_filter filter;

    default_make(usual, 0, &filter);
    for (uint64_t high = 0; high <= HIGH_BITS; high += HIGH_BITS) {
        cr_assert_eq(call(&filter, "ioctl", 0, TIOCSTI | high), REFUSED(EPERM));
        cr_assert_eq(call(&filter, "ioctl", 0, TIOCLINUX | high), REFUSED(EPERM));
        cr_assert_eq(call(&filter, "ioctl", 0, TIOCSETD | high), REFUSED(EPERM));
        cr_assert_eq(call(&filter, "ioctl", 0, TIOCGWINSZ | high), SECCOMP_RET_ALLOW);
        cr_assert_eq(call(&filter, "socket", AF_ALG | high, 0), REFUSED(EAFNOSUPPORT));
        cr_assert_eq(call(&filter, "socket", AF_VSOCK | high, 0), REFUSED(EAFNOSUPPORT));
        cr_assert_eq(call(&filter, "socketpair", AF_ALG | high, 0), REFUSED(EAFNOSUPPORT));
        cr_assert_eq(call(&filter, "socket", AF_UNIX | high, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(call(&filter, "socket", AF_INET6 | high, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(call(&filter, "socket", AF_NETLINK | high, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(call(&filter, "clone", CLONE_NEWUSER | high, 0), REFUSED(EPERM));
        cr_assert_eq(call(&filter, "clone", CLONE_VM | SIGCHLD | high, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(call(&filter, "unshare", CLONE_NEWNS | high, 0), REFUSED(EPERM));
        cr_assert_eq(call(&filter, "unshare", 0x80 | high, 0), REFUSED(EPERM));
        cr_assert_eq(call(&filter, "unshare", CLONE_FS | CLONE_FILES | high, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(call(&filter, "personality", PER_LINUX32 | high, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(call(&filter, "personality", 0xffffffff | high, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(call(&filter, "personality", ADDR_NO_RANDOMIZE | high, 0), REFUSED(EPERM));
        cr_assert_eq(call(&filter, "personality", READ_IMPLIES_EXEC | high, 0), REFUSED(EPERM));
    }
    seccomp_filter_done(&filter);
}

Test(seccomp_default, answers)
{
    /* clang-format off */
    static const char *const refused[] = {
        "mount", "umount2", "pivot_root", "setns", "open_tree", "open_tree_attr", "move_mount",
        "fsopen", "mount_setattr", "keyctl", "add_key", "request_key", "bpf", "perf_event_open",
        "userfaultfd", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
        "io_uring_setup", "io_uring_enter", "io_uring_register", "init_module", "finit_module",
        "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "quotactl",
        "settimeofday", "clock_settime", "open_by_handle_at", "fanotify_init", "acct", "syslog",
        "sethostname", "setdomainname", "vhangup", "mbind", "move_pages",
#if defined(__x86_64__)
        "iopl", "ioperm",
#endif
    };
    static const char *const absent[] = {
        "clone3", "statmount", "listmount", "lookup_dcookie", "nfsservctl",
    };
    static const char *const open[] = {
        "ptrace", "chroot", "openat2", "statx", "rseq", "execveat", "close_range", "faccessat2",
        "fchmodat2", "futex_waitv", "landlock_create_ruleset", "pidfd_open", "mseal", "setxattrat",
        "file_getattr", "name_to_handle_at", "memfd_create", "io_setup", "seccomp", "prctl",
        "sched_setattr", "process_mrelease",
    };
    /* clang-format on */
    struct seccomp_filter filter;

    default_make(usual, 0, &filter);
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        cr_assert_eq(call(&filter, refused[i], 0, 0), REFUSED(EPERM), "%s", refused[i]);
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
        cr_assert_eq(call(&filter, absent[i], 0, 0), REFUSED(ENOSYS), "%s", absent[i]);
    for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
        cr_assert_eq(call(&filter, open[i], 0, 0), SECCOMP_RET_ALLOW, "%s", open[i]);
    cr_assert_eq(simulate_call(&filter, NATIVE, 470, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(simulate_call(&filter, NATIVE, 100000, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(simulate_call(&filter, NATIVE, -1, 0, 0), REFUSED(ENOSYS));
#if defined(__x86_64__)
    cr_assert_eq(call(&filter, "modify_ldt", 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(call(&filter, "uselib", 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 3, 0, 0), SECCOMP_RET_KILL_PROCESS);
#endif
    seccomp_filter_done(&filter);
}

Test(seccomp_default, capabilities_open_what_they_are_for)
{
    static const struct {
        const char *name;
        uint64_t capabilities;
        uint64_t argument;
    } rows[] = {
        { "mount", CAPABILITY_BIT(SYS_ADMIN), 0 },
        { "unshare", CAPABILITY_BIT(SYS_ADMIN), CLONE_NEWUSER },
        { "clone", CAPABILITY_BIT(SYS_ADMIN), CLONE_NEWNET },
        { "clone3", CAPABILITY_BIT(SYS_ADMIN), 0 },
        { "setns", CAPABILITY_BIT(SYS_ADMIN), 0 },
        { "bpf", CAPABILITY_BIT(SYS_ADMIN) | CAPABILITY_BIT(BPF), 0 },
        { "perf_event_open", CAPABILITY_BIT(SYS_ADMIN) | CAPABILITY_BIT(PERFMON), 0 },
        { "syslog", CAPABILITY_BIT(SYSLOG), 0 },
        { "process_vm_readv", CAPABILITY_BIT(SYS_PTRACE), 0 },
        { "kcmp", CAPABILITY_BIT(SYS_PTRACE) | CAPABILITY_BIT(CHECKPOINT_RESTORE), 0 },
        { "personality", CAPABILITY_BIT(SYS_PTRACE) | CAPABILITY_BIT(SYS_ADMIN),
          ADDR_NO_RANDOMIZE },
        { "clock_settime", CAPABILITY_BIT(SYS_TIME), 0 },
        { "finit_module", CAPABILITY_BIT(SYS_MODULE), 0 },
        { "reboot", CAPABILITY_BIT(SYS_BOOT), 0 },
        { "mbind", CAPABILITY_BIT(SYS_NICE), 0 },
        { "chroot", CAPABILITY_BIT(SYS_CHROOT), 0 },
        { "open_by_handle_at", CAPABILITY_BIT(DAC_READ_SEARCH), 0 },
        { "acct", CAPABILITY_BIT(SYS_PACCT), 0 },
        { "vhangup", CAPABILITY_BIT(SYS_TTY_CONFIG), 0 },
        { "socket", CAPABILITY_BIT(NET_RAW) | CAPABILITY_BIT(NET_ADMIN), AF_CAN },
        { "socket", 0, AF_ALG },
        { "socket", 0, AF_VSOCK },
        { "io_uring_setup", 0, 0 },
        { "swapon", 0, 0 },
#if defined(__x86_64__)
        { "iopl", CAPABILITY_BIT(SYS_RAWIO), 0 },
#endif
    };

    for (int i = -1; i <= CAPABILITY_COUNT; i++) {
        uint64_t held = i < 0 ? 0 : i == CAPABILITY_COUNT ? UINT64_MAX : UINT64_C(1) << i;
        struct seccomp_filter filter;
        default_make(held, 0, &filter);
        for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
            cr_assert_eq(call(&filter, rows[row].name, rows[row].argument, 0) == SECCOMP_RET_ALLOW,
                         (rows[row].capabilities & held) != 0, "%s with capability %d",
                         rows[row].name, i);
        seccomp_filter_done(&filter);
    }
}

#if defined(__x86_64__)
Test(seccomp_default, i386_when_asked)
{
    static const struct {
        const char *name;
        uint32_t answer;
    } rows[] = {
        { "read", SECCOMP_RET_ALLOW },
        { "mmap2", SECCOMP_RET_ALLOW },
        { "set_thread_area", SECCOMP_RET_ALLOW },
        { "modify_ldt", SECCOMP_RET_ALLOW },
        { "futex_time64", SECCOMP_RET_ALLOW },
        { "socketcall", SECCOMP_RET_ALLOW },
        { "ipc", SECCOMP_RET_ALLOW },
        { "ugetrlimit", SECCOMP_RET_ALLOW },
        { "statx", SECCOMP_RET_ALLOW },
        { "umount", REFUSED(EPERM) },
        { "stime", REFUSED(EPERM) },
        { "clock_settime64", REFUSED(EPERM) },
        { "iopl", REFUSED(EPERM) },
        { "vm86", REFUSED(ENOSYS) },
        { "vm86old", REFUSED(ENOSYS) },
        { "clone3", REFUSED(ENOSYS) },
        { "uselib", REFUSED(ENOSYS) },
    };
    struct seccomp_filter filter;

    default_make(usual, SECCOMP_I386 | SECCOMP_ARM, &filter);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386,
                                   seccomp_number(AUDIT_ARCH_I386, rows[i].name), 0, 0),
                     rows[i].answer, "%s", rows[i].name);
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 359, AF_ALG, 0), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_I386, 54, 0, TIOCSTI), REFUSED(EPERM));
    cr_assert_eq(simulate_call(&filter, NATIVE, 0, 0, 0), SECCOMP_RET_ALLOW);
    cr_assert_eq(simulate_call(&filter, AUDIT_ARCH_ARM, 3, 0, 0), SECCOMP_RET_KILL_PROCESS);
    seccomp_filter_done(&filter);
}
#endif

static void kernel_body(void *filter)
{
    char byte = 'x';
    int null = open("/dev/null", O_RDWR);

    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    child_assert(seccomp_filter_load(filter, 0) == 0);
    errno = 0;
    child_assert(syscall(SYS_ioctl, null, TIOCSTI | HIGH_BITS, &byte) == -1 && errno == EPERM);
    child_assert(syscall(SYS_ioctl, null, TIOCGWINSZ, &byte) == -1 && errno == ENOTTY);
    child_assert(unshare(CLONE_NEWUSER) == -1 && errno == EPERM);
    child_assert(unshare(CLONE_FS) == 0);
    child_assert(socket(AF_ALG, SOCK_SEQPACKET, 0) == -1 && errno == EAFNOSUPPORT);
    child_assert(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    child_assert(syscall(SYS_clone3, NULL, 0L) == -1 && errno == ENOSYS);
    child_assert(syscall(5000) == -1 && errno == ENOSYS);
    child_assert(syscall(SYS_keyctl, 0, 0, 0, 0, 0) == -1 && errno == EPERM);
    child_assert(syscall(SYS_io_uring_setup, 1, NULL) == -1 && errno == EPERM);
#if defined(__x86_64__)
    child_assert(syscall(39 | 0x40000000) == -1 && errno == ENOSYS);
#endif
    /* Everyday work: a shell with children and pipes. */
    child_assert(system("echo a | cat >/dev/null && (exit 3) || test $? = 3") == 0);
}

#if defined(__x86_64__)
static void i386_body(void *filter)
{
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    child_assert(seccomp_filter_load(filter, 0) == 0);
    long got;
    __asm__ volatile("int $0x80" : "=a"(got) : "a"(20L) : "memory"); /* getpid */
}
#endif

Test(seccomp_default, in_the_kernel)
{
    struct seccomp_filter filter;

    default_make(usual, 0, &filter);
    int status = child_run(kernel_body, &filter);
    cr_assert_eq(status, 0, "line %d", status - 1);
#if defined(__x86_64__)
    cr_assert_eq(child_run(i386_body, &filter), -1);
    seccomp_filter_done(&filter);
    default_make(usual, SECCOMP_I386, &filter);
    status = child_run(i386_body, &filter);
    cr_assert_eq(status, 0, "line %d", status - 1);
#endif
    seccomp_filter_done(&filter);
}
