/* SPDX-License-Identifier: Apache-2.0 */
#include "image/place.h"

#include <string.h>

#include "base/str.h"

static const struct {
    const char *prefix;
    enum transport transport;
    bool has_path;
    bool has_name;
} transports[] = {
    { "docker://", TRANSPORT_DOCKER, false, true },
    { "oci-archive:", TRANSPORT_OCI_ARCHIVE, true, true },
    { "docker-archive:", TRANSPORT_DOCKER_ARCHIVE, true, true },
    { "oci:", TRANSPORT_OCI, true, true },
    { "dir:", TRANSPORT_DIR, true, false },
    { "containers-storage:", TRANSPORT_STORE, false, true },
    { "store:", TRANSPORT_STORE, false, true },
};

void place_done(struct place *place)
{
    free(place->path);
    free(place->name);
    *place = (struct place){};
}

int place_parse(const char *text, struct place *ret_place, struct err *err)
{
    struct place place = {};
    const char *rest = text;
    bool has_path = false, has_name = true;
    for (size_t i = 0; i < array_size(transports); i++) {
        if (!text_starts(text, transports[i].prefix))
            continue;
        place.transport = transports[i].transport;
        has_path = transports[i].has_path;
        has_name = transports[i].has_name;
        rest = text + strlen(transports[i].prefix);
        break;
    }
    if (!*rest)
        return err_set(err, ERR_USAGE, "\"%s\" names nothing", text);
    const char *colon = has_path && has_name ? strchr(rest, ':') : NULL;
    if (has_path)
        place.path = xstrndup(rest, colon ? (size_t)(colon - rest) : strlen(rest));
    if (colon && colon[1])
        place.name = xstrdup(colon + 1);
    if (!has_path)
        place.name = xstrdup(rest);
    *ret_place = place;
    return 0;
}
