/* SPDX-License-Identifier: Apache-2.0 */
/* registry serve: checks its options and becomes ruche-registry, which serves by the same ones. */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/program.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "engine/engine.h"
#include "registry/serve_args.h"

static const struct option *const serve_options[] = { registry_serve_table, NULL };

/* The words that ruche-registry gets. */
static void serve_words(const struct registry_serve_args *args, const char *root,
                        struct strings *words)
{
    const struct {
        const char *name;
        const char *value;
    } options[] = {
        { "listen", args->listen },         { "tls-cert", args->tls_cert },
        { "tls-key", args->tls_key },       { "htpasswd", args->htpasswd },
        { "log-format", args->log_format },
    };
    strings_add(words, "ruche-registry");
    strings_addf(words, "--root=%s", root);
    for (size_t i = 0; i < array_size(options); i++)
        if (options[i].value)
            strings_addf(words, "--%s=%s", options[i].name, options[i].value);
    if (args->read_only)
        strings_add(words, "--read-only");
}

static int serve_run(void *context, void *args, char **operands, struct err *err)
{
    struct registry_address address;
    struct engine *engine;
    auto_done(strings) words = {};
    auto_free char *program = NULL;
    (void)operands;
    if (registry_serve_check(args, &address, err) < 0 || cli_engine(context, &engine, err) < 0 ||
        program_path("ruche-registry", &program, err) < 0)
        return -1;
    serve_words(args, engine_root(engine), &words);
    (void)execv(program, words.at);
    return err_sys(err, "execute %s", program);
}

static const char *const serve_examples[] = {
    "ruche registry serve",
    "For this machine: ruche pull --tls-verify=false 127.0.0.1:5000/app",
    "ruche registry serve --listen 0.0.0.0:5000 --read-only",
    "For a class without internet, by plain HTTP",
    "ruche registry serve --listen 0.0.0.0 --tls-cert c.pem --tls-key k.pem --htpasswd users",
    "Encrypted, for those whom `htpasswd -B -c users NAME` put into the file",
    NULL,
};

const struct command registry_serve_command = {
    .name = "registry serve",
    .args = "[OPTIONS]",
    .summary = "Serve the images of this machine to others",
    .text =
        "Is a registry, as the OCI's distribution specification has it, of the images of this "
        "machine: docker, podman, skopeo and ruche pull from it what is here, and what they "
        "push to it can be run here. \"app\" and \"team/app\" there are what they are for `ruche "
        "run`; \"quay.io/team/app\" is that. It runs until it is interrupted, and finishes what "
        "is under way then. Requests are logged on standard error.",
    .examples = serve_examples,
    .options = serve_options,
    .args_size = sizeof(struct registry_serve_args),
    .run = serve_run,
};
