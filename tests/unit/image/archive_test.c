/* SPDX-License-Identifier: Apache-2.0 */
#include "image/archive.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { BLOCK = 512 };

static int memory(const char *text)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
    return fd;
}

static void fill(const struct archive *archive)
{
    auto_close int file = memory("from a file");
    struct err err = {};
    cr_assert_eq(archive_directory(archive, "d", &err), 0, "%s", err.text);
    cr_assert_eq(archive_text(archive, "d/text", "words", 5, &err), 0, "%s", err.text);
    cr_assert_eq(archive_file(archive, "d/file", file, 11, &err), 0, "%s", err.text);
    cr_assert_eq(archive_text(archive, "empty", "", 0, &err), 0, "%s", err.text);
    cr_assert_eq(archive_end(archive, &err), 0, "%s", err.text);
}

/* What a command says of the archive at path. Owned by the caller. */
static char *said(const char *format, const char *path)
{
    char text[1024] = {};
    auto_free char *quoted = xasprintf("%s", path);
    auto_free char *command = xasprintf("%s %s", format, quoted);
    FILE *pipe = popen(command, "r");
    size_t len = fread(text, 1, sizeof(text) - 1, pipe);
    cr_assert_eq(pclose(pipe), 0, "%s", command);
    return xstrndup(text, len);
}

/* By which another process finds a file that has no name any more. */
static char *path_of(int fd)
{
    return xasprintf("/proc/%d/fd/%d", (int)getpid(), fd);
}

Test(archive, tar_reads_it)
{
    char name[] = "/tmp/ruche-archive-XXXXXX";
    auto_close int fd = mkstemp(name);
    cr_assert_eq(unlink(name), 0);
    auto_free char *path = path_of(fd);
    const struct archive archive = { .fd = fd };
    struct stat st;
    fill(&archive);
    auto_free char *names = said("tar -tf", path);
    auto_free char *content = said("tar --to-stdout -xf", path);
    auto_free char *listed = said("TZ=UTC tar --numeric-owner -tvf", path);
    cr_assert_str_eq(names, "d/\nd/text\nd/file\nempty\n");
    cr_assert_str_eq(content, "wordsfrom a file");
    cr_assert_not_null(strstr(listed, "drwxr-xr-x 0/0"), "%s", listed);
    cr_assert_not_null(strstr(listed, "-rw-r--r-- 0/0"), "%s", listed);
    cr_assert_not_null(strstr(listed, "1970-01-01"), "%s", listed);
    cr_assert_eq(fstat(fd, &st), 0);
    cr_assert_eq(st.st_size % BLOCK, 0);
}

Test(archive, a_directory)
{
    char path[] = "/tmp/ruche-archive-XXXXXX";
    auto_free char *data = NULL;
    size_t len;
    struct err err;
    cr_assert_not_null(mkdtemp(path));
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY);
    const struct archive archive = { .fd = fd, .directory = true };
    fill(&archive);
    cr_assert_eq(file_load(fd, "d/file", 100, &data, &len, &err), 1);
    cr_assert_str_eq(data, "from a file");
    cr_assert_lt(archive_text(&archive, "empty", "", 0, &err), 0, "what is there is not replaced");
    cr_assert_eq(tree_remove(AT_FDCWD, path, &err), 0);
}

Test(archive, a_file_that_is_appended_to)
{
    char name[] = "/tmp/ruche-archive-XXXXXX";
    close(mkstemp(name));
    auto_close int fd = open(name, O_WRONLY | O_APPEND);
    cr_assert_eq(unlink(name), 0);
    auto_free char *path = path_of(fd);
    const struct archive archive = { .fd = fd };
    fill(&archive);
    auto_free char *content = said("tar --to-stdout -xf", path);
    cr_assert_str_eq(content, "wordsfrom a file");
}

Test(archive, a_file_shorter_than_it_should_be)
{
    auto_close int file = memory("short");
    auto_close int null = open("/dev/null", O_WRONLY);
    const struct archive archive = { .fd = null };
    struct err err = {};
    cr_assert_lt(archive_file(&archive, "x", file, 100, &err), 0);
}

Test(archive, names_that_do_not_fit)
{
    auto_close int null = open("/dev/null", O_WRONLY);
    const struct archive archive = { .fd = null };
    char name[102];
    struct err err = {};
    memset(name, 'n', 101);
    name[101] = '\0';
    cr_assert_lt(archive_text(&archive, name, "", 0, &err), 0);
    name[100] = '\0';
    cr_assert_eq(archive_text(&archive, name, "", 0, &err), 0);
}

/* Only the beginning of it is read: nobody waits for so many zeros. */
static void large_begin(uint64_t size, char *at, size_t len)
{
    auto_close int file = memfd_create("large", MFD_CLOEXEC);
    struct err err = {};
    int ends[2];
    cr_assert_eq(ftruncate(file, (off_t)size), 0);
    cr_assert_eq(pipe(ends), 0);
    cr_assert_geq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    const struct archive archive = { .fd = ends[1] };
    cr_assert_lt(archive_file(&archive, "large", file, size, &err), 0, "the pipe is full");
    cr_assert_eq(read(ends[0], at, len), (ssize_t)len);
    close(ends[0]);
    close(ends[1]);
}

Test(archive, files_of_8_gib_and_more)
{
    char blocks[3 * BLOCK];
    large_begin((1ull << 33) - 1, blocks, sizeof(blocks));
    cr_assert_eq(blocks[156], '0');
    cr_assert_str_eq(blocks + 124, "77777777777");
    large_begin(1ull << 33, blocks, sizeof(blocks));
    cr_assert_eq(blocks[156], 'x');
    cr_assert_str_eq(blocks + 124, "00000000023", "the length of the record");
    cr_assert_str_eq(blocks + BLOCK, "19 size=8589934592\n");
    cr_assert_eq(blocks[2 * BLOCK + 156], '0');
}
