/* SPDX-License-Identifier: Apache-2.0 */
#include "image/content.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/number.h"

enum { NOTE_MAX_BYTES = 256 };

/* "sha256:… 12345" */
static const char attribute[] = "user.ruche.content";

bool blob_present(struct images *images, const char *digest)
{
    if (!digest_valid(digest))
        return false;
    auto_free char *path = xasprintf("%s/%s", DIR_BLOBS, digest_hex(digest));
    return faccessat(images->root, path, F_OK, 0) == 0;
}

void blob_note_content(struct images *images, const char *digest, const char *content,
                       uint64_t size_bytes)
{
    struct err ignored; /* without a note, it is read again */
    auto_close int fd = -1;
    uint64_t size;
    if (blob_open(images, digest, &fd, &size, &ignored) < 0)
        return;
    auto_free char *text = xasprintf("%s %" PRIu64, content, size_bytes);
    (void)fsetxattr(fd, attribute, text, strlen(text), 0);
}

int blob_content(struct images *images, const char *digest, char **ret_content,
                 uint64_t *ret_size_bytes)
{
    char text[NOTE_MAX_BYTES];
    struct err ignored; /* nothing is known then */
    auto_close int fd = -1;
    uint64_t size;
    if (blob_open(images, digest, &fd, &size, &ignored) < 0)
        return 0;
    ssize_t len = fgetxattr(fd, attribute, text, sizeof(text) - 1);
    if (len < 0)
        return 0;
    text[len] = '\0';
    char *blank = strchr(text, ' ');
    if (!blank)
        return 0;
    *blank = '\0';
    if (!digest_valid(text) ||
        number_parse_unsigned(blank + 1, UINT64_MAX, "size", &size, &ignored) < 0)
        return 0;
    *ret_content = xstrdup(text);
    *ret_size_bytes = size;
    return 1;
}
