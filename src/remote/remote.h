/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What ruche and ruche-remote, the registry client, say to each other (docs/formats/remote.md).
 * ruche starts one for each registry a command talks to, hands it who and where (remote/setup.h),
 * then operations, of which many may be under way; each is answered by events that carry its
 * number. Both ends are of one build: the structs go over the socket as they are. What comes back
 * is checked like a stranger's.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

enum { REMOTE_VERSION = 1 };

/* The control socket, of the type SEQPACKET. */
enum { REMOTE_CONTROL_FD = 3 };

/* operation, descriptors that go with it at least and at most. "document" is a file that is empty
 * and open for writing: what the registry gives is written to it as it is, unverified. */
#define REMOTE_OPS(X)                                                                                    \
    /* first message: a file that holds the setup. Answered by DONE once the process is confined */      \
    X(SETUP, 1, 1)                                                                                       \
    /* asks whether the registry is one and takes the credentials */                                     \
    X(PING, 0, 0)                                                                                        \
    /* texts[0] tag or digest. Document: the manifest, or nothing with REMOTE_HEAD */                    \
    X(MANIFEST, 0, 1)                                                                                    \
    /* texts[0] digest, bytes its size, offset where what is wanted begins; a pipe, or a file, which   \
     * is given that */ \
    X(BLOB, 1, 1)                                                                                        \
    /* texts[0] digest, bytes its size: whether it is there */                                           \
    X(BLOB_HEAD, 0, 0)                                                                                   \
    /* texts[0] digest, texts[1] a repository of this registry that may have it, or empty; bytes its \
     * size; the blob's file */   \
    X(UPLOAD, 1, 1)                                                                                      \
    /* texts[0] tag or digest, texts[1] media type; the manifest's file */                               \
    X(MANIFEST_PUT, 1, 1)                                                                                \
    /* texts[0] tag or digest of a manifest, or digest of a blob with REMOTE_OF_BLOB */                  \
    X(DELETE, 0, 0)                                                                                      \
    /* Document: a JSON array of strings, all pages of it */                                             \
    X(TAGS, 1, 1)                                                                                        \
    /* Document: the same, of repositories */                                                            \
    X(CATALOG, 1, 1)                                                                                     \
    /* texts[0] digest, texts[1] artifact type or empty. Document: an image index; of a registry   \
     * without referrers made from the tag that stands for them */     \
    X(REFERRERS, 1, 1)                                                                                   \
    /* texts[0] words, bytes: how many at most. Document: what the registry's search answers */          \
    X(SEARCH, 1, 1)                                                                                      \
    /* texts[0] URL, of the endpoint's host; bytes: how many at most; a file that is empty, open for   \
     * reading and writing. No credentials are told to anybody. FOUND tells its size if that is known  \
     * before */ \
    X(FETCH, 1, 1)                                                                                       \
    /* number: the operation that is no longer wanted; it is not answered, this is */                    \
    X(CANCEL, 0, 0)

enum remote_op {
#define X(op, least, most) REMOTE_##op,
    REMOTE_OPS(X)
#undef X
        REMOTE_OP_COUNT
};

enum remote_flags {
    REMOTE_HEAD = 1 << 0,    /* of a MANIFEST: tell what there is, bring nothing */
    REMOTE_OF_BLOB = 1 << 1, /* of a DELETE */
};

enum { REMOTE_FDS_MAX = 1, REMOTE_TEXT_MAX = 4096, REMOTE_TEXTS = 2 };

/* Operations under way at a time, those counted that wait for their turn; one more is refused. */
enum { REMOTE_OPS_MAX = 128 };

/* Sent only as long as its texts are: one behind the other, each closed by a zero byte. */
struct remote_request {
    uint32_t version;
    uint32_t op;
    uint64_t id; /* no other operation under way has it */
    uint32_t flags;
    uint32_t reserved;
    uint64_t number;
    uint64_t bytes;
    uint64_t offset;
    char texts[REMOTE_TEXTS * REMOTE_TEXT_MAX];
};

enum { REMOTE_REQUEST_HEAD = offsetof(struct remote_request, texts) };

enum remote_event_kind {
    REMOTE_PROGRESS, /* bytes: of the blob that are there, those that were there before included */
    REMOTE_FOUND,    /* of a MANIFEST: texts[0] its media type, texts[1] its digest as the registry
                        says (or empty); bytes: its size, number: 1 if known. Of a PING: texts[0] the
                        scheme and host that answered */
    REMOTE_NOTE,     /* texts[0]: what the user may want to know: tried again, another mirror */
    REMOTE_DONE,   /* the last event. detail: of a BLOB_HEAD 1: there, 0: not; of an UPLOAD an enum
                        remote_uploaded; of a MANIFEST 1, or 0: there is none; of a MANIFEST_PUT 1:
                        the registry keeps the manifest's referrers itself (OCI-Subject) */
    REMOTE_FAILED, /* the last event. texts[0]: why, detail: its err_kind, number: its errno */
    REMOTE_EVENT_COUNT
};

/* The errno of an ERR_DENIED that the registry itself has said (401, 403): others are of who looked at
 * its certificate. */
#define REMOTE_REFUSES EKEYREJECTED

enum remote_uploaded {
    REMOTE_UPLOADED,
    REMOTE_MOUNTED, /* from the other repository */
    REMOTE_THERE,   /* already */
    REMOTE_UPLOADED_COUNT
};

struct remote_event {
    uint32_t kind;
    uint32_t detail;
    uint64_t id;
    uint64_t number;
    uint64_t bytes;
    char texts[REMOTE_TEXTS * REMOTE_TEXT_MAX];
};

enum { REMOTE_EVENT_HEAD = offsetof(struct remote_event, texts) };
