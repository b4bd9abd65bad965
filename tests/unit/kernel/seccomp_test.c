/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/seccomp.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "child.h"
#include "seccomp_simulate.h"

Test(seccomp, words)
{
    enum seccomp_operation operation;
    struct err err;
    uint32_t got;

    cr_assert_eq(seccomp_action_parse("SCMP_ACT_ERRNO", 38, &got, &err), 0);
    cr_assert_eq(got, REFUSED(38));
    cr_assert_eq(seccomp_action_parse("SCMP_ACT_ALLOW", 1, &got, &err), 0);
    cr_assert_eq(got, SECCOMP_RET_ALLOW);
    cr_assert_eq(seccomp_action_parse("SCMP_ACT_TRACE", 3, &got, &err), 0);
    cr_assert_eq(got, SECCOMP_RET_TRACE | 3);
    cr_assert_eq(seccomp_action_parse("SCMP_ACT_KILL", 0, &got, &err), 0);
    cr_assert_eq(got, SECCOMP_RET_KILL_THREAD);
    cr_assert_eq(seccomp_action_parse("SCMP_ACT_KILL_PROCESS", 0, &got, &err), 0);
    cr_assert_eq(got, SECCOMP_RET_KILL_PROCESS);
    cr_assert_eq(seccomp_action_parse("SCMP_ACT_NOTIFY", 0, &got, &err), 0);
    cr_assert_eq(got, SECCOMP_RET_USER_NOTIF);
    cr_assert_eq(seccomp_action_parse("ALLOW", 0, &got, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert_eq(seccomp_action_parse("SCMP_ACT_", 0, &got, &err), -1);
    cr_assert_eq(seccomp_action_parse("SCMP_ACT_ERRNO", 65536, &got, &err), -1);

    cr_assert_eq(seccomp_operation_parse("SCMP_CMP_GE", &operation, &err), 0);
    cr_assert_eq(operation, SECCOMP_GREATER_EQUAL);
    cr_assert_eq(seccomp_operation_parse("SCMP_CMP_MASKED_EQ", &operation, &err), 0);
    cr_assert_eq(operation, SECCOMP_MASKED_EQUAL);
    cr_assert_eq(seccomp_operation_parse("SCMP_CMP_EQUAL", &operation, &err), -1);

    cr_assert_eq(seccomp_architecture_parse("SCMP_ARCH_X32", &got, &err), 0);
    cr_assert_eq(got, 0);
    cr_assert_eq(seccomp_architecture_parse("SCMP_ARCH_S390X", &got, &err), 0);
    cr_assert_eq(got, 0);
    cr_assert_eq(seccomp_architecture_parse("SCMP_ARCH_VAX", &got, &err), -1);
#if defined(__x86_64__)
    cr_assert_eq(seccomp_architecture_parse("SCMP_ARCH_X86", &got, &err), 0);
    cr_assert_eq(got, SECCOMP_ARCH_I386);
    cr_assert_eq(seccomp_architecture_parse("SCMP_ARCH_ARM", &got, &err), 0);
    cr_assert_eq(got, 0);
#endif
}

static void load_body(void *filter)
{
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    child_assert(seccomp_filter_load(filter, 0) == 0);
    errno = 0;
    child_assert(syscall(SYS_getppid) == -1 && errno == EDOM);
    child_assert(getpid() > 0);
}

static void listen_body(void *filter)
{
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    int fd = seccomp_filter_load(filter, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    child_assert(fd > 2);
    child_assert(seccomp_filter_load(filter, SECCOMP_FILTER_FLAG_NEW_LISTENER) == -1);
    child_assert(errno == EBUSY);
}

static void kill_body(void *filter)
{
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    child_assert(seccomp_filter_load(filter, 0) == 0);
    (void)syscall(SYS_getppid);
}

Test(seccomp, the_kernel_takes_it)
{
    struct seccomp_rules rules = { .otherwise = SECCOMP_RET_ALLOW };
    struct seccomp_filter filter;

    seccomp_rules_add(&rules, "getppid", REFUSED(EDOM));
    compile(&rules, &filter);
    cr_assert_eq(child_run(load_body, &filter), 0);
    seccomp_filter_done(&filter);

    rules.at[0].action = SECCOMP_RET_USER_NOTIF;
    compile(&rules, &filter);
    cr_assert_eq(child_run(listen_body, &filter), 0);
    seccomp_filter_done(&filter);

    rules.at[0].action = SECCOMP_RET_KILL_PROCESS;
    compile(&rules, &filter);
    cr_assert_eq(child_run(kill_body, &filter), -1);
    seccomp_filter_done(&filter);
    seccomp_rules_done(&rules);
}

Test(seccomp, a_bad_program_is_seen)
{
    const struct sock_filter load = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4);
    const struct sock_filter end = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_filter program[3] = { load, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0), end };

    cr_assert(program_is_valid(program, 3));
    cr_assert_not(program_is_valid(program, 2));
    cr_assert_not(program_is_valid(program, 1));
    cr_assert_not(program_is_valid(program, 0));
    program[1].jt = 1;
    cr_assert_not(program_is_valid(program, 3));
    program[1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1);
    cr_assert_not(program_is_valid(program, 3));
    program[1] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(struct seccomp_data));
    cr_assert_not(program_is_valid(program, 3));
    program[1] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2);
    cr_assert_not(program_is_valid(program, 3));
    program[1] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
    cr_assert_not(program_is_valid(program, 3));
}
