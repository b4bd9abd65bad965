/* SPDX-License-Identifier: Apache-2.0 */
/* Each archive goes into a directory and into an EROFS image, which is mounted: both hold the same.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "kernel/mount.h"
#include "same_tree.h"
#include "tar_make.h"
#include "transfer/tar.h"
#include "transfer/unpack.h"

static char scratch_path[] = "/var/tmp/ruche-erofs-XXXXXX";
static int scratch = -1;
static int layer = -1; /* "layer" in it */
static struct strings warnings;
static time_t now;

static void scratch_open(void)
{
    umask(0);
    tar_prepare();
    now = time(NULL) - 1;
    cr_assert_not_null(mkdtemp(scratch_path));
    scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void scratch_close(void)
{
    struct err err;
    strings_done(&warnings);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0, "%s", err.text);
}

TestSuite(erofs, .init = scratch_open, .fini = scratch_close, .timeout = 600);

static void warning_seen(void *context, const char *text)
{
    (void)context;
    strings_add(&warnings, text);
}

static int progress_seen(void *context, uint64_t bytes, struct err *err)
{
    (void)context;
    (void)bytes;
    (void)err;
    return 0;
}

/* What ruche does for the sink that fills a directory. */
static int device_make(void *context, const struct member *member, struct err *err)
{
    (void)context;
    mode_t type = member->type == MEMBER_CHARACTER ? S_IFCHR : S_IFBLK;
    if (mknodat(layer, member->path, type | member->mode, member->device) < 0)
        return err_sys(err, "make %s", member->path);
    return 1;
}

static int run(const struct str *archive, struct sink *sink, struct err *err)
{
    static const struct unpack_limits limits = { .max_bytes = UINT64_C(1) << 40,
                                                 .max_entries = 10000000 };
    const struct sink_help help = { .device = device_make, .warning = warning_seen };
    struct unpack_result result;
    auto_close int fd = memfd_create("archive", MFD_CLOEXEC);
    cr_assert_eq(fd_write_all(fd, archive->at, archive->len), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    auto_drop(stream) *stream = stream_new(fd, 0);
    return unpack_layer(stream, sink, &limits, &help, progress_seen, &result, err);
}

static int unpack(const struct str *archive, struct err *err)
{
    const struct sink_help help = { .device = device_make, .warning = warning_seen };
    struct err ignored;
    fd_close(&layer);
    cr_assert_eq(tree_remove(scratch, "layer", &ignored), 0);
    cr_assert_eq(dir_open_made(scratch, "layer", 0755, &layer, &ignored), 0);
    auto_drop(sink) *sink = directory_sink_new(layer, &help);
    return run(archive, sink, err);
}

static uint64_t pack_max_bytes; /* of the image; 0: any */

static int pack(const struct str *archive, const char *name, struct err *err)
{
    const struct sink_help help = { .warning = warning_seen };
    auto_close int fd = openat(scratch, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    auto_drop(sink) *sink = erofs_sink_new(fd, pack_max_bytes, &help);
    return run(archive, sink, err);
}

/* Gives the root of the mounted image, or skips the test. */
static int image_mount(const char *name)
{
    auto_free char *path = xasprintf("%s/%s", scratch_path, name);
    auto_close int fs = fs_open("erofs");
    if (fs < 0 || fs_text(fs, "source", path) < 0 || fs_flag(fs, "ro") < 0)
        cr_skip_test("EROFS cannot be mounted");
    auto_close int mount = fs_mount(fs, 0);
    if (mount < 0 && (errno == EPERM || errno == ENOTBLK))
        cr_skip_test("EROFS cannot be mounted from a file");
    char message[200] = "";
    cr_assert_geq(mount, 0, "%s %s", strerror(errno), fs_message(fs, message, sizeof(message)));
    return openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void fsck(const char *name)
{
    if (access("/usr/bin/fsck.erofs", X_OK) < 0)
        return;
    auto_free char *command =
        xasprintf("fsck.erofs %s/%s >%s/fsck 2>&1", scratch_path, name, scratch_path);
    auto_free char *text = NULL;
    struct err err;
    size_t len;
    int status = system(command);
    cr_assert_eq(file_load(scratch, "fsck", 1 << 20, &text, &len, &err), 1);
    cr_assert_eq(status, 0, "%s", text);
    cr_assert_null(strstr(text, "<E>"), "%s", text); /* version 1.5 ends with 0 all the same */
}

static void same_as_directory(const char *name, bool no_times)
{
    auto_close int root = image_mount(name);
    const struct same same = { "", now, no_times };
    same_tree(layer, root, &same);
}

/* The archive is good, and makes the same tree in both ways. */
static void both(const struct str *archive)
{
    struct err err = {};
    cr_assert_eq(unpack(archive, &err), 0, "%s", err.text);
    cr_assert_eq(pack(archive, "image", &err), 0, "%s", err.text);
    fsck("image");
    same_as_directory("image", false);
}

#define both_entries(...)                                                                          \
    do {                                                                                           \
        const struct entry entries_[] = { __VA_ARGS__ };                                           \
        auto_done(str) archive_ = {};                                                              \
        archive_make(&archive_, entries_, array_size(entries_));                                   \
        both(&archive_);                                                                           \
    } while (0)

/* Both refuse it, in the same words. */
#define refused(...)                                                                               \
    do {                                                                                           \
        const struct entry entries_[] = { __VA_ARGS__ };                                           \
        auto_done(str) archive_ = {};                                                              \
        struct err one_ = {}, other_ = {};                                                         \
        archive_make(&archive_, entries_, array_size(entries_));                                   \
        cr_assert_lt(unpack(&archive_, &one_), 0);                                                 \
        cr_assert_lt(pack(&archive_, "image", &other_), 0);                                        \
        cr_assert_str_eq(one_.text, other_.text);                                                  \
    } while (0)

/* ---- what an archive may hold ---- */

Test(erofs, an_empty_layer)
{
    auto_done(str) archive = {};
    archive_end(&archive);
    both(&archive);
}

Test(erofs, types_modes_owners_and_times)
{
    both_entries({ .name = "./", .type = '5', .mode = 0711, .mtime = 50 },
                 { .name = "dir", .type = '5', .mode = 01777, .mtime = 100, .owner = 1000 },
                 { .name = "dir/set", .type = '0', .text = "x", .mode = 04755, .mtime = 200 },
                 { .name = "dir/link", .type = '2', .text = "../nowhere", .mtime = 300 },
                 { .name = "dir/hard", .type = '1', .text = "dir/set" },
                 { .name = "dir/harder", .type = '1', .text = "dir/set" },
                 { .name = "dir/soft", .type = '1', .text = "dir/link" },
                 { .name = "dir/fifo", .type = '6', .mode = 04620, .mtime = 400, .owner = 70000 },
                 { .name = "null", .type = '3', .major = 1, .minor = 3, .mode = 0666, .mtime = 7 },
                 { .name = "disk", .type = '4', .major = 259, .minor = 70000, .mtime = 8 },
                 { .name = "gone", .type = '3', .mtime = 9, .owner = 5 },
                 { .name = "empty", .type = '0', .mode = 0400, .mtime = 1 },
                 { .name = "made/on/the/way", .type = '0', .text = "w", .mtime = 2 });
}

Test(erofs, names_sort_around_the_dots)
{
    both_entries({ .name = "!", .type = '5' }, { .name = "-", .type = '0', .text = "a" },
                 { .name = "..a", .type = '0', .text = "b" }, { .name = "...", .type = '5' },
                 { .name = ".-", .type = '0', .text = "c" }, { .name = "/0", .type = '5' },
                 { .name = "\xff", .type = '0', .text = "d" }, { .name = "!/x", .type = '5' });
}

Test(erofs, whiteouts_and_opaque_directories)
{
    both_entries(
        { .name = "dir", .type = '5' }, { .name = "dir/.wh.gone", .type = '0' },
        { .name = ".wh.also", .type = '0', .text = "content does not matter" },
        { .name = "new/.wh.deep", .type = '0' }, { .name = "dir/.wh..wh..opq", .type = '0' },
        { .name = "implied/.wh..wh..opq", .type = '0' }, { .name = "d", .type = '5' },
        { .name = ".wh.d", .type = '0' }, { .name = ".wh.e", .type = '0' },
        { .name = "e", .type = '5' }, { .name = "f", .type = '3' }, { .name = "f", .type = '5' },
        { .name = "g", .type = '0', .text = "g" }, { .name = ".wh.g", .type = '0' });
    auto_close int root = image_mount("image");
    auto_free char *path = xasprintf("/proc/self/fd/%d/e", root);
    char value[2];
    cr_assert_eq(getxattr(path, "user.overlay.opaque", value, sizeof(value)), 1);
}

Test(erofs, the_later_of_two_counts_whatever_its_type)
{
    both_entries(
        { .name = "x", .type = '0', .text = "first" }, { .name = "h", .type = '1', .text = "x" },
        { .name = "x", .type = '5' }, { .name = "x/deep/er", .type = '0', .text = "y" },
        { .name = "k", .type = '1', .text = "x/deep/er" },
        { .name = "x", .type = '2', .text = "elsewhere" }, { .name = "x", .type = '5' },
        { .name = "x/deep", .type = '5' }, { .name = "x/deep/er", .type = '0', .text = "new" },
        { .name = "y", .type = '5', .mode = 0700, .mtime = 5 },
        { .name = "y/kept", .type = '0', .text = "k" },
        { .name = "y", .type = '5', .mode = 0755, .mtime = 6 });
}

Test(erofs, links_on_the_way_lead_inside_the_layer)
{
    both_entries(
        { .name = "usr/bin", .type = '5' }, { .name = "bin", .type = '2', .text = "usr/bin" },
        { .name = "bin/tool", .type = '0', .text = "t" },
        { .name = "abs", .type = '2', .text = "/usr" },
        { .name = "up", .type = '2', .text = "../../.././/usr/../usr/" },
        { .name = "abs/bin/more", .type = '0', .text = "m" },
        { .name = "up/bin/again", .type = '0', .text = "a" }, { .name = "up/new/dir", .type = '5' },
        { .name = "bin/.wh.old", .type = '0' }, { .name = "abs/.wh..wh..opq", .type = '0' });
}

Test(erofs, what_is_refused)
{
    refused({ .name = "abs", .type = '2', .text = "/no/such/directory" },
            { .name = "abs/file", .type = '0', .text = "x" });
    refused({ .name = "loop", .type = '2', .text = "loop" },
            { .name = "loop/file", .type = '0', .text = "x" });
    refused({ .name = "f", .type = '0', .text = "x" }, { .name = "f/g", .type = '0', .text = "y" });
    refused({ .name = ".wh.f", .type = '0' }, { .name = "f/g", .type = '0', .text = "y" });
    refused({ .name = "x", .type = '1', .text = "missing" });
    refused({ .name = "real", .type = '5' }, { .name = "real/f", .type = '0', .text = "x" },
            { .name = "via", .type = '2', .text = "real" },
            { .name = "x", .type = '1', .text = "via/f" });
    refused({ .name = "d", .type = '5' }, { .name = "d/f", .type = '0', .text = "x" },
            { .name = "d", .type = '1', .text = "d/f" });
    refused({ .name = "x", .type = '1', .text = "/" });
    refused({ .name = "/", .type = '2', .text = "/etc" });
    refused({ .name = "../x", .type = '5' });
}

Test(erofs, forty_links_on_the_way_and_no_more)
{
    auto_done(str) archive = {};
    struct err err = {};
    entry_add(&archive, &(struct entry){ .name = "l0", .type = '5' });
    for (int i = 1; i <= 41; i++) {
        auto_free char *name = xasprintf("l%d", i), *target = xasprintf("l%d", i - 1);
        entry_add(&archive, &(struct entry){ .name = name, .type = '2', .text = target });
    }
    size_t len = archive.len;
    entry_add(&archive, &(struct entry){ .name = "l40/file", .type = '0', .text = "x" });
    archive_end(&archive);
    both(&archive);
    archive.len = len;
    entry_add(&archive, &(struct entry){ .name = "l41/file", .type = '0', .text = "x" });
    archive_end(&archive);
    cr_assert_lt(unpack(&archive, &err), 0);
    cr_assert_lt(pack(&archive, "image", &err), 0);
}

/* ---- attributes ---- */

#define ACL(...)                  "\2\0\0\0" __VA_ARGS__
#define ACE(tag, permissions, id) tag "\0" permissions "\0" id
#define NOBODY                    "\xff\xff\xff\xff"

static const char list[] = ACL(ACE("\1", "\7", NOBODY) ACE("\2", "\5", "\xe8\3\0\0") ACE(
    "\4", "\4", "\0\0\0\0") ACE("\x10", "\5", NOBODY) ACE("\x20", "\1", NOBODY));
static const char minimal[] =
    ACL(ACE("\1", "\6", NOBODY) ACE("\4", "\4", NOBODY) ACE("\x20", "\2", NOBODY));
static const char unordered[] =
    ACL(ACE("\4", "\4", NOBODY) ACE("\1", "\6", NOBODY) ACE("\x20", "\2", NOBODY));
static const char capability[] = "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

struct attribute {
    const char *key;
    const char *value;
    size_t len;
};

static void attributes_add(struct str *archive, const struct attribute *attributes, size_t n,
                           const struct entry *entry)
{
    auto_done(str) body = {};
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(attributes[i].key) + attributes[i].len + 3, digits = 1;
        while (snprintf(NULL, 0, "%zu", len + digits) != (int)digits)
            digits++;
        str_addf(&body, "%zu %s=", len + digits, attributes[i].key);
        str_add_bytes(&body, attributes[i].value, attributes[i].len);
        str_add_char(&body, '\n');
    }
    header_add(archive, &(struct entry){ .name = "pax", .type = 'x' }, body.len);
    str_add_bytes(archive, body.at, body.len);
    block_fill(archive);
    entry_add(archive, entry);
}

#define with(archive, attribute_name, attribute_value, entry_name, entry_type)                     \
    attributes_add(                                                                                \
        &(archive),                                                                                \
        &(struct attribute){ "SCHILY.xattr." attribute_name, (attribute_value),                    \
                             sizeof(attribute_value) - 1 },                                        \
        1, &(struct entry){ .name = (entry_name), .type = (entry_type), .text = "x", .mtime = 3 })

Test(erofs, attributes)
{
    auto_done(str) archive = {};
    with(archive, "user.note", "on the root", ".", '5');
    with(archive, "user.note", "hello", "a", '0');
    with(archive, "user.note", "hello", "b", '0');
    with(archive, "user.note", "hello", "c", '0');
    with(archive, "user.note", "other", "d", '0');
    with(archive, "user.empty", "", "e", '5');
    with(archive, "user.more", "again", "e", '5');
    with(archive, "security.capability", capability, "cap", '0');
    with(archive, "security.capability", "broken", "broken", '0');
    with(archive, "system.posix_acl_access", list, "list", '0');
    with(archive, "system.posix_acl_access", list, "dir", '5');
    with(archive, "system.posix_acl_default", list, "dir2", '5');
    with(archive, "system.posix_acl_default", minimal, "dir3", '5');
    with(archive, "system.posix_acl_access", minimal, "minimal", '0');
    with(archive, "system.posix_acl_access", unordered, "unordered", '0');
    with(archive, "user.note", "left out", "link", '2');
    entry_add(&archive, &(struct entry){ .name = "dir2/file", .type = '0', .text = "y" });
    entry_add(&archive, &(struct entry){ .name = "dir", .type = '5', .mode = 02750, .mtime = 9 });
    archive_end(&archive);
    both(&archive);
    cr_assert_eq(warnings.len, 6, "each sink warns of three");
}

Test(erofs, a_value_as_large_as_can_be)
{
    auto_done(str) archive = {};
    auto_free char *value = xcalloc(1, 60000);
    memset(value, 'v', 60000);
    struct attribute attributes[8] = {};
    static const char *const keys[] = { "SCHILY.xattr.user.a", "SCHILY.xattr.user.b",
                                        "SCHILY.xattr.user.c", "SCHILY.xattr.user.d",
                                        "SCHILY.xattr.user.e", "SCHILY.xattr.user.f",
                                        "SCHILY.xattr.user.g", "SCHILY.xattr.user.h" };
    for (size_t i = 0; i < array_size(keys); i++)
        attributes[i] = (struct attribute){ keys[i], value, 60000 - i };
    struct err err = {};
    attributes_add(&archive, attributes, array_size(keys),
                   &(struct entry){ .name = "file", .type = '0', .text = "small" });
    attributes_add(&archive, attributes, array_size(keys),
                   &(struct entry){ .name = ".", .type = '5' });
    attributes_add(&archive, attributes, 1, &(struct entry){ .name = "dir", .type = '5' });
    archive_end(&archive);
    /* Not every file system holds so much: this is EROFS's alone. */
    cr_assert_eq(pack(&archive, "image", &err), 0, "%s", err.text);
    fsck("image");
    cr_assert_eq(warnings.len, 0);
    auto_close int root = image_mount("image");
    for (size_t i = 0; i < array_size(keys); i++) {
        auto_free char *path = xasprintf("/proc/self/fd/%d/%s", root, i % 2 ? "." : "file");
        cr_assert_eq(getxattr(path, keys[i] + strlen("SCHILY.xattr."), NULL, 0),
                     (ssize_t)(60000 - i), "%s", path);
    }
}

/* One directory again and again, each time with new attributes, or the same. */
static void directory_grow(struct str *archive, int times, int n, size_t len, bool fresh)
{
    auto_free char *value = xcalloc(1, len);
    for (int i = 0; i < times; i++) {
        struct attribute attributes[64];
        for (int k = 0; k < n; k++)
            attributes[k] =
                (struct attribute){ xasprintf("SCHILY.xattr.user.%s%d", fresh ? "" : "same",
                                              k + (fresh ? i * n : 0)),
                                    value, len };
        attributes_add(archive, attributes, (size_t)n, &(struct entry){ .name = "d", .type = '5' });
        for (int k = 0; k < n; k++)
            free((char *)(uintptr_t)attributes[k].key);
    }
}

Test(erofs, one_directory_has_only_so_many_attributes)
{
    auto_done(str) archive = {}, often = {};
    struct err err = {};
    directory_grow(&archive, 21, 1, 60000, true);
    size_t len = archive.len;
    archive_end(&archive);
    cr_assert_eq(pack(&archive, "image", &err), 0, "%s", err.text);
    archive.len = len;
    directory_grow(&archive, 22, 1, 60000, true); /* the same and one more */
    archive_end(&archive);
    cr_assert_lt(pack(&archive, "image", &err), 0);
    cr_assert_str_eq(err.text, "member d: the attributes of one directory are over 1280 KiB");

    directory_grow(&often, 20, 1, 60000, true);
    directory_grow(&often, 300, 64, 1, false);
    archive_end(&often);
    cr_assert_lt(pack(&often, "image", &err), 0);
    cr_assert_str_eq(err.text, "member d: the attributes of the layer's directories change too "
                               "often");
}

/* ---- data ---- */

Test(erofs, sizes_around_a_block)
{
    static const size_t sizes[] = { 0,    1,    31,   32,   4000, 4031, 4032, 4033,   4095,
                                    4096, 4097, 8127, 8128, 8129, 8191, 8192, 100000, 3000000 };
    auto_done(str) archive = {};
    for (size_t i = 0; i < array_size(sizes); i++) {
        auto_free char *name = xasprintf("file-%zu", sizes[i]);
        const struct entry entry = { .name = name, .type = '0', .mtime = 1 };
        header_add(&archive, &entry, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            str_add_char(&archive, (char)(i + k * 7 + k / 4096));
        block_fill(&archive);
    }
    auto_done(str) target = {};
    for (size_t len = 1; len < 4096; len += 1 + len / 3) {
        auto_free char *name = xasprintf("link-%zu", len);
        while (target.len < len)
            str_add_char(&target, target.len % 200 ? 'l' : '/');
        pax_add(&archive, "linkpath", target.at, target.len);
        entry_add(&archive, &(struct entry){ .name = name, .type = '2', .text = "x", .mtime = 2 });
    }
    archive_end(&archive);
    both(&archive);
}

Test(erofs, nanoseconds_and_times_before_the_epoch)
{
    auto_done(str) archive = {};
    entry_add(&archive, &(struct entry){ .name = ".", .type = '5', .mtime = 5 });
    pax_add(&archive, "mtime", "1700000000.123456789", 20);
    entry_add(&archive, &(struct entry){ .name = "file", .type = '0', .text = "x" });
    pax_add(&archive, "mtime", "-12345.5", 8);
    entry_add(&archive, &(struct entry){ .name = "old", .type = '5' });
    pax_add(&archive, "mtime", "5000000000.000000001", 20);
    entry_add(&archive, &(struct entry){ .name = "new", .type = '2', .text = "x" });
    archive_end(&archive);
    now = INT32_MAX * INT64_C(100);
    both(&archive);
}

/* A sparse file by GNU's map 1.0: pairs of offset and length. */
static void sparse_add(struct str *archive, const char *name, uint64_t size,
                       const uint64_t (*map)[2], size_t n)
{
    auto_done(str) records = {};
    auto_done(str) body = {};
    auto_free char *tail = xasprintf("GNU.sparse.name=%s\n", name);
    auto_free char *real = xasprintf("GNU.sparse.realsize=%llu\n", (unsigned long long)size);
    const char *const texts[] = { "GNU.sparse.major=1\n", "GNU.sparse.minor=0\n", tail, real };
    for (size_t i = 0; i < array_size(texts); i++)
        str_addf(&records, "%zu %s", strlen(texts[i]) + 3, texts[i]); /* two digits, a space */
    str_addf(&body, "%zu\n", n);
    for (size_t i = 0; i < n; i++)
        str_addf(&body, "%llu\n%llu\n", (unsigned long long)map[i][0],
                 (unsigned long long)map[i][1]);
    block_fill(&body);
    for (size_t i = 0; i < n; i++)
        for (uint64_t k = 0; k < map[i][1]; k++)
            str_add_char(&body, (char)('a' + (map[i][0] + k) % 23));
    header_add(archive, &(struct entry){ .name = "pax", .type = 'x' }, records.len);
    str_add_bytes(archive, records.at, records.len);
    block_fill(archive);
    header_add(archive, &(struct entry){ .name = "GNUSparseFile.0/x", .type = '0', .mtime = 4 },
               body.len);
    str_add_bytes(archive, body.at, body.len);
    block_fill(archive);
}

Test(erofs, holes)
{
    auto_done(str) archive = {};
    static const uint64_t end[][2] = { { 1073741819, 5 } };
    static const uint64_t begin[][2] = { { 0, 4096 } };
    static const uint64_t odd[][2] = { { 0, 10 }, { 8192, 4096 }, { 20000, 100 }, { 40960, 9000 } };
    static const uint64_t none[][2] = { { 0, 5000 } };
    static const uint64_t hole[][2] = { { 1 << 20, 0 } };
    sparse_add(&archive, "end", 1073741824, end, 1);
    sparse_add(&archive, "begin", 1 << 20, begin, 1);
    sparse_add(&archive, "odd", 50001, odd, 4);
    sparse_add(&archive, "none", 5000, none, 1);
    sparse_add(&archive, "hole", 1 << 20, hole, 1);
    archive_end(&archive);
    both(&archive);
    struct stat st;
    cr_assert_eq(fstatat(scratch, "image", &st, 0), 0);
    cr_assert_lt(st.st_size, 2 << 20, "holes take no room but for the list of chunks");
}

Test(erofs, holes_count_by_the_room_they_take)
{
    auto_done(str) archive = {};
    static const uint64_t map[][2] = { { 0, 3 } };
    struct err err = {};
    sparse_add(&archive, "one", UINT64_C(1) << 42, map, 1); /* its list of chunks takes 2 MiB */
    size_t len = archive.len;
    archive_end(&archive);
    pack_max_bytes = 4 << 20;
    cr_assert_eq(pack(&archive, "image", &err), 0, "%s", err.text);
    archive.len = len;
    for (int i = 0; i < 3; i++)
        sparse_add(&archive, "one", UINT64_C(1) << 42, map, 1);
    archive_end(&archive);
    cr_assert_lt(pack(&archive, "image", &err), 0);
    cr_assert_str_eq(err.text, "member one: the layer unpacks to more than the limit of 4 MiB");
}

Test(erofs, a_terabyte_with_little_in_it)
{
    auto_done(str) archive = {};
    static const uint64_t map[][2] = { { 0, 3 },
                                       { UINT64_C(1) << 39, 100000 },
                                       { (UINT64_C(1) << 40) - 7, 7 } };
    struct err err = {};
    sparse_add(&archive, "huge", UINT64_C(1) << 40, map, array_size(map));
    archive_end(&archive);
    cr_assert_eq(pack(&archive, "image", &err), 0, "%s", err.text);
    fsck("image");
    auto_close int root = image_mount("image");
    auto_close int fd = openat(root, "huge", O_RDONLY | O_CLOEXEC);
    char text[8] = {};
    for (size_t i = 0; i < array_size(map); i++) {
        cr_assert_eq(pread(fd, text, 3, (off_t)map[i][0]), 3);
        for (size_t k = 0; k < 3; k++)
            cr_assert_eq(text[k], (char)('a' + (map[i][0] + k) % 23));
    }
    cr_assert_eq(pread(fd, text, 3, (off_t)(UINT64_C(1) << 39) - 3), 3);
    cr_assert_eq(memcmp(text, "\0\0\0", 3), 0);
}

/* ---- many ---- */

Test(erofs, directories_of_all_sizes)
{
    auto_done(str) archive = {};
    for (int i = 0; i < 400; i += 1 + i / 7) {
        for (int k = 0; k < i; k++) {
            auto_free char *name = xasprintf("dir-%d/%0*d", i, 1 + (k * 31 + i) % 60, k);
            entry_add(&archive,
                      &(struct entry){ .name = name, .type = k % 5 ? '0' : '5', .mtime = 1 });
        }
    }
    archive_end(&archive);
    both(&archive);
}

Test(erofs, the_same_archive_makes_the_same_image)
{
    auto_done(str) archive = {};
    struct err err = {};
    for (int i = 0; i < 3000; i++) {
        auto_free char *name = xasprintf("d%d/n/%d", i % 17, i);
        entry_add(&archive, &(struct entry){ .name = name, .type = '0', .text = name });
    }
    archive_end(&archive);
    cr_assert_eq(pack(&archive, "one", &err), 0, "%s", err.text);
    cr_assert_eq(pack(&archive, "two", &err), 0, "%s", err.text);
    auto_free char *one = NULL, *two = NULL;
    size_t len_one, len_two;
    cr_assert_eq(file_load(scratch, "one", 16 << 20, &one, &len_one, &err), 1);
    cr_assert_eq(file_load(scratch, "two", 16 << 20, &two, &len_two, &err), 1);
    cr_assert_eq(len_one, len_two);
    cr_assert_eq(memcmp(one, two, len_one), 0);
}

/* ---- any ---- */

static uint64_t chance_state = 12345;

static unsigned chance(unsigned below)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(chance_state >> 33) % below;
}

/* A path of a few names that meet again and again. */
static const char *any_path(char out[32])
{
    static const char *const names[] = { "a", "b", "c", "d" };
    out[0] = '\0';
    for (unsigned depth = 1 + chance(3); depth > 0; depth--) {
        strcat(out, names[chance(4)]);
        if (depth > 1)
            strcat(out, "/");
    }
    return out;
}

static void any_add(struct str *archive)
{
    static const char types[] = "000055522116iwo";
    static const char *const links[] = { "a", "../b", "/c", ".", "..", "/", "b/c", "../../d/a" };
    char path[48], target[32];
    char type = types[chance(sizeof(types) - 1)];
    any_path(path);
    struct entry entry = {
        .name = path, .type = type, .text = "some text", .mtime = 77, .owner = 1 + (long)chance(3)
    };
    if (type == '2')
        entry.text = links[chance(array_size(links))];
    if (type == '1')
        entry.text = any_path(target);
    if (type == 'i')
        entry.type = '3';
    if (type == 'w' || type == 'o') {
        const char *slash = strrchr(path, '/');
        size_t at = slash ? (size_t)(slash - path) + 1 : 0;
        char name[64];
        snprintf(name, sizeof(name), ".wh.%s", type == 'w' ? path + at : ".wh..opq");
        strcpy(path + at, name);
        entry.type = '0';
    }
    entry_add(archive, &entry);
}

Test(erofs, whatever_follows_whatever)
{
    unsigned good = 0;
    for (int round = 0; round < 1500; round++) {
        auto_done(str) archive = {};
        struct err one = {}, other = {};
        for (unsigned n = 1 + chance(12); n > 0; n--)
            any_add(&archive);
        archive_end(&archive);
        int result = unpack(&archive, &one);
        cr_assert_eq(result, pack(&archive, "image", &other), "round %d: %s, but %s", round,
                     result < 0 ? one.text : "fine", result < 0 ? "fine" : other.text);
        if (result < 0)
            continue;
        auto_close int root = image_mount("image");
        auto_free char *path = xasprintf("round %d: ", round);
        const struct same same = { path, now, true };
        same_tree(layer, root, &same);
        good++;
    }
    cr_assert_gt(good, 300);
}
