/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The server: takes requests from ruche and gives each to a process of its own, until ruche goes
 * away. */
#include "base/err.h"

int serve(int control, struct err *err);
