/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a request: "METHOD TARGET", then "HEADER: VALUE" lines, then a body. A registry of an
 * empty store, which is read-only, answers every one; what it answers is text of one line a header,
 * errors are JSON, pieces lie within their blob, and what is encoded for a path decodes to itself.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/registry_corpus.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "image/object.h"
#include "registry/answer.h"
#include "registry/handlers.h"
#include "registry/htpasswd.h"
#include "registry/name.h"
#include "registry/range.h"
#include "registry/upload.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static char store_path[] = "/tmp/ruche-registry-fuzz-XXXXXX";

static void store_remove(void)
{
    struct err err;
    (void)tree_remove(AT_FDCWD, store_path, &err);
}

/* One store for all inputs, which none of them may write to. */
static struct service *service_get(void)
{
    static struct service service;
    struct err err;
    int loose;
    if (service.images)
        return &service;
    demand(mkdtemp(store_path) && atexit(store_remove) == 0);
    service.images = images_open(open(store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), NULL);
    demand(object_prepare(service.images, &loose, &err) == 0);
    service.uploads = uploads_new(loose);
    service.read_only = true;
    return &service;
}

static void headers_add(struct request *request, struct view *rest)
{
    struct view line, key;
    while (view_cut(rest, '\n', &line) && line.len > 0) {
        if (!view_cut(&line, ':', &key))
            continue;
        struct pair *pair = array_add(&request->headers);
        pair->key = xstrndup(key.at, key.len);
        pair->value = xstrndup(line.at, line.len);
    }
}

static void answer_check(const struct request *request)
{
    const struct answer *answer = &request->answer;
    demand(answer->status >= 200 && answer->status < 500);
    for (size_t i = 0; i < answer->headers.len; i++)
        demand(!strpbrk(answer->headers.at[i].value, "\r\n"));
    if (answer->body.len == 0)
        return;
    struct document document;
    struct err err;
    demand(document_open(&document, str_text(&answer->body), answer->body.len, "body", &err) == 0);
    document_close(&document);
}

static void texts_check(const char *text)
{
    uint64_t first = 0, len = 0;
    auto_free char *user = NULL;
    auto_free char *password = NULL;
    if (range_parse(text, 1000, &first, &len) == RANGE_PART)
        demand(len > 0 && first < 1000 && len <= 1000 - first);
    if (chunk_range_parse(text, &first, &len))
        demand(first <= len);
    (void)basic_parse(text, &user, &password);
    if (repository_valid(text))
        demand(strlen(text) <= 255 && !strstr(text, "..") && !strstr(text, "//"));
    if (tag_valid(text))
        demand(!strpbrk(text, "/:") && text[0] != '.');
}

static void encoding_check(const char *text)
{
    auto_done(str) target = {};
    auto_done(str) methods = {};
    auto_done(place) place = {};
    if (strlen(text) > 1000)
        return;
    str_add(&target, "/v2/?x=");
    url_encode(text, &target);
    demand(route_find(registry_routes, "GET", str_text(&target), &place, &methods) == ROUTE_FOUND);
    demand(strcmp(place_query(&place, "x"), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = xstrndup((const char *)data, size);
    struct view rest = view_of(text);
    struct view line, method;
    struct request request = { .service = service_get(), .answer = { .fd = -1 } };
    (void)view_cut(&rest, '\n', &line);
    (void)view_cut(&line, ' ', &method);
    request.method = xstrndup(method.at, method.len);
    request.target = line.at ? xstrndup(line.at, line.len) : xstrdup("");
    request.peer = xstrdup("192.0.2.1");
    headers_add(&request, &rest);
    request.has_body = rest.len > 0;
    request_begin(&request);
    if (!request.unread) {
        request_data(&request, rest.at ? rest.at : "", rest.len);
        request_end(&request);
    }
    answer_check(&request);
    texts_check(request.target);
    encoding_check(text);
    request_done(&request);
    return 0;
}
