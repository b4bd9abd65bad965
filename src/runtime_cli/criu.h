/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * criu(8), which writes processes to a disk and brings them back: the options that checkpoint and
 * restore share, what of a container lies outside of it, and a call of the program. Its log goes to
 * a file of the work directory; why it failed is said by the log's last error.
 */
#include "base/option.h"
#include "oci/spec.h"
#include "runtime_cli/container.h"

struct criu_args {
    const char *image_path; /* NULL: "checkpoint" */
    const char *work_path;  /* NULL: the images' directory */
    const char *manage_cgroups_mode;
    struct strings empty_ns;
    bool auto_dedup;
    bool ext_unix_sk;
    bool file_locks;
    bool lazy_pages;
    bool shell_job;
    bool tcp_established;
};

/* Their rows, for a command whose arguments have them as `criu`. */
/* clang-format off */
#define CRIU_OPTIONS(args)                                                                                              \
    OPTION_BOOL(args, criu.auto_dedup, 0, "auto-dedup", "Keep each page of memory once"),                               \
    OPTION_LIST(args, criu.empty_ns, 0, "empty-ns", "NAMESPACE", "Leave out a namespace's contents (network)"),         \
    OPTION_BOOL(args, criu.ext_unix_sk, 0, "ext-unix-sk", "Allow sockets of others at the other end"),                  \
    OPTION_BOOL(args, criu.file_locks, 0, "file-locks", "Allow locked files"),                                          \
    OPTION_TEXT(args, criu.image_path, 0, "image-path", "DIR", "Where the images are (default \"checkpoint\")"),        \
    OPTION_BOOL(args, criu.lazy_pages, 0, "lazy-pages", "Move memory when it is used"),                                 \
    OPTION_TEXT(args, criu.manage_cgroups_mode, 0, "manage-cgroups-mode", "MODE", "soft, full, strict or ignore"),      \
    OPTION_BOOL(args, criu.shell_job, 0, "shell-job", "Allow a terminal of others"),                                    \
    OPTION_BOOL(args, criu.tcp_established, 0, "tcp-established", "Allow open TCP connections"),                        \
    OPTION_TEXT(args, criu.work_path, 0, "work-path", "DIR", "Where criu's logs are written (default the images' directory)")
/* clang-format on */

/* A call in the making: `argv` grows by whoever knows more. */
struct criu_call {
    const char *verb; /* "dump", "pre-dump", "restore" */
    struct strings argv;
    char *images; /* absolute */
    char *work;
    pid_t tree;    /* the first process to write down; 0 for a restore */
    bool terminal; /* the container has one of its own */
};

/* What of the container criu is not to touch, by names that mean the same when it comes back. */
struct criu_outside {
    struct strings streams;    /* standard input, output, error: "pipe:[7]", "file[1f:4]", "" */
    struct strings namespaces; /* "net[4026531840]:extRootNetNS" */
    struct strings mounts;     /* destinations of bind mounts */
};

/* Whether criu works here, in its own words if not. */
int criu_check(struct program *program, struct err *err);
/* Begins the command line: program, verb, directories, options. `make`: the directories are made. */
int criu_begin(struct program *program, const char *verb, const struct criu_args *args, bool make,
               struct criu_call *ret_call, struct err *err);
void criu_call_done(struct criu_call *call);
/* Adds "--name=value". */
void criu_add(struct criu_call *call, const char *name, const char *value);
/* Runs it to its end. before, which may be NULL, is called in the child. */
int criu_run(const struct criu_call *call, int (*before)(void *context, struct err *err),
             void *context, struct err *err);

/* The same for a container with a terminal of its own; of a restore it gives the terminal's master
 * (criu_rpc.c). ret_master is NULL for what is no restore. */
int criu_serve(const struct criu_call *call, int (*before)(void *context, struct err *err),
               void *context, int *ret_master, struct err *err);

/* What the two have in common: the program in a child of ours. */
struct criu_work {
    char *const *argv;
    int output; /* what it says goes there; -1: where what we say does */
    int (*before)(void *context, struct err *err); /* in the child; or NULL */
    int (*meanwhile)(void *context,
                     struct err *err); /* by us; if that fails, it is killed; or NULL */
    void *context;
};
/* Runs it to its end. */
int criu_execute(const struct criu_work *work, int *ret_status, struct err *err);
/* Why a call failed: its log's last error, or its status. Returns -1. */
int criu_failed(const struct criu_call *call, int status, struct err *err);

/* Looks at a running container. */
int criu_outside_find(const struct container *container, const struct spec *spec,
                      struct criu_outside *ret_outside, struct err *err);
void criu_outside_done(struct criu_outside *outside);
/* The streams' names, in a file of the images' directory. */
int criu_streams_save(const struct criu_call *call, const struct strings *streams, struct err *err);
int criu_streams_load(const struct criu_call *call, struct strings *ret_streams, struct err *err);

/* What a namespace of another owner is called in the images; NULL: it is the container's own, or of
 * a type that criu has always with the processes. */
const char *criu_namespace_key(const struct spec_namespace *namespace);
/* Whether it is a bind mount, whose source stays where it is. */
bool criu_mount_is_outside(const struct spec_mount *mount);
