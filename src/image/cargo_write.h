/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A cargo into files: an OCI layout, an archive of one, docker's archive, or a plain directory. */
#include "image/cargo.h"

enum cargo_format {
    CARGO_OCI_DIR, /* one that is there gets the image besides those it has */
    CARGO_OCI_ARCHIVE,
    CARGO_DOCKER_ARCHIVE,
    CARGO_DIR, /* what skopeo calls dir: */
};

/* fd: a directory, or a file that is empty. name: what the image is to be called in it, or NULL. */
int cargo_write(const struct cargo *cargo, enum cargo_format format, int fd, const char *name,
                struct err *err);
