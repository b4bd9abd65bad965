/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Places that images lie in, as they are written on command lines: "docker://host/name:tag",
 * "oci:DIRECTORY[:REF]", "oci-archive:FILE[:REF]", "docker-archive:FILE[:REF]", "dir:DIRECTORY",
 * "store:NAME"; what is none of these is a name in the store.
 */
#include "base/err.h"
#include "base/mem.h"

enum transport {
    TRANSPORT_STORE,
    TRANSPORT_DOCKER,
    TRANSPORT_OCI,
    TRANSPORT_OCI_ARCHIVE,
    TRANSPORT_DOCKER_ARCHIVE,
    TRANSPORT_DIR,
};

struct place {
    enum transport transport;
    char *path; /* of a file or directory; NULL for STORE and DOCKER */
    char *name; /* of the image there; NULL: none was given */
};

int place_parse(const char *text, struct place *ret_place, struct err *err);
void place_done(struct place *place);
