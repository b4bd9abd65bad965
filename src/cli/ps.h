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

struct ps {
    struct engine *engine;
    bool no_trunc;
    bool sizes; /* were asked for */
    int64_t now_s;
    struct container *container;  /* the one read last, or NULL */
    struct pairs times;           /* names given to before and since, and their creation */
    ARRAY_OF(ancestor) ancestors; /* looked up already */
};

/* The configuration of a listed container; NULL: it is gone. Stays ps's until the next call. */
const struct container_config *ps_config(struct ps *ps, const struct container_state *state);
/* The network it is in. */
const char *ps_network(const struct container_config *config);

/* For items of struct container_state, with a struct ps. */
extern const struct filter_key ps_filters[];
