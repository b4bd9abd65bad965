/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers first, one after the other, each by two processes: INFLATE reads the blob and says whether
 * it is what its digest says, DEFLATE packs what comes down the pipe and says whether it is the
 * same. Then manifests are written anew, in their order, so that lists name the new ones.
 */
#include "image/recode.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "image/part.h"
#include "image/room.h"
#include "image/source.h"

enum { PIPE_BYTES = 1 << 20 };

enum { END_INFLATE, END_DEFLATE, ENDS };

/* What a digest became. */
struct exchange {
    char *from;
    char *to;
    uint64_t size;
    char *media_type; /* of a manifest; NULL: of a layer */
};

struct recode {
    struct recoding *recoding;
    struct cargo *cargo;
    const struct recode_options *options;
    const struct image_watch *watch;
    ARRAY_OF(exchange) exchanges;
};

int recoding_open(struct recoding *recoding, struct images *images, struct err *err)
{
    struct recoding own = RECODING_CLOSED;
    if (ingest_open(images, &own.ingest, err) < 0)
        return -1;
    if (helper_open(images->transfer, own.ingest.directory, &own.helper, err) < 0) {
        ingest_close(&own.ingest);
        return -1;
    }
    *recoding = own;
    return 0;
}

void recoding_close(struct recoding *recoding)
{
    helper_close(&recoding->helper);
    ingest_close(&recoding->ingest);
}

static struct exchange *exchange_of(const struct recode *recode, const char *digest)
{
    for (size_t i = 0; i < recode->exchanges.len; i++)
        if (strcmp(recode->exchanges.at[i].from, digest) == 0)
            return &recode->exchanges.at[i];
    return NULL;
}

static void recode_done(struct recode *recode)
{
    for (size_t i = 0; i < recode->exchanges.len; i++) {
        free(recode->exchanges.at[i].from);
        free(recode->exchanges.at[i].to);
        free(recode->exchanges.at[i].media_type);
    }
    free(recode->exchanges.at);
}

/* ---- one layer ---- */

struct packing {
    struct recode *recode;
    struct cargo_blob *blob;
    int sockets[ENDS];
    char *content[ENDS]; /* digests of what it unpacks to, by both */
    char *made;          /* of what was packed */
    uint64_t made_size;
    uint64_t room_bytes; /* that were free */
    struct err broken;   /* why the first one ended; kind ERR_NONE: none has */
};

static void packing_done(struct packing *packing)
{
    for (size_t i = 0; i < ENDS; i++) {
        fd_close(&packing->sockets[i]);
        free(packing->content[i]);
    }
    free(packing->made);
}

static int impossible(struct err *err)
{
    return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
}

static int digests_take(struct packing *packing, size_t end, const struct transfer_event *event,
                        struct err *err)
{
    const char *blob = event_text(event, 0), *content = event_text(event, 1);
    if (packing->content[end] || !digest_valid(blob) || !digest_valid(content))
        return impossible(err);
    packing->content[end] = xstrdup(content);
    if (end == END_INFLATE)
        return strcmp(blob, packing->blob->digest) == 0
                   ? 0
                   : err_set(err, ERR_INVALID, "the blob is damaged: it should be %s, and is %s",
                             packing->blob->digest, blob);
    packing->made = xstrdup(blob);
    packing->made_size = event->bytes;
    return 0;
}

static void progress_tell(const struct packing *packing, uint64_t bytes)
{
    const struct image_watch *watch = packing->recode->watch;
    if (watch && watch->progress)
        watch->progress(watch->context, packing->blob->layer, packing->recode->cargo->n_layers,
                        bytes, packing->blob->size);
}

static int end_event(struct packing *packing, size_t end, struct err *err)
{
    struct transfer_event event;
    if (helper_event(packing->sockets[end], &event, err) < 0)
        return -1;
    if (event.kind == TRANSFER_DIGESTS)
        return digests_take(packing, end, &event, err);
    if (event.kind == TRANSFER_FAILED) {
        event_error(&event, err);
        return -1;
    }
    if (event.kind == TRANSFER_DONE) {
        fd_close(&packing->sockets[end]);
        return 0;
    }
    if (event.kind != TRANSFER_PROGRESS)
        return impossible(err);
    if (end == END_INFLATE)
        progress_tell(packing, event.bytes);
    return 0;
}

/* Listens to one. A broken pipe says only that the other one is gone, who knows better why. */
static int end_listen(struct packing *packing, size_t end, struct err *err)
{
    struct err own;
    if (end_event(packing, end, &own) == 0)
        return 0;
    fd_close(&packing->sockets[end]);
    bool broken = own.errnum == EPIPE;
    if (packing->broken.kind == ERR_NONE || !broken)
        packing->broken = own;
    if (broken && packing->sockets[END_DEFLATE] >= 0)
        return 0;
    *err = packing->broken;
    return -1;
}

static int packing_listen(struct packing *packing, struct err *err)
{
    while (packing->sockets[END_INFLATE] >= 0 || packing->sockets[END_DEFLATE] >= 0) {
        struct pollfd polls[ENDS];
        for (size_t i = 0; i < ENDS; i++)
            polls[i] = (struct pollfd){ .fd = packing->sockets[i], .events = POLLIN };
        if (poll(polls, ENDS, -1) < 0 && errno != EINTR)
            return err_sys(err, "wait for ruche-transfer");
        for (size_t i = 0; i < ENDS; i++)
            if (polls[i].revents && end_listen(packing, i, err) < 0)
                return -1;
    }
    if (packing->broken.kind == ERR_NONE)
        return 0;
    *err = packing->broken;
    return -1;
}

static int packing_run(struct packing *packing, struct err *err)
{
    if (packing_listen(packing, err) < 0) {
        const struct images *images = packing->recode->recoding->ingest.images;
        return room_lacked(err->errnum) ? room_refuse(images, 0, packing->room_bytes, err) : -1;
    }
    if (!packing->content[END_INFLATE] || !packing->content[END_DEFLATE] || !packing->made)
        return impossible(err);
    if (strcmp(packing->content[END_INFLATE], packing->content[END_DEFLATE]) != 0)
        return err_set(err, ERR_SYSTEM, "it was packed into something else");
    return 0;
}

static int packing_begin(struct packing *packing, uint64_t number, struct err *err)
{
    struct recode *recode = packing->recode;
    struct recoding *recoding = recode->recoding;
    struct transfer_request request = {
        .version = TRANSFER_VERSION,
        .verb = TRANSFER_INFLATE,
        .max_bytes = STORE_BYTES_MAX,
    };
    bool zstd = recode->options->compression == IMAGE_COMPRESSION_ZSTD;
    int ends[2];
    auto_close int blob = -1;
    auto_close int file = -1;
    if (ingest_make(&recoding->ingest, number, &file, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, "make a pipe");
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* a small one works too */
    const int deflate[] = { ends[0], file };
    int inflate[] = { -1, ends[1] };
    int result = cargo_open(recode->cargo, packing->blob, &blob, err);
    inflate[0] = blob;
    if (result == 0)
        result = helper_request(&recoding->helper, &request, inflate, array_size(inflate),
                                &packing->sockets[END_INFLATE], err);
    request.verb = TRANSFER_DEFLATE;
    request.room_bytes = packing->room_bytes;
    memcpy(request.name, zstd ? "zstd" : "gzip", sizeof("zstd"));
    if (result == 0)
        result = helper_request(&recoding->helper, &request, deflate, array_size(deflate),
                                &packing->sockets[END_DEFLATE], err);
    close(ends[0]);
    close(ends[1]);
    return result;
}

static int layer_recode(struct recode *recode, struct cargo_blob *blob, struct err *err)
{
    auto_done(packing) packing = {
        .recode = recode,
        .blob = blob,
        .sockets = { -1, -1 },
        .room_bytes = store_room(recode->recoding->ingest.images),
    };
    uint64_t number = recode->recoding->next++;
    if (recode->watch && recode->watch->step)
        recode->watch->step(recode->watch->context, blob->layer, recode->cargo->n_layers,
                            blob->digest, IMAGE_STEP_UNPACK);
    if (packing_begin(&packing, number, err) < 0 || packing_run(&packing, err) < 0)
        return err_wrap(err, "pack layer %zu of %zu", blob->layer, recode->cargo->n_layers);
    struct exchange *exchange = array_add(&recode->exchanges);
    exchange->from = take_ptr(blob->digest);
    exchange->to = xstrdup(packing.made);
    exchange->size = packing.made_size;
    blob->digest = take_ptr(packing.made);
    blob->size = packing.made_size;
    blob->place = CARGO_INGEST;
    blob->number = number;
    return 0;
}

/* ---- manifests ---- */

static void text_set(char **text, const char *value)
{
    free(*text);
    *text = xstrdup(value);
}

static const char *layer_type(bool docker, enum layer_format format)
{
    static const char *const docker_types[] = {
        [LAYER_PLAIN] = MEDIA_DOCKER_LAYER,
        [LAYER_GZIP] = MEDIA_DOCKER_LAYER_GZIP,
        [LAYER_ZSTD] = MEDIA_DOCKER_LAYER_ZSTD,
    };
    return docker ? docker_types[format] : layer_format_media_type(format);
}

static enum layer_format format_wanted(const struct recode *recode, enum layer_format format)
{
    switch (recode->options->compression) {
    case IMAGE_COMPRESSION_AS_IS:
        return format;
    case IMAGE_COMPRESSION_GZIP:
        return LAYER_GZIP;
    case IMAGE_COMPRESSION_ZSTD:
        return LAYER_ZSTD;
    }
    return format;
}

/* A layer's new descriptor; the blob is packed anew if it has not been. */
static int layer_exchange(struct recode *recode, struct oci_descriptor *layer, bool docker,
                          struct err *err)
{
    enum layer_format format;
    if (!media_layer_format(layer->media_type, &format))
        return 0; /* of an artifact, which nobody knows how to pack */
    enum layer_format wanted = format_wanted(recode, format);
    if (docker && wanted == LAYER_ZSTD) {
        err_set(err, ERR_UNSUPPORTED, "docker's manifests have no zstd layers");
        return err_hint(err, "add --compression gzip");
    }
    for (size_t i = 0; wanted != format && i < recode->cargo->blobs.len; i++)
        if (strcmp(recode->cargo->blobs.at[i].digest, layer->digest) == 0 &&
            layer_recode(recode, &recode->cargo->blobs.at[i], err) < 0)
            return -1;
    const struct exchange *exchange = exchange_of(recode, layer->digest);
    if (exchange) {
        text_set(&layer->digest, exchange->to);
        layer->size = (int64_t)exchange->size;
    }
    text_set(&layer->media_type, layer_type(docker, wanted));
    if (docker)
        pairs_done(&layer->annotations);
    return 0;
}

static bool docker_wanted(const struct recode *recode, const char *media_type)
{
    if (recode->options->format == IMAGE_FORMAT_AS_IS)
        return media_is_docker(media_type);
    return recode->options->format == IMAGE_FORMAT_DOCKER;
}

static int image_recode(struct recode *recode, const struct cargo_manifest *from, struct str *out,
                        const char **ret_type, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    if (oci_manifest_parse(from->data, from->len, &manifest, err) < 0)
        return -1;
    bool image = manifest_is_image(&manifest);
    bool docker = image && docker_wanted(recode, from->media_type);
    *ret_type = docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST;
    for (size_t i = 0; image && i < manifest.layers.len; i++)
        if (layer_exchange(recode, &manifest.layers.at[i], docker, err) < 0)
            return -1;
    if (image)
        text_set(&manifest.config.media_type, docker ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG);
    text_set(&manifest.media_type, *ret_type);
    if (docker)
        pairs_done(&manifest.annotations);
    oci_manifest_format(&manifest, out);
    return 0;
}

static int list_recode(const struct recode *recode, const struct cargo_manifest *from,
                       struct str *out, const char **ret_type, struct err *err)
{
    auto_done(oci_index) index = {};
    if (oci_index_parse(from->data, from->len, &index, err) < 0)
        return -1;
    *ret_type = docker_wanted(recode, from->media_type) ? MEDIA_DOCKER_LIST : MEDIA_OCI_INDEX;
    text_set(&index.media_type, *ret_type);
    for (size_t i = 0; i < index.manifests.len; i++) {
        const struct exchange *exchange = exchange_of(recode, index.manifests.at[i].digest);
        if (!exchange)
            continue;
        text_set(&index.manifests.at[i].digest, exchange->to);
        text_set(&index.manifests.at[i].media_type, exchange->media_type);
        index.manifests.at[i].size = (int64_t)exchange->size;
    }
    oci_index_format(&index, out);
    return 0;
}

/* Finds out the digest of a document. Owned by the caller. */
static int text_digest(struct recode *recode, const struct str *text, char **ret_digest,
                       struct err *err)
{
    auto_done(parts) parts = {};
    struct recoding *recoding = recode->recoding;
    uint64_t number = recoding->next++;
    if (ingest_save(&recoding->ingest, number, str_text(text), text->len, err) < 0)
        return -1;
    size_t place = parts_add(&parts, NULL, number);
    if (parts_run(&parts, &recoding->ingest, &recoding->helper, NULL, err) < 0)
        return -1;
    *ret_digest = take_ptr(parts.at[place].digest);
    return 0;
}

static int manifest_recode(struct recode *recode, struct cargo_manifest *manifest, struct err *err)
{
    auto_done(str) text = { .max_bytes = OCI_MANIFEST_MAX_BYTES };
    char *digest;
    const char *type = NULL;
    int result = manifest->list ? list_recode(recode, manifest, &text, &type, err)
                                : image_recode(recode, manifest, &text, &type, err);
    if (result < 0 || text_digest(recode, &text, &digest, err) < 0)
        return -1;
    struct exchange *exchange = array_add(&recode->exchanges);
    exchange->from = take_ptr(manifest->digest);
    exchange->to = xstrdup(digest);
    exchange->size = text.len;
    exchange->media_type = xstrdup(type);
    manifest->digest = digest;
    text_set(&manifest->media_type, type);
    manifest->len = text.len;
    free(manifest->data);
    manifest->data = str_take(&text);
    return 0;
}

int recode_cargo(struct recoding *recoding, struct cargo *cargo,
                 const struct recode_options *options, const struct image_watch *watch,
                 struct err *err)
{
    auto_done(recode) recode = {
        .recoding = recoding,
        .cargo = cargo,
        .options = options,
        .watch = watch,
    };
    int result = 0;
    for (size_t i = 0; result == 0 && i < cargo->manifests.len; i++)
        result = manifest_recode(&recode, &cargo->manifests.at[i], err);
    if (result == 0)
        cargo->ingest = &recoding->ingest;
    return result;
}
