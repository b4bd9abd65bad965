/* SPDX-License-Identifier: Apache-2.0 */
/* What an image's configuration tells of how it was made, with the sizes of the layers. */
#include "image/content.h"

void image_steps_done(struct image_steps *steps)
{
    free(steps->at);
    *steps = (struct image_steps){};
}

/* Unpacked, if that was noted when it was; else as it is packed. */
static uint64_t layer_size(struct images *images, const struct oci_descriptor *layer)
{
    auto_free char *content = NULL;
    uint64_t size;
    return blob_content(images, layer->digest, &content, &size) > 0 ? size : (uint64_t)layer->size;
}

int image_history(struct images *images, const struct image *image, struct image_steps *ret_steps,
                  struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    if (image_manifest(images, image, &manifest, err) < 0)
        return -1;
    struct image_steps steps = {};
    size_t layer = 0;
    steps.at = xcalloc(image->oci.history.len + manifest.layers.len + 1, sizeof(*steps.at));
    for (size_t i = 0; i < image->oci.history.len; i++) {
        const struct oci_history *entry = &image->oci.history.at[i];
        struct image_step_made *step = &steps.at[steps.len++];
        step->entry = entry;
        if (!entry->empty_layer && layer < manifest.layers.len)
            step->size_bytes = layer_size(images, &manifest.layers.at[layer++]);
    }
    /* Layers of which nothing is told. */
    for (; layer < manifest.layers.len; layer++)
        steps.at[steps.len++].size_bytes = layer_size(images, &manifest.layers.at[layer]);
    *ret_steps = steps;
    return 0;
}
