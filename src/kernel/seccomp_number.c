/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/seccomp_number.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <string.h>

#include "base/mem.h"

static const struct seccomp_machine machines[] = {
#if defined(__x86_64__)
    { SECCOMP_ARCH_X86_64, AUDIT_ARCH_X86_64 },
    { SECCOMP_ARCH_I386, AUDIT_ARCH_I386 },
#elif defined(__aarch64__)
    { SECCOMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64 },
    { SECCOMP_ARCH_ARM, AUDIT_ARCH_ARM },
#elif defined(__riscv) && __riscv_xlen == 64
    { SECCOMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64 },
#else
#error "seccomp: which architecture's calls does this machine take?"
#endif
};

struct newer {
    char name[18];
    uint16_t number;
};

static const struct newer newer[] = {
#define X(name, number) { #name, number },
    SECCOMP_NUMBERS_NEW(X)
#undef X
};

/* Probes the kernel compiles into programs: x86-64 alone, kernel 6.11 and 6.18. */
static const struct newer newer_x86_64[] = {
    { "uretprobe", 335 },
    { "uprobe", 336 },
};

enum { I386_SOCKETCALL = 102, I386_IPC = 117 };

/* include/uapi/linux/net.h, include/uapi/linux/ipc.h, syscall_32.tbl */
#define CALL(call)                                                                                 \
    {                                                                                              \
        .argument = 0, .operation = SECCOMP_MASKED_EQUAL, .value = (call), .mask = UINT16_MAX      \
    }
static const struct seccomp_gate i386_gates[] = {
    { "socket", 359, I386_SOCKETCALL, CALL(1) },
    { "bind", 361, I386_SOCKETCALL, CALL(2) },
    { "connect", 362, I386_SOCKETCALL, CALL(3) },
    { "listen", 363, I386_SOCKETCALL, CALL(4) },
    { "accept", 0, I386_SOCKETCALL, CALL(5) },
    { "getsockname", 367, I386_SOCKETCALL, CALL(6) },
    { "getpeername", 368, I386_SOCKETCALL, CALL(7) },
    { "socketpair", 360, I386_SOCKETCALL, CALL(8) },
    { "send", 0, I386_SOCKETCALL, CALL(9) },
    { "recv", 0, I386_SOCKETCALL, CALL(10) },
    { "sendto", 369, I386_SOCKETCALL, CALL(11) },
    { "recvfrom", 371, I386_SOCKETCALL, CALL(12) },
    { "shutdown", 373, I386_SOCKETCALL, CALL(13) },
    { "setsockopt", 366, I386_SOCKETCALL, CALL(14) },
    { "getsockopt", 365, I386_SOCKETCALL, CALL(15) },
    { "sendmsg", 370, I386_SOCKETCALL, CALL(16) },
    { "recvmsg", 372, I386_SOCKETCALL, CALL(17) },
    { "accept4", 364, I386_SOCKETCALL, CALL(18) },
    { "recvmmsg", 337, I386_SOCKETCALL, CALL(19) },
    { "sendmmsg", 345, I386_SOCKETCALL, CALL(20) },
    { "semop", 0, I386_IPC, CALL(1) },
    { "semget", 393, I386_IPC, CALL(2) },
    { "semctl", 394, I386_IPC, CALL(3) },
    { "semtimedop", 0, I386_IPC, CALL(4) },
    { "msgsnd", 400, I386_IPC, CALL(11) },
    { "msgrcv", 401, I386_IPC, CALL(12) },
    { "msgget", 399, I386_IPC, CALL(13) },
    { "msgctl", 402, I386_IPC, CALL(14) },
    { "shmat", 397, I386_IPC, CALL(21) },
    { "shmdt", 398, I386_IPC, CALL(22) },
    { "shmget", 395, I386_IPC, CALL(23) },
    { "shmctl", 396, I386_IPC, CALL(24) },
};
#undef CALL

const struct seccomp_machine *seccomp_machines(size_t *ret_n)
{
    *ret_n = array_size(machines);
    return machines;
}

uint32_t seccomp_architectures(void)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < array_size(machines); i++)
        bits |= machines[i].bit;
    return bits;
}

static int newer_find(const struct newer *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].number;
    return -1;
}

const struct seccomp_gate *seccomp_gate(uint32_t token, const char *name)
{
    if (token != AUDIT_ARCH_I386)
        return NULL;
    for (size_t i = 0; i < array_size(i386_gates); i++)
        if (strcmp(i386_gates[i].name, name) == 0)
            return &i386_gates[i];
    return NULL;
}

int seccomp_number(uint32_t token, const char *name)
{
    const struct seccomp_gate *gate = seccomp_gate(token, name);
    if (gate != NULL)
        return gate->number ? gate->number : -1;

    /* Its numbers below 0 stand for calls this architecture does not have. */
    int number = seccomp_syscall_resolve_name_arch(token, name);
    if (number >= 0)
        return number;
    if (number != __NR_SCMP_ERROR)
        return -1;
    number = newer_find(newer, array_size(newer), name);
    if (number < 0 && token == AUDIT_ARCH_X86_64)
        number = newer_find(newer_x86_64, array_size(newer_x86_64), name);
    return number;
}
