/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Members of a tar stream in any dialect, read by libarchive, given as struct member. */
#include "base/err.h"
#include "base/mem.h"
#include "transfer/member.h"
#include "transfer/stream.h"

struct tar;

enum tar_flags {
    TAR_INFLATE = 1 << 0, /* besides what the stream inflates, also bzip2 and xz */
};

/* Sets the locale's characters to UTF-8, which is what names in pax headers are in, and what
 * libarchive gives them in. Reads files: before a process is confined. */
void tar_prepare(void);
/* The stream is borrowed. */
int tar_open(struct stream *stream, enum tar_flags flags, struct tar **ret_tar, struct err *err);
/* Gives the next member, valid until the next call. Its path and a hard link's target are as the
 * archive has them. Returns 1; 0 behind the last one. */
int tar_next(struct tar *tar, struct member *ret_member, struct err *err);
/* Gives the next run of the member's data. Returns 1; 0 behind the last one. */
int tar_data(struct tar *tar, const void **ret_at, size_t *ret_len, uint64_t *ret_offset,
             struct err *err);
/* Reads the stream to its end; what follows the archive can only be zero bytes. */
int tar_finish(struct tar *tar, struct err *err);
/* The name of an attribute of the current member that was dropped, or NULL. */
const char *tar_dropped(const struct tar *tar);
void tar_free(struct tar *tar);

DROP(tar);
