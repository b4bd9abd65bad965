/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/log.h"

static const struct {
    const char *code;
    enum http_status status;
    const char *meaning;
} faults[] = {
#define X(code, status, meaning) [FAULT_##code] = { #code, (enum http_status)(status), meaning },
    FAULTS(X)
#undef X
};

void answer(struct request *request, enum http_status status)
{
    if (request->answer.status == 0)
        request->answer.status = status;
}

void answer_header(struct request *request, const char *name, const char *value)
{
    pairs_put(&request->answer.headers, name, value);
}

void answer_headerf(struct request *request, const char *name, const char *format, ...)
{
    auto_done(str) value = {};
    va_list args;
    va_start(args, format);
    str_vaddf(&value, format, args);
    va_end(args);
    answer_header(request, name, str_text(&value));
}

static void body_fault(struct request *request, const char *code, const char *message,
                       const char *detail)
{
    struct str *body = &request->answer.body;
    str_addf(body, "{\"errors\":[{\"code\":\"%s\",\"message\":", code);
    json_add_text(body, message);
    if (detail) {
        str_add(body, ",\"detail\":");
        json_add_text(body, detail);
    }
    str_add(body, "}]}\n");
    answer_header(request, "Content-Type", "application/json");
}

void answer_fault_as(struct request *request, enum http_status status, enum fault fault,
                     const char *detail)
{
    if (request->answer.status != 0)
        return;
    answer(request, status);
    body_fault(request, faults[fault].code, faults[fault].meaning, detail);
}

void answer_fault(struct request *request, enum fault fault, const char *detail)
{
    answer_fault_as(request, faults[fault].status, fault, detail);
}

void answer_failure(struct request *request, const struct err *err)
{
    if (request->answer.status != 0)
        return;
    log_failure(request, err);
    if (err->errnum == ENOSPC || err->errnum == EDQUOT || err->errnum == EFBIG) {
        answer(request, HTTP_NO_SPACE);
        body_fault(request, "DENIED", "the registry has no space left", NULL);
        return;
    }
    answer(request, HTTP_INTERNAL);
    body_fault(request, "UNKNOWN", "the registry failed, and says why in its log", NULL);
}

bool etag_fits(const struct request *request, const char *etag)
{
    const char *header = request_header(request, "If-None-Match");
    struct view rest = view_of(header ? header : "");
    struct view item;
    bool more = header;
    while (more) {
        more = view_cut(&rest, ',', &item);
        size_t skip = 0;
        while (skip < item.len && strchr(" \t", item.at[skip]))
            skip++;
        item = (struct view){ item.at + skip, item.len - skip };
        while (item.len > 0 && strchr(" \t", item.at[item.len - 1]))
            item.len--;
        if (item.len > 2 && strncmp(item.at, "W/", 2) == 0)
            item = (struct view){ item.at + 2, item.len - 2 };
        if (view_is(item, "*") || view_is(item, etag))
            return true;
    }
    return false;
}

void answer_done(struct answer *answer)
{
    pairs_done(&answer->headers);
    str_done(&answer->body);
    fd_close(&answer->fd);
}
