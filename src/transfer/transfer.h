/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What ruche and ruche-transfer say to each other (docs/formats/transfer.md). ruche sends a request
 * with descriptors to the server; a child of the server's own serves it and answers with events on
 * a socket of that request. Both ends are of one build: the structs go over the socket as they are.
 * What comes back is checked like a stranger's.
 */
#include <stddef.h>
#include <stdint.h>

enum { TRANSFER_VERSION = 1 };

/* The server's control socket; a socket of the type SEQPACKET. */
enum { TRANSFER_CONTROL_FD = 3 };

/* verb, descriptors that go with it, at least and at most: the socket for events first */
#define TRANSFER_VERBS(X)                                                                                 \
    /* an archive, a directory: its files go into the directory, named 0, 1, 2 … */                     \
    X(SPOOL, 3, 3)                                                                                        \
    /* a blob: digests of it and of what it unpacks to. With a third, a pipe, it is a file that         \
     * grows (KEEP) */ \
    X(DIGEST, 2, 3)                                                                                       \
    /* as DIGEST; what it unpacks to is also written to the third, a pipe. With pipe and memory of a    \
     * ring behind it goes through that, and is not digested. With yet a pipe behind these the blob     \
     * is a file that grows, and not digested either */ \
    X(INFLATE, 3, 6)                                                                                      \
    /* pipes from and to its neighbours in a ring, memory: digest of what goes by */                      \
    X(CONTENT, 4, 4)                                                                                      \
    /* a pipe, a file: what comes is written behind what is there; the digest of all. Who follows the   \
     * file is told by a byte in the fourth, a pipe */ \
    X(KEEP, 3, 4)                                                                                         \
    /* a file or a directory: the digest of its bytes, or of all that a layer says of what is in it     \
     */ \
    X(SUM, 2, 2)                                                                                          \
    /* a tar stream, a directory: the layer is unpacked into the directory. With two more, a pipe and   \
     * memory, the stream is a ring's */ \
    X(UNPACK, 3, 5)                                                                                       \
    /* a tar stream, an empty file: the layer is written into the file as an EROFS image */               \
    X(PACK, 3, 5)                                                                                         \
    /* a tar stream, an empty file: it is written packed into the file, as `name` says: gzip, zstd;     \
     * digests of both */ \
    X(DEFLATE, 3, 3)                                                                                      \
    /* where a tar stream goes: the request's layers, as a container sees them, are written to it */      \
    X(EXPORT, 2, 2)                                                                                       \
    /* a directory: what is called `name` in it is removed with all below */                              \
    X(REMOVE, 2, 2)                                                                                       \
    /* a private key, a payload, the key's passphrase or nothing: the payload's signature */              \
    X(SIGN, 4, 4)                                                                                         \
    /* a public key, a payload, a signature in base64: whether the key made it */                         \
    X(VERIFY, 4, 4)

enum transfer_verb {
#define X(verb, least, most) TRANSFER_##verb,
    TRANSFER_VERBS(X)
#undef X
        TRANSFER_VERB_COUNT
};

/* The name of a DIGEST that is to inflate nothing. */
#define TRANSFER_RAW "raw"

/* Of a ring's memory. */
enum { TRANSFER_RING_BYTES = 2 << 20 };

enum { TRANSFER_FDS_MAX = 6, TRANSFER_NAME_SIZE = 64 };

struct transfer_request {
    uint32_t version;
    uint32_t verb;
    uint64_t max_bytes;   /* of what is written or unpacked, in all */
    uint64_t room_bytes;  /* what is free where it is written: more fails as on a full disk, with
                             ENOSPC; 0: any */
    uint64_t max_entries; /* members of the archive */
    uint32_t n_layers;    /* of an EXPORT: directories, topmost first, that follow on the socket for
                          events, up to HANDOVER_MAX with each byte */
    uint32_t reserved;
    char name[TRANSFER_NAME_SIZE];
};

/* As many as overlayfs takes. */
enum { TRANSFER_LAYERS_MAX = 501 };

enum transfer_event_kind {
    TRANSFER_PROGRESS, /* bytes: read so far */
    TRANSFER_MEMBER,  /* of a SPOOL: texts[0] is its path, detail below; a file: number and bytes; a
                         link: texts[1] */
    TRANSFER_DIGESTS, /* texts[0] of the blob, bytes long; texts[1] of what it unpacks to, number
                         bytes long; each empty if that is not what the verb is for */
    TRANSFER_DEVICE,  /* of an UNPACK: texts[0] is its path, detail its mode, number its device;
                         wants an answer */
    TRANSFER_SIGNATURE, /* of a SIGN: texts[0], in base64 */
    TRANSFER_WARNING,   /* texts[0]: what was left out */
    TRANSFER_DONE,      /* bytes and entries (number) that were written; the last event */
    TRANSFER_FAILED,    /* texts[0]: why, detail: its err_kind, number: its errno; the last event */
    TRANSFER_EVENT_COUNT
};

enum transfer_member {
    TRANSFER_MEMBER_FILE,
    TRANSFER_MEMBER_SYMLINK,  /* to a path from where the link is */
    TRANSFER_MEMBER_HARDLINK, /* to a path from the top */
    TRANSFER_MEMBER_COUNT
};

enum { TRANSFER_TEXT_MAX = 4096, TRANSFER_TEXTS = 2 };

/* Sent only as long as its texts are: one behind the other, each closed by a zero byte. */
struct transfer_event {
    uint32_t kind;
    uint32_t detail;
    uint64_t number;
    uint64_t bytes;
    char texts[TRANSFER_TEXTS * TRANSFER_TEXT_MAX];
};

enum { TRANSFER_EVENT_HEAD = offsetof(struct transfer_event, texts) };

/* The answer to TRANSFER_DEVICE. */
struct transfer_answer {
    int32_t errnum; /* 0: the device is there; -1: left out, as devices are for an ordinary user */
};
