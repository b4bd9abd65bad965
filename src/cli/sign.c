/* SPDX-License-Identifier: Apache-2.0 */
/* image sign, image verify. */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/registry_options.h"
#include "image/trust.h"

/* ---- sign ---- */

struct sign_args {
    const char *key;
    const char *passphrase_file;
};

/* clang-format off */
static const struct option sign_table[] = {
    OPTION_TEXT(sign_args, key, 0, "key", "FILE", "The private key, in PEM: ECDSA on P-256 or Ed25519"),
    OPTION_TEXT(sign_args, passphrase_file, 0, "passphrase-file", "FILE", "Whose first line opens the key, if it is encrypted"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const sign_options[] = { sign_table, NULL };

static int sign_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct sign_args *args = args_;
    const struct image_sign_options options = {
        .key = args->key,
        .passphrase_file = args->passphrase_file,
    };
    struct images *images;
    auto_done(strings) names = {};
    auto_done(str) out = {};
    if (!args->key)
        return err_set(err, ERR_USAGE, "--key is missing: name the file of the private key");
    if (cli_images(context, NULL, &images, err) < 0 ||
        image_sign(images, operands[0], &options, &names, err) < 0)
        return err_wrap(err, "sign %s", operands[0]);
    for (size_t i = 0; i < names.len; i++)
        str_addf(&out, "%s\n", names.at[i]);
    return say(&out, err);
}

static const char *const sign_examples[] = {
    "ruche image sign --key key.pem registry.example/app:1.0",
    "Sign an image that is here",
    "ruche push registry.example/app:1.0",
    "Push it, and its signatures with it",
    NULL,
};

const struct command image_sign_command = {
    .name = "image sign",
    .args = "[OPTIONS] IMAGE",
    .summary = "Sign an image",
    .text =
        "Signs an image that is here by its name. The signature is kept beside the image as "
        "cosign keeps its own, an artifact by the tag sha256-DIGEST.sig, whose name is printed.\n"
        "\n"
        "A private key is made by \"openssl genpkey -algorithm ed25519 -out key.pem\", the public "
        "one for "
        "those who verify by \"openssl pkey -in key.pem -pubout -out key.pub\".",
    .examples = sign_examples,
    .options = sign_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct sign_args),
    .run = sign_run,
};

/* ---- verify ---- */

struct verify_args {
    struct registry_args registry;
    const char *key;
    bool remote;
};

/* clang-format off */
static const struct option verify_table[] = {
    OPTION_TEXT(verify_args, key, 0, "key", "FILE", "The public key, in PEM"),
    OPTION_BOOL(verify_args, remote, 0, "remote", "Ask the registry, whatever is here"),
    REGISTRY_OPTIONS(verify_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const verify_options[] = { verify_table, NULL };

static int verified_print(const char *name, const struct image_verified *verified, struct err *err)
{
    auto_done(str) out = {};
    str_addf(&out, "%s is signed by the key\nDigest: %s\nSigned as: ", name, verified->digest);
    text_escape(&out, verified->reference, strlen(verified->reference));
    str_add_char(&out, '\n');
    return say(&out, err);
}

static int verify_with(struct images *images, struct verify_args *args, const char *name,
                       struct err *err)
{
    struct registry_options registry;
    auto_done(image_verified) verified = {};
    auto_done(progress) progress = {};
    if (registry_args_read(&args->registry, &registry, err) < 0)
        return -1;
    const struct image_verify_options options = {
        .key = args->key,
        .registry = &registry,
        .remote = args->remote,
    };
    progress_init(&progress, false);
    struct image_watch watch = progress_watch(&progress);
    int result = image_verify(images, name, &options, &watch, &verified, err);
    progress_clear(&progress);
    return result < 0 ? -1 : verified_print(name, &verified, err);
}

static int verify_run(void *context, void *args_, char **operands, struct err *err)
{
    struct verify_args *args = args_;
    struct images *images;
    if (!args->key)
        return err_set(err, ERR_USAGE, "--key is missing: name the file of the public key");
    if (cli_images(context, NULL, &images, err) < 0)
        return -1;
    int result = verify_with(images, args, operands[0], err);
    registry_args_done(&args->registry);
    return result;
}

static const char *const verify_examples[] = {
    "ruche image verify --key key.pub registry.example/app:1.0",
    "Whether the image was signed by who has the key",
    NULL,
};

const struct command image_verify_command = {
    .name = "image verify",
    .args = "[OPTIONS] IMAGE",
    .summary = "Verify an image's signature",
    .text = "Looks for a signature of the image by the key, for any name of its repository: among "
            "those that are here, or in the registry if the image or its signatures are not here. "
            "cosign's signatures are good as well as ruche's.",
    .examples = verify_examples,
    .options = verify_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct verify_args),
    .run = verify_run,
};
