/* SPDX-License-Identifier: Apache-2.0 */
/* TAGS and CATALOG: lists of names, all pages of them as one. */
#include "base/field.h"
#include "remote/page.h"

/* Asked for at a time; registries give less if they like. */
#define PAGE_SIZE "1000"

struct list {
    struct pages pages;
    struct strings names;
};

struct list_page {
    struct strings names;
};

static const struct field tags_fields[] = {
    FIELD_LIST(list_page, names, "tags", 0),
    FIELD_END,
};

static const struct field catalog_fields[] = {
    FIELD_LIST(list_page, names, "repositories", 0),
    FIELD_END,
};

static int page_read(struct operation *operation, const struct exchange *exchange, struct err *err)
{
    struct list *list = operation->state;
    bool tags = operation->op == REMOTE_TAGS;
    const struct field *fields = tags ? tags_fields : catalog_fields;
    struct list_page page = {};
    if (field_read(fields, str_text(&exchange->document), exchange->document.len, "the list", 0,
                   &page, err) < 0)
        return -1;
    for (size_t i = 0; i < page.names.len; i++)
        strings_add(&list->names, page.names.at[i]);
    field_done(fields, &page);
    return 0;
}

static int list_write(const struct operation *operation, struct err *err)
{
    const struct list *list = operation->state;
    auto_done(str) text = {};
    str_add_char(&text, '[');
    for (size_t i = 0; i < list->names.len; i++) {
        str_add(&text, i > 0 ? "," : "");
        json_add_text(&text, list->names.at[i]);
    }
    str_add_char(&text, ']');
    return operation_document(operation, text.at, text.len, err);
}

static void answered(void *context, struct exchange *exchange, const struct err *failure);

static void page_ask(struct operation *operation, const char *url)
{
    exchange_start(operation_ask(operation, "GET", url, answered));
}

static void page_came(struct operation *operation, const struct exchange *exchange)
{
    struct list *list = operation->state;
    auto_free char *next = NULL;
    struct err err;
    int more = pages_take(&list->pages, operation, exchange, page_read, &next, &err);
    if (more > 0)
        page_ask(operation, next);
    else if (more < 0 || list_write(operation, &err) < 0)
        operation_failed(operation, &err);
    else
        operation_done(operation, 1);
}

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    if (failure)
        operation_failed(context, failure);
    else
        page_came(context, exchange);
}

static int begin(struct operation *operation, struct err *err)
{
    (void)err;
    if (!operation->state)
        operation->state = xnew(struct list);
    struct list *list = operation->state;
    pages_init(&list->pages);
    strings_done(&list->names);
    if (operation->op == REMOTE_TAGS) {
        auto_free char *path = operation_path(operation, "tags", "list?n=" PAGE_SIZE);
        page_ask(operation, path);
    } else {
        page_ask(operation, "/v2/_catalog?n=" PAGE_SIZE);
    }
    return 0;
}

static void list_free(struct operation *operation)
{
    struct list *list = operation->state;
    if (!list)
        return;
    pages_done(&list->pages);
    strings_done(&list->names);
    free(list);
}

const struct operation_kind tags_kind = {
    .noun = "tags",
    .begin = begin,
    .free = list_free,
};

const struct operation_kind catalog_kind = {
    .flags = OPERATION_ANYWHERE,
    .noun = "catalog",
    .begin = begin,
    .free = list_free,
};
