/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs, whole or by ranges. */
#include <inttypes.h>
#include <string.h>

#include "image/object.h"
#include "registry/answer.h"
#include "registry/handlers.h"
#include "registry/range.h"

/* Opens the path's blob. False: there is an answer already. */
static bool blob_find(struct request *request, int *ret_fd, uint64_t *ret_size)
{
    struct err err = {};
    const char *digest = request->place.tail;
    if (!digest_valid(digest)) {
        answer_fault(request, FAULT_DIGEST_INVALID, digest);
        return false;
    }
    int found = object_blob_open(request->service->images, digest, ret_fd, ret_size, &err);
    if (found > 0)
        return true;
    /* Of other digests than sha256 there are none. */
    if (found == 0 || err.kind == ERR_UNSUPPORTED)
        answer_fault(request, FAULT_BLOB_UNKNOWN, digest);
    else
        answer_failure(request, &err);
    return false;
}

/* The piece that is asked for, if the condition on it holds. */
static enum range_kind blob_range(const struct request *request, const char *etag, uint64_t size,
                                  uint64_t *ret_first, uint64_t *ret_len)
{
    const char *condition = request_header(request, "If-Range");
    *ret_first = 0;
    *ret_len = size;
    if (strcmp(request->method, "GET") != 0 || (condition && strcmp(condition, etag) != 0))
        return RANGE_ALL;
    return range_parse(request_header(request, "Range"), size, ret_first, ret_len);
}

/* Who asks whether it is here is about to push what names it. */
static void blob_hold(struct request *request)
{
    struct err ignored;
    if (strcmp(request->method, "HEAD") == 0 && !request->service->read_only)
        (void)object_blob_hold(request->service->images, request->place.tail, &ignored);
}

void blob_get(struct request *request)
{
    auto_close int fd = -1;
    uint64_t size, first, len;
    if (!blob_find(request, &fd, &size))
        return;
    blob_hold(request);
    auto_free char *etag = xasprintf("\"%s\"", request->place.tail);
    answer_header(request, "Docker-Content-Digest", request->place.tail);
    answer_header(request, "ETag", etag);
    if (etag_fits(request, etag)) {
        answer(request, HTTP_NOT_MODIFIED);
        return;
    }
    answer_header(request, "Accept-Ranges", "bytes");
    answer_header(request, "Cache-Control", "private, max-age=31536000, immutable");
    enum range_kind kind = blob_range(request, etag, size, &first, &len);
    if (kind == RANGE_BEYOND) {
        answer_headerf(request, "Content-Range", "bytes */%" PRIu64, size);
        answer_fault_as(request, HTTP_RANGE, FAULT_SIZE_INVALID, "the blob has no such range");
        return;
    }
    if (kind == RANGE_PART)
        answer_headerf(request, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                       first + len - 1, size);
    answer_header(request, "Content-Type", "application/octet-stream");
    answer(request, kind == RANGE_PART ? HTTP_PARTIAL : HTTP_OK);
    request->answer.fd = take_fd(fd);
    request->answer.offset = first;
    request->answer.length = len;
}

void blob_delete(struct request *request)
{
    struct err err = {};
    auto_close int fd = -1;
    uint64_t size;
    if (!blob_find(request, &fd, &size))
        return;
    int removed = object_blob_remove(request->service->images, request->place.tail, &err);
    if (removed < 0)
        answer_failure(request, &err);
    else if (removed == 0)
        answer_fault(request, FAULT_UNSUPPORTED, "images of the store need the blob");
    else
        answer(request, HTTP_ACCEPTED);
}
