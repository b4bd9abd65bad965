/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the parts of cgroup.h share among themselves; for kernel/cgroup*.c alone. A group's
 * directories are named by the text mount + path, both of which come from the kernel or have been
 * checked.
 */
#include "kernel/cgroup.h"

/* --- cgroup_plan.c --- */

const char *cgroup_controller_v1(enum cgroup_controller controller);
const char *cgroup_controller_v2(enum cgroup_controller controller);
/* The hierarchy that has every group: v2, or else v1's freezer, or else any. -1: none can be made.
 */
int cgroup_host_home(const struct cgroup_host *host);
/* Adds what must be done that groups can be made at all. Returns -1. */
int cgroup_hint_absent(const struct cgroup_host *host, struct err *err);

/* What a plan is made from and by. */
struct cgroup_planner {
    const struct cgroup_host *host;
    const struct cgroup_limits *limits;
    unsigned flags;
    struct cgroup_plan *plan;
    struct err *err;
};

/* Finds the hierarchy for a limit. Returns 1; 0 where it is optional and left out; -1. */
int cgroup_plan_place(struct cgroup_planner *planner, enum cgroup_controller controller,
                      const char *limit, int *ret_hierarchy);
/* Adds a write. Takes the value; limit must stay; file is copied. */
struct cgroup_write *cgroup_plan_add(struct cgroup_planner *planner, int hierarchy,
                                     enum cgroup_controller controller, const char *limit,
                                     const char *file, char *value);
/* Fails, or returns 0 where the limit is optional: only v1 has it, and v1 is not there. */
int cgroup_plan_v1_only(struct cgroup_planner *planner, enum cgroup_controller controller,
                        const char *limit, const char *instead);
bool cgroup_plan_is_v2(const struct cgroup_planner *planner, int hierarchy);

/* --- cgroup_plan_lists.c --- */

int cgroup_plan_lists(struct cgroup_planner *planner);

/* --- cgroup.c --- */

/* The group's directory in a hierarchy, with "/file" unless that is NULL. */
char *cgroup_file_path(const struct cgroup *cgroup, int hierarchy, const char *file);
/* Opens a file of the group. Returns the descriptor, or -1 with errno. */
int cgroup_file_open(const struct cgroup *cgroup, int hierarchy, const char *file, int flags);
/* Opens, writes, closes. 0, or -1 with errno. */
int cgroup_file_write(const struct cgroup *cgroup, int hierarchy, const char *file,
                      const char *value);
/* Reads a file of the group. Returns 1, or 0 if there is no such file or no such group any more. */
int cgroup_file_load(const struct cgroup *cgroup, int hierarchy, const char *file, char **ret_text,
                     struct err *err);
/* The hierarchy that lists the group's processes; -1 if it has no directory at all. */
int cgroup_home(const struct cgroup *cgroup);

/* --- cgroup_dir.c --- */

/* Makes the group's directory and its parents. A group that exists is removed with those below it
 * and made anew, unless CGROUP_JOIN. Returns 1, or 0 if it has been there and is kept. */
int cgroup_dir_make(struct cgroup *cgroup, int hierarchy, unsigned flags, struct err *err);
/* Removes the directory and the groups below it. -1 with errno; EBUSY: a process is in one of them.
 */
int cgroup_dir_remove(const char *path);
/* Makes a v1 directory for a group that lives, and moves its processes there. */
int cgroup_adopt(struct cgroup *cgroup, int hierarchy, struct err *err);

/* --- cgroup_apply.c --- */

/* Writes a plan's values. Limits that `optional` lets go are noted in cgroup->dropped. */
int cgroup_apply(struct cgroup *cgroup, const struct cgroup_plan *plan, unsigned optional,
                 struct err *err);

/* --- cgroup_process.c --- */

/* The OCI runtime specification's conversions for v2: CPU shares 2…262144, others being taken for the
 * nearest, and block I/O weights 10…1000, both to 1…10000. */
uint64_t cgroup_weight_of_shares(uint64_t shares);
uint64_t cgroup_weight_of_io(uint64_t weight);

/* Milliseconds of a clock that only goes forward. */
int64_t cgroup_now_ms(void);
void cgroup_sleep_ms(int ms);

/* --- cgroup_v1.c --- */

/* Gives every group from the top down to this one CPUs and memory nodes where it has none: a
 * process cannot enter a v1 cpuset without. */
int cgroup_v1_fill_cpuset(const struct cgroup *cgroup, int hierarchy, struct err *err);
/* Changes devices.list to what the list says, as far as they differ. */
struct device_list;
int cgroup_v1_set_devices(const struct cgroup *cgroup, int hierarchy,
                          const struct device_list *want, struct err *err);
int cgroup_v1_freeze(const struct cgroup *cgroup, int hierarchy, int timeout_ms, struct err *err);
int cgroup_v1_thaw(const struct cgroup *cgroup, int hierarchy, struct err *err);
/* Returns 1 or 0. */
int cgroup_v1_frozen(const struct cgroup *cgroup, int hierarchy, struct err *err);

/* --- cgroup_v2.c --- */

/* Switches a controller on from the top down to the group's parent, so that the group gets its
 * files. False: *ret_why says what stands against it. */
bool cgroup_v2_enable(const struct cgroup *cgroup, enum cgroup_controller controller,
                      struct err *ret_why);
/* These return 0 where the kernel cannot (freeze before 5.2, kill before 5.14), else 1. */
int cgroup_v2_freeze(const struct cgroup *cgroup, int timeout_ms, struct err *err);
int cgroup_v2_thaw(const struct cgroup *cgroup, struct err *err);
int cgroup_v2_kill(const struct cgroup *cgroup, struct err *err);
/* As above, and whether it is. */
int cgroup_v2_frozen(const struct cgroup *cgroup, bool *ret_frozen, struct err *err);
