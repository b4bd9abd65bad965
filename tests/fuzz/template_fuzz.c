/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a template, over a document that has something of every kind and over rows: it is
 * refused in one line that says where, or it ends with text of a limited size, the same the second
 * time.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/template_corpus.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char document[] =
    "{\"A\":1,\"B\":\"two\",\"C\":[1,2,3],\"D\":{\"x\":\"y\",\"n\":{\"m\":5}},\"E\":true,"
    "\"F\":1.5,\"G\":null,\"S\":[\"a\",\"b\"],\"Z\":\"\",\"L\":{},\"N\":-7,"
    "\"M\":[1,\"x\",null,true,2.5,[1],{\"k\":\"v\"}],\"U\":18446744073709551615,\"P\":\"%d\"}";

static const char *member_name(void *of, size_t i)
{
    static const char *const names[] = { "B", "Label", "A", NULL };
    (void)of;
    return names[i];
}

static bool member_wants(void *of, size_t i)
{
    (void)of;
    return i == 1;
}

static int member_get(void *of, size_t i, const char *argument, struct pool *pool,
                      struct value *ret_value, struct err *err)
{
    (void)of;
    if (i == 2)
        return err_set(err, ERR_NOT_FOUND, "gone");
    assert((argument != NULL) == (i == 1));
    *ret_value = value_text(pool_text(pool, "text", 4));
    return 0;
}

static const struct value_class row_class = { member_name, member_wants, member_get };

static void check_error(const struct err *err)
{
    assert(err->kind != ERR_NONE);
    assert(strncmp(err->text, "template: ", 10) == 0);
}

static int execute(const struct template *template, const struct value *dot,
                   enum template_flags flags, struct str *out)
{
    auto_done(pool) pool = {};
    struct err err = {};
    int result = template_execute(template, dot, flags, &pool, out, &err);
    if (result < 0)
        check_error(&err);
    assert(out->len < (size_t)80 << 20);
    return result;
}

static void run(const struct template *template, const struct value *dot)
{
    auto_done(str) first = {};
    auto_done(str) second = {};
    auto_done(str) escaped = {};
    int result = execute(template, dot, 0, &first);
    assert(execute(template, dot, 0, &second) == result);
    assert(first.len == second.len && memcmp(str_text(&first), str_text(&second), first.len) == 0);
    (void)execute(template, dot, TEMPLATE_ESCAPE | TEMPLATE_TITLES, &escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    auto_free char *text = xstrndup((const char *)data, len);
    auto_drop(template) *template = NULL;
    auto_done(pool) pool = {};
    struct value dot;
    struct err err = {};
    if (template_parse(text, &template, &err) < 0) {
        check_error(&err);
        return 0;
    }
    int read = value_of_json(document, strlen(document), "document", &pool, &dot, &err);
    assert(read == 0);
    (void)read;
    run(template, &dot);
    const struct value row = { .kind = VALUE_ROW, .row = { &row_class, NULL } };
    run(template, &row);
    return 0;
}
