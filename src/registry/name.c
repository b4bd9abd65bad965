/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/name.h"

#include <string.h>

#include "image/reference.h"

enum { REPOSITORY_MAX = 255, TAG_MAX = 128 };

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* How long the separator at `at` is, 0 if it is none: ".", "_", "__" or any number of dashes. */
static size_t separator_len(const char *at)
{
    if (*at == '.')
        return 1;
    if (*at == '_')
        return at[1] == '_' ? 2 : 1;
    return strspn(at, "-");
}

bool repository_valid(const char *name)
{
    if (strlen(name) > REPOSITORY_MAX)
        return false;
    for (const char *at = name;;) {
        if (!is_lower_alnum(*at))
            return false;
        while (is_lower_alnum(*at))
            at++;
        if (!*at)
            return true;
        size_t len = *at == '/' ? 1 : separator_len(at);
        if (len == 0)
            return false;
        at += len;
    }
}

bool tag_valid(const char *tag)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t len = strlen(tag);
    return len > 0 && len <= TAG_MAX && strchr(first, tag[0]) && strspn(tag, rest) == len;
}

int repository_normal(const char *name, char **ret_normal, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    if (reference_parse(name, &reference, err) < 0)
        return -1;
    *ret_normal = reference_repository(reference);
    return 0;
}

char *repository_shown(const char *normal)
{
    auto_free char *name = reference_familiar(normal);
    auto_free char *back = NULL;
    struct err ignored;
    /* What does not lead back here would be listed and not be found. */
    if (!repository_valid(name) || repository_normal(name, &back, &ignored) < 0 ||
        strcmp(back, normal) != 0)
        return NULL;
    return take_ptr(name);
}
