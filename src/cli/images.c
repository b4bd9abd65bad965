/* SPDX-License-Identifier: Apache-2.0 */
/* rmi, tag, untag. */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "engine/engine.h"
#include "image/image.h"

/* ---- rmi ---- */

struct rmi_args {
    bool force;
};

/* clang-format off */
static const struct option rmi_table[] = {
    OPTION_BOOL(rmi_args, force, 'f', "force",
        "Take all names of an id, also while containers use it; one that does not exist is no failure"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const rmi_options[] = { rmi_table, NULL };

static int removed_print(const struct image_removed *removed, struct err *err)
{
    auto_done(str) out = {};
    for (size_t i = 0; i < removed->untagged.len; i++) {
        auto_free char *name = image_familiar(removed->untagged.at[i]);
        str_add(&out, "Untagged: ");
        text_escape(&out, name, strlen(name));
        str_add_char(&out, '\n');
    }
    for (size_t i = 0; i < removed->deleted.len; i++)
        str_addf(&out, "Deleted: %s\n", removed->deleted.at[i]);
    return say(&out, err);
}

static int rmi_work(struct cli *cli, const void *args_, const char *operand, struct err *err)
{
    const struct rmi_args *args = args_;
    struct engine *engine;
    struct images *images;
    auto_done(image_removed) removed = {};
    enum image_remove_flags flags = args->force ? IMAGE_REMOVE_FORCE : 0;
    if (cli_images(cli, &engine, &images, err) < 0 ||
        image_remove(images, operand, flags, engine_image_users, engine, &removed, err) < 0)
        return -1;
    return removed_print(&removed, err);
}

static int rmi_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct rmi_args *args = args_;
    (void)err;
    return operands_each(context, args, operands, rmi_work, args->force ? EACH_MISSING_IS_FINE : 0);
}

static const char *const rmi_examples[] = {
    "ruche rmi app:1.0",
    "Take a name from an image, and remove the image if it was the last one",
    "ruche rmi -f 4b825dc642cb",
    "Remove an image by its id, whatever its names",
    NULL,
};

const struct command rmi_command = {
    .name = "rmi",
    .also = COMMAND_ALSO("image rm", "image remove"),
    .args = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Remove images",
    .text = "Takes names from images, and removes an image with its last name. One that containers "
            "use stays.",
    .examples = rmi_examples,
    .options = rmi_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct rmi_args),
    .run = rmi_run,
};

/* ---- tag ---- */

struct tag_args {
    char unused;
};

static int tag_run(void *context, void *args, char **operands, struct err *err)
{
    struct images *images;
    (void)args;
    if (cli_images(context, NULL, &images, err) < 0)
        return -1;
    return image_tag(images, operands[0], operands[1], err);
}

static const char *const tag_examples[] = {
    "ruche tag app:1.0 app:latest",
    "Give an image one more name",
    "ruche tag app localhost:5000/team/app:1.0",
    "The name by which a registry would know it",
    NULL,
};

const struct command tag_command = {
    .name = "tag",
    .also = COMMAND_ALSO("image tag"),
    .args = "IMAGE NEW_NAME",
    .summary = "Give an image one more name",
    .text = "Another image that has the new name loses it.",
    .examples = tag_examples,
    .operands = OPERANDS_IMAGES,
    .least = 2,
    .most = 2,
    .args_size = sizeof(struct tag_args),
    .run = tag_run,
};

/* ---- untag ---- */

static int untag_run(void *context, void *args, char **operands, struct err *err)
{
    struct images *images;
    auto_done(image_removed) untagged = {};
    (void)args;
    if (cli_images(context, NULL, &images, err) < 0 ||
        image_untag(images, operands[0], operands + 1, &untagged.untagged, err) < 0)
        return -1;
    return removed_print(&untagged, err);
}

static const char untag_text[] =
    "The image itself stays, also when it has no name any more. Without names, all of them go.";

static const char *const untag_examples[] = {
    "ruche untag 4b825dc642cb app:latest",
    "Take one name",
    "ruche untag app",
    "Take all names of the image that is called so",
    NULL,
};

const struct command untag_command = {
    .name = "untag",
    .also = COMMAND_ALSO("image untag"),
    .args = "IMAGE [NAME...]",
    .summary = "Take names from an image",
    .text = untag_text,
    .examples = untag_examples,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct tag_args),
    .run = untag_run,
};
