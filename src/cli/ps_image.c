/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which image a container is of: the name it was asked for by, as long as that means the same image.
 * The index is read once, for the first container that has an image; then only names that are none
 * of the index's (beginnings of ids, aliases), and those of lists, are looked up one by one.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/image_list.h"
#include "cli/ps.h"
#include "image/platform.h"

static const char digest_prefix[] = "sha256:";

void ps_images_done(struct ps_images *images)
{
    image_rows_done(&images->rows);
    pairs_done(&images->meanings);
}

static int by_name(const void *a, const void *b)
{
    const struct image_row *left = a, *right = b;
    return strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

/* A store that cannot be read has nothing to say of names. */
static bool rows_read(struct ps *ps)
{
    struct ps_images *known = &ps->images;
    struct images *images;
    struct err ignored;
    if (known->state == PS_IMAGES_UNREAD) {
        known->state = PS_IMAGES_UNREADABLE;
        if (engine_images(ps->engine, &images, &ignored) == 0 &&
            images_list(images, &known->rows, &ignored) == 0)
            known->state = PS_IMAGES_READ;
        if (known->rows.len > 1)
            qsort(known->rows.at, known->rows.len, sizeof(*known->rows.at), by_name);
    }
    return known->state == PS_IMAGES_READ;
}

/* Many containers in a row are of the same one. */
static const struct image_row *row_find(struct ps *ps, const char *name)
{
    struct ps_images *known = &ps->images;
    struct image_row wanted = {};
    struct err ignored;
    if (known->rows.len == 0 || text_same(known->found_name, name))
        return known->found;
    known->found_name = name;
    known->found = NULL;
    if (image_normal(name, &wanted.name, &ignored) == 0)
        known->found = bsearch(&wanted, known->rows.at, known->rows.len, sizeof(wanted), by_name);
    free(wanted.name);
    return known->found;
}

/* The id that a name means, of a list for a platform or this machine's; NULL: none. Owned by the
 * caller. */
static char *meaning_find(struct ps *ps, const char *name, const char *platform)
{
    auto_done(oci_platform) wanted = {};
    auto_drop(image) *image = NULL;
    struct images *images;
    struct err ignored;
    if (engine_images(ps->engine, &images, &ignored) < 0 ||
        (platform && platform_parse(platform, &wanted, &ignored) < 0) ||
        image_find_for(images, name, platform ? &wanted : NULL, &image, &ignored) <= 0)
        return NULL;
    return take_ptr(image->id);
}

/* The same, looked up once; "": none. */
static const char *meaning(struct ps *ps, const char *name, const char *platform)
{
    auto_free char *key = xasprintf("%s %s", name, platform ? platform : "");
    const char *id = pairs_value(&ps->images.meanings, key);
    if (id)
        return id;
    auto_free char *found = meaning_find(ps, name, platform);
    pairs_put(&ps->images.meanings, key, found ? found : "");
    return pairs_value(&ps->images.meanings, key);
}

static bool begins_id(const char *name, const char *id)
{
    size_t prefix = strlen(digest_prefix);
    return text_starts(id, name) ||
           (text_starts(id, digest_prefix) && text_starts(id + prefix, name));
}

static bool still_means(struct ps *ps, const struct container_state *state)
{
    const struct image_row *row = row_find(ps, state->image);
    if (row && !row->list)
        return strcmp(row->id, state->image_id) == 0;
    if (!row && begins_id(state->image, state->image_id))
        return true;
    const struct container_config *config = row ? ps_config(ps, state) : NULL;
    return strcmp(meaning(ps, state->image, config ? config->platform : NULL), state->image_id) ==
           0;
}

void ps_image_add(struct ps *ps, const struct container_state *state, struct str *out)
{
    if (!state->image_id || !rows_read(ps) || still_means(ps, state)) {
        str_add(out, state->image);
        return;
    }
    auto_free char *id = image_id_shown(state->image_id, ps->no_trunc);
    str_add(out, id);
}
