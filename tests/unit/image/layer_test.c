/* SPDX-License-Identifier: Apache-2.0 */
/* Which kind of layer is made, and that both are found. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/ingest.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char root_path[] = "/tmp/ruche-layer-XXXXXX";
static int root = -1;
static struct images *images;
static struct ingest ingest;
static struct err err;

static void store_begin(void)
{
    cr_assert_not_null(mkdtemp(root_path));
    root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    images = images_open(root, "/nonexistent");
    cr_assert_eq(ingest_open(images, &ingest, &err), 0, "%s", err.text);
}

static void store_end(void)
{
    ingest_close(&ingest);
    images_close(images);
    cr_assert_eq(tree_remove(AT_FDCWD, root_path, &err), 0, "%s", err.text);
}

TestSuite(layer, .init = store_begin, .fini = store_end, .timeout = 600);

static size_t in_ingest(void)
{
    auto_done(strings) names = {};
    cr_assert_eq(dir_list(ingest.directory, ".", &names, &err), 1);
    return names.len;
}

Test(layer, directories_are_made_where_they_are_asked_for)
{
    bool packed = true;
    images_storage(images, STORAGE_OVERLAY);
    cr_assert_eq(layers_are_packed(&ingest, &packed, &err), 0);
    cr_assert_not(packed);
}

Test(layer, what_works_is_tried_and_leaves_nothing)
{
    bool packed, again;
    cr_assert_eq(layers_are_packed(&ingest, &packed, &err), 0, "%s", err.text);
    cr_assert_eq(layers_are_packed(&ingest, &again, &err), 0, "%s", err.text);
    cr_assert_eq(packed, again);
    cr_assert_eq(in_ingest(), 0);
    if (geteuid() != 0)
        cr_assert_not(packed);
}

Test(layer, files_are_made_or_it_is_an_error)
{
    bool found, packed = false;
    cr_assert_eq(layers_are_packed(&ingest, &found, &err), 0, "%s", err.text);
    images_storage(images, STORAGE_EROFS);
    images->erofs = EROFS_UNTRIED;
    if (found) {
        cr_assert_eq(layers_are_packed(&ingest, &packed, &err), 0, "%s", err.text);
        cr_assert(packed);
    } else {
        cr_assert_lt(layers_are_packed(&ingest, &packed, &err), 0);
        cr_assert_eq(err.kind, ERR_UNSUPPORTED);
    }
    cr_assert_eq(in_ingest(), 0);
}

Test(layer, a_directory_is_found)
{
    int fd, made;
    cr_assert_not(layer_present(images, "sha256:" HEX));
    cr_assert_lt(layer_open(images, "sha256:" HEX, &fd, &err), 0);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
    cr_assert_eq(ingest_layer(&ingest, 3, &made, &err), 0, "%s", err.text);
    struct stat st;
    cr_assert_eq(fstat(made, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0755, "as a layer has it that says nothing of its root");
    close(made);
    cr_assert_eq(ingest_commit_layer(&ingest, 3, "sha256:" HEX, &err), 0, "%s", err.text);
    cr_assert(layer_present(images, "sha256:" HEX));
    cr_assert_eq(layer_storage(images, "sha256:" HEX), STORAGE_OVERLAY);
    cr_assert_eq(layer_open(images, "sha256:" HEX, &fd, &err), 0, "%s", err.text);
    close(fd);
    auto_free char *path = image_layer_path(images, "sha256:" HEX);
    cr_assert_str_eq(path, "layers/" HEX "/tree");
    /* Somebody else's stays, and so does ours, to go with the ingest. */
    cr_assert_eq(ingest_layer(&ingest, 4, &made, &err), 0, "%s", err.text);
    close(made);
    cr_assert_eq(ingest_commit_layer(&ingest, 4, "sha256:" HEX, &err), 0, "%s", err.text);
}

Test(layer, a_file_is_found_before_a_directory)
{
    int made;
    cr_assert_eq(ingest_layer(&ingest, 1, &made, &err), 0, "%s", err.text);
    close(made);
    cr_assert_eq(ingest_commit_layer(&ingest, 1, "sha256:" HEX, &err), 0, "%s", err.text);
    cr_assert_eq(ingest_layer_file(&ingest, 2, &made, &err), 0, "%s", err.text);
    close(made);
    cr_assert_eq(ingest_commit_layer(&ingest, 2, "sha256:" HEX, &err), 0, "%s", err.text);
    cr_assert_eq(layer_storage(images, "sha256:" HEX), STORAGE_EROFS);
    auto_free char *path = image_layer_path(images, "sha256:" HEX);
    cr_assert_str_eq(path, "layers/" HEX ".erofs");
    cr_assert_lt(ingest_commit_layer(&ingest, 9, "sha256:" HEX, &err), 0, "there is no such");
}

Test(layer, a_file_that_is_none_is_no_layer)
{
    int made, fd;
    cr_assert_eq(ingest_layer_file(&ingest, 2, &made, &err), 0, "%s", err.text);
    cr_assert_eq(fd_write_all(made, "not an image", 12), 0);
    close(made);
    cr_assert_eq(ingest_commit_layer(&ingest, 2, "sha256:" HEX, &err), 0, "%s", err.text);
    cr_assert_lt(layer_open(images, "sha256:" HEX, &fd, &err), 0);
    cr_assert_not_null(strstr(err.text, "mount layer sha256:" HEX));
}
