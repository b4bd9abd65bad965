/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Waiting in the middle of a row of processes that hand bytes on to each other by pipes. Who waits for
 * those before him would not notice that those behind him are gone until he has something for them,
 * and a registry may let him wait for long.
 */
#include "base/err.h"

/* Waits until there is something to be read from `in`, or its end. EPIPE: nobody reads from `out`, a
 * pipe written to, any more; -1: there is nobody to be looked after. */
int flow_wait(int in, int out, struct err *err);
