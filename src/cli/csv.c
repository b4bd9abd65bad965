/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "cli/volume.h"

/* Reads what stands behind an opening quote. Gives what follows the closing one, or NULL. */
static const char *quoted_read(const char *at, struct str *field)
{
    for (;; at++) {
        size_t len = strcspn(at, "\"");
        str_add_bytes(field, at, len);
        at += len;
        if (*at == '\0')
            return NULL;
        if (*++at != '"')
            return at;
        str_add_char(field, '"');
    }
}

/* Gives what follows the field, or NULL. */
static const char *field_read_csv(const char *at, struct str *field, struct err *err)
{
    if (*at == '"') {
        at = quoted_read(at + 1, field);
        if (!at)
            (void)err_set(err, ERR_INVALID, "a quote is not closed");
        else if (*at != ',' && *at != '\0')
            (void)err_set(err, ERR_INVALID, "a quoted field ends before \"%s\"", at);
        return at && (*at == ',' || *at == '\0') ? at : NULL;
    }
    size_t len = strcspn(at, ",");
    if (memchr(at, '"', len)) {
        (void)err_set(err, ERR_INVALID, "a quote stands inside of a field; quote the whole field");
        return NULL;
    }
    str_add_bytes(field, at, len);
    return at + len;
}

int csv_parse(const char *line, struct strings *ret_fields, struct err *err)
{
    auto_done(strings) fields = {};
    const char *at = line;
    for (;; at++) {
        auto_done(str) field = {};
        at = field_read_csv(at, &field, err);
        if (!at)
            return -1;
        strings_add_taken(&fields, str_take(&field));
        if (*at == '\0')
            break;
    }
    *ret_fields = fields;
    fields = (struct strings){};
    return 0;
}
