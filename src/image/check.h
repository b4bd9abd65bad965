/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A check of the store under way, for the files that do its parts. */
#include "image/ingest.h"
#include "image/sum.h"

struct check {
    struct images *images;
    enum images_check_flags flags;
    const struct image_watch *watch;
    image_users *ask_users;
    image_users *ask_running;
    void *context;
    struct pairs users;     /* id: a container */
    struct pairs running;   /* the same of those that run */
    struct helper helper;   /* not open with QUICK */
    struct oci_index index; /* its rows that are whole */
    bool index_changed;     /* it is to be saved */
    struct kept kept;       /* what the rows and users need; sorted */
    struct strings bad;     /* digests of blobs that are damaged or missing */
    struct pairs lost;      /* names of images that are not whole any more: digests of manifests */
    struct images_checked result;
};

/* Adds a fault; its text is escaped. Gives it, until the next is added. */
struct image_fault *check_fault(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void fault_remedy(struct image_fault *fault, bool repaired, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The index and its rows. Leaves the rows that are whole. Under the lock: an index and its copy are
 * of one time then. */
int check_index(struct check *check, struct err *err);
/* -1: one of them could not be looked at, which says nothing about it. Before anything is moved. */
int check_sums(const struct sums *sums, struct err *err);
/* The bytes of all blobs. */
int check_blobs(struct check *check, struct err *err);
/* What the rows need is there. */
int check_rows(struct check *check, struct err *err);
/* Unpacked layers, against their blobs unpacked once more. */
int check_layers(struct check *check, struct err *err);

/* Fetches what was lost and can be. Without the lock. */
void check_fetch(struct check *check);

/* Whether text is in the sorted list. */
bool sorted_have(const struct strings *list, const char *text);
