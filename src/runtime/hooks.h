/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Hooks (runtime-spec 1.3.0, config.md "POSIX-platform Hooks"): programs that are run, one after
 * the other, at six moments of a container's life. Each gets the container's state on stdin and
 * exactly the environment it names; one that fails ends the list.
 */
#include <sys/types.h>

#include "oci/spec.h"
#include "oci/state.h"

/* constant, name in config.json, member of struct spec_hooks */
#define HOOKS(X)                                                                                   \
    X(PRESTART, "prestart", prestart)                                                              \
    X(CREATE_RUNTIME, "createRuntime", create_runtime)                                             \
    X(CREATE_CONTAINER, "createContainer", create_container)                                       \
    X(START_CONTAINER, "startContainer", start_container)                                          \
    X(POSTSTART, "poststart", poststart)                                                           \
    X(POSTSTOP, "poststop", poststop)

enum hook_kind {
#define X(constant, name, member) HOOK_##constant,
    HOOKS(X)
#undef X
};

/* A list of hooks with what they are told, ready to be run between clone and exec. */
struct hook_list {
    const char *kind;
    const struct spec_hook *at; /* borrowed */
    size_t n;
    const char *state;     /* JSON of the state without its pid, and without the closing brace */
    const char *directory; /* where they begin; NULL: where the caller is */
};

/* The hooks of a kind; state is borrowed and may be NULL until the list is run. */
struct hook_list hooks_find(const struct spec *spec, enum hook_kind kind);
/* What struct hook_list wants of a state, with another status. */
char *hooks_state(const struct oci_state *state, const char *status);
/* Runs the i-th with the pid in the state. Async-signal-safe. Its program is found in the caller's
 * root; beyond its timeout it is killed with its process group. The error names kind, path and how
 * it ended, and has the beginning of what it said. */
int hook_run(const struct hook_list *list, size_t i, pid_t pid, struct err *err);

/* Runs all hooks of a kind as the command line does: poststart, poststop. The state has the pid and
 * the status of the moment. Stops at the first that fails; those of poststop run whatever the others
 * do, and all failures are told. */
int hooks_run(const struct spec *spec, enum hook_kind kind, const struct oci_state *state,
              struct err *err);
