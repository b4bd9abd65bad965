/* SPDX-License-Identifier: Apache-2.0 */
/* ruche-remote against a registry that lies: what is got, what is said, who is told credentials. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "driver.h"
#include "remote/digest.h"

static struct hostile hostile;

static void start(void)
{
    hostile_start(&hostile, NULL);
}

static void stop(void)
{
    hostile_stop(&hostile);
}

TestSuite(registry, .init = start, .fini = stop, .timeout = 600);

static bool has_digest(const struct str *bytes, const char *digest)
{
    bool known;
    return digest_matches(digest, bytes->at, bytes->len, &known);
}

static void expect_failed(const struct outcome *outcome, enum err_kind kind, const char *text)
{
    cr_assert(outcome->failed, "not \"%s\"", text);
    cr_assert_eq(outcome->kind, kind, "%s", outcome->text);
    cr_assert(strstr(outcome->text, text), "\"%s\" is not in: %s", text, outcome->text);
}

/* The layer, from the repository: its beginning into a file, the rest through a pipe. */
static struct outcome layer_get(const char *lie, uint64_t offset, bool *ret_right)
{
    struct driver driver;
    auto_free char *repository = xasprintf("%s/image", lie);
    auto_free char *text = NULL;
    auto_done(str) piped = {};
    auto_done(str) all = {};
    driver_start_at(&driver, &hostile, repository);
    int file = file_new("", 0);
    if (offset > 0) {
        const struct outcome *whole =
            driver_blob(&driver, hostile.layer, hostile.layer_size, 0, file, NULL);
        size_t len;
        text = file_text(file, &len);
        cr_assert_not(whole->failed, "%s", whole->text);
        cr_assert_eq(len, hostile.layer_size);
        str_add_bytes(&all, text, offset);
    }
    struct outcome outcome =
        *driver_blob(&driver, hostile.layer, hostile.layer_size, offset, -1, &piped);
    cr_assert_leq(offset + piped.len, hostile.layer_size);
    cr_assert(offset == 0 || memcmp(str_text(&piped), text + offset, piped.len) == 0);
    str_add_bytes(&all, str_text(&piped), piped.len);
    *ret_right = has_digest(&all, hostile.layer);
    close(file);
    driver_stop(&driver);
    return outcome;
}

static void expect_layer(const char *lie, uint64_t offset)
{
    bool right;
    struct outcome outcome = layer_get(lie, offset, &right);
    cr_assert_not(outcome.failed, "%s: %s", lie, outcome.text);
    cr_assert(right, "%s", lie);
}

static void expect_no_layer(const char *lie, enum err_kind kind, const char *text)
{
    bool right;
    struct outcome outcome = layer_get(lie, 0, &right);
    expect_failed(&outcome, kind, text);
    cr_assert_not(right);
}

/* Nobody but the registry itself has seen credentials. */
static void expect_discretion(void)
{
    auto_free char *requests = hostile_requests(&hostile);
    for (char *line = strtok(requests, "\n"); line; line = strtok(NULL, "\n"))
        cr_assert(!text_starts(line, "other ") || text_ends(line, " -"), "%s", line);
}

/* ---- honest ones ---- */

Test(registry, what_is_honest)
{
    struct driver driver;
    driver_start_at(&driver, &hostile, "honest/image");
    const struct outcome *outcome = DO(&driver, .op = REMOTE_PING);
    auto_free char *base = xasprintf("http://127.0.0.1:%d", hostile.port);
    cr_assert_not(outcome->failed, "%s", outcome->text);
    cr_assert_str_eq(outcome->found[0], base);

    int file = file_new("", 0);
    outcome = DO(&driver, .op = REMOTE_MANIFEST, .first = "latest", .fds = { file });
    cr_assert_eq(outcome->detail, 1, "%s", outcome->text);
    cr_assert_str_eq(outcome->found[0], "application/vnd.oci.image.manifest.v1+json");
    cr_assert_str_eq(outcome->found[1], hostile.manifest);
    size_t len;
    auto_free char *text = file_text(file, &len);
    const struct str document = { .at = text, .len = len };
    cr_assert(has_digest(&document, hostile.manifest));
    cr_assert(outcome->has_size && outcome->size == len);

    outcome = DO(&driver, .op = REMOTE_MANIFEST, .first = "latest", .flags = REMOTE_HEAD);
    cr_assert(outcome->detail == 1 && outcome->has_size && outcome->size == len);
    outcome = DO(&driver, .op = REMOTE_MANIFEST, .first = "sha256:00", .fds = { file });
    cr_assert(!outcome->failed && outcome->detail == 0);
    outcome = DO(&driver, .op = REMOTE_BLOB_HEAD, .first = hostile.layer);
    cr_assert(!outcome->failed && outcome->detail == 1);
    outcome = DO(&driver, .op = REMOTE_BLOB_HEAD, .first = "sha256:00");
    cr_assert(!outcome->failed && outcome->detail == 0);
    close(file);
    driver_stop(&driver);
    expect_layer("honest", 0);
    expect_layer("honest", 100000);
    expect_layer("honest", hostile.layer_size);
}

Test(registry, many_at_once)
{
    struct driver driver;
    uint64_t ids[40];
    int files[array_size(ids)];
    driver_start_at(&driver, &hostile, "bearer/image");
    for (size_t i = 0; i < array_size(ids); i++) {
        files[i] = file_new("", 0);
        ids[i] = driver_ask(&driver, &(struct ask){ .op = REMOTE_BLOB,
                                                    .first = hostile.layer,
                                                    .bytes = hostile.layer_size,
                                                    .fds = { files[i] } });
    }
    const struct outcome *outcome = DO(&driver, .op = REMOTE_CANCEL, .number = ids[39]);
    cr_assert_not(outcome->failed);
    for (size_t i = 0; i < array_size(ids) - 1; i++) {
        outcome = driver_wait(&driver, ids[i]);
        size_t len;
        auto_free char *text = file_text(files[i], &len);
        const struct str bytes = { .at = text, .len = len };
        cr_assert_not(outcome->failed, "%s", outcome->text);
        cr_assert(has_digest(&bytes, hostile.layer), "%zu", i);
        close(files[i]);
    }
    cr_assert_not(driver.over[ids[39]]);
    close(files[39]);
    driver_stop(&driver);
}

/* ---- connections ---- */

Test(registry, what_breaks_is_resumed)
{
    expect_layer("resets", 0);
    expect_layer("resets", 500000);
    expect_layer("resets-once", 0);
    expect_layer("range-refused", 500000);
    expect_layer("trouble", 0);
}

Test(registry, a_wait_that_is_asked_for)
{
    bool right;
    struct outcome outcome = layer_get("busy", 0, &right);
    cr_assert(right && outcome.notes == 1, "%s", outcome.text);
    cr_assert(strstr(outcome.note, "slow down"), "%s", outcome.note);
    expect_no_layer("busy-long", ERR_SYSTEM, "it asks to wait for 3600 s");
}

Test(registry, what_never_comes_ends)
{
    expect_no_layer("stall", ERR_SYSTEM, "nothing came");
    expect_no_layer("trickle", ERR_SYSTEM, "nothing came");
    expect_no_layer("trouble-always", ERR_SYSTEM, "HTTP 503");
    expect_no_layer("resets-whole", ERR_SYSTEM, "broke");
}

/* ---- sizes and digests ---- */

Test(registry, sizes_that_lie)
{
    expect_no_layer("more-bytes", ERR_INVALID, "more comes than");
    expect_no_layer("less-bytes", ERR_INVALID, "it ends after");
    expect_no_layer("wrong-length", ERR_INVALID, "promised");
}

Test(registry, ranges_that_lie)
{
    struct driver driver;
    driver_start_at(&driver, &hostile, "range-lie/image");
    int file = file_new("x", 1);
    expect_failed(driver_blob(&driver, hostile.layer, hostile.layer_size, 1, file, NULL),
                  ERR_INVALID, "another part");
    close(file);
    driver_stop(&driver);
}

/* A blob's digest is for who reads the pipe. */
Test(registry, a_blob_that_lies_comes_as_it_is)
{
    bool right;
    struct outcome outcome = layer_get("wrong-digest", 0, &right);
    cr_assert(!outcome.failed && !right);
}

static void expect_no_manifest(const char *lie, const char *reference, enum err_kind kind,
                               const char *text)
{
    struct driver driver;
    auto_free char *repository = xasprintf("%s/image", lie);
    driver_start_at(&driver, &hostile, repository);
    int file = file_new("", 0);
    expect_failed(DO(&driver, .op = REMOTE_MANIFEST, .first = reference, .fds = { file }), kind,
                  text);
    size_t len;
    auto_free char *written = file_text(file, &len);
    cr_assert_eq(len, 0);
    close(file);
    driver_stop(&driver);
}

Test(registry, manifests_that_lie)
{
    expect_no_manifest("wrong-manifest", hostile.manifest, ERR_INVALID, "another digest");
    expect_no_manifest("wrong-manifest", "latest", ERR_INVALID, "another digest");
    expect_no_manifest("wrong-header", "latest", ERR_INVALID, "another digest");
    expect_no_manifest("manifest-endless", "latest", ERR_INVALID, "longer than 4096 KiB");
    expect_no_manifest("manifest-v1", "latest", ERR_UNSUPPORTED, "schema 1");
    expect_no_manifest("headers-endless", "latest", ERR_INVALID, "headers");
    expect_no_manifest("not-http", "latest", ERR_SYSTEM, "no HTTP");
}

Test(registry, errors_are_one_clean_line)
{
    expect_no_manifest("errors-gzip", "latest", ERR_INVALID, "HTTP 400");
    expect_no_manifest("errors-endless", "latest", ERR_INVALID, "HTTP 400");
    expect_no_manifest("errors-escapes", "latest", ERR_DENIED,
                       "\\x1b[2J\\x1b]0;title\\x07denied\\nsecond line");
    expect_no_manifest("errors-html", "latest", ERR_SYSTEM, "HTTP 500");
}

/* ---- who is told what ---- */

Test(registry, who_asks)
{
    expect_layer("basic", 0);
    expect_layer("bearer", 0);
    expect_layer("bearer-short", 0);
    expect_layer("anonymous", 0);
    expect_discretion();
}

Test(registry, tokens_that_lie)
{
    expect_no_manifest("auth-forever", "latest", ERR_DENIED, "ruche login registry-");
    expect_no_manifest("token-huge", "latest", ERR_INVALID, "longer than 64 KiB");
    expect_no_manifest("token-none", "latest", ERR_INVALID, "no token");
    expect_no_manifest("token-control", "latest", ERR_INVALID, "no token");
}

Test(registry, strangers_are_told_nothing)
{
    expect_layer("redirect", 0);
    expect_layer("basic-redirect", 0);
    expect_layer("bearer-redirect", 0);
    expect_no_layer("redirect-401", ERR_DENIED, "HTTP 401 of 127.0.0.1");
    expect_no_layer("basic-redirect-401", ERR_DENIED, "HTTP 401 of 127.0.0.1");
    expect_no_layer("bearer-redirect-401", ERR_DENIED, "HTTP 401 of 127.0.0.1");
    expect_no_layer("redirect-loop", ERR_INVALID, "redirects more than");
    expect_no_layer("redirect-file", ERR_INVALID, "no URL");
    expect_no_manifest("realm-redirect", "latest", ERR_DENIED, "HTTP 401");
    auto_free char *requests = hostile_requests(&hostile);
    cr_assert(strstr(requests, "other GET /stranger-401/v2/basic-redirect-401/"));
    expect_discretion();
}

/* Nor is he asked afterwards what the registry's realm would be. */
Test(registry, strangers_name_no_realm)
{
    struct driver driver;
    int file = file_new("", 0);
    driver_start_at(&driver, &hostile, "basic-redirect-401/image");
    expect_failed(driver_blob(&driver, hostile.layer, hostile.layer_size, 0, file, NULL),
                  ERR_DENIED, "HTTP 401");
    const struct outcome *outcome =
        DO(&driver, .op = REMOTE_MANIFEST, .first = "latest", .fds = { file });
    cr_assert_not(outcome->failed, "%s", outcome->text);
    close(file);
    driver_stop(&driver);
    expect_discretion();
}

/* The realm is whom the registry sends us to with our credentials. */
Test(registry, realms_are_told)
{
    expect_layer("realm-other", 0);
    auto_free char *requests = hostile_requests(&hostile);
    cr_assert(strstr(requests, "other GET /token/realm-other?"));
    cr_assert(strstr(requests, " Basic dXNlcjpzZWNyZXQ=\n"));
}

Test(registry, who_does_not_say_who_he_is)
{
    struct driver driver;
    struct remote_setup setup = {};
    (void)setup_endpoint(&setup, "http", hostile.port, "basic/image");
    cr_assert_not(driver_start(&driver, &setup).failed);
    int file = file_new("", 0);
    expect_failed(DO(&driver, .op = REMOTE_MANIFEST, .first = "latest", .fds = { file }),
                  ERR_DENIED, "log in by: ruche login");
    close(file);
    driver_stop(&driver);
}

/* The layer, as who the endpoint says. */
static struct outcome layer_get_as(const char *repository, const char *identity_token,
                                   const char *registry_token)
{
    struct driver driver;
    struct remote_setup setup = {};
    struct remote_endpoint *endpoint = setup_endpoint(&setup, "http", hostile.port, repository);
    endpoint->identity_token = identity_token ? xstrdup(identity_token) : NULL;
    endpoint->registry_token = registry_token ? xstrdup(registry_token) : NULL;
    cr_assert_not(driver_start(&driver, &setup).failed);
    int file = file_new("", 0);
    struct outcome outcome =
        *driver_blob(&driver, hostile.layer, hostile.layer_size, 0, file, NULL);
    close(file);
    driver_stop(&driver);
    return outcome;
}

Test(registry, identity_tokens)
{
    struct outcome outcome = layer_get_as("oauth/image", "identity", NULL);
    cr_assert_not(outcome.failed, "%s", outcome.text);
    outcome = layer_get_as("oauth/image", "another", NULL);
    expect_failed(&outcome, ERR_DENIED, "no such identity token");
    outcome = layer_get_as("oauth-redirect/image", "identity", NULL);
    expect_failed(&outcome, ERR_DENIED, "it redirects credentials to 127.0.0.1:");
    outcome = layer_get_as("bearer/image", NULL, "mine");
    expect_failed(&outcome, ERR_DENIED, "does not accept the credentials");
    auto_free char *requests = hostile_requests(&hostile);
    cr_assert(strstr(requests, " Bearer mine\n"));
    cr_assert_null(strstr(requests, "other "));
}

/* ---- proxies ---- */

static struct outcome ping_by_proxy(const char *scheme, const char *no_proxy)
{
    struct driver driver;
    struct remote_setup setup = { .stall_seconds = 20 };
    struct remote_endpoint *endpoint = setup_endpoint(&setup, scheme, hostile.port, NULL);
    free(endpoint->url);
    endpoint->url = xasprintf("%s://registry.invalid", scheme);
    endpoint->insecure = true;
    setup.http_proxy = xasprintf("http://127.0.0.1:%d", hostile.port);
    setup.https_proxy = xasprintf("http://127.0.0.1:%d", hostile.port);
    setup.no_proxy = no_proxy ? xstrdup(no_proxy) : NULL;
    cr_assert_not(driver_start(&driver, &setup).failed);
    struct outcome outcome = *DO(&driver, .op = REMOTE_PING);
    driver_stop(&driver);
    return outcome;
}

Test(registry, proxies)
{
    struct outcome outcome = ping_by_proxy("http", NULL);
    cr_assert_not(outcome.failed, "%s", outcome.text);
    auto_free char *requests = hostile_requests(&hostile);
    cr_assert(strstr(requests, "registry GET http://registry.invalid/v2/ -\n"), "%s", requests);
    outcome = ping_by_proxy("https", NULL);
    expect_failed(&outcome, ERR_SYSTEM, "the proxy refuses: ");
    outcome = ping_by_proxy("http", "other.invalid,.invalid");
    expect_failed(&outcome, ERR_SYSTEM, "registry.invalid is not known");
}

/* ---- lists ---- */

static const struct outcome *list_get(struct driver *driver, const struct ask *ask, char **ret_text)
{
    size_t len;
    int file = file_new("", 0);
    struct ask with = *ask;
    with.fds[0] = file;
    const struct outcome *outcome = driver_wait(driver, driver_ask(driver, &with));
    *ret_text = file_text(file, &len);
    close(file);
    return outcome;
}

static void expect_no_tags(const char *lie, const char *why)
{
    struct driver driver;
    auto_free char *repository = xasprintf("%s/image", lie);
    auto_free char *text = NULL;
    driver_start_at(&driver, &hostile, repository);
    expect_failed(list_get(&driver, &(struct ask){ .op = REMOTE_TAGS }, &text), ERR_INVALID, why);
    cr_assert_str_eq(text, "");
    driver_stop(&driver);
}

Test(registry, pages)
{
    struct driver driver;
    auto_free char *text = NULL;
    expect_no_tags("tags-loop", "no end");
    expect_no_tags("tags-endless", "no end");
    expect_no_tags("basic-tags-other", "elsewhere");
    driver_start_at(&driver, &hostile, "tags-pages/image");
    const struct outcome *outcome = list_get(&driver, &(struct ask){ .op = REMOTE_TAGS }, &text);
    cr_assert_not(outcome->failed, "%s", outcome->text);
    cr_assert_str_eq(text, "[\"tag0\",\"latest\",\"tag1\",\"latest\",\"tag2\",\"latest\"]");
    driver_stop(&driver);
    expect_discretion();
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

Test(registry, referrers)
{
    struct driver driver;
    auto_free char *all = NULL, *some = NULL, *none = NULL;
    struct ask ask = { .op = REMOTE_REFERRERS, .first = hostile.manifest };
    driver_start_at(&driver, &hostile, "referrers/image");
    cr_assert_not(list_get(&driver, &ask, &all)->failed);
    cr_assert_eq(count(all, "artifactType"), 2, "%s", all);
    ask.second = "application/x.second";
    cr_assert_not(list_get(&driver, &ask, &some)->failed);
    cr_assert_eq(count(some, "artifactType"), 1, "%s", some);
    driver_stop(&driver);
    driver_start_at(&driver, &hostile, "honest/image");
    const struct outcome *outcome = list_get(&driver, &ask, &none);
    cr_assert_not(outcome->failed, "%s", outcome->text);
    cr_assert(text_ends(none, "\"manifests\":[]}"), "%s", none);
    driver_stop(&driver);
}

/* ---- mirrors ---- */

static void mirrors_start(struct driver *driver, const char *mirror, const char *registry,
                          bool only_digests)
{
    struct remote_setup setup = { .stall_seconds = 20 };
    struct remote_endpoint *first = setup_endpoint(&setup, "http", hostile.port, mirror);
    first->mirror = true;
    first->only_digests = only_digests;
    (void)setup_endpoint(&setup, "http", hostile.port, registry);
    cr_assert_not(driver_start(driver, &setup).failed);
}

Test(registry, another_mirror)
{
    struct driver driver;
    auto_done(str) piped = {};
    int file = file_new("", 0);
    mirrors_start(&driver, "trouble-always/image", "honest/image", false);
    const struct outcome *outcome =
        DO(&driver, .op = REMOTE_MANIFEST, .first = "latest", .fds = { file });
    cr_assert(!outcome->failed && outcome->notes == 1, "%s", outcome->text);
    cr_assert(strstr(outcome->note, "; asking registry-"), "%s", outcome->note);
    close(file);
    driver_stop(&driver);

    /* Half of the blob from one, half from the other; the pipe sees one blob. */
    mirrors_start(&driver, "resets-whole/image", "honest/image", false);
    outcome = driver_blob(&driver, hostile.layer, hostile.layer_size, 0, -1, &piped);
    cr_assert_not(outcome->failed, "%s", outcome->text);
    cr_assert(has_digest(&piped, hostile.layer));
    driver_stop(&driver);
}

Test(registry, mirrors_for_digests_only)
{
    struct driver driver;
    int file = file_new("", 0);
    mirrors_start(&driver, "auth-forever/image", "honest/image", true);
    const struct outcome *outcome =
        DO(&driver, .op = REMOTE_MANIFEST, .first = "latest", .fds = { file });
    cr_assert(!outcome->failed && outcome->notes == 0, "%s", outcome->note);
    /* Where the tag came from, what it names is as well. */
    outcome = DO(&driver, .op = REMOTE_MANIFEST, .first = hostile.manifest, .fds = { file });
    cr_assert(!outcome->failed && outcome->notes == 0, "%s", outcome->note);
    close(file);
    driver_stop(&driver);
}

/* ---- uploads ---- */

enum { UPLOAD_BYTES = 40 << 20, UPLOAD_SMALL = 1000 };

static struct outcome upload(const char *lie, size_t len, const char *digest, const char *from)
{
    struct driver driver;
    auto_free char *repository = xasprintf("%s/image", lie);
    auto_free char *bytes = xmalloc(len);
    memset(bytes, 'u', len);
    int file = file_new(bytes, len);
    driver_start_at(&driver, &hostile, repository);
    struct outcome outcome = *DO(&driver, .op = REMOTE_UPLOAD, .first = digest, .second = from,
                                 .bytes = len, .fds = { file });
    close(file);
    driver_stop(&driver);
    return outcome;
}

/* Digests of so many letters u. */
static const char big[] = "sha256:f6952a10837378a9df884f44be61a78749e30737a279aeb3db7b176e03e12ca3";
static const char small[] =
    "sha256:501946cfb9bcf01fdf59c55fb014b8e609885d16d9796e535b746da55839352c";

/* What is there need not be uploaded: each has a registry of its own. */
static void expect_upload(const char *lie, size_t len)
{
    stop();
    start();
    struct outcome outcome = upload(lie, len, len == UPLOAD_SMALL ? small : big, NULL);
    cr_assert_not(outcome.failed, "%s: %s", lie, outcome.text);
    cr_assert_eq(outcome.detail, REMOTE_UPLOADED, "%s", lie);
}

Test(registry, uploads)
{
    expect_upload("honest", UPLOAD_SMALL);
    expect_upload("honest", UPLOAD_BYTES);
    struct outcome outcome = upload("honest", UPLOAD_BYTES, big, NULL);
    cr_assert_eq(outcome.detail, REMOTE_THERE);
    expect_upload("bearer", UPLOAD_BYTES);
}

Test(registry, uploads_that_break)
{
    expect_upload("upload-breaks", UPLOAD_BYTES);
    expect_upload("upload-whole", UPLOAD_BYTES);
    expect_upload("upload-lost", UPLOAD_BYTES);
    expect_upload("upload-commit", UPLOAD_BYTES);
    expect_upload("upload-commit", UPLOAD_SMALL);
}

Test(registry, uploads_that_have_no_end)
{
    struct outcome outcome = upload("upload-loses", UPLOAD_BYTES, big, NULL);
    cr_assert(outcome.failed);
    auto_free char *requests = hostile_requests(&hostile);
    cr_expect_leq(count(requests, "POST /v2/upload-loses/"), 7, "%s", requests);
}

Test(registry, uploads_elsewhere)
{
    expect_upload("basic-upload-other", UPLOAD_BYTES);
    auto_free char *requests = hostile_requests(&hostile);
    cr_assert(strstr(requests, "other PATCH"));
    expect_discretion();
}

Test(registry, what_is_uploaded_is_checked)
{
    struct outcome outcome = upload("honest", UPLOAD_SMALL, big, NULL);
    expect_failed(&outcome, ERR_INVALID, "digest did not match");
}

Test(registry, manifests_are_put_and_deleted)
{
    struct driver driver;
    static const char manifest[] = "{\"schemaVersion\":2}";
    int file = file_new(manifest, strlen(manifest)), back = file_new("", 0);
    driver_start_at(&driver, &hostile, "honest/image");
    const struct outcome *outcome = DO(&driver, .op = REMOTE_MANIFEST_PUT, .first = "mine",
                                       .second = "application/x.mine", .fds = { file });
    cr_assert_not(outcome->failed, "%s", outcome->text);
    outcome = DO(&driver, .op = REMOTE_MANIFEST, .first = "mine", .fds = { back });
    cr_assert_str_eq(outcome->found[0], "application/x.mine");
    outcome = DO(&driver, .op = REMOTE_DELETE, .first = "mine");
    cr_assert_not(outcome->failed, "%s", outcome->text);
    driver_stop(&driver);
    driver_start_at(&driver, &hostile, "no-delete/image");
    expect_failed(DO(&driver, .op = REMOTE_DELETE, .first = hostile.manifest), ERR_UNSUPPORTED,
                  "does not allow deleting");
    close(file);
    close(back);
    driver_stop(&driver);
}

/* ---- requests that are none ---- */

Test(registry, requests_that_are_none)
{
    struct driver driver;
    driver_start_at(&driver, &hostile, "honest/image");
    int file = file_new("", 0);
    expect_failed(DO(&driver, .op = REMOTE_SETUP, .fds = { file }), ERR_INVALID, "second setup");
    driver_stop(&driver);
    driver_start_at(&driver, &hostile, "honest/image");
    expect_failed(DO(&driver, .op = REMOTE_TAGS), ERR_INVALID, "none");
    expect_failed(DO(&driver, .op = REMOTE_PING, .fds = { file }), ERR_INVALID, "none");
    expect_failed(DO(&driver, .op = REMOTE_OP_COUNT), ERR_INVALID, "none");
    expect_failed(DO(&driver, .op = REMOTE_MANIFEST, .first = "../../x", .fds = { file }),
                  ERR_INVALID, "tag or digest");
    expect_failed(driver_blob(&driver, hostile.layer, 10, 11, file, NULL), ERR_INVALID, "blob");
    close(file);
    driver_stop(&driver);
}

/* Waits until nothing more goes into the pipe. */
static void pipe_settle(int fd)
{
    int before = -1, there = 0;
    while (there == 0 || there != before) {
        before = there;
        usleep(500000);
        cr_assert_eq(ioctl(fd, FIONREAD, &there), 0);
    }
}

/* More than was promised, in what had come before the transfer paused, is refused at once. */
Test(registry, what_comes_of_a_pause_counts)
{
    struct driver driver;
    int ends[2];
    char buffer[64 << 10];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    driver_start_at(&driver, &hostile, "more-later/image");
    uint64_t id = driver_ask(&driver, &(struct ask){ .op = REMOTE_BLOB,
                                                     .first = hostile.layer,
                                                     .bytes = hostile.layer_size + 100,
                                                     .fds = { ends[1] } });
    close(ends[1]);
    pipe_settle(ends[0]);
    while (read(ends[0], buffer, sizeof(buffer)) > 0)
        continue;
    expect_failed(driver_wait(&driver, id), ERR_INVALID, "more comes than");
    close(ends[0]);
    driver_stop(&driver);
    auto_free char *requests = hostile_requests(&hostile);
    cr_assert_eq(count(requests, "GET /v2/more-later/image/blobs/"), 1, "%s", requests);
}

Test(registry, a_reader_that_goes_away)
{
    struct driver driver;
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    driver_start_at(&driver, &hostile, "honest/image");
    close(ends[0]);
    expect_failed(DO(&driver, .op = REMOTE_BLOB, .first = hostile.layer,
                     .bytes = hostile.layer_size, .fds = { ends[1] }),
                  ERR_SYSTEM, "hand it on");
    close(ends[1]);
    driver_stop(&driver);
}
