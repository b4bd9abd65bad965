/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image's part of a configuration, by docker's rules:
 *
 *   image             arguments   --entrypoint   what is executed
 *   CMD               none        not given      CMD
 *   CMD               given       not given      arguments
 *   ENTRYPOINT, CMD   none        not given      ENTRYPOINT CMD
 *   ENTRYPOINT, CMD   given       not given      ENTRYPOINT arguments
 *   any               any         X              X arguments
 *   any               any         ""             arguments
 *
 * The image's CMD belongs to its ENTRYPOINT: where that is replaced, it does not count.
 */
#include <string.h>

#include "engine/create.h"
#include "engine/defaults.h"

static void add_command(struct container_config *config, const struct oci_image_config *image)
{
    if (config->entrypoint.len > 0) {
        if (config->entrypoint.len == 1 && config->entrypoint.at[0][0] == '\0')
            strings_done(&config->entrypoint);
        return;
    }
    strings_copy(&config->entrypoint, &image->entrypoint);
    if (config->command.len == 0)
        strings_copy(&config->command, &image->cmd);
}

static void env_remove(struct strings *env, const char *key)
{
    size_t key_len = strlen(key), kept = 0;
    for (size_t i = 0; i < env->len; i++) {
        if (strncmp(env->at[i], key, key_len) == 0 && env->at[i][key_len] == '=')
            free(env->at[i]);
        else
            env->at[kept++] = env->at[i];
    }
    if (env->at)
        env->at[kept] = NULL;
    env->len = kept;
}

/* The image's, then PATH if that has none, then the user's. */
static void add_env(struct container_config *config, const struct oci_image_config *image)
{
    struct strings said = config->env;
    config->env = (struct strings){};
    for (size_t i = 0; i < image->env.len; i++)
        if (strchr(image->env.at[i], '='))
            strings_put(&config->env, image->env.at[i]);
    if (!strings_value(&config->env, "PATH"))
        strings_add(&config->env, "PATH=" DEFAULT_PATH);
    for (size_t i = 0; i < said.len; i++)
        if (strchr(said.at[i], '='))
            strings_put(&config->env, said.at[i]);
        else
            env_remove(&config->env, said.at[i]);
    strings_done(&said);
}

static void add_labels(struct container_config *config, const struct oci_image_config *image)
{
    struct pairs said = config->labels;
    config->labels = (struct pairs){};
    pairs_copy(&config->labels, &image->labels);
    for (size_t i = 0; i < said.len; i++)
        pairs_put(&config->labels, said.at[i].key, said.at[i].value);
    pairs_done(&said);
}

static void add_text(char **text, const char *from)
{
    if (!*text && from && from[0] != '\0')
        *text = xstrdup(from);
}

void config_add_image(struct container_config *config, const struct oci_image_config *image)
{
    add_command(config, image);
    add_env(config, image);
    add_labels(config, image);
    add_text(&config->user, image->user);
    add_text(&config->workdir, image->working_dir);
    add_text(&config->stop_signal, image->stop_signal);
}
