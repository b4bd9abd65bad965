/* SPDX-License-Identifier: Apache-2.0 */
/* docker-archive: manifest.json lists images with the paths of their configuration and layers. */
#include <string.h>

#include "image/load_plan.h"

static int image_read(struct load_plan *plan, struct source *source,
                      const struct oci_archive_image *from, const struct image_watch *watch,
                      struct err *err)
{
    struct load_plan_image *image = load_plan_add(plan);
    for (size_t i = 0; i < from->repo_tags.len; i++)
        load_plan_name(image, from->repo_tags.at[i], watch);
    image->media_type = xstrdup(MEDIA_OCI_MANIFEST);
    if (load_plan_part(plan, source, from->config, NULL, -1, &image->config, err) < 0)
        return -1;
    image->layers = xcalloc(from->layers.len, sizeof(*image->layers));
    for (size_t i = 0; i < from->layers.len; i++)
        if (load_plan_part(plan, source, from->layers.at[i], NULL, -1, &image->layers[i], err) < 0)
            return -1;
    return load_plan_config(plan, source, image, from->layers.len, err);
}

int load_plan_read_docker(struct load_plan *plan, struct source *source,
                          const struct image_watch *watch, struct err *err)
{
    auto_done(oci_archive) archive = {};
    auto_free char *data = NULL;
    size_t len;
    int found = source_load(source, "manifest.json", OCI_ARCHIVE_MAX_BYTES, &data, &len, err);
    if (found <= 0)
        return found;
    if (oci_archive_parse(data, len, &archive, err) < 0)
        return -1;
    for (size_t i = 0; i < archive.images.len; i++)
        if (image_read(plan, source, &archive.images.at[i], watch, err) < 0)
            return err_wrap(err, "image %zu of %zu", i + 1, archive.images.len);
    return 1;
}
