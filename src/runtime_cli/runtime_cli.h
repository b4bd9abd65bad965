/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The command line of ruche-runtime: runc's commands and options over the runtime's calls. State
 * lies in one directory a container below --root (docs/formats/runtime-state.md), every command
 * opens what it needs, and nothing is resident.
 */
#include "base/option.h"
#include "kernel/cgroup.h"
#include "runtime/runtime.h"

/* The whole program: argv with its name in front. Gives the exit status. */
int runtime_cli_main(char **argv);

/* What the global options say. */
struct global_args {
    const char *root;
    const char *log;
    const char *log_format;
    const char *rootless;
    const char *criu;
    const char *cgroup_manager;
    bool debug;
    bool systemd_cgroup;
    bool version;
};

enum cgroup_manager {
    CGROUP_MANAGER_CGROUPFS,
    CGROUP_MANAGER_SYSTEMD,
    CGROUP_MANAGER_DISABLED,
};

/* What main hands to every command as its context. */
struct program {
    char **argv; /* as the program was called, in its order */
    struct global_args args;
    enum cgroup_manager manager;
    char *root;  /* where the containers' directories are; absolute */
    int root_fd; /* -1 until root_open */
    int log;     /* the file of --log, or -1 */
    int failure; /* exit status of a command that fails */
    bool found;  /* `cgroups` is set */
    struct cgroup_host cgroups;
    char *slice; /* of the configuration that was read: its cgroup is a scope in this slice, */
    char *unit;  /* of this name; NULL: it is none */
};

/* What is opened first has the lowest number that is free. If that is a standard stream's, because the
 * caller closed that, this gives another one instead, and /dev/null for the streams that are
 * missing. -1 with errno stays so. */
int above_streams(int fd);
/* Opens the directory of --root. Returns 1, or 0 if there is none and `make` is false. */
int root_open(struct program *program, bool make, struct err *err);
/* The machine's cgroups, looked at once a boot. */
int program_cgroups(struct program *program, const struct cgroup_host **ret_host, struct err *err);

/* Writes to standard output at once. */
int say(const struct str *text, struct err *err);

/* --- the log (log.c) --- */

/* Opens the file of --log, if there is one. */
int log_open(struct program *program, struct err *err);
/* Says an error where runc does: in the log of --log, and on standard error. */
void log_error(const struct program *program, const char *text);
/* Likewise for what went another way than asked, which --log has alone if it is there. */
void log_warning(const struct program *program, const char *text);
/* A line of --debug. */
void log_debug(const struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A step of a start, as a listener's: context is the program. */
void log_step(void *context, const struct runtime_event *event);
enum { TIME_TEXT_SIZE = 40 };
/* The time as RFC 3339 has it, in UTC, with nanoseconds if asked for. Gives the buffer. */
char *time_text(bool nanoseconds, char buffer[static TIME_TEXT_SIZE]);
/* The same of a time from 1970 to 9999. */
struct timespec;
char *time_format(const struct timespec *time, bool nanoseconds,
                  char buffer[static TIME_TEXT_SIZE]);

/* --- the commands, in the order of --help --- */

extern const struct command checkpoint_command;
extern const struct command create_command;
extern const struct command delete_command;
extern const struct command events_command;
extern const struct command exec_command;
extern const struct command features_command;
extern const struct command kill_command;
extern const struct command list_command;
extern const struct command pause_command;
extern const struct command ps_command;
extern const struct command restore_command;
extern const struct command resume_command;
extern const struct command run_command;
extern const struct command spec_command;
extern const struct command start_command;
extern const struct command state_command;
extern const struct command update_command;
