/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The distribution specification's endpoints: their table, and who handles them. */
#include "registry/request.h"

/* Ends with a row that has no method. */
extern const struct route registry_routes[];

/* blobs.c */
void blob_get(struct request *request);
void blob_delete(struct request *request);

/* uploads.c */
void uploads_post_begin(struct request *request);
void uploads_post_end(struct request *request);
void upload_get(struct request *request);
void upload_delete(struct request *request);
void upload_append_begin(struct request *request);
void upload_append_data(struct request *request, const char *at, size_t len);
void upload_patch_end(struct request *request);
void upload_put_begin(struct request *request);
void upload_put_end(struct request *request);

/* manifests.c */
void manifest_get(struct request *request);
void manifest_delete(struct request *request);
void manifest_put_begin(struct request *request);
void manifest_put_data(struct request *request, const char *at, size_t len);
void manifest_put_end(struct request *request);
/* Gives back the place in memory that a request's body has. */
void manifest_body_drop(struct request *request);

/* lists.c */
void base_get(struct request *request);
void tags_get(struct request *request);
void catalog_get(struct request *request);
void referrers_get(struct request *request);
