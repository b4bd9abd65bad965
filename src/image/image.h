/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Images: those on this machine, by name or id; their layers as directories; archives loaded. State
 * lies in <root>/oci, <root>/layers, <root>/ingest and <root>/trash (docs/formats/store.md).
 * Reading takes no lock.
 */
#include <stdbool.h>
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

/* What layers are unpacked to from now on. What is there already is used as it is. */
enum image_storage {
    STORAGE_AUTO,    /* EROFS images where they can be mounted, else directories: tried */
    STORAGE_EROFS,   /* or an error */
    STORAGE_OVERLAY, /* directories */
};
void images_storage(struct images *images, enum image_storage storage);

/* An image on this machine. */
struct image {
    char *id;             /* digest of its configuration: "sha256:…" */
    char *digest;         /* of its manifest */
    char *list;           /* digest of the list that it was taken from; NULL: none */
    struct strings names; /* in normal form: "docker.io/library/busybox:latest"; none: untagged */
    uint64_t size_bytes;  /* of its layers, unpacked */
    struct oci_image
        oci; /* configuration, platform, history; oci.rootfs.diff_ids: its layers, lowest first */
};

void image_free(struct image *image);
DROP(image);

/* Finds an image by reference ("busybox", "host/a:tag", "a@sha256:…"), id ("sha256:…") or the
 * beginning of one that no other image has. A name goes before an id. If it means a list, the image
 * is the one for this machine. Returns 1, or 0 if there is none. ERR_UNSUPPORTED: it means
 * something else than an image. */
int image_find(struct images *images, const char *name, struct image **ret_image, struct err *err);
/* Whether a name means an image or a list here, whatever its platform. Returns 1 or 0. */
int image_known(struct images *images, const char *name, struct err *err);
/* Why none was found, for a platform or, NULL, this machine's: always an error. ERR_NOT_FOUND, unless
 * the store cannot be read. */
int image_absent(struct images *images, const char *name, const struct oci_platform *platform,
                 struct err *err);
/* As image_find for a platform; an image of another one is as if it were not there. NULL: any, or of a
 * list this machine's. */
int image_find_for(struct images *images, const char *name, const struct oci_platform *platform,
                   struct image **ret_image, struct err *err);
/* Its manifest: digests and sizes of its blobs. */
int image_manifest(struct images *images, const struct image *image,
                   struct oci_manifest *ret_manifest, struct err *err);
/* Opens the layers, fds[i] for diff_ids.at[i]: roots of detached mounts, or directories (O_PATH). On
 * failure none stays open. ERR_NOT_FOUND: a layer is not unpacked; image_unpack does that. */
int image_layers_open(struct images *images, const struct image *image, int *fds, struct err *err);
/* The path of a layer below the root: "layers/HEX.erofs", a file with an EROFS image, or the
 * directory "layers/HEX/tree". Owned by the caller. */
char *image_layer_path(struct images *images, const char *diff_id);

/* A name in short form, as docker shows it: "busybox:latest". Owned by the caller. */
char *image_familiar(const char *name);
/* One step by which an image was made. */
struct image_step_made {
    const struct oci_history *entry; /* the image's; NULL: nothing is told */
    uint64_t size_bytes;             /* of its layer; 0: it has none */
};
struct image_steps {
    struct image_step_made *at; /* the first one first */
    size_t len;
};
void image_steps_done(struct image_steps *steps);
int image_history(struct images *images, const struct image *image, struct image_steps *ret_steps,
                  struct err *err);

/* Any reference in normal form. Owned by the caller. */
int image_normal(const char *name, char **ret_name, struct err *err);

/* One row of `images`: a name, or an image that has none. */
struct image_row {
    char *name; /* normal form; NULL: untagged */
    bool list; /* images for several platforms; the id is its digest, the size that of those here */
    char *id;
    char *digest;
    char *created; /* RFC 3339, may be NULL */
    uint64_t size_bytes;
};
struct image_rows {
    struct image_row *at;
    size_t len;
};

/* In the order in which they were added. Signatures and other artifacts are left out. */
int images_list(struct images *images, struct image_rows *ret_rows, struct err *err);
void image_rows_done(struct image_rows *rows);

/* What is done with a layer. */
enum image_step {
    IMAGE_STEP_HERE,  /* nothing: it is here already; the last step */
    IMAGE_STEP_THERE, /* nothing: the registry has it already; the last step */
    IMAGE_STEP_WAIT,  /* another process is fetching it */
    IMAGE_STEP_FETCH, /* it is fetched, and unpacked at once */
    IMAGE_STEP_UNPACK,
    IMAGE_STEP_PUSH,
    IMAGE_STEP_DONE, /* the last step */
    IMAGE_STEP_COUNT
};

/* What long work tells while it goes on. Members may be NULL. */
struct image_watch {
    /* A layer comes to a step. digest: of its blob, or NULL. */
    void (*step)(void *context, size_t layer, size_t n_layers, const char *digest,
                 enum image_step step);
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
struct image_import {
    const char *name;              /* NULL: none */
    const char *message;           /* for its history, or NULL */
    const char *platform;          /* "linux/arm64"; NULL: this machine's */
    const char *created;           /* RFC 3339 */
    const struct strings *changes; /* "CMD [\"sh\"]"; NULL: none */
};
/* Makes an image of a root file system: a tar archive, plain or compressed by gzip or zstd, from a
 * file or a pipe. */
int image_import(struct images *images, int fd, const struct image_import *options,
                 const struct image_watch *watch, struct image_loads *ret_loads, struct err *err);

enum image_save_format {
    IMAGE_SAVE_DOCKER_ARCHIVE,
    IMAGE_SAVE_OCI_ARCHIVE,
    IMAGE_SAVE_DOCKER_DIR, /* one image; what skopeo calls dir: */
    IMAGE_SAVE_OCI_DIR,
};
struct image_save {
    enum image_save_format format;
    const char *platform; /* "linux/arm64"; NULL: of a list this machine's, in a layout all of it */
};
/* Writes images, whose names end in NULL, to a file or a pipe, or into an empty directory. */
int image_save(struct images *images, char *const *names, const struct image_save *options, int fd,
               struct err *err);

/* What a container sees: layers, and what it has written on top of them. */
struct image_export {
    const struct strings *diff_ids; /* lowest first; NULL: none */
    int upper;                      /* a directory, O_PATH will do */
};
/* Writes it to a file or a pipe, as a tar archive. */
int image_export(struct images *images, const struct image_export *what, int fd, struct err *err);

/* Whether its layers are unpacked: those of one that was pushed here (registry serve) are not. */
bool image_unpacked(struct images *images, const struct image *image);
/* Unpacks the layers of a stored image that are missing. */
int image_unpack(struct images *images, const struct image *image, const struct image_watch *watch,
                 struct err *err);

/* Whether the name means the image that comes with ruche (busybox). */
bool image_is_builtin(const char *name);
/* Loads it. */
int image_builtin_load(struct images *images, const struct image_watch *watch, struct err *err);

/* Gives an image one more name; another image that has it loses it. */
int image_tag(struct images *images, const char *name, const char *new_name, struct err *err);

/* Takes names from an image, or all of them if there are none in the list; the image stays.
 * ERR_NOT_FOUND: it has not such a name. Adds the names. */
int image_untag(struct images *images, const char *name, char *const *names,
                struct strings *untagged, struct err *err);

/* Tells which images are in use: puts a container's name to each image's id, or the absolute path
 * where it is mounted. Called after the image is out of the index, so that a container that found it
 * before is seen: a container's record is written before its image is looked up. */
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
/* Of those only some. */
struct images_prune {
    enum images_prune_flags flags;
    const char *until;                /* created before: RFC 3339 in UTC; NULL: at any time */
    const struct strings *labels;     /* "KEY" or "KEY=VALUE", all of which it has; NULL: any */
    const struct strings *not_labels; /* none of which it has */
    const struct strings *ids;        /* NULL: any */
};
int images_prune_some(struct images *images, const struct images_prune *which, image_users *users,
                      void *context, struct image_removed *ret_removed, struct err *err);

/* When the file system is fuller than high_percent, removes images that no container uses, with
 * their names, those first that were not used for longest, until it is no fuller than low_percent.
 */
enum images_gc_flags {
    IMAGES_GC_DRY_RUN = 1 << 0, /* only tells what would go, from what each takes now */
};
struct images_gc {
    enum images_gc_flags flags;
    unsigned high_percent;
    unsigned low_percent;
    int64_t keep_s; /* those used in so many last seconds stay */
};
struct images_gc_done {
    struct image_removed removed;
    unsigned before_percent;
    unsigned after_percent;
};
int images_gc(struct images *images, const struct images_gc *policy, image_users *users,
              void *context, struct images_gc_done *ret_done, struct err *err);

/* What an image takes of the disk, and when it was used last. */
struct image_usage {
    char *id;
    struct strings names;
    uint64_t shared_bytes; /* allocated, of blobs and layers that other images need too */
    uint64_t unique_bytes;
    bool used;      /* by a container */
    int64_t used_s; /* since 1970: when it was stored, or a container of it made, to the day */
    bool counted;   /* for images_usage itself */
};
struct images_usage {
    ARRAY_OF(image_usage) images;
    uint64_t total_bytes;       /* allocated for all of the store, directories too, as du counts */
    uint64_t reclaimable_bytes; /* of blobs and layers that no container's image needs */
    uint64_t unreadable;        /* directories that could not be looked into, and are not in it */
};
void images_usage_done(struct images_usage *usage);
int images_usage(struct images *images, image_users *users, void *context,
                 struct images_usage *ret_usage, struct err *err);

/* ---- lists of images for several platforms ---- */

enum image_list_flags {
    IMAGE_LIST_AMEND = 1 << 0, /* a list that is there is added to */
    IMAGE_LIST_ALL = 1 << 1,   /* of a list that is added all its images */
};
/* What a list says of a member. NULL: as its configuration has it; "": nothing. */
struct image_list_change {
    enum image_list_flags flags;
    const char *os;
    const char *architecture;
    const char *variant;
    const char *os_version;
    const struct strings *os_features;
    const struct strings *annotations; /* "KEY=VALUE" */
};
/* Makes a list of images of the store, whose names end in NULL. ERR_EXISTS: there is one. */
int image_list_create(struct images *images, const char *name, char *const *members,
                      const struct image_list_change *change, struct err *err);
int image_list_add(struct images *images, const char *name, const char *member,
                   const struct image_list_change *change, struct err *err);
/* member: an image of the store, or its manifest's digest. */
int image_list_annotate(struct images *images, const char *name, const char *member,
                        const struct image_list_change *change, struct err *err);
int image_list_remove(struct images *images, const char *name, const char *member, struct err *err);
/* Removes a list, and what of it nothing else needs. */
int image_list_delete(struct images *images, const char *name, image_users *users, void *context,
                      struct image_removed *ret_removed, struct err *err);
/* Adds the list that a name means or its image was taken from, or the manifest of an image, as it is
 * stored. */
int image_document(struct images *images, const char *name, struct str *text, struct err *err);

/* ---- checking ---- */

enum images_check_flags {
    IMAGES_CHECK_REPAIR = 1 << 0,
    IMAGES_CHECK_QUICK = 1 << 1, /* nothing is read but the index and documents */
    IMAGES_CHECK_FETCH = 1 << 2, /* with REPAIR: what has to be pulled again is */
};
struct image_fault {
    char *text;   /* one line, escaped */
    char *remedy; /* what was done or is to be done about it, or NULL */
    bool repaired;
};
struct images_checked {
    ARRAY_OF(image_fault) faults;
    struct strings again;   /* names and ids of images that have to be pulled or loaded again */
    struct strings fetched; /* names of those that were */
    size_t rows;
    size_t blobs;
    size_t layers;
    uint64_t bytes;     /* read */
    uint64_t left_over; /* things that nothing needs: no fault, the next prune removes them */
    size_t unchecked;   /* layers for which there was no room to unpack them again */
};
void images_checked_done(struct images_checked *checked);
/* Reads all that the store holds and compares it with what it should be. running: which images the
 * running containers use, whose layers are not exchanged under them; both may be NULL. */
int images_check(struct images *images, enum images_check_flags flags, image_users *users,
                 image_users *running, void *context, const struct image_watch *watch,
                 struct images_checked *ret_checked, struct err *err);
