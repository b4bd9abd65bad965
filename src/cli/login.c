/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/registry_options.h"

static const char default_place[] = "docker.io";

struct login_args {
    struct registry_args registry;
    const char *username;
    const char *password;
    bool password_stdin;
    bool get_login;
    bool verbose;
};

struct logout_args {
    const char *authfile;
    bool all;
};

/* clang-format off */
static const struct option login_table[] = {
    REGISTRY_CONNECTION_OPTIONS(login_args, registry, "", "the registry"),
    OPTION_BOOL(login_args, get_login, 0, "get-login", "Print who is logged in, and do nothing"),
    OPTION_TEXT(login_args, password, 'p', "password", "PASSWORD",
        "Password or token; others can see it in the list of processes"),
    OPTION_BOOL(login_args, password_stdin, 0, "password-stdin",
        "Read the password from standard input"),
    OPTION_TEXT(login_args, username, 'u', "username", "NAME", "Whom to be"),
    OPTION_BOOL(login_args, verbose, 'v', "verbose", "Say where the credentials are stored"),
    OPTION_END,
};
static const struct option logout_table[] = {
    OPTION_BOOL(logout_args, all, 'a', "all", "Log out of all registries"),
    OPTION_TEXT(logout_args, authfile, 0, "authfile", "FILE",
        "Where the credentials are, in place of auth.json"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const login_options[] = { login_table, NULL };
static const struct option *const logout_options[] = { logout_table, NULL };

/* ---- who ---- */

struct login {
    struct registry_options registry;
    char *place;
    char *user;
    char *password;
};

static void login_done(struct login *login)
{
    free(login->place);
    free(login->user);
    secret_free(login->password);
}

static int args_check(const struct login_args *args, struct err *err)
{
    if (args->password && args->password_stdin)
        return err_set(err, ERR_USAGE, "--password and --password-stdin are both there");
    if (args->password_stdin && !args->username)
        return err_set(err, ERR_USAGE, "--password-stdin needs --username");
    if (args->username && (!args->username[0] || strchr(args->username, ':')))
        return err_set(err, ERR_USAGE, "--username: a name is not empty, and has no ':' in it");
    if (args->password)
        warn_lines("a password on the command line can be seen by others; use --password-stdin");
    return 0;
}

static int user_ask(const struct login_args *args, struct login *login, struct err *err)
{
    if (args->username)
        login->user = xstrdup(args->username);
    else if (ask("Username", 0, &login->user, err) < 0)
        return err_hint(err, "use --username and --password-stdin");
    if (!login->user[0] || strchr(login->user, ':'))
        return err_set(err, ERR_INVALID, "a username is not empty, and has no ':' in it");
    return 0;
}

static int password_ask(const struct login_args *args, struct login *login, struct err *err)
{
    int result = 0;
    if (args->password)
        login->password = xstrdup(args->password);
    else if (args->password_stdin)
        result = ask_stdin("password", &login->password, err);
    else if (ask("Password", ASK_HIDDEN, &login->password, err) < 0)
        return err_hint(err, "use --password-stdin");
    if (result == 0 && !login->password[0])
        return err_set(err, ERR_INVALID, "the password is empty");
    return result;
}

/* ---- login ---- */

static int who_print(const struct login *login, struct err *err)
{
    auto_free char *user = NULL;
    auto_done(str) line = {};
    int found = registry_login_find(&login->registry, login->place, &user, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "nobody is logged in to %s", login->place);
    text_escape(&line, user, strlen(user));
    return say_line(str_text(&line), err);
}

/* Whether what is stored is still good. Returns 1, or 0: there is nothing, or it is not. */
static int stored_try(const struct login *login, struct err *err)
{
    auto_free char *user = NULL;
    struct err refused = {};
    int found = registry_login_find(&login->registry, login->place, &user, err);
    if (found <= 0)
        return found;
    if (registry_login_check(&login->registry, login->place, &refused) == 0)
        return 1;
    if (refused.kind == ERR_DENIED)
        return 0;
    *err = refused;
    return -1;
}

static int succeeded(const struct login_args *args, const char *where, struct err *err)
{
    auto_done(str) text = {};
    if (args->verbose && where) {
        str_add(&text, "Used: ");
        text_escape(&text, where, strlen(where));
        str_add_char(&text, '\n');
    }
    str_add(&text, "Login Succeeded\n");
    return say(&text, err);
}

static int login_as(const struct login_args *args, struct login *login, struct err *err)
{
    if (user_ask(args, login, err) < 0 || password_ask(args, login, err) < 0)
        return -1;
    auto_secret char *creds = xasprintf("%s:%s", login->user, login->password);
    auto_free char *where = NULL;
    struct registry_options asked = login->registry;
    asked.creds = creds;
    if (registry_login_check(&asked, login->place, err) < 0 ||
        registry_login_save(&login->registry, login->place, login->user, login->password, &where,
                            err) < 0)
        return err_wrap(err, "log in to %s", login->place);
    return succeeded(args, where, err);
}

static int login_run(void *context, void *args_, char **operands, struct err *err)
{
    struct login_args *args = args_;
    auto_done(login) login = {};
    (void)context;
    if (registry_place(operands[0] ? operands[0] : default_place, &login.place, err) < 0 ||
        registry_args_read(&args->registry, &login.registry, err) < 0)
        return -1;
    if (args->get_login)
        return who_print(&login, err);
    if (args_check(args, err) < 0)
        return -1;
    bool nobody = !args->username && !args->password;
    int good = nobody ? stored_try(&login, err) : 0;
    if (good < 0)
        return err_wrap(err, "log in to %s with the stored credentials", login.place);
    return good > 0 ? succeeded(args, NULL, err) : login_as(args, &login, err);
}

static const char *const login_examples[] = {
    "ruche login quay.io",
    "Ask for a name and a password",
    "ruche login -u robot --password-stdin registry.example:5000 <token",
    "From a script",
    "ruche login --get-login quay.io",
    "See who is logged in",
    NULL,
};

const struct command login_command = {
    .name = "login",
    .args = "[OPTIONS] [REGISTRY]",
    .summary = "Log in to a registry",
    .text =
        "Asks the registry, docker.io if none is named, whether it takes the name and password, "
        "and stores them if it does: in $XDG_RUNTIME_DIR/containers/auth.json, which podman and "
        "skopeo read as well (without that variable in /run/containers/0/auth.json, or of an "
        "ordinary user in ~/.config/containers/auth.json), or in the file that --authfile or "
        "REGISTRY_AUTH_FILE names; or with the credential helper that this file has for the "
        "registry. They are sent to no other registry. A namespace may "
        "stand behind the registry: then they are for what is below it.",
    .examples = login_examples,
    .options = login_options,
    .flags = COMMAND_INTERSPERSED,
    .most = 1,
    .args_size = sizeof(struct login_args),
    .run = login_run,
};

/* ---- logout ---- */

static int logout_all(const struct registry_options *options, struct err *err)
{
    auto_done(strings) places = {};
    auto_done(str) out = {};
    if (registry_logout_all(options, &places, err) < 0)
        return err_wrap(err, "logout");
    for (size_t i = 0; i < places.len; i++) {
        str_add(&out, "Removed login credentials for ");
        text_escape(&out, places.at[i], strlen(places.at[i]));
        str_add_char(&out, '\n');
    }
    if (places.len == 0)
        str_add(&out, "Not logged in to any registry\n");
    return say(&out, err);
}

static int logout_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct logout_args *args = args_;
    const struct registry_options options = { .authfile = args->authfile };
    auto_free char *place = NULL;
    (void)context;
    if (args->all && operands[0])
        return err_set(err, ERR_USAGE, "--all, and \"%s\" as well", operands[0]);
    if (args->all)
        return logout_all(&options, err);
    if (registry_place(operands[0] ? operands[0] : default_place, &place, err) < 0)
        return -1;
    int removed = registry_logout(&options, place, err);
    if (removed < 0)
        return err_wrap(err, "logout");
    auto_free char *line = xasprintf(
        "%s %s", removed > 0 ? "Removed login credentials for" : "Not logged in to", place);
    return say_line(line, err);
}

static const char *const logout_examples[] = {
    "ruche logout quay.io",
    "Forget the name and password for one registry",
    "ruche logout --all",
    "Forget those for all",
    NULL,
};

const struct command logout_command = {
    .name = "logout",
    .args = "[OPTIONS] [REGISTRY]",
    .summary = "Log out of a registry",
    .text = "Takes the credentials for a registry, docker.io if none is named, out of the file "
            "where `ruche login` stored them, or has the credential helper forget them. Files "
            "that are only read, such as docker's config.json, are left alone and named; with "
            "--authfile they can be changed.",
    .examples = logout_examples,
    .options = logout_options,
    .flags = COMMAND_INTERSPERSED,
    .most = 1,
    .args_size = sizeof(struct logout_args),
    .run = logout_run,
};
