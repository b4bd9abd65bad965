/* SPDX-License-Identifier: Apache-2.0 */
/* ustar (POSIX.1-1988), and a pax header (POSIX.1-2001) before a member of 8 GiB or more. */
#include "image/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { BLOCK = 512, NAME_MAX_BYTES = 100, DIR_MODE = 0755, FILE_MODE = 0644 };
enum { BUFFER_BYTES = 64 << 10, SEND_MOST = 1 << 30 };

static const uint64_t ustar_most = ((uint64_t)1 << 33) - 1;
static const char zeros[2 * BLOCK];

struct header {
    char name[NAME_MAX_BYTES];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char owner[32];
    char group[32];
    char major[8];
    char minor[8];
    char prefix[155];
    char pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

static void octal(char *at, size_t size, uint64_t value)
{
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        at[i] = (char)('0' + (value & 7));
    at[size - 1] = '\0';
}

static void header_make(struct header *header, const char *name, char type, mode_t mode,
                        uint64_t size_bytes)
{
    unsigned sum = 0;
    *header = (struct header){ .type = type, .magic = "ustar", .version = { '0', '0' } };
    memcpy(header->name, name, strlen(name));
    octal(header->mode, sizeof(header->mode), mode);
    octal(header->uid, sizeof(header->uid), 0);
    octal(header->gid, sizeof(header->gid), 0);
    octal(header->size, sizeof(header->size), size_bytes);
    octal(header->mtime, sizeof(header->mtime), 0);
    octal(header->major, sizeof(header->major), 0);
    octal(header->minor, sizeof(header->minor), 0);
    memset(header->checksum, ' ', sizeof(header->checksum));
    for (size_t i = 0; i < BLOCK; i++)
        sum += ((const unsigned char *)header)[i];
    octal(header->checksum, sizeof(header->checksum) - 1, sum);
}

static int put(const struct archive *archive, const void *data, size_t len, struct err *err)
{
    return fd_write_all(archive->fd, data, len) < 0 ? err_sys(err, "write the archive") : 0;
}

static int put_padding(const struct archive *archive, uint64_t size_bytes, struct err *err)
{
    size_t over = size_bytes % BLOCK;
    return over ? put(archive, zeros, BLOCK - over, err) : 0;
}

/* "LENGTH size=NUMBER\n", of which the length is one of itself too. */
static int put_large(const struct archive *archive, uint64_t size_bytes, struct err *err)
{
    auto_free char *value = xasprintf(" size=%" PRIu64 "\n", size_bytes);
    size_t len = strlen(value) + 2; /* two digits: the value has 20 at most */
    auto_free char *record = xasprintf("%zu%s", len, value);
    struct header header;
    header_make(&header, "pax", 'x', FILE_MODE, len);
    if (put(archive, &header, BLOCK, err) < 0 || put(archive, record, len, err) < 0)
        return -1;
    return put_padding(archive, len, err);
}

static int put_header(const struct archive *archive, const char *path, char type, mode_t mode,
                      uint64_t size_bytes, struct err *err)
{
    struct header header;
    if (strlen(path) > NAME_MAX_BYTES)
        return err_set(err, ERR_SYSTEM, "%s is too long a name for an archive", path);
    if (size_bytes > ustar_most && put_large(archive, size_bytes, err) < 0)
        return -1;
    header_make(&header, path, type, mode, size_bytes > ustar_most ? 0 : size_bytes);
    return put(archive, &header, BLOCK, err);
}

/* ---- bytes ---- */

/* By hand, where sendfile cannot. Returns 0, or -1 with errno. */
static int copy_slowly(int to, int from, uint64_t left)
{
    auto_free char *buffer = xmalloc(BUFFER_BYTES);
    while (left > 0) {
        ssize_t n = read(from, buffer, left < BUFFER_BYTES ? left : BUFFER_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n < 0 ? errno : EIO;
            return -1;
        }
        if (fd_write_all(to, buffer, (size_t)n) < 0)
            return -1;
        left -= (uint64_t)n;
    }
    return 0;
}

static int copy(int to, int from, uint64_t left)
{
    if (lseek(from, 0, SEEK_SET) < 0)
        return -1;
    while (left > 0) {
        ssize_t n = sendfile(to, from, NULL, left < SEND_MOST ? left : SEND_MOST);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EINVAL || errno == ENOSYS)) /* a file that is appended to */
            return copy_slowly(to, from, left);
        if (n <= 0) {
            errno = n < 0 ? errno : EIO;
            return -1;
        }
        left -= (uint64_t)n;
    }
    return 0;
}

static int file_put(const struct archive *archive, const char *path, int file, uint64_t size_bytes,
                    struct err *err)
{
    auto_close int to =
        openat(archive->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (to < 0 || copy(to, file, size_bytes) < 0)
        return err_sys(err, "write %s", path);
    return 0;
}

/* ---- members ---- */

int archive_directory(const struct archive *archive, const char *path, struct err *err)
{
    if (archive->directory)
        return dir_make_all(archive->fd, path, DIR_MODE, err);
    auto_free char *name = xasprintf("%s/", path);
    return put_header(archive, name, '5', DIR_MODE, 0, err);
}

int archive_text(const struct archive *archive, const char *path, const void *data, size_t len,
                 struct err *err)
{
    if (archive->directory)
        return file_save(archive->fd, path, data, len, FILE_MODE, FILE_EXCLUSIVE, err);
    if (put_header(archive, path, '0', FILE_MODE, len, err) < 0 || put(archive, data, len, err) < 0)
        return -1;
    return put_padding(archive, len, err);
}

int archive_file(const struct archive *archive, const char *path, int file, uint64_t size_bytes,
                 struct err *err)
{
    if (archive->directory)
        return file_put(archive, path, file, size_bytes, err);
    if (put_header(archive, path, '0', FILE_MODE, size_bytes, err) < 0)
        return -1;
    if (copy(archive->fd, file, size_bytes) < 0)
        return err_sys(err, "write the archive");
    return put_padding(archive, size_bytes, err);
}

int archive_end(const struct archive *archive, struct err *err)
{
    return archive->directory ? 0 : put(archive, zeros, sizeof(zeros), err);
}
