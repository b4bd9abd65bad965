/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/seccomp_program.h"

#include <linux/seccomp.h>

#include "base/mem.h"

enum { JUMP_FURTHEST = 255 }; /* what jt and jf of an instruction hold */

void program_init(struct program *program)
{
    *program = (struct program){ .room = xmalloc(BPF_MAXINSNS * sizeof(struct sock_filter)) };
}

void program_done(struct program *program)
{
    free(program->room);
    program->room = NULL;
}

static struct sock_filter *instruction_at(const struct program *program, unsigned label)
{
    return &program->room[BPF_MAXINSNS - label];
}

static unsigned add(struct program *program, struct sock_filter instruction)
{
    if (program->len == BPF_MAXINSNS) {
        program->over = true;
        return program->len;
    }
    program->len++;
    *instruction_at(program, program->len) = instruction;
    return program->len;
}

static unsigned return_add(struct program *program, uint32_t action)
{
    unsigned label = add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
    unsigned i = 0;

    while (i < program->n_returns && program->returns[i].action != action)
        i++;
    if (i == array_size(program->returns))
        return label; /* a rare one: not shared */
    program->returns[i] = (struct program_return){ .action = action, .label = label };
    if (i == program->n_returns)
        program->n_returns++;
    return label;
}

unsigned program_return(struct program *program, uint32_t action)
{
    for (unsigned i = 0; i < program->n_returns; i++)
        if (program->returns[i].action == action)
            return program->returns[i].label;
    return return_add(program, action);
}

/* A label that does the same and can be reached from the next instruction but one. */
static unsigned near(struct program *program, unsigned label)
{
    if (program->len + 1 - label <= JUMP_FURTHEST)
        return label;
    if (BPF_CLASS(instruction_at(program, label)->code) == BPF_RET)
        return return_add(program, instruction_at(program, label)->k);
    return add(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, program->len - label));
}

unsigned program_jump(struct program *program, uint16_t comparison, uint32_t k, unsigned yes,
                      unsigned no)
{
    yes = near(program, yes);
    no = near(program, no);
    return add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, k,
                                                     (uint8_t)(program->len - yes),
                                                     (uint8_t)(program->len - no)));
}

unsigned program_load(struct program *program, uint32_t offset, uint32_t mask, unsigned next)
{
    if (next != program->len)
        add(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, program->len - next));
    if (mask != UINT32_MAX)
        add(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    return add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

bool program_starts_with_load(const struct program *program, unsigned label, uint32_t offset)
{
    const struct sock_filter *first = instruction_at(program, label);

    return label == program->len && first->code == (BPF_LD | BPF_W | BPF_ABS) &&
           first->k == offset && BPF_CLASS(first[1].code) == BPF_JMP;
}

unsigned program_drop_first(struct program *program)
{
    return --program->len;
}

const struct sock_filter *program_start(const struct program *program)
{
    return instruction_at(program, program->len);
}

static bool instruction_is_valid(const struct sock_filter *instruction, unsigned behind)
{
    switch (instruction->code) {
    case BPF_RET | BPF_K:
        return true;
    case BPF_LD | BPF_W | BPF_ABS:
        return behind > 0 && instruction->k % sizeof(uint32_t) == 0 &&
               instruction->k < sizeof(struct seccomp_data);
    case BPF_ALU | BPF_AND | BPF_K:
        return behind > 0;
    case BPF_JMP | BPF_JA:
        return instruction->k < behind;
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_K:
        return instruction->jt < behind && instruction->jf < behind;
    default:
        return false;
    }
}

bool program_is_valid(const struct sock_filter *at, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        if (!instruction_is_valid(&at[i], len - 1 - i))
            return false;
    return len > 0;
}
