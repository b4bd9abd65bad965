/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a file of subuid(5): what is added to a map are ranges of ids that neither wrap round
 * nor lie on each other inside.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/id_map_corpus.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "kernel/idmap.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct id_maps *maps)
{
    for (size_t i = 0; i < maps->uid.len; i++) {
        const struct id_extent *extent = &maps->uid.at[i];
        uint32_t outside;
        demand(extent->count > 0);
        demand((uint64_t)extent->inside + extent->count <= (uint64_t)UINT32_MAX + 1);
        demand((uint64_t)extent->outside + extent->count <= (uint64_t)UINT32_MAX + 1);
        demand(id_map_outside(&maps->uid, extent->inside, &outside));
        demand(outside == extent->outside);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct id_maps maps = {};
    struct err err = {};
    char path[32];
    auto_close int fd = memfd_create("subuid", MFD_CLOEXEC);
    demand(fd >= 0 && fd_write_all(fd, data, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (id_map_add_subids(&maps.uid, path, "bee", 1000, 1, &err) == 0)
        check(&maps);
    else
        demand(err.text[0] && !strchr(err.text, '\n'));
    id_maps_done(&maps);
    return 0;
}
