/* SPDX-License-Identifier: Apache-2.0 */
#include "image/partial.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "image/content.h"
#include "image/ingest.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char directory[] = "/tmp/partial-test.XXXXXX";
static int root = -1;
static struct images *images;

static void store_make(void)
{
    struct err err;
    cr_assert(mkdtemp(directory));
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    images = images_open(root, NULL);
    cr_assert_eq(store_prepare(images, &err), 0);
}

static void store_drop(void)
{
    struct err err;
    images_close(images);
    close(root);
    (void)tree_remove(AT_FDCWD, directory, &err);
}

static size_t n_partials(void)
{
    struct err err;
    auto_done(strings) names = {};
    cr_assert_eq(dir_list(root, DIR_PARTIAL, &names, &err), 1);
    return names.len;
}

TestSuite(partial, .init = store_make, .fini = store_drop);

Test(partial, is_one_process_at_a_time)
{
    struct err err;
    int one = -1, two = -1;
    cr_assert_eq(partial_open(images, DIGEST, 10, &one, &err), 1);
    cr_expect_eq(partial_open(images, DIGEST, 10, &two, &err), 0);
    fd_close(&one);
    cr_expect_eq(partial_open(images, DIGEST, 10, &two, &err), 1);
    fd_close(&two);
}

/* A killed client's process may still write to it. */
Test(partial, is_nobodys_once_nobody_can_write)
{
    struct err err;
    int one = -1, two = -1, go[2];
    char last;
    cr_assert_eq(partial_open(images, DIGEST, 10, &one, &err), 1);
    cr_assert_eq(pipe2(go, O_CLOEXEC), 0);
    pid_t writer = fork();
    if (writer == 0) {
        close(go[1]);
        (void)!read(go[0], &last, 1);
        _exit(write(one, "late", 4) == 4 ? 0 : 1);
    }
    close(go[0]);
    fd_close(&one);
    cr_expect_eq(partial_open(images, DIGEST, 10, &two, &err), 0);
    close(go[1]);
    cr_assert_eq(waitpid(writer, NULL, 0), writer);
    cr_assert_eq(partial_open(images, DIGEST, 10, &two, &err), 1);
    cr_expect_eq(lseek(two, 0, SEEK_END), 4);
    fd_close(&two);
}

/* Whatever becomes of the file that others have. */
Test(partial, what_is_kept_is_kept)
{
    struct err err;
    struct ingest ingest;
    int fd = -1, other = -1, kept = -1;
    uint64_t size = 0;
    char text[11] = "";
    cr_assert_eq(ingest_open(images, &ingest, &err), 0);
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    cr_assert_eq(write(fd, "1234567890", 10), 10);
    cr_assert_eq(partial_keep(&ingest, 3, DIGEST, 10, &fd, &err), 0, "%s", err.text);
    cr_expect_eq(fd, -1);
    cr_assert_eq(partial_open(images, DIGEST, 10, &other, &err), 1);
    partial_drop(images, DIGEST, 10);
    cr_expect_eq(n_partials(), 1, "it is another's");
    partial_remove(images, DIGEST, 10);
    fd_close(&other);
    cr_assert_eq(partial_open(images, DIGEST, 10, &other, &err), 1);
    cr_assert_eq(write(other, "0987654321", 10), 10);
    cr_assert_eq(ingest_kept(&ingest, 3, &kept, &size, &err), 0);
    cr_expect_eq(size, 10);
    cr_assert_eq(read(kept, text, 10), 10);
    cr_expect_str_eq(text, "1234567890");
    fd_close(&kept);
    cr_assert_eq(ingest_commit_kept(&ingest, 3, DIGEST, &err), 0);
    cr_expect(blob_present(images, DIGEST));
    fd_close(&other);
    partial_drop(images, DIGEST, 10);
    cr_expect_eq(n_partials(), 0);
    ingest_close(&ingest);
}

/* The two names of one file. */
Test(partial, is_committed_by_both_who_have_it)
{
    struct err err;
    struct ingest ingest;
    int fd = -1, other = -1;
    cr_assert_eq(ingest_open(images, &ingest, &err), 0);
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    cr_assert_eq(write(fd, "1234567890", 10), 10);
    cr_assert_eq(partial_keep(&ingest, 0, DIGEST, 10, &fd, &err), 0);
    cr_assert_eq(partial_open(images, DIGEST, 10, &other, &err), 1);
    cr_assert_eq(ingest_commit_kept(&ingest, 0, DIGEST, &err), 0);
    cr_assert_eq(partial_commit(images, DIGEST, 10, &err), 0);
    cr_expect_eq(n_partials(), 0);
    cr_expect(blob_present(images, DIGEST));
    fd_close(&other);
    ingest_close(&ingest);
}

Test(partial, keeps_what_is_there_unless_it_is_too_long)
{
    struct err err;
    struct stat st;
    int fd = -1;
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    cr_assert_eq(write(fd, "12345", 5), 5);
    fd_close(&fd);
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    fstat(fd, &st);
    cr_expect_eq(st.st_size, 5);
    cr_assert_eq(write(fd, "123456789012", 12), 12);
    fd_close(&fd);
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    fstat(fd, &st);
    cr_expect_eq(st.st_size, 0);
    fd_close(&fd);
}

Test(partial, another_size_is_another_file)
{
    struct err err;
    int fd = -1, other = -1;
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    cr_assert_eq(write(fd, "1234567890", 10), 10);
    cr_assert_eq(partial_open(images, DIGEST, 4, &other, &err), 1);
    fd_close(&other);
    partial_remove(images, DIGEST, 4);
    cr_expect(partial_present(images, DIGEST, 10));
    cr_expect_not(partial_present(images, DIGEST, 4));
    fd_close(&fd);
}

Test(partial, becomes_a_blob)
{
    struct err err;
    int fd = -1;
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    cr_expect_not(partial_present(images, DIGEST, 10), "not all of it");
    cr_assert_eq(write(fd, "1234567890", 10), 10);
    cr_expect(partial_present(images, DIGEST, 10));
    cr_expect_not(blob_present(images, DIGEST));
    cr_assert_eq(partial_commit(images, DIGEST, 10, &err), 0);
    cr_expect(blob_present(images, DIGEST));
    cr_expect_eq(partial_commit(images, DIGEST, 10, &err), 0, "another may have done so");
    fd_close(&fd);
    /* The old file's lock says nothing of a new one. */
    cr_expect_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    fd_close(&fd);
}

Test(partial, is_pruned_unless_somebody_fills_it)
{
    struct err err;
    int fd = -1;
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    cr_assert_eq(write(fd, "12345", 5), 5);
    cr_expect_eq(partials_prune(images), 0);
    cr_expect_eq(n_partials(), 1);
    fd_close(&fd);
    cr_expect_eq(partials_prune(images), 5);
    cr_expect_eq(n_partials(), 0);
}

Test(partial, goes_after_a_week)
{
    struct err err;
    int fd = -1;
    const struct timespec times[] = { { .tv_nsec = UTIME_OMIT },
                                      { .tv_sec = time(NULL) - 8 * 24 * 60 * 60 } };
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    cr_assert_eq(write(fd, "12345", 5), 5);
    fd_close(&fd);
    trash_empty(images);
    cr_expect_eq(n_partials(), 1);
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    cr_assert_eq(futimens(fd, times), 0);
    trash_empty(images);
    cr_expect_eq(n_partials(), 1, "somebody fills it");
    fd_close(&fd);
    trash_empty(images);
    cr_expect_eq(n_partials(), 0);
}

Test(partial, blobs_tell_what_they_unpack_to)
{
    struct err err;
    int fd = -1;
    uint64_t size = 0;
    auto_free char *content = NULL;
    cr_assert_eq(partial_open(images, DIGEST, 10, &fd, &err), 1);
    fd_close(&fd);
    cr_assert_eq(partial_commit(images, DIGEST, 10, &err), 0);
    cr_expect_eq(blob_content(images, DIGEST, &content, &size), 0);
    blob_note_content(images, DIGEST, DIGEST, 12345);
    if (blob_content(images, DIGEST, &content, &size) == 0)
        cr_skip_test("the file system has no extended attributes");
    cr_expect_str_eq(content, DIGEST);
    cr_expect_eq(size, 12345);
}
