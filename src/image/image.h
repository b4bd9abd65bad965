/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Images: those on this machine, by name or id; their layers as directories; archives loaded. State
 * lies in <root>/oci, <root>/layers, <root>/ingest and <root>/trash (docs/formats/store.md).
 * Reading takes no lock.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/image.h"

struct images;

/* root_fd is ruche's state directory, borrowed until images_close. transfer: the path of
 * ruche-transfer, or NULL: where it is found. Touches nothing. */
struct images *images_open(int root_fd, const char *transfer);
void images_close(struct images *images);

/* An image on this machine. */
struct image {
    char *id;             /* digest of its configuration: "sha256:…" */
    char *digest;         /* of its manifest */
    struct strings names; /* in normal form: "docker.io/library/busybox:latest"; none: untagged */
    uint64_t size_bytes;  /* of its layers, unpacked */
    struct oci_image
        oci; /* configuration, platform, history; oci.rootfs.diff_ids: its layers, lowest first */
};

void image_free(struct image *image);
DROP(image);

/* Finds an image by reference ("busybox", "host/a:tag", "a@sha256:…"), id ("sha256:…") or the
 * beginning of one that no other image has. A name goes before an id. Returns 1, or 0 if there is
 * none. */
int image_find(struct images *images, const char *name, struct image **ret_image, struct err *err);
/* Its manifest: digests and sizes of its blobs. */
int image_manifest(struct images *images, const struct image *image,
                   struct oci_manifest *ret_manifest, struct err *err);
/* Opens the layers' directories (O_PATH), fds[i] for diff_ids.at[i]. On failure none stays open.
 * ERR_NOT_FOUND: a layer is not unpacked; image_unpack does that. */
int image_layers_open(struct images *images, const struct image *image, int *fds, struct err *err);
/* The path of a layer's directory below the root: "layers/HEX/tree". Owned by the caller. */
char *image_layer_path(const char *diff_id);

/* A name in short form, as docker shows it: "busybox:latest". Owned by the caller. */
char *image_familiar(const char *name);
/* Any reference in normal form. Owned by the caller. */
int image_normal(const char *name, char **ret_name, struct err *err);

/* One row of `images`: a name, or an image that has none. */
struct image_row {
    char *name; /* normal form; NULL: untagged */
    char *id;
    char *digest;
    char *created; /* RFC 3339, may be NULL */
    uint64_t size_bytes;
};
struct image_rows {
    struct image_row *at;
    size_t len;
};

/* In the order in which they were added. */
int images_list(struct images *images, struct image_rows *ret_rows, struct err *err);
void image_rows_done(struct image_rows *rows);

/* What long work tells while it goes on. Members may be NULL. */
struct image_watch {
    /* bytes of total; total 0: not known. layer is the number of a layer, from 1, or 0: reading the
     * archive. */
    void (*progress)(void *context, size_t layer, size_t n_layers, uint64_t bytes, uint64_t total);
    void (*warning)(void *context, const char *text);
    void *context;
};

/* What a load brought. */
struct image_loaded {
    char *name; /* normal form; NULL: the archive had none for it */
    char *id;
};
struct image_loads {
    struct image_loaded *at;
    size_t len;
};
void image_loads_done(struct image_loads *loads);

/* Loads what `docker save`, podman and skopeo write: docker-archive and oci-archive, compressed or
 * not, from a file or a pipe; or an OCI layout if fd is a directory. fd is borrowed. watch may be
 * NULL. */
int image_load(struct images *images, int fd, const struct image_watch *watch,
               struct image_loads *ret_loads, struct err *err);
/* Unpacks the layers of a stored image that are missing. */
int image_unpack(struct images *images, const struct image *image, const struct image_watch *watch,
                 struct err *err);

/* Whether the name means the image that comes with ruche (busybox). */
bool image_is_builtin(const char *name);
/* Loads it. */
int image_builtin_load(struct images *images, const struct image_watch *watch, struct err *err);

/* Gives an image one more name; another image that has it loses it. */
int image_tag(struct images *images, const char *name, const char *new_name, struct err *err);

/* Tells which images containers use: puts a container's name to each image's id. Called after the image is out of
 * the index, so that a container that found it before is seen: a container's record is written
 * before its image is looked up. */
typedef int image_users(void *context, struct pairs *users, struct err *err);

enum image_remove_flags {
    IMAGE_REMOVE_FORCE =
        1 << 0, /* all its names; while containers use it, it stays without a name */
};

/* What went away, for the user to see. */
struct image_removed {
    struct strings untagged; /* names in normal form */
    struct strings deleted;  /* ids */
    uint64_t freed_bytes;    /* of deleted images, unpacked; layers shared with others counted */
};
void image_removed_done(struct image_removed *removed);

/* Takes a name from an image, and removes the image with its last name; by id only if it has one
 * name at most. ERR_CONFLICT: containers use it, or it has several names. users may be NULL: none.
 */
int image_remove(struct images *images, const char *name, enum image_remove_flags flags,
                 image_users *users, void *context, struct image_removed *ret_removed,
                 struct err *err);

enum images_prune_flags {
    IMAGES_PRUNE_ALL = 1 << 0, /* also those that have a name */
};

/* Removes the images that no container uses and that have no name, and whatever crashes left
 * behind. */
int images_prune(struct images *images, enum images_prune_flags flags, image_users *users,
                 void *context, struct image_removed *ret_removed, struct err *err);
