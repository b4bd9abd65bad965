/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, indexes and artifacts, by tag or digest. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "image/object.h"
#include "registry/answer.h"
#include "registry/handlers.h"
#include "registry/name.h"
#include "transfer/digest.h"

/* Manifests that are in memory at a time, of 4 MiB at most each; and tags of one request. */
enum { BODIES_MAX = 16, TAGS_MAX = 32, MEDIA_TYPE_MAX = 255 };

/* ---- GET ---- */

/* Whether one item of Accept ("a/b;q=0.9") is the type, a wildcard for it, or any. */
static bool accept_item_fits(struct view item, const char *media_type)
{
    while (item.len > 0 && (item.at[0] == ' ' || item.at[0] == '\t'))
        item = (struct view){ item.at + 1, item.len - 1 };
    size_t len = 0;
    while (len < item.len && !strchr("; \t", item.at[len]))
        len++;
    item.len = len;
    if (view_is(item, "*/*") || view_is(item, "application/*"))
        return true;
    return strlen(media_type) == len && strncasecmp(item.at, media_type, len) == 0;
}

/* What does not say what it accepts accepts all. */
static bool accepts(const struct request *request, const char *media_type)
{
    bool said = false;
    for (size_t i = 0; i < request->headers.len; i++) {
        struct view rest = view_of(request->headers.at[i].value);
        struct view item;
        bool more = true;
        if (strcasecmp(request->headers.at[i].key, "Accept") != 0)
            continue;
        said = true;
        while (more) {
            more = view_cut(&rest, ',', &item);
            if (accept_item_fits(item, media_type))
                return true;
        }
    }
    return !said;
}

/* Finds what the path means. False: there is an answer already. */
static bool manifest_find(struct request *request, struct object *ret_object)
{
    struct err err = {};
    const char *reference = request->place.tail;
    int found = 0;
    if (tag_valid(reference) || digest_valid(reference))
        found =
            object_find(request->service->images, request->repository, reference, ret_object, &err);
    if (found > 0)
        return true;
    /* Of other digests than sha256 there are none. */
    if (found == 0 || err.kind == ERR_UNSUPPORTED)
        answer_fault(request, FAULT_MANIFEST_UNKNOWN, reference);
    else
        answer_failure(request, &err);
    return false;
}

void manifest_get(struct request *request)
{
    struct err err = {};
    auto_done(object) object = {};
    auto_close int fd = -1;
    uint64_t size;
    if (!manifest_find(request, &object))
        return;
    auto_free char *etag = xasprintf("\"%s\"", object.digest);
    answer_header(request, "Docker-Content-Digest", object.digest);
    answer_header(request, "ETag", etag);
    answer_header(request, "Vary", "Accept");
    if (etag_fits(request, etag)) {
        answer(request, HTTP_NOT_MODIFIED);
        return;
    }
    if (!accepts(request, object.media_type)) {
        auto_free char *detail =
            xasprintf("it is of the type %s, which Accept does not have", object.media_type);
        answer_fault(request, FAULT_MANIFEST_UNKNOWN, detail);
        return;
    }
    int found = object_blob_open(request->service->images, object.digest, &fd, &size, &err);
    if (found < 0)
        answer_failure(request, &err);
    else if (found == 0)
        answer_fault(request, FAULT_MANIFEST_UNKNOWN, object.digest);
    if (found <= 0)
        return;
    answer(request, HTTP_OK);
    answer_header(request, "Content-Type", object.media_type);
    request->answer.fd = take_fd(fd);
    request->answer.length = size;
}

/* ---- PUT ---- */

void manifest_body_drop(struct request *request)
{
    str_done(&request->body);
    request->holds_body = false;
    (void)__atomic_sub_fetch(&request->service->bodies, 1, __ATOMIC_SEQ_CST);
}

static void too_large(struct request *request)
{
    answer_fault_as(request, HTTP_TOO_LARGE, FAULT_MANIFEST_INVALID,
                    "a manifest may have 4 MiB at most");
}

void manifest_put_begin(struct request *request)
{
    const char *reference = request->place.tail;
    if (strchr(reference, ':') ? !digest_valid(reference) : !tag_valid(reference)) {
        answer_fault_as(request, HTTP_BAD_REQUEST,
                        strchr(reference, ':') ? FAULT_DIGEST_INVALID : FAULT_MANIFEST_INVALID,
                        "that is neither a tag nor a digest");
        return;
    }
    if (request->has_length && request->length > OCI_MANIFEST_MAX_BYTES) {
        too_large(request);
        return;
    }
    if (__atomic_add_fetch(&request->service->bodies, 1, __ATOMIC_SEQ_CST) > BODIES_MAX) {
        (void)__atomic_sub_fetch(&request->service->bodies, 1, __ATOMIC_SEQ_CST);
        answer_header(request, "Retry-After", "1");
        answer_fault(request, FAULT_TOOMANYREQUESTS, "too many manifests are pushed just now");
        return;
    }
    request->holds_body = true;
    request->body.max_bytes = OCI_MANIFEST_MAX_BYTES;
}

void manifest_put_data(struct request *request, const char *at, size_t len)
{
    str_add_bytes(&request->body, at, len);
    if (request->body.over)
        too_large(request);
}

/* The Content-Type without parameters, or else what the document says. NULL: neither says anything.
 * Owned by the caller. */
static char *media_type_of(const struct request *request, struct err *err)
{
    const char *header = request_header(request, "Content-Type");
    const char *json = str_text(&request->body);
    enum media_kind kind;
    if (header)
        return xstrndup(header, strcspn(header, "; \t"));
    if (oci_document_kind(json, request->body.len, &kind, err) < 0)
        return NULL;
    if (kind == MEDIA_INDEX)
        return xstrdup(MEDIA_OCI_INDEX);
    return xstrdup(MEDIA_OCI_MANIFEST);
}

/* The names it is to have: the path's tag, or those of the query. False: there is an answer. */
static bool tags_wanted(struct request *request, struct strings *ret_tags)
{
    bool by_digest = strchr(request->place.tail, ':');
    if (!by_digest)
        strings_add(ret_tags, request->place.tail);
    for (size_t i = 0; by_digest && i < request->place.query.len; i++) {
        const struct pair *pair = &request->place.query.at[i];
        if (strcmp(pair->key, "tag") != 0)
            continue;
        if (!tag_valid(pair->value) || ret_tags->len == TAGS_MAX) {
            answer_fault(request, FAULT_MANIFEST_INVALID,
                         "the query has no valid tags, or too many");
            return false;
        }
        strings_add(ret_tags, pair->value);
    }
    return true;
}

/* Stores it under one name, or by its digest alone. False: there is an answer. */
static bool manifest_store(struct request *request, const char *digest, const char *media_type,
                           const char *tag)
{
    struct err err = {};
    auto_done(object_stored) stored = {};
    const struct object_manifest manifest = {
        .repository = request->repository,
        .tag = tag,
        .digest = digest,
        .media_type = media_type,
        .data = str_text(&request->body),
        .len = request->body.len,
    };
    int result = object_manifest_put(request->service->images, &manifest, &stored, &err);
    if (result == 0)
        answer_fault(request, FAULT_MANIFEST_BLOB_UNKNOWN, stored.missing);
    else if (result < 0 && (err.kind == ERR_INVALID || err.kind == ERR_UNSUPPORTED))
        answer_fault(request, FAULT_MANIFEST_INVALID, err.text);
    else if (result < 0)
        answer_failure(request, &err);
    if (result > 0 && stored.subject)
        answer_header(request, "OCI-Subject", stored.subject);
    return result > 0;
}

static bool manifest_store_all(struct request *request, const char *digest, const char *media_type,
                               const struct strings *tags)
{
    if (tags->len == 0)
        return manifest_store(request, digest, media_type, NULL);
    for (size_t i = 0; i < tags->len; i++)
        if (!manifest_store(request, digest, media_type, tags->at[i]))
            return false;
    return true;
}

static bool body_digest(struct request *request, char digest[static DIGEST_TEXT_SIZE])
{
    auto_drop(digest) *state = digest_new();
    struct err err = {};
    if (!state) {
        err_set(&err, ERR_SYSTEM, "libcrypto gives no SHA-256");
        answer_failure(request, &err);
        return false;
    }
    digest_add(state, str_text(&request->body), request->body.len);
    digest_text(state, digest);
    return true;
}

static void tags_tell(struct request *request, const struct strings *tags)
{
    auto_done(str) list = {};
    for (size_t i = 0; i < tags->len; i++)
        str_addf(&list, "%s%s", i > 0 ? ", " : "", tags->at[i]);
    if (strchr(request->place.tail, ':') && tags->len > 0)
        answer_header(request, "OCI-Tag", str_text(&list));
}

void manifest_put_end(struct request *request)
{
    char digest[DIGEST_TEXT_SIZE];
    auto_done(strings) tags = {};
    struct err err = {};
    if (!tags_wanted(request, &tags) || !body_digest(request, digest))
        return;
    if (strchr(request->place.tail, ':') && strcmp(request->place.tail, digest) != 0) {
        answer_fault(request, FAULT_DIGEST_INVALID, digest);
        return;
    }
    auto_free char *media_type = media_type_of(request, &err);
    if (!media_type || strlen(media_type) > MEDIA_TYPE_MAX) {
        answer_fault(request, FAULT_MANIFEST_INVALID, media_type ? "Content-Type" : err.text);
        return;
    }
    if (!manifest_store_all(request, digest, media_type, &tags))
        return;
    answer(request, HTTP_CREATED);
    answer_headerf(request, "Location", "/v2/%s/manifests/%s", request->place.name, digest);
    answer_header(request, "Docker-Content-Digest", digest);
    tags_tell(request, &tags);
}

/* ---- DELETE ---- */

void manifest_delete(struct request *request)
{
    struct err err = {};
    struct images *images = request->service->images;
    const char *reference = request->place.tail;
    int removed = 0;
    if (digest_valid(reference))
        removed = object_remove(images, request->repository, reference, &err);
    else if (tag_valid(reference))
        removed = object_untag(images, request->repository, reference, &err);
    if (removed > 0)
        answer(request, HTTP_ACCEPTED);
    else if (removed < 0 && err.kind != ERR_UNSUPPORTED)
        answer_failure(request, &err);
    else
        answer_fault(request, FAULT_MANIFEST_UNKNOWN, reference);
}
