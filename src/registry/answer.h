/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What handlers answer: a status, headers, a body; errors as the distribution specification has them.
 * The first answer counts. */
#include "registry/request.h"

/* code, its status, what it means */
#define FAULTS(X)                                                                                  \
    X(BLOB_UNKNOWN, 404, "blob unknown to registry")                                               \
    X(BLOB_UPLOAD_INVALID, 400, "blob upload invalid")                                             \
    X(BLOB_UPLOAD_UNKNOWN, 404, "blob upload unknown to registry")                                 \
    X(DIGEST_INVALID, 400, "provided digest did not match uploaded content")                       \
    X(MANIFEST_BLOB_UNKNOWN, 400, "manifest references a manifest or blob unknown to registry")    \
    X(MANIFEST_INVALID, 400, "manifest invalid")                                                   \
    X(MANIFEST_UNKNOWN, 404, "manifest unknown to registry")                                       \
    X(NAME_INVALID, 400, "invalid repository name")                                                \
    X(NAME_UNKNOWN, 404, "repository name not known to registry")                                  \
    X(SIZE_INVALID, 400, "provided length did not match content length")                           \
    X(UNAUTHORIZED, 401, "authentication required")                                                \
    X(DENIED, 403, "requested access to the resource is denied")                                   \
    X(UNSUPPORTED, 405, "the operation is unsupported")                                            \
    X(TOOMANYREQUESTS, 429, "too many requests")

enum fault {
#define X(code, status, meaning) FAULT_##code,
    FAULTS(X)
#undef X
};

enum http_status {
    HTTP_OK = 200,
    HTTP_CREATED = 201,
    HTTP_ACCEPTED = 202,
    HTTP_NO_CONTENT = 204,
    HTTP_PARTIAL = 206,
    HTTP_NOT_MODIFIED = 304,
    HTTP_BAD_REQUEST = 400,
    HTTP_NOT_FOUND = 404,
    HTTP_CONFLICT = 409,
    HTTP_TOO_LARGE = 413,
    HTTP_RANGE = 416,
    HTTP_INTERNAL = 500,
    HTTP_NO_SPACE = 507,
};

/* Answers with a status; headers and a body may follow. */
void answer(struct request *request, enum http_status status);
void answer_header(struct request *request, const char *name, const char *value);
void answer_headerf(struct request *request, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers with an error of the specification; detail is what it is about, NULL: nothing. The status
 * is the code's own. */
void answer_fault(struct request *request, enum fault fault, const char *detail);
/* The same with another status. */
void answer_fault_as(struct request *request, enum http_status status, enum fault fault,
                     const char *detail);
/* Answers that the server could not do it: no disk space, or else an error that is told on standard
 * error and not to strangers. */
void answer_failure(struct request *request, const struct err *err);

/* Whether If-None-Match has the tag, which is in its quotes. */
bool etag_fits(const struct request *request, const char *etag);

void answer_done(struct answer *answer);
