/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Turns: what takes much memory for a moment is done by a few threads at a time, and the others wait.
 */
#include "base/mem.h"

struct turns;

struct turns *turns_new(unsigned at_a_time);
void turns_free(struct turns *turns);
DROP(turns);

/* Waits for a turn. NULL: everybody always has one. */
void turns_take(struct turns *turns);
void turns_give(struct turns *turns);
