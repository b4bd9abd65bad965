/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Why an exchange was in vain, in one line that names who said it and the remedy. */
#include <curl/curl.h>
#include <stdbool.h>

#include "base/err.h"

struct exchange;

/* An answer that is not the one that was wanted. Returns -1. */
int failure_of_status(const struct exchange *exchange, struct err *err);
/* No answer. Returns -1. */
int failure_of_transfer(const struct exchange *exchange, CURLcode code, struct err *err);
/* "registry: what" before err. Returns -1. */
int failure_name(const struct exchange *exchange, struct err *err);
/* Whether it was a proxy that did not connect us. */
bool failure_of_proxy(const struct exchange *exchange);
/* Whether the same question may be answered later. */
bool failure_passes(CURLcode code);
bool status_passes(long status);
