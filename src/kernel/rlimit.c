/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/rlimit.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/number.h"
#include "base/str.h"

struct row {
    int resource;
    char constant[18];
    char name[12];
};

static const struct row rows[] = {
#define X(upper, lower) { RLIMIT_##upper, "RLIMIT_" #upper, #lower },
    RLIMITS(X)
#undef X
};

static const struct row *row_of(int resource)
{
    for (size_t i = 0; i < array_size(rows); i++)
        if (rows[i].resource == resource)
            return &rows[i];
    return NULL;
}

int rlimit_find(const char *name, int *ret_resource, struct err *err)
{
    for (size_t i = 0; i < array_size(rows); i++) {
        if (strcasecmp(name, rows[i].name) == 0 || strcasecmp(name, rows[i].constant) == 0) {
            *ret_resource = rows[i].resource;
            return 0;
        }
    }
    err_set(err, ERR_INVALID, "unknown resource limit %s", name);
    return err_hint(err, "getrlimit(2) lists them, such as nofile or nproc");
}

const char *rlimit_name(int resource)
{
    const struct row *row = row_of(resource);
    return row ? row->name : NULL;
}

const char *rlimit_constant(int resource)
{
    const struct row *row = row_of(resource);
    return row ? row->constant : NULL;
}

static int value_parse(const char *text, const char *what, uint64_t *ret_value, struct err *err)
{
    if (strcmp(text, "-1") == 0 || strcasecmp(text, "unlimited") == 0) {
        *ret_value = RLIMIT_UNLIMITED;
        return 0;
    }
    return number_parse_unsigned(text, RLIMIT_UNLIMITED - 1, what, ret_value, err);
}

int rlimit_parse(const char *text, struct rlimit_pair *ret_pair, struct err *err)
{
    struct rlimit_pair pair = {};
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text || equals[1] == '\0')
        return err_set(err, ERR_INVALID, "limit %s: not of the form NAME=SOFT[:HARD]", text);

    auto_free char *name = xstrndup(text, (size_t)(equals - text));
    if (rlimit_find(name, &pair.resource, err) < 0)
        return -1;

    const char *colon = strchr(equals + 1, ':');
    auto_free char *soft =
        colon ? xstrndup(equals + 1, (size_t)(colon - equals - 1)) : xstrdup(equals + 1);
    if (value_parse(soft, name, &pair.soft, err) < 0)
        return err_wrap(err, "limit %s", text);
    pair.hard = pair.soft;
    if (colon && value_parse(colon + 1, name, &pair.hard, err) < 0)
        return err_wrap(err, "limit %s", text);
    if (pair.soft > pair.hard)
        return err_set(err, ERR_INVALID, "limit %s: the soft limit is above the hard one", text);

    *ret_pair = pair;
    return 0;
}

int rlimit_set(pid_t pid, const struct rlimit_pair *pair, bool *ret_clamped)
{
    struct rlimit64 limit = { .rlim_cur = pair->soft, .rlim_max = pair->hard };
    struct rlimit64 now;

    *ret_clamped = false;
    if (prlimit64(pid, (unsigned)pair->resource, &limit, NULL) == 0)
        return 0;
    /* EPERM: no CAP_SYS_RESOURCE, or more descriptors than fs.nr_open has. */
    if (errno != EPERM || prlimit64(pid, (unsigned)pair->resource, NULL, &now) < 0)
        return -1;
    if (limit.rlim_max > now.rlim_max)
        limit.rlim_max = now.rlim_max;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    if (prlimit64(pid, (unsigned)pair->resource, &limit, NULL) < 0)
        return -1;
    *ret_clamped = true;
    return 0;
}
