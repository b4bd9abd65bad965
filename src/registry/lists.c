/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: tags, repositories, referrers; and the specification's sign of life. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "image/object.h"
#include "registry/answer.h"
#include "registry/handlers.h"
#include "registry/name.h"
#include "registry/page.h"

/* Lists are long where there are many images; what is over is a page of its own. */
enum { PAGE_MAX = 10000 };

static void answer_json(struct request *request)
{
    answer(request, HTTP_OK);
    answer_header(request, "Content-Type", "application/json");
}

void base_get(struct request *request)
{
    answer_json(request);
    str_add(&request->answer.body, "{}\n");
}

/* ---- pages ---- */

/* Reads ?n= and ?last=. False: there is an answer. */
static bool page_read(struct request *request, const struct strings *all, struct page *ret_page)
{
    const char *n = place_query(&request->place, "n");
    int64_t most = PAGE_MAX;
    struct err err;
    if (n && number_parse(n, 0, INT64_MAX, "n", &most, &err) < 0) {
        answer_fault_as(request, HTTP_BAD_REQUEST, FAULT_UNSUPPORTED, err.text);
        return false;
    }
    if (most > PAGE_MAX)
        most = PAGE_MAX;
    page_cut(all, place_query(&request->place, "last"), (size_t)most, ret_page);
    return true;
}

/* Answers `{…"key":[…]}` with a page of the list; begin is what stands before the key. */
static void page_answer(struct request *request, const char *begin, const char *key,
                        const struct strings *all, const char *path)
{
    struct page page;
    struct str *body = &request->answer.body;
    auto_done(str) link = {};
    if (!page_read(request, all, &page))
        return;
    answer_json(request);
    str_addf(body, "%s\"%s\":[", begin, key);
    for (size_t i = 0; i < page.len && page.first + i < all->len; i++) {
        if (i > 0)
            str_add_char(body, ',');
        json_add_text(body, all->at[page.first + i]);
    }
    str_add(body, "]}\n");
    page_link(&page, all, path, &link);
    if (link.len > 0)
        answer_header(request, "Link", str_text(&link));
}

void tags_get(struct request *request)
{
    struct err err = {};
    auto_done(strings) tags = {};
    int found = object_tags(request->service->images, request->repository, &tags, &err);
    if (found < 0)
        answer_failure(request, &err);
    else if (found == 0)
        answer_fault(request, FAULT_NAME_UNKNOWN, request->place.name);
    if (found <= 0)
        return;
    auto_free char *begin = xasprintf("{\"name\":\"%s\",", request->place.name);
    auto_free char *path = xasprintf("/v2/%s/tags/list", request->place.name);
    page_answer(request, begin, "tags", &tags, path);
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void catalog_get(struct request *request)
{
    struct err err = {};
    auto_done(strings) all = {};
    auto_done(strings) shown = {};
    if (object_repositories(request->service->images, &all, &err) < 0) {
        answer_failure(request, &err);
        return;
    }
    for (size_t i = 0; i < all.len; i++) {
        char *name = repository_shown(all.at[i]);
        if (name)
            strings_add_taken(&shown, name);
    }
    /* Short names are in another order than normal ones. */
    if (shown.len > 1)
        qsort(shown.at, shown.len, sizeof(*shown.at), text_compare);
    page_answer(request, "{", "repositories", &shown, "/v2/_catalog");
}

/* ---- referrers ---- */

void referrers_get(struct request *request)
{
    struct err err = {};
    auto_done(oci_index) index = {};
    const char *type = place_query(&request->place, "artifactType");
    if (!digest_valid(request->place.tail)) {
        answer_fault(request, FAULT_DIGEST_INVALID, request->place.tail);
        return;
    }
    if (object_referrers(request->service->images, request->repository, request->place.tail, type,
                         &index, &err) < 0) {
        answer_failure(request, &err);
        return;
    }
    answer(request, HTTP_OK);
    answer_header(request, "Content-Type", MEDIA_OCI_INDEX);
    if (type)
        answer_header(request, "OCI-Filters-Applied", "artifactType");
    oci_index_format(&index, &request->answer.body);
}
