/* SPDX-License-Identifier: Apache-2.0 */
/* Which containers ps shows: --filter. */
#include <regex.h>
#include <string.h>

#include "base/number.h"
#include "cli/ps.h"

/* As docker has it: the text itself, or an extended regular expression found anywhere in it. */
static int text_fits(const char *text, const char *value, struct err *err)
{
    regex_t pattern;
    char why[100];
    if (strcmp(text, value) == 0)
        return 1;
    int failed = regcomp(&pattern, value, REG_EXTENDED | REG_NOSUB);
    if (failed) {
        (void)regerror(failed, &pattern, why, sizeof(why));
        return err_set(err, ERR_USAGE, "not a regular expression: %s", why);
    }
    int found = regexec(&pattern, text, 0, NULL, 0) == 0;
    regfree(&pattern);
    return found;
}

static int pattern_check(const char *value, struct err *err)
{
    return text_fits("", value, err) < 0 ? -1 : 0;
}

static int id_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_state *state = item;
    (void)context;
    return text_fits(state->id, value, err);
}

/* Docker's names begin with a slash, so ^/web$ fits as well as ^web$. */
static int name_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_state *state = item;
    auto_free char *slashed = xasprintf("/%s", state->name ? state->name : "");
    (void)context;
    int fits = text_fits(slashed + 1, value, err);
    return fits != 0 ? fits : text_fits(slashed, value, err);
}

static int label_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_config *config = ps_config(context, item);
    (void)err;
    return config && filter_label_fits(&config->labels, value);
}

/* Docker's words; of restarting and removing there are none. */
static const char *const statuses[] = {
    "created", "restarting", "running", "removing", "paused", "exited", "dead",
};

static int status_check(const char *value, struct err *err)
{
    for (size_t i = 0; i < array_size(statuses); i++)
        if (strcmp(value, statuses[i]) == 0)
            return 0;
    err_set(err, ERR_USAGE, "\"%s\" is no status", value);
    return err_hint(err, "there are created, running, paused, exited, dead");
}

static int status_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_state *state = item;
    (void)context;
    (void)err;
    if (state->status == CONTAINER_UNKNOWN)
        return strcmp(value, "dead") == 0;
    return strcmp(value, container_status_names[state->status]) == 0;
}

static int exited_check(const char *value, struct err *err)
{
    int64_t code;
    return number_parse(value, INT32_MIN, INT32_MAX, "exit code", &code, err);
}

static int exited_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_state *state = item;
    int64_t code;
    (void)context;
    if (number_parse(value, INT32_MIN, INT32_MAX, "exit code", &code, err) < 0)
        return -1;
    return state->status == CONTAINER_EXITED && state->exit_code == code;
}

/* ---- images ---- */

static int ancestor_find(struct ps *ps, const char *value, const struct ancestor **ret_ancestor,
                         struct err *err)
{
    struct images *images;
    for (size_t i = 0; i < ps->ancestors.len; i++) {
        *ret_ancestor = &ps->ancestors.at[i];
        if (ps->ancestors.at[i].value == value)
            return 0;
    }
    struct image *image = NULL;
    if (engine_images(ps->engine, &images, err) < 0 || image_find(images, value, &image, err) < 0)
        return -1;
    struct ancestor *ancestor = array_add(&ps->ancestors);
    *ancestor = (struct ancestor){ value, image };
    *ret_ancestor = ancestor;
    return 0;
}

/* Whether an image with these layers is the ancestor, or was built on it. */
static bool descends(const struct container_config *config, const struct image *from)
{
    const struct strings *base = &from->oci.rootfs.diff_ids;
    if (config->image_id && strcmp(config->image_id, from->id) == 0)
        return true;
    if (base->len == 0 || base->len > config->layers.len)
        return false;
    for (size_t i = 0; i < base->len; i++)
        if (strcmp(base->at[i], config->layers.at[i]) != 0)
            return false;
    return true;
}

static int ancestor_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_state *state = item;
    const struct ancestor *ancestor;
    if (ancestor_find(context, value, &ancestor, err) < 0)
        return -1;
    if (!ancestor->image) /* removed since: its name is what is left */
        return state->image && strcmp(state->image, value) == 0;
    const struct container_config *config = ps_config(context, item);
    return config && descends(config, ancestor->image);
}

/* ---- times ---- */

/* When another container was made; stays ps's. */
static int time_find(struct ps *ps, const char *name, const char **ret_time, struct err *err)
{
    auto_drop(container) *container = NULL;
    *ret_time = pairs_value(&ps->times, name);
    if (*ret_time)
        return 0;
    if (container_find(ps->engine, name, &container, err) < 0)
        return -1;
    pairs_put(&ps->times, name, container->config.created ? container->config.created : "");
    *ret_time = pairs_value(&ps->times, name);
    return 0;
}

static int before_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_state *state = item;
    const char *then;
    if (time_find(context, value, &then, err) < 0)
        return -1;
    return state->created && strcmp(state->created, then) < 0;
}

static int since_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_state *state = item;
    const char *then;
    if (time_find(context, value, &then, err) < 0)
        return -1;
    return state->created && strcmp(state->created, then) > 0;
}

/* ---- surroundings ---- */

static int volume_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_config *config = ps_config(context, item);
    (void)err;
    for (size_t i = 0; config && i < config->mounts.len; i++)
        if (text_same(config->mounts.at[i].source, value) ||
            strcmp(config->mounts.at[i].destination, value) == 0)
            return 1;
    return 0;
}

static int network_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct container_config *config = ps_config(context, item);
    (void)err;
    return config && strcmp(ps_network(config), value) == 0;
}

/* clang-format off */
const struct filter_key ps_filters[] = {
    { "id", id_fits, pattern_check, false, NULL },
    { "name", name_fits, pattern_check, false, NULL },
    { "label", label_fits, NULL, true, NULL },
    { "status", status_fits, status_check, false, NULL },
    { "exited", exited_fits, exited_check, false, NULL },
    { "ancestor", ancestor_fits, NULL, false, NULL },
    { "before", before_fits, NULL, true, NULL },
    { "since", since_fits, NULL, true, NULL },
    { "volume", volume_fits, NULL, false, NULL },
    { "network", network_fits, NULL, false, NULL },
    { "health", NULL, NULL, false, "containers have no health checks yet" },
    { "publish", NULL, NULL, false, "containers publish no ports yet" },
    { "expose", NULL, NULL, false, "containers publish no ports yet" },
    { "is-task", NULL, NULL, false, "there are no tasks of a swarm" },
    { "isolation", NULL, NULL, false, "it is for Windows" },
    {},
};
/* clang-format on */
