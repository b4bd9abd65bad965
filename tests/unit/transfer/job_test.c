/* SPDX-License-Identifier: Apache-2.0 */
/* Layers by way of the request, told of over the channel. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "tar_make.h"
#include "transfer/job.h"
#include "transfer/tar.h"

static char scratch_path[] = "/var/tmp/ruche-job-XXXXXX";
static int scratch = -1;

static void scratch_open(void)
{
    umask(0);
    tar_prepare();
    cr_assert_not_null(mkdtemp(scratch_path));
    scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void scratch_close(void)
{
    struct err err;
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0, "%s", err.text);
}

TestSuite(job, .init = scratch_open, .fini = scratch_close);

static uint64_t room_bytes; /* where it is written; 0: any */

/* Does it to an archive, which is closed here. Gives the verb's result, and what it warned of. */
static int verb_run(int (*verb)(struct job *job, struct err *err), struct str *archive,
                    uint64_t max_bytes, struct strings *out, struct err *err)
{
    struct transfer_event event = {};
    int ends[2], into = -1;
    archive_end(archive);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    auto_close int from = memfd_create("archive", MFD_CLOEXEC);
    cr_assert_eq(fd_write_all(from, archive->at, archive->len), 0);
    cr_assert_eq(lseek(from, 0, SEEK_SET), 0);
    if (verb == job_unpack)
        cr_assert_eq(dir_open_made(scratch, "layer", 0755, &into, err), 0, "%s", err->text);
    else
        into = memfd_create("image", MFD_CLOEXEC);
    struct job job = {
        .request = { .verb = verb == job_unpack ? TRANSFER_UNPACK : TRANSFER_PACK,
                     .max_bytes = max_bytes,
                     .room_bytes = room_bytes,
                     .max_entries = 1000 },
        .channel = { ends[1] },
        .fds = { -1, from, into, -1, -1, -1 },
    };
    int result = verb(&job, err);
    while (recv(ends[0], &event, sizeof(event), MSG_DONTWAIT) > 0)
        if (event.kind == TRANSFER_WARNING)
            strings_add(out, event.texts);
    close(into);
    close(ends[0]);
    close(ends[1]);
    struct err ignored;
    cr_assert_eq(tree_remove(scratch, "layer", &ignored), 0);
    return result;
}

/* What a layer whose n links have an attribute each, which links cannot have, is warned of. */
static void warnings_of(int (*verb)(struct job *job, struct err *err), int n, struct strings *out)
{
    auto_done(str) archive = {};
    struct err err = {};
    for (int i = 0; i < n; i++) {
        auto_free char *name = xasprintf("link-%d", i);
        pax_add(&archive, "SCHILY.xattr.user.note", "text", 4);
        entry_add(&archive, &(struct entry){ .name = name, .type = '2', .text = "x" });
    }
    cr_assert_eq(verb_run(verb, &archive, 1 << 20, out, &err), 0, "%s", err.text);
}

static void tells_of_ten(int (*verb)(struct job *job, struct err *err))
{
    auto_done(strings) ten = {}, more = {}, many = {};
    warnings_of(verb, 10, &ten);
    cr_expect_eq(ten.len, 10, "%zu", ten.len);
    warnings_of(verb, 11, &more);
    cr_assert_eq(more.len, 11, "%zu", more.len);
    cr_expect_str_eq(more.at[0], "link-0: its extended attributes are left out");
    cr_expect_str_eq(more.at[10], "and 1 more warning of this kind");
    warnings_of(verb, 500, &many);
    cr_assert_eq(many.len, 11, "%zu", many.len);
    cr_expect_str_eq(many.at[9], "link-9: its extended attributes are left out");
    cr_expect_str_eq(many.at[10], "and 490 more warnings of this kind");
}

Test(job, tells_of_ten_and_counts_the_rest)
{
    tells_of_ten(job_unpack);
    tells_of_ten(job_pack);
}

Test(job, an_image_may_be_only_so_large)
{
    auto_done(str) archive = {};
    auto_done(strings) ignored = {};
    auto_free char *value = xcalloc(1, 60000);
    struct err err = {};
    pax_add(&archive, "SCHILY.xattr.user.note", value, 60000);
    entry_add(&archive, &(struct entry){ .name = "f", .type = '0', .text = "x" });
    size_t len = archive.len;
    cr_assert_eq(verb_run(job_pack, &archive, 64 << 10, &ignored, &err), 0, "%s", err.text);
    archive.len = len;
    cr_assert_lt(verb_run(job_pack, &archive, 16 << 10, &ignored, &err), 0);
    cr_assert_str_eq(err.text, "member f: the layer unpacks to more than the limit of 16 KiB");
}

/* What does not go into what is free says nothing of the archive. */
static void room_lacks(int (*verb)(struct job *job, struct err *err))
{
    auto_done(str) archive = {};
    auto_done(strings) ignored = {};
    auto_free char *text = xcalloc(1, 64 << 10);
    struct err err = {};
    memset(text, 'x', (64 << 10) - 1);
    entry_add(&archive, &(struct entry){ .name = "f", .type = '0', .text = text });
    size_t len = archive.len;
    room_bytes = 1 << 20;
    cr_assert_eq(verb_run(verb, &archive, 1 << 20, &ignored, &err), 0, "%s", err.text);
    archive.len = len;
    room_bytes = 32 << 10;
    cr_assert_lt(verb_run(verb, &archive, 1 << 20, &ignored, &err), 0);
    cr_assert_eq(err.kind, ERR_SYSTEM);
    cr_assert_eq(err.errnum, ENOSPC);
    cr_assert_str_eq(err.text, "member f: write the layer: No space left on device");
}

Test(job, what_is_larger_than_what_is_free_is_no_fault_of_the_archive)
{
    room_lacks(job_unpack);
    room_lacks(job_pack);
}
