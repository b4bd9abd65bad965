/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small container for tests: a directory with a static busybox, a configuration to be changed at
 * will, and what must not be left behind. As root it has ids and a cgroup of its own; an ordinary
 * user's has his own id alone and no cgroup.
 */
#include "runtime/runtime.h"

enum box_flags {
    BOX_HOST_USERNS = 1 << 0, /* the user namespace is the caller's; needs root */
    BOX_OVERLAY = 1 << 1,     /* two layers and an upper one, instead of a directory */
};

enum {
    BOX_UID = 1000000, /* of the container's root, outside */
    BOX_IDS = 65536,
    BOX_KILLED = 128, /* and the signal */
};

struct box {
    struct spec spec;
    struct runtime_rootfs rootfs;
    struct runtime_request request;
    struct runtime_process process;
    struct cgroup_host host;
    struct err err;
    char *dir;  /* on the host: root/, lower/, data/ */
    char *root; /* dir/root: where the files of the image are */
    char *group;
    char *upper;
    char *mounts; /* box_mounts before */
    char *output; /* what the last process said on stdout and stderr */
    int fds;      /* how many descriptors were open before */
};

/* False: the machine has no static busybox, or flags need root. */
bool box_open(struct box *box, enum box_flags flags);
/* Checks that no process, mount, cgroup and descriptor is left, and removes all files. */
void box_close(struct box *box);

/* Sets the command: the words, ending in NULL; or a shell script. */
void box_command(struct box *box, const char *const *argv);
void box_script(struct box *box, const char *script);
/* Creates, collects what it says, waits. Gives its exit code, BOX_KILLED + signal, or -1 with
 * box->err. */
int box_run(struct box *box);
/* Both: runs a shell script. */
int box_run_script(struct box *box, const char *script);
/* Creates only; what it says is not collected. -1 with box->err. */
int box_start(struct box *box);
/* Kills what box_start made and waits for it. */
void box_stop(struct box *box);
/* Executes a script in the container box_start made; otherwise as box_run. */
int box_exec(struct box *box, const char *script);
/* As box_exec, with a request and specification of the caller's; its stdio is set. */
int box_exec_request(struct box *box, struct runtime_request *request);

/* Makes a file of the image. */
void box_file(struct box *box, const char *path, const char *text, unsigned mode);
/* Makes a link of the image. */
void box_link(struct box *box, const char *target, const char *path);
/* The mount with that destination. */
struct spec_mount *box_mount(struct box *box, const char *destination);
/* Adds one; options are words with commas. */
void box_mount_add(struct box *box, const char *destination, const char *type, const char *source,
                   const char *options);
/* Takes a mount, a namespace out of the configuration. */
void box_mount_drop(struct box *box, const char *destination);
void box_namespace_drop(struct box *box, enum spec_namespace_type type);
/* Gives all five sets the same capabilities but inheritable and ambient, which are empty. names
 * ends in NULL. */
void box_capabilities(struct box *box, const char *const *names);
/* The whole text of a file of the host; the caller frees it. */
char *box_load(const char *path);
/* The lines of the caller's mountinfo that are about the box, or /dev, where layers are put; the
 * caller frees them. */
char *box_mounts(const struct box *box);
/* Whether it is among what the last process said. */
bool box_said(const struct box *box, const char *text);
/* How many cgroup directories of this box there are. */
int box_groups(const struct box *box);

/* For tests: opens the static box of the file, or skips the test. */
#define OPEN_BOX(flags)                                                                            \
    do {                                                                                           \
        if (!box_open(&box, flags))                                                                \
            cr_skip_test("needs a static busybox, or root");                                       \
    } while (0)
#define NEED_ROOT()                                                                                \
    do {                                                                                           \
        if (geteuid() != 0)                                                                        \
            cr_skip_test("needs root");                                                            \
    } while (0)
/* Runs a script that is to end well, and finds what it said or did not. */
#define RUNS(script)                                                                               \
    do {                                                                                           \
        int status_ = box_run_script(&box, script);                                                \
        cr_assert_eq(status_, 0, "%d %s\n%s", status_, box.err.text, box.output);                  \
    } while (0)
#define SAYS(text)     cr_expect(box_said(&box, text), "\"%s\" is not in:\n%s", text, box.output)
#define SAYS_NOT(text) cr_expect(!box_said(&box, text), "\"%s\" is in:\n%s", text, box.output)
#define SAYS_ALL(text) cr_expect_str_eq(box.output, text)
