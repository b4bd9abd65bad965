/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The control socket's way in: requests, until ruche closes it. */
#include "base/err.h"

int serve(int control, struct err *err);
