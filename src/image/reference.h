/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Names of images as docker writes them: [DOMAIN/]PATH[:TAG][@DIGEST]. "busybox" is
 * docker.io/library/busybox:latest; that is how it is stored, and "busybox:latest" how it is shown.
 */
#include "base/err.h"
#include "base/mem.h"

struct reference {
    char *domain; /* "docker.io", "localhost:5000" */
    char *path;   /* "library/busybox" */
    char *tag;    /* NULL only where there is a digest */
    char *digest; /* of a manifest, "sha256:…", or NULL */
};

int reference_parse(const char *text, struct reference **ret_reference, struct err *err);
/* The same for a name of all images of a repository, which has neither tag nor digest. */
int repository_parse(const char *text, struct reference **ret_reference, struct err *err);
void reference_free(struct reference *reference);
DROP(reference);

/* The normal form; the digest stands in it only if there is no tag. Owned by the caller. */
char *reference_format(const struct reference *reference);
/* The short form, of a normal one or any other text. Owned by the caller. */
char *reference_familiar(const char *name);
/* DOMAIN/PATH. Owned by the caller. */
char *reference_repository(const struct reference *reference);
