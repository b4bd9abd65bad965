/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: sessions, in one piece, in chunks, in a stream; and blobs that are here already. */
#include <inttypes.h>
#include <string.h>

#include "image/object.h"
#include "registry/answer.h"
#include "registry/handlers.h"
#include "registry/name.h"
#include "registry/range.h"
#include "registry/upload.h"

static const char digest_of_nothing[] =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* ---- answers ---- */

static void session_headers(struct request *request)
{
    uint64_t size = upload_size(request->upload);
    answer_headerf(request, "Location", "/v2/%s/blobs/uploads/%s", request->place.name,
                   upload_id(request->upload));
    answer_header(request, "Docker-Upload-UUID", upload_id(request->upload));
    answer_headerf(request, "Range", "0-%" PRIu64, size > 0 ? size - 1 : 0);
}

static void created(struct request *request, const char *digest)
{
    answer(request, HTTP_CREATED);
    answer_headerf(request, "Location", "/v2/%s/blobs/%s", request->place.name, digest);
    answer_header(request, "Docker-Content-Digest", digest);
}

/* Answers why the session could not be worked with. */
static void session_failure(struct request *request, const struct err *err)
{
    if (err->kind == ERR_CONFLICT)
        answer_fault_as(request, HTTP_CONFLICT, FAULT_BLOB_UPLOAD_INVALID, err->text);
    else if (err->kind == ERR_INVALID)
        answer_fault_as(request, HTTP_TOO_LARGE, FAULT_SIZE_INVALID, err->text);
    else
        answer_failure(request, err);
}

/* ---- the parts of it ---- */

/* Takes the path's session. False: there is an answer already. */
static bool session_take(struct request *request)
{
    struct err err = {};
    int found = upload_take(request->service->uploads, request->repository, request->place.tail,
                            &request->upload, &err);
    if (found == 0)
        answer_fault(request, FAULT_BLOB_UPLOAD_UNKNOWN, request->place.tail);
    else if (found < 0)
        session_failure(request, &err);
    return found > 0;
}

/* Judges the chunk's Content-Range, which may be absent. */
static void chunk_check(struct request *request)
{
    const char *header = request_header(request, "Content-Range");
    uint64_t first, last;
    if (!header)
        return;
    if (!chunk_range_parse(header, &first, &last)) {
        answer_fault(request, FAULT_BLOB_UPLOAD_INVALID, "Content-Range must be FIRST-LAST");
        return;
    }
    if (request->has_length && request->length != last - first + 1) {
        answer_fault(request, FAULT_SIZE_INVALID, "Content-Length is not that of Content-Range");
        return;
    }
    if (first != upload_size(request->upload)) {
        session_headers(request);
        answer_fault_as(request, HTTP_RANGE, FAULT_BLOB_UPLOAD_INVALID,
                        "the chunk does not begin where the upload ends");
    }
}

/* The digest that the blob is to have, judged. NULL: there is an answer already, or none is given. */
static const char *digest_wanted(struct request *request)
{
    const char *digest = place_query(&request->place, "digest");
    if (!digest)
        return NULL;
    if (!digest_valid(digest)) {
        answer_fault(request, FAULT_DIGEST_INVALID, digest);
        return NULL;
    }
    if (!text_starts(digest, "sha256:")) {
        answer_fault(request, FAULT_DIGEST_INVALID, "only digests of sha256 are supported");
        return NULL;
    }
    return digest;
}

/* All bytes are there: the upload becomes a blob, or goes. */
static void finish(struct request *request, const char *digest)
{
    struct service *service = request->service;
    char own[DIGEST_TEXT_SIZE];
    struct err err = {};
    upload_digest(request->upload, own);
    bool same = strcmp(own, digest) == 0;
    int result = same ? object_blob_put(service->images, uploads_directory(service->uploads),
                                        upload_file(request->upload), digest, &err)
                      : 0;
    upload_cancel(service->uploads, take_ptr(request->upload));
    if (!same)
        answer_fault(request, FAULT_DIGEST_INVALID, own);
    else if (result < 0)
        answer_failure(request, &err);
    else
        created(request, digest);
}

/* False: writing a part failed, or the body is shorter than was said; there is an answer. What could
 * not be written takes what was written along: the disk may be full of it. */
static bool body_is_whole(struct request *request)
{
    uint64_t wrote = upload_size(request->upload) - request->upload_from;
    if (request->failure.kind != ERR_NONE) {
        session_failure(request, &request->failure);
        upload_cancel(request->service->uploads, take_ptr(request->upload));
        return false;
    }
    if (request->has_length && wrote != request->length) {
        answer_fault(request, FAULT_SIZE_INVALID, NULL);
        return false;
    }
    return true;
}

/* Whether a body of the length may come; else there is an answer. */
static bool length_check(struct request *request)
{
    uint64_t size = request->upload ? upload_size(request->upload) : 0;
    if (!request->has_length || request->length <= UPLOAD_MAX_BYTES - size)
        return true;
    answer_fault_as(request, HTTP_TOO_LARGE, FAULT_SIZE_INVALID, "a blob may have 64 GiB at most");
    return false;
}

/* ---- POST ---- */

/* Whether the blob that is to be mounted is here; in whichever repository, as the store has it once. */
static bool mount_find(struct request *request)
{
    const char *digest = place_query(&request->place, "mount");
    struct err err = {};
    return digest && digest_valid(digest) &&
           object_blob_hold(request->service->images, digest, &err) > 0;
}

void uploads_post_begin(struct request *request)
{
    struct err err = {};
    const char *algorithm = place_query(&request->place, "digest-algorithm");
    if (algorithm && strcmp(algorithm, "sha256") != 0) {
        answer_fault(request, FAULT_DIGEST_INVALID, "only digests of sha256 are supported");
        return;
    }
    if (mount_find(request)) {
        created(request, place_query(&request->place, "mount"));
        return;
    }
    (void)digest_wanted(request);
    if (request->answer.status == 0 && length_check(request) &&
        upload_new(request->service->uploads, request->repository, &request->upload, &err) < 0)
        answer_failure(request, &err);
}

void uploads_post_end(struct request *request)
{
    const char *digest = place_query(&request->place, "digest");
    if (!body_is_whole(request)) {
        if (request->upload)
            upload_cancel(request->service->uploads, take_ptr(request->upload));
        return;
    }
    /* Without a body it is the digest of what a PUT will bring, unless of the blob without bytes. */
    if (digest && (request->has_body || strcmp(digest, digest_of_nothing) == 0)) {
        finish(request, digest);
        return;
    }
    answer(request, HTTP_ACCEPTED);
    session_headers(request);
    answer_header(request, "OCI-Chunk-Min-Length", "1");
}

/* ---- a session ---- */

void upload_get(struct request *request)
{
    if (!session_take(request))
        return;
    answer(request, HTTP_NO_CONTENT);
    session_headers(request);
}

void upload_delete(struct request *request)
{
    if (!session_take(request))
        return;
    upload_cancel(request->service->uploads, take_ptr(request->upload));
    answer(request, HTTP_NO_CONTENT);
}

void upload_append_begin(struct request *request)
{
    if (!session_take(request))
        return;
    request->upload_from = upload_size(request->upload);
    if (length_check(request))
        chunk_check(request);
}

void upload_append_data(struct request *request, const char *at, size_t len)
{
    if (request->failure.kind != ERR_NONE)
        return;
    (void)upload_write(request->upload, at, len, &request->failure);
}

void upload_patch_end(struct request *request)
{
    if (!body_is_whole(request))
        return;
    answer(request, HTTP_ACCEPTED);
    session_headers(request);
}

void upload_put_begin(struct request *request)
{
    if (!place_query(&request->place, "digest"))
        answer_fault(request, FAULT_DIGEST_INVALID, "the query has no digest");
    else if (digest_wanted(request))
        upload_append_begin(request);
}

void upload_put_end(struct request *request)
{
    if (body_is_whole(request))
        finish(request, place_query(&request->place, "digest"));
}
