/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of docker's credential helpers. The only argument is what to do; the server's name,
 * or for `store` an object, comes on standard input up to its end. `get` answers with an object. A
 * failure is an exit status of 1 and one line on standard output; that there is nothing is a failure
 * with a text of its own.
 */
#include "image/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/field.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

enum { NAME_LEN_MAX = 100, ANSWER_MAX_BYTES = 256 << 10, TEXT_SHOWN_MAX = 300 };

static const char program_head[] = "docker-credential-";
static const char nothing_text[] = "credentials not found in native keychain";
static const char token_user[] = "<token>";

struct helper_answer {
    char *username;
    char *secret;
};

static const struct field answer_fields[] = {
    FIELD_TEXT(helper_answer, username, "Username", 0),
    FIELD_TEXT(helper_answer, secret, "Secret", 0),
    FIELD_END,
};

struct helper_request {
    char *server;
    char *username;
    char *secret;
};

static const struct field request_fields[] = {
    FIELD_TEXT(helper_request, server, "ServerURL", F_ALWAYS),
    FIELD_TEXT(helper_request, username, "Username", F_ALWAYS),
    FIELD_TEXT(helper_request, secret, "Secret", F_ALWAYS),
    FIELD_END,
};

void credentials_done(struct credentials *credentials)
{
    free(credentials->username);
    secret_free(credentials->password);
    secret_free(credentials->identity_token);
    secret_free(credentials->registry_token);
    *credentials = (struct credentials){};
}

/* ---- the program ---- */

/* A name in a file leads to no program but those that are called so. */
static int name_check(const char *name, struct err *err)
{
    size_t len = strlen(name);
    bool good = len > 0 && len <= NAME_LEN_MAX;
    for (size_t i = 0; i < len && good; i++) {
        char c = name[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || (c == '.' && i > 0);
    }
    if (good)
        return 0;
    auto_done(str) shown = { .max_bytes = NAME_LEN_MAX };
    text_escape(&shown, name, len);
    return err_set(err, ERR_INVALID, "\"%s\" is no name of a credential helper", str_text(&shown));
}

static int program_find(const struct registry_environment *environment, const char *name,
                        char **ret_path, struct err *err)
{
    struct view rest = view_of(environment->path), directory;
    bool more = rest.len > 0;
    while (more) {
        more = view_cut(&rest, ':', &directory);
        if (directory.len == 0 || directory.at[0] != '/')
            continue; /* a program that depends on the working directory is nobody's helper */
        auto_free char *path =
            xasprintf("%.*s/%s%s", (int)directory.len, directory.at, program_head, name);
        if (access(path, X_OK) < 0)
            continue;
        *ret_path = take_ptr(path);
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "%s%s is not in PATH", program_head, name);
}

/* The input is a file: whatever the helper reads of it, nobody waits for the other. */
static int input_open(const char *input, int *ret_fd, struct err *err)
{
    auto_close int fd = memfd_create("credentials", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, input, strlen(input)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, "make a file in memory");
    *ret_fd = take_fd(fd);
    return 0;
}

static int program_spawn(const char *path, const char *action, int input, int output,
                         pid_t *ret_child, struct err *err)
{
    char *argv[] = { (char *)path, (char *)action, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int errnum = posix_spawn(ret_child, path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (errnum == 0)
        return 0;
    errno = errnum;
    return err_sys(err, "execute %s", path);
}

static int child_wait(pid_t child, int *ret_status, struct err *err)
{
    while (waitpid(child, ret_status, 0) < 0)
        if (errno != EINTR)
            return err_sys(err, "wait for a credential helper");
    return 0;
}

/* What it wrote, and how it ended. */
static int program_run(const char *path, const char *action, const char *input, char **ret_output,
                       size_t *ret_len, int *ret_status, struct err *err)
{
    auto_close int input_fd = -1;
    int ends[2];
    pid_t child;
    if (input_open(input, &input_fd, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, "make a pipe");
    auto_close int from = ends[0];
    auto_close int to = ends[1];
    if (program_spawn(path, action, input_fd, to, &child, err) < 0)
        return -1;
    fd_close(&to);
    int result = file_load_fd(from, ANSWER_MAX_BYTES, ret_output, ret_len, err);
    if (result < 0)
        (void)kill(child, SIGKILL); /* it is ours and not yet waited for */
    struct err wait_err;
    if (child_wait(child, ret_status, result < 0 ? &wait_err : err) < 0 && result == 0) {
        secret_free(take_ptr(*ret_output));
        result = -1;
    }
    return result;
}

static int helper_fail(const char *name, const char *action, const char *output, size_t len,
                       int status, struct err *err)
{
    auto_done(str) shown = { .max_bytes = TEXT_SHOWN_MAX };
    while (len > 0 && (output[len - 1] == '\n' || output[len - 1] == '\r'))
        len--;
    text_escape(&shown, output, len);
    if (WIFSIGNALED(status))
        return err_set(err, ERR_SYSTEM, "%s%s %s was killed by signal %d", program_head, name,
                       action, WTERMSIG(status));
    return err_set(err, ERR_SYSTEM, "%s%s %s failed with status %d%s%s", program_head, name, action,
                   WEXITSTATUS(status), shown.len > 0 ? ": " : "", str_text(&shown));
}

/* Returns 1, or 0 if the helper has nothing. The output is the caller's. */
static int helper_run(const struct registry_environment *environment, const char *name,
                      const char *action, const char *input, char **ret_output, size_t *ret_len,
                      struct err *err)
{
    auto_free char *path = NULL;
    char *output = NULL;
    size_t len = 0;
    int status = 0;
    if (name_check(name, err) < 0 || program_find(environment, name, &path, err) < 0 || !path)
        return -1;
    if (program_run(path, action, input, &output, &len, &status, err) < 0)
        return err_wrap(err, "%s%s %s", program_head, name, action);
    if (status == 0) {
        *ret_output = output;
        *ret_len = len;
        return 1;
    }
    bool nothing = WIFEXITED(status) && output && strstr(output, nothing_text);
    int result = nothing ? 0 : helper_fail(name, action, output, len, status, err);
    secret_free(output);
    return result;
}

/* ---- what is asked of it ---- */

int credential_helper_get(const struct registry_environment *environment, const char *name,
                          const char *server, struct credentials *ret_credentials, struct err *err)
{
    auto_free char *what = xasprintf("what %s%s says of %s", program_head, name, server);
    struct helper_answer answer = {};
    auto_secret char *output = NULL;
    size_t len = 0;
    int found = helper_run(environment, name, "get", server, &output, &len, err);
    if (found <= 0)
        return found;
    if (field_read(answer_fields, output, len, what, 0, &answer, err) < 0)
        return err_set(err, ERR_INVALID, "%s is not what the protocol wants", what);
    bool token = text_same(answer.username, token_user);
    *ret_credentials = (struct credentials){
        .username = token ? NULL : take_ptr(answer.username),
        .password = token ? NULL : answer.secret,
        .identity_token = token ? answer.secret : NULL,
    };
    free(answer.username);
    return answer.secret ? 1 : 0;
}

int credential_helper_store(const struct registry_environment *environment, const char *name,
                            const char *server, const char *username, const char *secret,
                            struct err *err)
{
    struct helper_request request = { .server = (char *)server,
                                      .username = (char *)username,
                                      .secret = (char *)secret };
    auto_done(str) input = {};
    auto_secret char *output = NULL;
    size_t len = 0;
    field_write(request_fields, &request, 0, &input);
    int result = helper_run(environment, name, "store", str_text(&input), &output, &len, err);
    explicit_bzero(input.at, input.len);
    if (result == 0)
        return err_set(err, ERR_SYSTEM, "%s%s store failed", program_head, name);
    return result < 0 ? -1 : 0;
}

int credential_helper_erase(const struct registry_environment *environment, const char *name,
                            const char *server, struct err *err)
{
    auto_secret char *output = NULL;
    size_t len = 0;
    return helper_run(environment, name, "erase", server, &output, &len, err);
}
