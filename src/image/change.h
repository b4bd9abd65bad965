/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Changes of an image's configuration as lines of a Containerfile say them: "CMD [\"sh\"]", "ENV
 * NAME=value". */
#include "base/err.h"
#include "oci/image.h"

/* Makes one. CMD ENTRYPOINT ENV EXPOSE LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR; "CMD=…" is fine
 * as well. */
int config_change(struct oci_image_config *config, const char *change, struct err *err);
