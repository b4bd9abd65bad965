/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/handlers.h"

/* clang-format off */
const struct route registry_routes[] = {
    { "GET",    "/v2/",                              0, NULL, NULL, base_get },
    { "GET",    "/v2",                               0, NULL, NULL, base_get },
    { "GET",    "/v2/_catalog",                      ROUTE_READS, NULL, NULL, catalog_get },
    { "GET",    "/v2/{name}/tags/list",              ROUTE_READS, NULL, NULL, tags_get },
    { "GET",    "/v2/{name}/referrers/{tail}",       ROUTE_READS, NULL, NULL, referrers_get },
    { "GET",    "/v2/{name}/manifests/{tail}",       ROUTE_READS, NULL, NULL, manifest_get },
    { "PUT",    "/v2/{name}/manifests/{tail}",       ROUTE_WRITES | ROUTE_READS, manifest_put_begin, manifest_put_data, manifest_put_end },
    { "DELETE", "/v2/{name}/manifests/{tail}",       ROUTE_WRITES | ROUTE_READS, NULL, NULL, manifest_delete },
    { "POST",   "/v2/{name}/blobs/uploads/",         ROUTE_WRITES, uploads_post_begin, upload_append_data, uploads_post_end },
    { "POST",   "/v2/{name}/blobs/uploads",          ROUTE_WRITES, uploads_post_begin, upload_append_data, uploads_post_end },
    { "GET",    "/v2/{name}/blobs/uploads/{tail}",   ROUTE_WRITES, NULL, NULL, upload_get },
    { "PATCH",  "/v2/{name}/blobs/uploads/{tail}",   ROUTE_WRITES, upload_append_begin, upload_append_data, upload_patch_end },
    { "PUT",    "/v2/{name}/blobs/uploads/{tail}",   ROUTE_WRITES, upload_put_begin, upload_append_data, upload_put_end },
    { "DELETE", "/v2/{name}/blobs/uploads/{tail}",   ROUTE_WRITES, NULL, NULL, upload_delete },
    { "GET",    "/v2/{name}/blobs/{tail}",           0, NULL, NULL, blob_get },
    { "DELETE", "/v2/{name}/blobs/{tail}",           ROUTE_WRITES, NULL, NULL, blob_delete },
    { 0 },
};
/* clang-format on */
