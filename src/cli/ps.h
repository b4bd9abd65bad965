/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the columns and the filters of ps have in common: what was read of containers on demand, as
 * a list itself reads one small file a container. */
#include "base/field.h"
#include "cli/filter.h"
#include "engine/engine.h"
#include "image/image.h"

/* An image that --filter ancestor names. */
struct ancestor {
    const char *value;
    struct image *image; /* NULL: there is none here */
};

/* What names of images mean now (ps_image.c). */
struct ps_images {
    enum { PS_IMAGES_UNREAD, PS_IMAGES_READ, PS_IMAGES_UNREADABLE } state;
    struct image_rows rows;        /* in the order of their names */
    const char *found_name;        /* looked up last, a container's; or NULL */
    const struct image_row *found; /* what it was then, or NULL */
    struct pairs meanings;         /* of those that are no rows': ids */
};

struct ps {
    struct engine *engine;
    bool no_trunc;
    bool sizes; /* were asked for */
    int64_t now_s;
    struct container *container;  /* the one read last, or NULL */
    struct pairs times;           /* names given to before and since, and their creation */
    ARRAY_OF(ancestor) ancestors; /* looked up already */
    struct ps_images images;
};

/* The configuration of a listed container; NULL: it is gone. Stays ps's until the next call. */
const struct container_config *ps_config(struct ps *ps, const struct container_state *state);
/* Adds the image of a listed container that has one: the name it was asked for by, or its id if that
 * name means another image now, or none. */
void ps_image_add(struct ps *ps, const struct container_state *state, struct str *out);
void ps_images_done(struct ps_images *images);
/* The network it is in. */
const char *ps_network(const struct container_config *config);

/* For items of struct container_state, with a struct ps. */
extern const struct filter_key ps_filters[];
