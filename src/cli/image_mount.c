/* SPDX-License-Identifier: Apache-2.0 */
/* image mount, image unmount. */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "image/image.h"

/* ---- mount ---- */

struct mount_args {
    char unused;
};

/* clang-format off */
static const struct column mount_columns[] = { { "IMAGE", 12 }, { "PATH", 0 } };
/* clang-format on */

static int mounts_print(struct engine *engine, struct err *err)
{
    auto_done(table) table = { .columns = mount_columns, .n_columns = array_size(mount_columns) };
    struct pairs mounts = {};
    struct images *images;
    if (engine_images(engine, &images, err) < 0 || engine_image_mounts(engine, &mounts, err) < 0)
        return -1;
    for (size_t i = 0; i < mounts.len; i++) {
        auto_drop(image) *image = NULL;
        auto_free char *name = NULL;
        struct err ignored;
        if (image_find(images, mounts.at[i].key, &image, &ignored) > 0 && image->names.len > 0)
            name = image_familiar(image->names.at[0]);
        table_add(&table, name ? name : mounts.at[i].key);
        table_add(&table, mounts.at[i].value);
    }
    pairs_done(&mounts);
    return table_print(&table, err);
}

static int mount_work(struct cli *cli, const void *args, const char *operand, struct err *err)
{
    struct engine *engine;
    auto_free char *path = NULL;
    (void)args;
    if (cli_engine(cli, &engine, err) < 0 || engine_image_mount(engine, operand, &path, err) < 0)
        return -1;
    return say_line(path, err);
}

static int mount_run(void *context, void *args, char **operands, struct err *err)
{
    struct engine *engine;
    if (operands[0])
        return operands_each(context, args, operands, mount_work, 0);
    return cli_engine(context, &engine, err) < 0 ? -1 : mounts_print(engine, err);
}

static const char *const mount_examples[] = {
    "ls $(ruche image mount debian)",
    "Look into an image without a container",
    "ruche image mount",
    "What is mounted",
    NULL,
};

const struct command image_mount_command = {
    .name = "image mount",
    .args = "[IMAGE...]",
    .summary = "Mount images to look at them",
    .text = "Mounts the root file system of an image, read-only, and prints where; without an "
            "image, lists those that are mounted. Only root can. A mounted image counts as in use, "
            "until \"image unmount\" or the next boot.",
    .examples = mount_examples,
    .operands = OPERANDS_IMAGES,
    .most = -1,
    .args_size = sizeof(struct mount_args),
    .run = mount_run,
};

/* ---- unmount ---- */

struct unmount_args {
    bool all;
};

/* clang-format off */
static const struct option unmount_table[] = {
    OPTION_BOOL(unmount_args, all, 'a', "all", "Unmount all that are mounted"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const unmount_options[] = { unmount_table, NULL };

static int unmount_work(struct cli *cli, const void *args, const char *operand, struct err *err)
{
    struct engine *engine;
    (void)args;
    return cli_engine(cli, &engine, err) < 0 ? -1 : engine_image_unmount(engine, operand, err);
}

static int unmount_all(struct cli *cli, const void *args, struct err *err)
{
    auto_done(strings) ids = {};
    struct pairs mounts = {};
    struct engine *engine;
    if (cli_engine(cli, &engine, err) < 0 || engine_image_mounts(engine, &mounts, err) < 0)
        return -1;
    for (size_t i = 0; i < mounts.len; i++)
        strings_add(&ids, mounts.at[i].key);
    pairs_done(&mounts);
    return ids.len > 0 ? operands_each(cli, args, ids.at, unmount_work, EACH_ECHO) : 0;
}

static int unmount_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct unmount_args *args = args_;
    if (args->all && operands[0])
        return err_set(err, ERR_USAGE, "--all and names cannot stand together");
    if (!args->all && !operands[0])
        return err_set(err, ERR_USAGE, "name an image, or say --all");
    return args->all ? unmount_all(context, args, err)
                     : operands_each(context, args, operands, unmount_work, EACH_ECHO);
}

static const char *const unmount_examples[] = {
    "ruche image unmount debian",
    "Unmount an image",
    "ruche image unmount -a",
    "Unmount all of them",
    NULL,
};

const struct command image_unmount_command = {
    .name = "image unmount",
    .also = COMMAND_ALSO("image umount"),
    .args = "[OPTIONS] [IMAGE...]",
    .summary = "Unmount images",
    .text = "Undoes \"image mount\".",
    .examples = unmount_examples,
    .options = unmount_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .most = -1,
    .args_size = sizeof(struct unmount_args),
    .run = unmount_run,
};
