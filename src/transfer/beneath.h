/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Paths of a layer as directories below its root. Links on the way lead where they would in a
 * container: "/" is the layer's root. Nothing ever leads out of it (openat2(2), RESOLVE_IN_ROOT).
 */
#include "base/err.h"
#include "base/str.h"

struct beneath {
    int root;        /* borrowed */
    int parent;      /* the directory looked up last, or -1 */
    struct str path; /* its path */
};

void beneath_init(struct beneath *beneath, int root);
void beneath_done(struct beneath *beneath);
/* Something that may have been on the way to the directory looked up last is gone. */
void beneath_forget(struct beneath *beneath);

/* Gives the directory a path's last name is in, made with its own parents if absent, and that name.
 * The descriptor is O_PATH and valid until the next call. */
int beneath_parent(struct beneath *beneath, const char *path, int *ret_dir, const char **ret_name,
                   struct err *err);
/* The same without making anything and without following any link. -1 with errno. A fresh
 * descriptor. */
int beneath_parent_strict(const struct beneath *beneath, const char *path, const char **ret_name);
/* Opens a directory itself; a link in its place is an error. -1 with errno. A fresh descriptor. */
int beneath_directory(const struct beneath *beneath, const char *path);
