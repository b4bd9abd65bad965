/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/upload.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"

/* sha256 of "hello". */
static const char hello[] =
    "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

static char scratch[] = "/tmp/ruche-upload-XXXXXX";
static int directory = -1;
static struct uploads *uploads;

static void begin(void)
{
    struct err err;
    cr_assert_not_null(mkdtemp(scratch));
    directory = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(digest_prepare(&err), 0);
    uploads = uploads_new(directory);
}

static void end(void)
{
    struct err err;
    uploads_free(uploads);
    close(directory);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch, &err), 0, "%s", err.text);
}

TestSuite(upload, .init = begin, .fini = end);

/* A session of "app" with some bytes, given back. Its id is the caller's. */
static char *half_done(const char *text)
{
    struct upload *upload = NULL;
    struct err err;
    cr_assert_eq(upload_new(uploads, "app", &upload, &err), 0, "%s", err.text);
    cr_assert_eq(upload_write(upload, text, strlen(text), &err), 0, "%s", err.text);
    char *id = xstrdup(upload_id(upload));
    upload_release(uploads, upload);
    return id;
}

static struct upload *take(const char *repository, const char *id, int expected)
{
    struct upload *upload = NULL;
    struct err err = {};
    cr_expect_eq(upload_take(uploads, repository, id, &upload, &err), expected, "%s", err.text);
    return upload;
}

/* Ends it with "llo", and compares the digest. */
static void finish(const char *id)
{
    char digest[DIGEST_TEXT_SIZE];
    struct err err;
    struct upload *upload = take("app", id, 1);
    cr_assert_eq(upload_size(upload), 2);
    cr_assert_eq(upload_write(upload, "llo", 3, &err), 0, "%s", err.text);
    cr_expect_eq(upload_size(upload), 5);
    upload_digest(upload, digest);
    cr_expect_str_eq(digest, hello);
    upload_cancel(uploads, upload);
    (void)take("app", id, 0);
}

Test(upload, goes_on)
{
    auto_free char *id = half_done("he");
    finish(id);
}

Test(upload, survives_the_server)
{
    auto_free char *id = half_done("he");
    uploads_free(uploads);
    uploads = uploads_new(directory);
    finish(id);
}

/* Another server on the same store wrote more. */
Test(upload, believes_the_file)
{
    auto_free char *id = half_done("h");
    auto_free char *name = xasprintf("upload-%s", id);
    auto_close int fd = openat(directory, name, O_WRONLY | O_APPEND | O_CLOEXEC);
    cr_assert_eq(write(fd, "e", 1), 1);
    finish(id);
}

Test(upload, is_one_requests)
{
    auto_free char *id = half_done("he");
    struct upload *upload = take("app", id, 1);
    struct upload *other = NULL;
    struct err err;
    cr_expect_eq(upload_take(uploads, "app", id, &other, &err), -1);
    cr_expect_eq(err.kind, ERR_CONFLICT);
    /* Nor may another server have it. */
    struct uploads *others = uploads_new(directory);
    cr_expect_eq(upload_take(others, "app", id, &other, &err), -1);
    cr_expect_eq(err.kind, ERR_CONFLICT);
    uploads_free(others);
    upload_release(uploads, upload);
    upload = take("app", id, 1);
    upload_release(uploads, upload);
}

Test(upload, is_one_repositorys)
{
    auto_free char *id = half_done("he");
    (void)take("other", id, 0);
    upload_release(uploads, take("app", id, 1));
}

Test(upload, strange_ids)
{
    static const char *const ids[] = {
        "",
        "x",
        "../../etc/passwd",
        "000000000000000000000000000000000000000000000000",
        "00000000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < array_size(ids); i++)
        (void)take("app", ids[i], 0);
    auto_free char *id = half_done("he");
    id[0] = id[0] == '0' ? '1' : '0';
    (void)take("app", id, 0);
}

Test(upload, removed_by_others)
{
    auto_free char *id = half_done("he");
    auto_free char *name = xasprintf("upload-%s", id);
    cr_assert_eq(unlinkat(directory, name, 0), 0);
    (void)take("app", id, 0);
}

/* More sessions than are remembered: the forgotten ones are read again. */
Test(upload, many)
{
    auto_done(strings) ids = {};
    for (int i = 0; i < 1100; i++)
        strings_add_taken(&ids, half_done("he"));
    finish(ids.at[0]);
    finish(ids.at[1099]);
}

static void make_old(const char *name, time_t age_s)
{
    struct timespec times[2] = { { .tv_sec = time(NULL) - age_s },
                                 { .tv_sec = time(NULL) - age_s } };
    cr_assert_eq(utimensat(directory, name, times, 0), 0);
}

Test(upload, old_ones_go)
{
    auto_free char *young = half_done("he");
    auto_free char *old = half_done("he");
    auto_free char *used = half_done("he");
    auto_free char *old_name = xasprintf("upload-%s", old);
    auto_free char *used_name = xasprintf("upload-%s", used);
    struct upload *upload = take("app", used, 1);
    make_old(old_name, UPLOAD_KEEP_S + 60);
    make_old(used_name, UPLOAD_KEEP_S + 60);
    uploads_tidy(uploads);
    (void)take("app", old, 0);
    upload_release(uploads, upload);
    upload_release(uploads, take("app", used, 1));
    upload_release(uploads, take("app", young, 1));
}
