/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The log: a line a request on standard error, as text or JSON. What strangers send is escaped. */
#include "registry/request.h"

/* A request is over; sent_bytes of the body, if it was not cut off. */
void log_request(const struct request *request, uint64_t sent_bytes, uint64_t took_us);
/* Why the server could not answer as it should. */
void log_failure(const struct request *request, const struct err *err);
/* The lines, without their time. */
void log_request_format(const struct request *request, uint64_t sent_bytes, uint64_t took_us,
                        const char *time, struct str *out);
