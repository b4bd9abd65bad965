/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as linux.seccomp of a config.json: what is taken becomes a program that the kernel's
 * own checks would pass; what is refused says why in one line.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/seccomp_corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/seccomp_program.h"
#include "runtime/plan_part.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spec_seccomp seccomp = {};
    struct spec_linux part = { .seccomp = &seccomp };
    struct spec spec = { .linux = &part };
    struct oci_state state = {};
    struct runtime_request request = { .spec = &spec, .state = &state, .seccomp_cache = -1 };
    struct plan_process process = {};
    struct err err = {};
    auto_free char *json = xmalloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(json, data, size);
    int result = field_read(spec_seccomp_fields, json, size, "seccomp", 0, &seccomp, &err);
    if (result == 0)
        result = spec_seccomp_check(&seccomp, "/linux/seccomp", &err);
    if (result == 0)
        result = plan_seccomp_make(&request, &process, &err);
    if (result == 0)
        demand(program_is_valid(process.seccomp.at, process.seccomp.len));
    else
        demand(err.text[0] && !strchr(err.text, '\n'));
    seccomp_filter_done(&process.seccomp);
    field_done(spec_seccomp_fields, &seccomp);
    return 0;
}
