/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "oci/image.h"

/*
 * An id is 128 random bits, by which nobody finds a stranger's session, and 64 bits of a digest of
 * them and the repository, by which an id is worth nothing in another repository even if the server
 * has forgotten all about it.
 *
 * Between requests the file is closed and the state of the digest kept, in a list of which the
 * longest unused are dropped. The file is locked while it is open: another server on the same store
 * does not write to it then, and if it has done so before, the size tells.
 */
enum {
    RANDOM_SIZE = 16,
    RANDOM_DIGITS = 2 * RANDOM_SIZE,
    BOUND_DIGITS = UPLOAD_ID_SIZE - 1 - RANDOM_DIGITS,
    FILE_MODE = 0600,
    KNOWN_MAX = 1024,
    READ_SIZE = 1 << 17,
};

static const char prefix[] = "upload-";

struct upload {
    struct upload *next;
    char file[sizeof(prefix) + UPLOAD_ID_SIZE];
    uint64_t size; /* bytes that are digested */
    struct digest *digest;
    int fd;    /* -1: nobody has it */
    bool used; /* by a request */
};

struct uploads {
    int directory;
    pthread_mutex_t lock; /* of the list, and of `used` in it */
    struct upload *first; /* the last used one first */
    size_t n_known;
};

static void upload_free(struct upload *upload)
{
    if (!upload)
        return;
    digest_free(upload->digest);
    fd_close(&upload->fd);
    free(upload);
}
DROP(upload);

struct uploads *uploads_new(int directory)
{
    struct uploads *uploads = xnew(struct uploads);
    uploads->directory = directory;
    (void)pthread_mutex_init(&uploads->lock, NULL);
    return uploads;
}

void uploads_free(struct uploads *uploads)
{
    if (!uploads)
        return;
    while (uploads->first) {
        struct upload *upload = uploads->first;
        uploads->first = upload->next;
        upload_free(upload);
    }
    (void)pthread_mutex_destroy(&uploads->lock);
    free(uploads);
}

/* ---- ids ---- */

/* The digits that bind random ones to the repository. */
static int bind_digits(const char *random, const char *repository, char bound[BOUND_DIGITS + 1],
                       struct err *err)
{
    char text[DIGEST_TEXT_SIZE];
    auto_drop(digest) *digest = digest_new();
    if (!digest)
        return err_set(err, ERR_SYSTEM, "libcrypto gives no SHA-256");
    digest_add(digest, random, RANDOM_DIGITS);
    digest_add(digest, repository, strlen(repository));
    digest_text(digest, text);
    memcpy(bound, digest_hex(text), BOUND_DIGITS);
    bound[BOUND_DIGITS] = '\0';
    return 0;
}

static int id_make(const char *repository, char id[static UPLOAD_ID_SIZE], struct err *err)
{
    unsigned char random[RANDOM_SIZE];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(err, "get random bytes");
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    return bind_digits(id, repository, id + RANDOM_DIGITS, err);
}

static bool id_belongs(const char *id, const char *repository)
{
    char bound[BOUND_DIGITS + 1];
    struct err ignored;
    return strlen(id) == UPLOAD_ID_SIZE - 1 &&
           strspn(id, "0123456789abcdef") == UPLOAD_ID_SIZE - 1 &&
           bind_digits(id, repository, bound, &ignored) == 0 &&
           strcmp(bound, id + RANDOM_DIGITS) == 0;
}

/* ---- files ---- */

/* Whether the locked file still has its name: another server may have made a blob of it before. */
static bool still_named(const struct uploads *uploads, const struct upload *upload,
                        const struct stat *locked)
{
    struct stat st;
    return fstatat(uploads->directory, upload->file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_ino == locked->st_ino && st.st_dev == locked->st_dev;
}

/* Opens and locks its file. Returns 1, or 0: there is none. */
static int file_open(const struct uploads *uploads, struct upload *upload, int flags,
                     struct stat *ret_st, struct err *err)
{
    auto_close int fd = openat(uploads->directory, upload->file,
                               O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, FILE_MODE);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, "open an upload");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? err_set(err, ERR_CONFLICT, "the upload is another server's just now")
                   : err_sys(err, "lock an upload");
    if (fstat(fd, ret_st) < 0)
        return err_sys(err, "look at an upload");
    if (!S_ISREG(ret_st->st_mode) || !still_named(uploads, upload, ret_st))
        return 0;
    upload->fd = take_fd(fd);
    return 1;
}

/* Digests the file from its beginning, unless that is what the state says already. */
static int file_digest(struct upload *upload, const struct stat *st, struct err *err)
{
    if (upload->digest && upload->size == (uint64_t)st->st_size)
        return lseek(upload->fd, 0, SEEK_END) < 0 ? err_sys(err, "seek in an upload") : 0;
    digest_free(upload->digest);
    upload->digest = digest_new();
    upload->size = 0;
    if (!upload->digest)
        return err_set(err, ERR_SYSTEM, "libcrypto gives no SHA-256");
    auto_free char *buffer = xmalloc(READ_SIZE);
    for (;;) {
        ssize_t got = read(upload->fd, buffer, READ_SIZE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(err, "read an upload");
        if (got == 0)
            return 0;
        digest_add(upload->digest, buffer, (size_t)got);
        upload->size += (uint64_t)got;
    }
}

/* ---- the list ---- */

/* Takes it out of the list. NULL: it is not in there. Under the lock. */
static struct upload *list_cut(struct uploads *uploads, const char *file)
{
    for (struct upload **at = &uploads->first; *at; at = &(*at)->next) {
        struct upload *upload = *at;
        if (strcmp(upload->file, file) != 0)
            continue;
        *at = upload->next;
        uploads->n_known--;
        return upload;
    }
    return NULL;
}

static void list_put(struct uploads *uploads, struct upload *upload)
{
    upload->next = uploads->first;
    uploads->first = upload;
    uploads->n_known++;
}

/* The last one that no request has, if there are too many: its state is read again when it is asked
 * for. Under the lock. */
static struct upload *list_spare(struct uploads *uploads)
{
    struct upload *spare = NULL;
    if (uploads->n_known <= KNOWN_MAX)
        return NULL;
    for (struct upload *at = uploads->first; at; at = at->next)
        if (!at->used)
            spare = at;
    return spare ? list_cut(uploads, spare->file) : NULL;
}

/* ---- sessions ---- */

int upload_new(struct uploads *uploads, const char *repository, struct upload **ret_upload,
               struct err *err)
{
    auto_drop(upload) *upload = xnew(struct upload);
    struct stat st = {};
    upload->fd = -1;
    upload->used = true;
    memcpy(upload->file, prefix, sizeof(prefix));
    if (id_make(repository, upload->file + sizeof(prefix) - 1, err) < 0)
        return -1;
    int made = file_open(uploads, upload, O_CREAT | O_EXCL, &st, err);
    if (made == 0)
        return err_set(err, ERR_SYSTEM, "a fresh upload has gone");
    if (made < 0 || file_digest(upload, &st, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&uploads->lock);
    list_put(uploads, upload);
    auto_drop(upload) *spare = list_spare(uploads);
    (void)pthread_mutex_unlock(&uploads->lock);
    *ret_upload = take_ptr(upload);
    return 0;
}

/* What is known of it, to be a request's. NULL: it is another's. */
static struct upload *known_take(struct uploads *uploads, const char *id)
{
    char file[sizeof(prefix) + UPLOAD_ID_SIZE];
    snprintf(file, sizeof(file), "%s%s", prefix, id);
    (void)pthread_mutex_lock(&uploads->lock);
    struct upload *upload = list_cut(uploads, file);
    bool used = upload && upload->used;
    if (!upload) {
        upload = xnew(struct upload);
        upload->fd = -1;
        memcpy(upload->file, file, sizeof(file));
    }
    upload->used = true;
    list_put(uploads, upload);
    (void)pthread_mutex_unlock(&uploads->lock);
    return used ? NULL : upload;
}

/* Takes it out of the list for good. */
static void forget(struct uploads *uploads, struct upload *upload)
{
    (void)pthread_mutex_lock(&uploads->lock);
    (void)list_cut(uploads, upload->file);
    (void)pthread_mutex_unlock(&uploads->lock);
    upload_free(upload);
}

int upload_take(struct uploads *uploads, const char *repository, const char *id,
                struct upload **ret_upload, struct err *err)
{
    struct stat st = {};
    if (!id_belongs(id, repository))
        return 0;
    struct upload *upload = known_take(uploads, id);
    if (!upload)
        return err_set(err, ERR_CONFLICT, "another request writes to the upload");
    int found = file_open(uploads, upload, 0, &st, err);
    if (found > 0 && file_digest(upload, &st, err) < 0)
        found = -1;
    if (found <= 0) {
        forget(uploads, upload);
        return found;
    }
    *ret_upload = upload;
    return 1;
}

void upload_release(struct uploads *uploads, struct upload *upload)
{
    fd_close(&upload->fd);
    (void)pthread_mutex_lock(&uploads->lock);
    upload->used = false;
    auto_drop(upload) *spare = list_spare(uploads);
    (void)pthread_mutex_unlock(&uploads->lock);
}

void upload_cancel(struct uploads *uploads, struct upload *upload)
{
    /* Gone already is fine: a finished one has been moved. */
    (void)unlinkat(uploads->directory, upload->file, 0);
    forget(uploads, upload);
}

const char *upload_id(const struct upload *upload)
{
    return upload->file + sizeof(prefix) - 1;
}

const char *upload_file(const struct upload *upload)
{
    return upload->file;
}

int uploads_directory(const struct uploads *uploads)
{
    return uploads->directory;
}

uint64_t upload_size(const struct upload *upload)
{
    return upload->size;
}

int upload_write(struct upload *upload, const void *at, size_t len, struct err *err)
{
    if (len > UPLOAD_MAX_BYTES - upload->size)
        return err_set(err, ERR_INVALID, "a blob may have 64 GiB at most");
    if (fd_write_all(upload->fd, at, len) < 0) {
        err_sys(err, "write an upload");
        /* What is over would be taken for sent. */
        if (ftruncate(upload->fd, (off_t)upload->size) < 0 || lseek(upload->fd, 0, SEEK_END) < 0)
            return err_wrap(err, "and it cannot be cut");
        return -1;
    }
    digest_add(upload->digest, at, len);
    upload->size += len;
    return 0;
}

void upload_digest(struct upload *upload, char digest[static DIGEST_TEXT_SIZE])
{
    digest_text(upload->digest, digest);
    digest_free(take_ptr(upload->digest));
}

/* ---- left-overs ---- */

void uploads_tidy(struct uploads *uploads)
{
    auto_done(strings) names = {};
    struct err ignored;
    struct timespec now = {};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (dir_list(uploads->directory, ".", &names, &ignored) <= 0)
        return;
    for (size_t i = 0; i < names.len; i++) {
        struct stat st;
        auto_close int fd =
            openat(uploads->directory, names.at[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || now.tv_sec - st.st_mtim.tv_sec < UPLOAD_KEEP_S ||
            flock(fd, LOCK_EX | LOCK_NB) < 0)
            continue;
        (void)unlinkat(uploads->directory, names.at[i], 0);
    }
}
