/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/registry_options.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "cli/ask.h"

const char *const registry_bool_words[] = { "true", "false", NULL };

/* USER alone becomes USER:PASSWORD. */
static int password_ask(struct registry_args *args, struct err *err)
{
    if (args->creds[0] == '\0' || args->creds[0] == ':')
        return err_set(err, ERR_USAGE, "--creds names no user; it is of the form USER[:PASSWORD]");
    if (strchr(args->creds, ':') || args->asked)
        return 0;
    auto_secret char *password = NULL;
    if (ask("Password", ASK_HIDDEN, &password, err) < 0)
        return err_wrap(err, "--creds has no password");
    args->asked = xasprintf("%s:%s", args->creds, password);
    return 0;
}

int registry_args_read(struct registry_args *args, struct registry_options *ret_options,
                       struct err *err)
{
    struct registry_options options = {
        .authfile = args->authfile,
        .cert_dir = args->cert_dir,
    };
    if (args->tls_verify)
        options.tls_verify =
            (struct maybe_bool){ .set = true, .value = strcmp(args->tls_verify, "false") != 0 };
    if (args->creds && password_ask(args, err) < 0)
        return -1;
    options.creds = args->asked ? args->asked : args->creds;
    *ret_options = options;
    return 0;
}

void registry_args_done(struct registry_args *args)
{
    secret_free(args->asked);
    args->asked = NULL;
}
