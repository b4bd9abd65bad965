/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A layer's archive into a sink: limits, whiteouts, and what each type of member becomes. */
#include <stdint.h>

#include "base/err.h"
#include "transfer/sink.h"
#include "transfer/stream.h"

struct unpack_limits {
    uint64_t max_bytes;   /* of file data */
    uint64_t max_entries; /* members */
    uint64_t room_bytes;  /* of file data; more fails as on a full disk, with ENOSPC; 0: any */
};

struct unpack_result {
    uint64_t bytes;
    uint64_t entries;
};

/* Tells how much of the stream was read, from time to time. -1 stops the unpacking. */
typedef int unpack_progress(void *context, uint64_t bytes, struct err *err);

/* Reads the stream to its end and commits the sink. Errors name the member. */
int unpack_layer(struct stream *stream, struct sink *sink, const struct unpack_limits *limits,
                 const struct sink_help *help, unpack_progress *progress,
                 struct unpack_result *ret_result, struct err *err);
