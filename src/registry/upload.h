/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Uploads under way: a file each, whose bytes are digested as they come, by the session the
 * specification gives to the client. A session is one request's at a time. Its state is in memory
 * while there is room; else, and after the server was started anew, it is read from the file again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "transfer/digest.h"

struct uploads;
struct upload;

enum {
    UPLOAD_ID_SIZE = 49,          /* hexadecimal digits, and a zero byte */
    UPLOAD_KEEP_S = 24 * 60 * 60, /* how long one is kept that nobody goes on with */
};
/* Bytes of one blob at most. */
#define UPLOAD_MAX_BYTES (UINT64_C(64) << 30)

/* directory is where the files lie, borrowed; beside them blobs that no manifest names yet. */
struct uploads *uploads_new(int directory);
void uploads_free(struct uploads *uploads);
/* Removes what is kept no longer in the directory. */
void uploads_tidy(struct uploads *uploads);

/* Begins one in a repository, as if taken. */
int upload_new(struct uploads *uploads, const char *repository, struct upload **ret_upload,
               struct err *err);
/* Takes a session for a request. Returns 1, or 0: there is none with that id in that repository.
 * ERR_CONFLICT: another request has it. */
int upload_take(struct uploads *uploads, const char *repository, const char *id,
                struct upload **ret_upload, struct err *err);
/* Gives it back. */
void upload_release(struct uploads *uploads, struct upload *upload);
/* Gives it back, and removes it. */
void upload_cancel(struct uploads *uploads, struct upload *upload);

const char *upload_id(const struct upload *upload);
/* Bytes that are there. */
uint64_t upload_size(const struct upload *upload);
/* Adds bytes. ERR_INVALID: it would get too large. */
int upload_write(struct upload *upload, const void *at, size_t len, struct err *err);
/* Ends the digest: nothing can be added afterwards, and it can only be cancelled. */
void upload_digest(struct upload *upload, char digest[static DIGEST_TEXT_SIZE]);
/* The file's name in the directory, and that. */
const char *upload_file(const struct upload *upload);
int uploads_directory(const struct uploads *uploads);
