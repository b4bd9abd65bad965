/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the programs of this folder have in place of a C library: how a program is entered and how
 * it calls the kernel. One source file a program includes it; program_main is given the stack as
 * the kernel left it.
 */
#include <asm/unistd.h>

#if defined(__x86_64__)

#define ENTRY                                                                                      \
    "xor %ebp, %ebp\n"                                                                             \
    "mov %rsp, %rdi\n"                                                                             \
    "and $-16, %rsp\n"                                                                             \
    "call program_main\n"

static inline long call(long number, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

#define ENTRY                                                                                      \
    "mov x29, #0\n"                                                                                \
    "mov x30, #0\n"                                                                                \
    "mov x0, sp\n"                                                                                 \
    "bl program_main\n"

static inline long call(long number, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

#elif defined(__riscv)

#define ENTRY                                                                                      \
    ".option push\n"                                                                               \
    ".option norelax\n"                                                                            \
    "lla gp, __global_pointer$\n"                                                                  \
    ".option pop\n"                                                                                \
    "mv a0, sp\n"                                                                                  \
    "andi sp, sp, -16\n"                                                                           \
    "call program_main\n"

static inline long call(long number, long a, long b, long c, long d, long e)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
    return a0;
}

#else
#error "say here how this architecture enters a program and makes a system call"
#endif

/* The stack pointer at entry points at argc; the arguments, a NULL, the environment and another
 * NULL follow it. */
__asm__(".text\n.global _start\n.hidden _start\n.type _start, %function\n_start:\n" ENTRY);
_Noreturn void program_main(long *stack);

static inline _Noreturn void leave(int status)
{
    for (;;)
        (void)call(__NR_exit_group, status, 0, 0, 0, 0);
}
