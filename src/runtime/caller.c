/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/caller.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/capability.h"

/* The text behind a line's name, or NULL. The first line is the program's name, with its own line
 * ends escaped. */
static const char *line_find(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? at + strlen(name) : NULL;
}

static uint64_t bits_find(const char *text, const char *name, uint64_t otherwise)
{
    const char *at = line_find(text, name);
    return at ? strtoull(at, NULL, 16) : otherwise;
}

/* Real, effective, saved and that of files. */
static bool ids_are_root(const char *text, const char *name)
{
    static const char zeros[] = "\t0\t0\t0\t0\n";
    const char *at = line_find(text, name);
    return at && text_starts(at, zeros);
}

static uint32_t effective_uid(const char *text)
{
    char *end = NULL;
    const char *at = line_find(text, "\nUid:");
    if (!at)
        return geteuid();
    (void)strtoul(at, &end, 10);
    return (uint32_t)strtoul(end, NULL, 10);
}

static bool has_groups(const char *text)
{
    const char *at = line_find(text, "\nGroups:");
    return !at || at[strspn(at, " \t")] != '\n';
}

struct caller caller_look(void)
{
    char text[4096] = "";
    auto_close int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    text[len > 0 ? len : 0] = '\0';
    /* With very many groups it is cut short: the last one we want is missing. */
    const char *last = strstr(text, "\nCapBnd:");
    if (!last || !strchr(last + 1, '\n'))
        return (struct caller){ .permitted = capability_permitted(),
                                .bounding = UINT64_MAX,
                                .signals_ignored = UINT32_MAX,
                                .uid = geteuid(),
                                .blocks_signals = true };
    return (struct caller){
        .permitted = bits_find(text, "\nCapPrm:", 0),
        .bounding = bits_find(text, "\nCapBnd:", UINT64_MAX),
        .signals_ignored = (uint32_t)bits_find(text, "\nSigIgn:", UINT32_MAX),
        .uid = effective_uid(text),
        .blocks_signals = bits_find(text, "\nSigBlk:", 1) != 0,
        .is_root =
            ids_are_root(text, "\nUid:") && ids_are_root(text, "\nGid:") && !has_groups(text),
    };
}
