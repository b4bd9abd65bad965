/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States. A monitor that lives is believed; else what containers/<id>/state.json says, if it was
 * written at the end. What was left by a monitor that died says only which process to look for: the
 * rest is not known, and no exit code is made up.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/record_part.h"
#include "kernel/pidfd.h"

enum {
    STATE_VERSION = 1,
    STATE_MODE = 0600,
    FIRST_READ = 4096, /* nearly all states are smaller */
    STAT_SIZE = 1024,
    STAT_START_FIELD = 22,
    LOOKS = 3,
};

/* state.json */
struct state_file {
    int64_t version;
    struct container_state state;
};

static const struct field state_file_fields[] = {
    FIELD_I64(state_file, version, "version", F_MUST),
    FIELD_OBJECT(state_file, state, "state", F_MUST, container_state, container_state_fields),
    FIELD_END,
};

/* --- reading and writing --- */

static int state_parse(const char *text, size_t len, struct container_state *ret_state,
                       struct err *err)
{
    struct state_file file = {};
    if (field_read(state_file_fields, text, len, "state.json", 0, &file, err) < 0)
        return -1;
    if (file.version > STATE_VERSION) {
        container_state_done(&file.state);
        return err_set(err, ERR_UNSUPPORTED,
                       "state.json is of version %" PRId64 ", made by a newer ruche; use that one",
                       file.version);
    }
    *ret_state = file.state;
    return 1;
}

int state_read(int dirfd, const char *path, struct container_state *ret_state, struct err *err)
{
    char first[FIRST_READ];
    auto_close int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, "open %s", path);
    ssize_t len = read(fd, first, sizeof(first));
    if (len < 0)
        return err_sys(err, "read %s", path);
    if ((size_t)len < sizeof(first)) /* a file on disk gives all it has */
        return state_parse(first, (size_t)len, ret_state, err);

    auto_free char *text = NULL;
    size_t text_len = 0;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, "read %s", path);
    if (file_load_fd(fd, CONTAINER_STATE_MAX_BYTES, &text, &text_len, err) < 0)
        return err_wrap(err, "%s", path);
    return state_parse(text, text_len, ret_state, err);
}

static int state_write(int dirfd, const char *path, const struct container_state *state,
                       enum file_save_flags flags, struct err *err)
{
    auto_done(str) text = { .max_bytes = CONTAINER_STATE_MAX_BYTES };
    struct state_file file = { .version = STATE_VERSION, .state = *state }; /* borrowed */
    field_write(state_file_fields, &file, 0, &text);
    str_add_char(&text, '\n');
    if (text.over)
        return err_set(err, ERR_INVALID, "the state of container %.*s is larger than %d KiB",
                       CONTAINER_ID_SHORT_LEN, state->id, CONTAINER_STATE_MAX_BYTES >> 10);
    return file_save(dirfd, path, text.at, text.len, STATE_MODE, flags, err);
}

static int state_write_record(struct engine *engine, const struct container_state *state,
                              enum file_save_flags flags, struct err *err)
{
    char path[RECORD_PATH_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    return state_write(root_fd, record_path(state->id, "state.json", path), state, flags, err);
}

int state_save_running(struct engine *engine, int run_dir_fd, const struct container_state *state,
                       struct err *err)
{
    (void)engine; /* the descriptor says where */
    return state_write(run_dir_fd, "state.json", state, 0, err);
}

int state_save_started(struct engine *engine, const struct container_state *state, struct err *err)
{
    return state_write_record(engine, state, 0, err);
}

int state_save_ended(struct engine *engine, int run_dir_fd, const struct container_state *state,
                     struct err *err)
{
    int run_fd;
    exit_write(run_dir_fd, state->exit_code);
    if (engine_run_fd(engine, &run_fd, err) < 0 ||
        state_write_record(engine, state, FILE_SYNC, err) < 0)
        return -1;
    run_dir_remove(run_fd, run_dir_fd, state->id);
    return 0;
}

/* --- from the configuration --- */

static char *text_copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static void add_words(struct str *out, const struct strings *words)
{
    for (size_t i = 0; i < words->len; i++) {
        if (out->len > 0)
            str_add_char(out, ' ');
        str_add(out, words->at[i]);
    }
}

void state_init(struct container_state *state, const struct container_config *config)
{
    enum { COMMAND_SHOWN_MAX = 512 };
    struct str command = { .max_bytes = COMMAND_SHOWN_MAX };
    add_words(&command, &config->entrypoint);
    add_words(&command, &config->command);
    *state = (struct container_state){
        .status = CONTAINER_CREATED,
        .id = text_copy(config->id),
        .name = text_copy(config->name),
        .image = text_copy(config->image ? config->image : config->rootfs),
        .image_id = config->image ? text_copy(config->image_id) : NULL,
        .command = str_take(&command),
        .created = text_copy(config->created),
    };
}

void state_copy(struct container_state *to, const struct container_state *from)
{
    *to = *from;
    for (const struct field *field = container_state_fields; field->type != FIELD_TYPE_END;
         field++) {
        char **text = (char **)((char *)to + field->offset);
        if (field->type == FIELD_TYPE_TEXT)
            *text = text_copy(*text);
    }
}

/* --- processes --- */

/* The first field is the number, the second the name in brackets, which may hold anything; what
 * follows has no more of these. Gives the third, a letter, too. */
static bool stat_parse(const char *text, char *ret_letter, uint64_t *ret_ticks)
{
    const char *at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return false;
    at += 2;
    *ret_letter = *at;
    for (int field = 3; field < STAT_START_FIELD; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    char *end = NULL;
    *ret_ticks = strtoull(at, &end, 10);
    return end > at;
}

int process_start_ticks(pid_t pid, uint64_t *ret_ticks, struct err *err)
{
    char path[32], text[STAT_SIZE], letter;
    if (pid <= 0)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (len < 0)
        return errno == ENOENT || errno == ESRCH ? 0 : err_sys(err, "read %s", path);
    text[len] = '\0';
    bool read = stat_parse(text, &letter, ret_ticks);
    return read && letter != 'Z' && letter != 'X' && letter != 'x';
}

int state_process_lives(const struct container_state *state, struct err *err)
{
    uint64_t ticks;
    if (state->pid <= 0 || state->pid > INT32_MAX)
        return 0;
    int found = process_start_ticks((pid_t)state->pid, &ticks, err);
    return found > 0 ? ticks == state->pid_start : found;
}

int state_pidfd(const struct container_state *state, int *ret_pidfd, struct err *err)
{
    if (state->pid <= 0 || state->pid > INT32_MAX)
        return 0;
    auto_close int pidfd = pidfd_of((pid_t)state->pid);
    if (pidfd < 0)
        return errno == ESRCH ? 0 : err_sys(err, "open process %" PRId64, state->pid);
    /* The number was this process's when the descriptor was made: if it was the right one after
     * that, it was so before. */
    int lives = state_process_lives(state, err);
    if (lives > 0)
        *ret_pidfd = take_fd(pidfd);
    return lives;
}

/* --- the true state --- */

/* A monitor may have died between recording the end and removing what says that it runs. */
static void state_settle(struct engine *engine, int run_dir_fd, const char *id,
                         struct container_state *state)
{
    char path[RECORD_PATH_SIZE];
    struct container_state ended = {};
    int root_fd;
    state->status = CONTAINER_UNKNOWN;
    if (engine_root_fd(engine, &root_fd, NULL) == 0 &&
        state_read(root_fd, record_path(id, "state.json", path), &ended, NULL) > 0 &&
        ended.status == CONTAINER_EXITED && text_same(ended.started, state->started)) {
        container_state_done(state);
        *state = ended;
        return;
    }
    container_state_done(&ended);
    auto_close int exit_fd = openat(run_dir_fd, "exit", O_RDONLY | O_CLOEXEC);
    if (exit_fd >= 0 && exit_read(exit_fd, &state->exit_code) > 0)
        state->status = CONTAINER_EXITED;
}

/* What run/containers/<id> says. Returns 1, or 0: nothing. *ret_sure is false for what may have
 * changed between two looks. */
static int run_state(struct engine *engine, int run_fd, const char *id, bool *ret_locked,
                     bool *ret_sure, struct container_state *ret_state, struct err *err)
{
    auto_close int fd = -1;
    *ret_sure = true;
    int locked = run_dir_open(run_fd, id, &fd);
    *ret_locked = locked > 0;
    if (locked < 0)
        return errno == ENOENT ? 0
                               : err_sys(err, "open the run directory of container %.*s",
                                         CONTAINER_ID_SHORT_LEN, id);
    int found = state_read(fd, "state.json", ret_state, err);
    if (found <= 0)
        return found;
    int lives = locked ? 1 : state_process_lives(ret_state, err);
    if (lives < 0) {
        container_state_done(ret_state);
        return -1;
    }
    if (lives == 0) {
        state_settle(engine, fd, id, ret_state);
        *ret_sure = false;
    }
    return 1;
}

/* What containers/<id>/state.json says. One that was running, without a monitor now: the machine
 * went down. */
static int record_state(struct engine *engine, const char *id, bool locked, bool *ret_sure,
                        struct container_state *ret_state, struct err *err)
{
    char path[RECORD_PATH_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    int found = state_read(root_fd, record_path(id, "state.json", path), ret_state, err);
    if (found <= 0 || !state_is_running(ret_state))
        return found;
    ret_state->status =
        locked ? CONTAINER_CREATED : CONTAINER_UNKNOWN; /* locked: it is being started just now */
    ret_state->pid = 0;
    *ret_sure = locked;
    return 1;
}

/* A start or an end between reading two files looks like a crash, but not the next time. */
int state_find(struct engine *engine, const char *id, bool running_only,
               struct container_state *ret_state, struct err *err)
{
    int run_fd;
    if (engine_run_fd(engine, &run_fd, err) < 0)
        return -1;
    for (int look = 1;; look++) {
        bool locked = false, sure = true;
        struct container_state state = {};
        int found = run_state(engine, run_fd, id, &locked, &sure, &state, err);
        if (found == 0 && !running_only)
            found = record_state(engine, id, locked, &sure, &state, err);
        if (found > 0 && !sure && look < LOOKS) {
            container_state_done(&state);
            continue;
        }
        if (found > 0 && running_only && !state_is_running(&state)) {
            container_state_done(&state);
            return 0;
        }
        if (found > 0)
            *ret_state = state;
        return found;
    }
}

int state_load(struct engine *engine, const struct container_config *config,
               struct container_state *ret_state, struct err *err)
{
    int found = state_find(engine, config->id, false, ret_state, err);
    if (found < 0)
        return -1;
    if (found == 0)
        state_init(ret_state, config);
    return 0;
}
