/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Classic BPF written from its end to its beginning: jumps go forwards only, so every target exists
 * before the jump to it, distances are known when they are written, and equal returns are shared.
 *
 * A label names an instruction by how many there are from it to the end, itself included. Overflow
 * of the kernel's limit is remembered, not reported call by call.
 */
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct program_return {
    uint32_t action;
    unsigned label;
};

struct program {
    struct sock_filter *room; /* BPF_MAXINSNS, filled from the end */
    unsigned len;
    bool over;
    struct program_return returns[8]; /* the latest place of each */
    unsigned n_returns;
};

void program_init(struct program *program);
void program_done(struct program *program);

/* Where the action is returned. */
unsigned program_return(struct program *program, uint32_t action);
/* A comparison (BPF_JEQ, BPF_JGE, BPF_JGT) of the accumulator with k, going on at one of two
 * labels. */
unsigned program_jump(struct program *program, uint16_t comparison, uint32_t k, unsigned yes,
                      unsigned no);
/* Loads a word of struct seccomp_data into the accumulator, under a mask, and goes on at next. */
unsigned program_load(struct program *program, uint32_t offset, uint32_t mask, unsigned next);
/* True if the instruction at the label is the first one so far and does nothing but load this very
 * word. */
bool program_starts_with_load(const struct program *program, unsigned label, uint32_t offset);
/* Takes back the first instruction, to which nothing may refer. Gives the label of the next. */
unsigned program_drop_first(struct program *program);
/* The program's first instruction. */
const struct sock_filter *program_start(const struct program *program);
/* True for what seccomp_compile can have written: known instructions, loads within struct
 * seccomp_data, jumps that stay inside, a return at the end. */
bool program_is_valid(const struct sock_filter *at, unsigned len);
