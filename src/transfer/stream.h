/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bytes of a descriptor, inflated if they are gzip or zstd, which their first bytes tell and no
 * name or media type. What is damaged, truncated, followed by something else or larger than allowed
 * is an error.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"

struct ring;
struct stream;

/* Sees the bytes as they were read, before they are inflated. */
typedef void stream_watcher(void *context, const void *at, size_t len);

/* Reads fd, which is borrowed, from where it stands. max_bytes: of what comes out; 0: any. */
struct stream *stream_new(int fd, uint64_t max_bytes);
/* Inflates nothing, whatever it is. Before the first reading. */
void stream_raw(struct stream *stream);
void stream_watch(struct stream *stream, stream_watcher *watcher, void *context);
/* fd is a file that still grows: more has come whenever there is something to be read from
 * arrivals, a pipe, borrowed, and all of it when that ends. onward: the pipe by which those behind
 * are told of what comes of it, without whom it is not waited for; -1: none. */
void stream_follow(struct stream *stream, int arrivals, int onward);
/* What it unpacks to is digested, and what the digest has to be is known: checksums inside of it
 * may be passed over. Before the first reading. */
void stream_trust(struct stream *stream);
/* What a ring's slots hold, as it is; each is passed on when the next is read. Takes the ring. */
struct stream *stream_new_ring(struct ring *ring);
/* Has what is inflated next put there, instead of into a buffer of its own. */
void stream_into(struct stream *stream, void *at, size_t len);
/* Gives the next run of bytes, valid until the next call. Returns its length; 0 at the end. */
ssize_t stream_read(struct stream *stream, const void **ret_at, struct err *err);
/* Whether nothing is inflated; known once something was read. */
bool stream_plain(const struct stream *stream);
/* Bytes read from the descriptor so far. */
uint64_t stream_position(const struct stream *stream);
void stream_free(struct stream *stream);

DROP(stream);
