/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One try of an exchange: libcurl's handle for exchange->now, and what it calls. */
#include "base/err.h"

struct exchange;

/* Hands the request to the network. authorization is a whole header, or NULL. */
int exchange_try(struct exchange *exchange, const char *authorization, struct err *err);
/* Releases what a try has made, in the network or out of it. */
void exchange_try_drop(struct exchange *exchange);
