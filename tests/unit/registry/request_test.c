/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as handlers see them, on a store of their own, without HTTP. */
#include "registry/request.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "image/object.h"
#include "registry/answer.h"
#include "registry/gate.h"
#include "registry/upload.h"
#include "transfer/digest.h"

static char scratch[] = "/tmp/ruche-request-XXXXXX";
static int root = -1;
static int loose = -1;
static struct service service;

static void begin(void)
{
    struct err err;
    cr_assert_not_null(mkdtemp(scratch));
    root = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    service = (struct service){ .images = images_open(root, NULL) };
    cr_assert_eq(digest_prepare(&err), 0);
    cr_assert_eq(object_prepare(service.images, &loose, &err), 0, "%s", err.text);
    service.uploads = uploads_new(loose);
}

static void end(void)
{
    struct err err;
    uploads_free(service.uploads);
    gate_free(service.gate);
    images_close(service.images);
    close(loose);
    close(root);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch, &err), 0, "%s", err.text);
}

TestSuite(request, .init = begin, .fini = end);

/* ---- asking ---- */

static struct request request_of(const char *method, const char *target)
{
    return (struct request){
        .service = &service,
        .method = xstrdup(method),
        .target = xstrdup(target),
        .peer = xstrdup("192.0.2.1"),
        .answer = { .fd = -1 },
    };
}

/* body NULL: none. */
static void run(struct request *request, const char *body)
{
    request->has_length = request->has_body = body;
    request->length = body ? strlen(body) : 0;
    request_begin(request);
    if (request->unread)
        return;
    if (body)
        request_data(request, body, strlen(body));
    request_end(request);
}

static unsigned ask(const char *method, const char *target, const char *body)
{
    struct request request = request_of(method, target);
    run(&request, body);
    unsigned status = request.answer.status;
    request_done(&request);
    return status;
}

/* Asks with a header; the answer's status and code have to be these. */
static void expect(const char *method, const char *target, const char *name, const char *value,
                   unsigned status, const char *code)
{
    struct request request = request_of(method, target);
    pairs_put(&request.headers, name, value);
    run(&request, NULL);
    cr_expect_eq(request.answer.status, status, "%s %s: %u", method, target, request.answer.status);
    cr_expect(!code || strstr(str_text(&request.answer.body), code), "%s %s: %s", method, target,
              str_text(&request.answer.body));
    request_done(&request);
}

static void digest_of(const char *text, char digest[static DIGEST_TEXT_SIZE])
{
    auto_drop(digest) *state = digest_new();
    digest_add(state, text, strlen(text));
    digest_text(state, digest);
}

/* Puts a blob. Its digest is the caller's. */
static char *blob(const char *text)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_of(text, digest);
    auto_free char *target = xasprintf("/v2/app/blobs/uploads/?digest=%s", digest);
    cr_assert_eq(ask("POST", target, text), 201);
    return xstrdup(digest);
}

#define MANIFEST                                                                                   \
    "{\"schemaVersion\":2,\"mediaType\":\"application/"                                            \
    "vnd.oci.image.manifest.v1+json\",\"config\":{"                                                \
    "\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"%s\",\"size\":2},"           \
    "\"artifactType\":\"a/b\",\"layers\":[]}"

/* Puts an artifact's manifest as app:TAG. */
static unsigned manifest(const char *tag, const char *config)
{
    auto_free char *text = xasprintf(MANIFEST, config);
    auto_free char *target = xasprintf("/v2/app/manifests/%s", tag);
    return ask("PUT", target, text);
}

/* A session's path. */
static char *session(void)
{
    struct request request = request_of("POST", "/v2/app/blobs/uploads/");
    run(&request, NULL);
    cr_assert_eq(request.answer.status, 202);
    char *location = xstrdup(pairs_value(&request.answer.headers, "Location"));
    request_done(&request);
    return location;
}

/* ---- what stands before handlers ---- */

Test(request, is_found)
{
    cr_expect_eq(ask("GET", "/v2/", NULL), 200);
    expect("GET", "/", "X", "", 404, "UNSUPPORTED");
    expect("GET", "/v2/%zz", "X", "", 400, "NAME_INVALID");
    expect("GET", "/v2/UPPER/tags/list", "X", "", 400, "NAME_INVALID");
    expect("GET", "/v2/a_b.example/x/tags/list", "X", "", 400, "NAME_INVALID");
    expect("POST", "/v2/app/tags/list", "X", "", 405, "UNSUPPORTED");
    expect("GET", "/v2/app/tags/list", "X", "", 404, "NAME_UNKNOWN");
    struct request request = request_of("PUT", "/v2/app/tags/list");
    run(&request, NULL);
    cr_expect_str_eq(pairs_value(&request.answer.headers, "Allow"), "HEAD, GET");
    request_done(&request);
}

Test(request, of_strangers)
{
    static const char users[] =
        "bee:$2y$05$cKJyDM0h49LjIpqJU9e9YOKLex3LVXc3fBjgAM.tz3IxesouW1aDe\n";
    struct htpasswd *htpasswd = NULL;
    struct err err;
    cr_assert_eq(htpasswd_parse(users, strlen(users), &htpasswd, &err), 0);
    service.gate = gate_new(htpasswd);
    expect("GET", "/v2/", "X", "", 401, "UNAUTHORIZED");
    /* Nor do they learn what paths there are. */
    expect("GET", "/v2/a/b/c", "X", "", 401, "UNAUTHORIZED");
    expect("GET", "/v2/", "authorization", "Basic YmVlOnNlY3JldA==", 200, NULL);
    for (int i = 0; i < 10; i++)
        expect("GET", "/v2/", "Authorization", "Basic YmVlOndyb25n", 401, NULL);
    expect("GET", "/v2/", "Authorization", "Basic YmVlOndyb25n", 429, "TOOMANYREQUESTS");
}

Test(request, read_only)
{
    auto_free char *digest = blob("{}");
    cr_assert_eq(manifest("1", digest), 201);
    service.read_only = true;
    cr_expect_eq(ask("GET", "/v2/app/manifests/1", NULL), 200);
    cr_expect_eq(ask("POST", "/v2/app/blobs/uploads/", NULL), 403);
    cr_expect_eq(ask("DELETE", "/v2/app/manifests/1", NULL), 403);
    cr_expect_eq(manifest("2", digest), 403);
}

/* ---- manifests ---- */

Test(request, accepts)
{
    static const struct {
        const char *accept;
        unsigned status;
    } rows[] = {
        { "application/vnd.oci.image.manifest.v1+json", 200 },
        { "Application/VND.oci.image.manifest.v1+json; q=0.5", 200 },
        { "text/html, application/vnd.oci.image.manifest.v1+json", 200 },
        { "*/*", 200 },
        { "application/*;q=0.1", 200 },
        { "application/vnd.oci.image.index.v1+json", 404 },
        { "text/html", 404 },
        { "", 404 },
    };
    auto_free char *digest = blob("{}");
    cr_assert_eq(manifest("1", digest), 201);
    for (size_t i = 0; i < array_size(rows); i++)
        expect("GET", "/v2/app/manifests/1", "Accept", rows[i].accept, rows[i].status, NULL);
}

Test(request, accepts_in_several_lines)
{
    auto_free char *digest = blob("{}");
    cr_assert_eq(manifest("1", digest), 201);
    struct request request = request_of("GET", "/v2/app/manifests/1");
    struct pair *first = array_add(&request.headers);
    *first = (struct pair){ xstrdup("Accept"), xstrdup("text/html") };
    struct pair *second = array_add(&request.headers);
    *second =
        (struct pair){ xstrdup("accept"), xstrdup("application/vnd.oci.image.manifest.v1+json") };
    run(&request, NULL);
    cr_expect_eq(request.answer.status, 200);
    request_done(&request);
}

Test(request, manifests_that_are_none)
{
    auto_free char *digest = blob("{}");
    cr_expect_eq(ask("PUT", "/v2/app/manifests/1", "nonsense"), 400);
    cr_expect_eq(ask("PUT", "/v2/app/manifests/1", "{}"), 400);
    cr_expect_eq(ask("PUT", "/v2/app/manifests/1", ""), 400);
    cr_expect_eq(ask("PUT", "/v2/app/manifests/.1", "{}"), 400);
    cr_expect_eq(ask("PUT", "/v2/app/manifests/sha256:12", "{}"), 400);
    digest[8] = digest[8] == '0' ? '1' : '0';
    cr_expect_eq(manifest("1", digest), 400);
    cr_expect_eq(ask("GET", "/v2/app/manifests/1", NULL), 404);
    cr_expect_eq(ask("GET", "/v2/app/manifests/..", NULL), 404);
    cr_expect_eq(service.bodies, 0);
}

/* By its length, or as it comes. */
Test(request, large_manifests)
{
    static const char part[1 << 16];
    struct request said = request_of("PUT", "/v2/app/manifests/1");
    said.has_length = said.has_body = true;
    said.length = OCI_MANIFEST_MAX_BYTES + 1;
    request_begin(&said);
    cr_expect_eq(said.answer.status, 413);
    cr_expect(said.unread);
    request_done(&said);

    struct request stream = request_of("PUT", "/v2/app/manifests/1");
    stream.has_body = true;
    request_begin(&stream);
    for (int i = 0; i < 100; i++)
        request_data(&stream, part, sizeof(part));
    cr_expect_leq(stream.body.room, 2 * OCI_MANIFEST_MAX_BYTES);
    request_end(&stream);
    cr_expect_eq(stream.answer.status, 413);
    request_done(&stream);
    cr_expect_eq(service.bodies, 0);
}

Test(request, few_manifests_at_a_time)
{
    struct request requests[16];
    for (size_t i = 0; i < array_size(requests); i++) {
        requests[i] = request_of("PUT", "/v2/app/manifests/1");
        request_begin(&requests[i]);
        cr_assert_eq(requests[i].answer.status, 0);
    }
    cr_expect_eq(ask("PUT", "/v2/app/manifests/1", "{}"), 429);
    /* They are cut off, */
    for (size_t i = 0; i < array_size(requests); i++)
        request_done(&requests[i]);
    /* and there is room again. */
    cr_expect_eq(ask("PUT", "/v2/app/manifests/1", "{}"), 400);
}

/* ---- uploads ---- */

Test(request, cut_off_uploads_go_on)
{
    auto_free char *path = session();
    struct request request = request_of("PATCH", path);
    request.has_body = true;
    request_begin(&request);
    request_data(&request, "he", 2);
    cr_expect_eq(ask("PATCH", path, "x"), 409);
    request_done(&request);

    struct request status = request_of("GET", path);
    run(&status, NULL);
    cr_expect_eq(status.answer.status, 204);
    cr_expect_str_eq(pairs_value(&status.answer.headers, "Range"), "0-1");
    request_done(&status);
    cr_expect_eq(ask("PATCH", path, "llo"), 202);
    auto_free char *end_path = xasprintf(
        "%s?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", path);
    cr_expect_eq(ask("PUT", end_path, NULL), 201);
    cr_expect_eq(ask("GET", path, NULL), 404);
}

/* The next chunk may come by another connection before the server is done with the last one. */
Test(request, sessions_are_free_when_they_are_answered)
{
    auto_free char *path = session();
    struct request first = request_of("PATCH", path);
    pairs_put(&first.headers, "Content-Range", "0-1");
    run(&first, "he");
    cr_expect_eq(first.answer.status, 202);
    struct request wrong = request_of("PATCH", path);
    pairs_put(&wrong.headers, "Content-Range", "0-1");
    run(&wrong, "he");
    cr_expect_eq(wrong.answer.status, 416);
    cr_expect_eq(ask("PATCH", path, "llo"), 202);
    request_done(&first);
    request_done(&wrong);
}

/* A client that sends less than it said, in one piece, leaves nothing. */
Test(request, short_posts)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_of("hello", digest);
    auto_free char *target = xasprintf("/v2/app/blobs/uploads/?digest=%s", digest);
    struct request request = request_of("POST", target);
    request.has_length = request.has_body = true;
    request.length = 6;
    request_begin(&request);
    request_data(&request, "hello", 5);
    request_end(&request);
    cr_expect_eq(request.answer.status, 400);
    cr_expect(strstr(str_text(&request.answer.body), "SIZE_INVALID"));
    request_done(&request);
    auto_done(strings) names = {};
    struct err err;
    cr_assert_geq(dir_list(loose, ".", &names, &err), 0);
    cr_expect_eq(names.len, 0);
}

Test(request, chunks)
{
    auto_free char *path = session();
    static const struct {
        const char *range;
        const char *body;
        unsigned status;
    } rows[] = {
        { "1-2", "xx", 416 },  { "0-1", "he", 202 },  { "0-1", "he", 416 },
        { "3-4", "lo", 416 },  { "2-3", "llo", 400 }, { "nonsense", "llo", 400 },
        { "2-4", "llo", 202 },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct request request = request_of("PATCH", path);
        pairs_put(&request.headers, "Content-Range", rows[i].range);
        run(&request, rows[i].body);
        cr_expect_eq(request.answer.status, rows[i].status, "row %zu: %u", i,
                     request.answer.status);
        request_done(&request);
    }
    auto_free char *wrong = xasprintf("%s?digest=sha256:%064d", path, 0);
    cr_expect_eq(ask("PUT", path, NULL), 400);
    cr_expect_eq(ask("PUT", wrong, NULL), 400);
    /* What does not fit its digest is gone. */
    cr_expect_eq(ask("GET", path, NULL), 404);
}

/* ---- blobs ---- */

Test(request, pieces_of_blobs)
{
    auto_free char *digest = blob("hello");
    auto_free char *target = xasprintf("/v2/app/blobs/%s", digest);
    auto_free char *etag = xasprintf("W/\"x\", \"%s\"", digest);
    expect("GET", target, "Range", "bytes=1-2", 206, NULL);
    expect("GET", target, "Range", "bytes=5-", 416, "SIZE_INVALID");
    expect("HEAD", target, "Range", "bytes=1-2", 200, NULL);
    expect("GET", target, "If-None-Match", etag, 304, NULL);
    expect("GET", target, "If-None-Match", "*", 304, NULL);
    expect("GET", target, "If-None-Match", "\"x\"", 200, NULL);
    struct request request = request_of("GET", target);
    pairs_put(&request.headers, "Range", "bytes=1-2");
    pairs_put(&request.headers, "If-Range", "\"other\"");
    run(&request, NULL);
    cr_expect_eq(request.answer.status, 200);
    request_done(&request);
}

Test(request, blobs_that_are_needed_stay)
{
    auto_free char *digest = blob("{}");
    auto_free char *other = blob("other");
    auto_free char *target = xasprintf("/v2/app/blobs/%s", digest);
    auto_free char *other_target = xasprintf("/v2/app/blobs/%s", other);
    cr_assert_eq(manifest("1", digest), 201);
    cr_expect_eq(ask("DELETE", target, NULL), 405);
    cr_expect_eq(ask("GET", target, NULL), 200);
    cr_expect_eq(ask("DELETE", other_target, NULL), 202);
    cr_expect_eq(ask("DELETE", other_target, NULL), 404);
    cr_expect_eq(ask("GET", other_target, NULL), 404);
}
