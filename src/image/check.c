/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check of the whole store:
 *
 *     index    it can be read, its rows have their sums
 *     blobs    each is what its name says
 *     rows     what they need is there, and what containers need
 *     layers   each is what its blob unpacks to
 *
 * It goes on while others work with the store. What they take away meanwhile is no fault; what they
 * bring is not seen. Who repairs has the lock all the time.
 */
#include "image/check.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/file.h"
#include "image/partial.h"

enum { HEX_DIGITS = 64 };

/* ---- faults ---- */

struct image_fault *check_fault(struct check *check, const char *format, ...)
{
    auto_done(str) text = {};
    auto_done(str) shown = {};
    va_list args;
    va_start(args, format);
    str_vaddf(&text, format, args);
    va_end(args);
    text_escape(&shown, str_text(&text), text.len);
    struct image_fault *fault = array_add(&check->result.faults);
    fault->text = str_take(&shown);
    return fault;
}

void fault_remedy(struct image_fault *fault, bool repaired, const char *format, ...)
{
    auto_done(str) text = {};
    va_list args;
    va_start(args, format);
    str_vaddf(&text, format, args);
    va_end(args);
    free(fault->remedy);
    fault->remedy = str_take(&text);
    fault->repaired = repaired;
}

void images_checked_done(struct images_checked *checked)
{
    for (size_t i = 0; i < checked->faults.len; i++) {
        free(checked->faults.at[i].text);
        free(checked->faults.at[i].remedy);
    }
    free(checked->faults.at);
    strings_done(&checked->again);
    strings_done(&checked->fetched);
    *checked = (struct images_checked){};
}

static void check_done(struct check *check)
{
    pairs_done(&check->users);
    pairs_done(&check->running);
    helper_close(&check->helper);
    oci_index_done(&check->index);
    kept_done(&check->kept);
    strings_done(&check->bad);
    pairs_done(&check->lost);
    images_checked_done(&check->result);
}

/* ---- what is needed ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool sorted_have(const struct strings *list, const char *text)
{
    return list->len > 0 && bsearch(&text, list->at, list->len, sizeof(*list->at), by_text);
}

static void sort(struct strings *list)
{
    if (list->len > 1)
        qsort(list->at, list->len, sizeof(*list->at), by_text);
}

/* A row whose documents cannot be read is a fault of its own. */
static void needs_find(struct check *check)
{
    struct err ignored;
    for (size_t i = 0; i < check->index.manifests.len; i++)
        (void)kept_add_row(check->images, &check->index.manifests.at[i], &check->kept, &ignored);
    for (size_t i = 0; i < check->users.len; i++)
        if (digest_valid(check->users.at[i].key))
            (void)kept_add_config(check->images, check->users.at[i].key, &check->kept, &ignored);
    sort(&check->kept.blobs);
    sort(&check->kept.layers);
}

/* ---- blobs ---- */

static bool is_hex(const char *name)
{
    return strlen(name) == HEX_DIGITS && strspn(name, "0123456789abcdef") == HEX_DIGITS;
}

static int blobs_list(struct check *check, const char *directory, struct sums *sums,
                      struct err *err)
{
    auto_done(strings) names = {};
    if (dir_list(check->images->root, directory, &names, err) < 0)
        return -1;
    bool loose = strcmp(directory, DIR_LOOSE) == 0;
    for (size_t i = 0; i < names.len; i++) {
        if (!loose && !sorted_have(&check->kept.blobs, names.at[i]))
            check->result.left_over++;
        if (is_hex(names.at[i]))
            sums_add(sums, xasprintf("%s/%s", directory, names.at[i]));
    }
    return 0;
}

int check_sums(const struct sums *sums, struct err *err)
{
    for (size_t i = 0; i < sums->len; i++) {
        const struct sum *sum = &sums->at[i];
        if (sum->digest || sum->err.errnum == ENOENT || sum_damaged(sum))
            continue;
        *err = sum->err;
        return err_wrap(err, "look at %s", sum->path);
    }
    return 0;
}

/* One blob was read, or is damaged so that it cannot be. */
static int blob_judge(struct check *check, const struct sum *sum, struct err *err)
{
    const char *hex = strrchr(sum->path, '/') + 1;
    if (!sum->digest && sum->err.errnum == ENOENT)
        return 0; /* gone meanwhile */
    check->result.blobs++;
    check->result.bytes += sum->bytes;
    if (sum->digest && strcmp(digest_hex(sum->digest), hex) == 0)
        return 0;
    struct image_fault *fault =
        sum->digest ? check_fault(check, "blob sha256:%s is damaged", hex)
                    : check_fault(check, "blob sha256:%s cannot be read: %s", hex, sum->err.text);
    strings_addf(&check->bad, "sha256:%s", hex);
    if (!(check->flags & IMAGES_CHECK_REPAIR))
        return 0;
    if (trash_put(check->images, sum->path, err) < 0)
        return -1;
    fault_remedy(fault, true, "moved away");
    return 0;
}

int check_blobs(struct check *check, struct err *err)
{
    auto_done(sums) sums = {};
    if (blobs_list(check, DIR_BLOBS, &sums, err) < 0 ||
        blobs_list(check, DIR_LOOSE, &sums, err) < 0)
        return -1;
    if (check->flags & IMAGES_CHECK_QUICK)
        return 0;
    if (sums_run(&sums, check->images, &check->helper, check->watch, err) < 0 ||
        check_sums(&sums, err) < 0)
        return -1;
    for (size_t i = 0; i < sums.len; i++)
        if (blob_judge(check, &sums.at[i], err) < 0)
            return -1;
    return 0;
}

/* ---- the whole ---- */

/* The index as it is at one time; who repairs keeps it so until the end. */
static int index_check(struct check *check, struct err *err)
{
    auto_close int lock = -1;
    if (!(check->flags & IMAGES_CHECK_REPAIR) && store_lock(check->images, &lock, err) < 0)
        return -1;
    return check_index(check, err);
}

static int users_ask(const struct check *check, image_users *ask, struct pairs *users,
                     struct err *err)
{
    return ask ? ask(check->context, users, err) : 0;
}

/* Takes away what nothing needs: after what was damaged was fetched, which may need it. */
static int repair_end(struct check *check, struct err *err)
{
    auto_close int lock = -1;
    auto_done(oci_index) now = {};
    if (store_lock(check->images, &lock, err) < 0 || index_load(check->images, &now, err) < 0)
        return -1;
    pairs_done(&check->users);
    if (users_ask(check, check->ask_users, &check->users, err) < 0 ||
        store_collect(check->images, &now, &check->users, err) < 0)
        return -1;
    fd_close(&lock);
    trash_empty(check->images);
    check->result.left_over = 0;
    return 0;
}

static int check_all(struct check *check, struct err *err)
{
    if (users_ask(check, check->ask_users, &check->users, err) < 0 ||
        users_ask(check, check->ask_running, &check->running, err) < 0 ||
        index_check(check, err) < 0)
        return -1;
    needs_find(check);
    if (check_blobs(check, err) < 0 || check_rows(check, err) < 0)
        return -1;
    return check->flags & IMAGES_CHECK_QUICK ? 0 : check_layers(check, err);
}

int images_check(struct images *images, enum images_check_flags flags, image_users *users,
                 image_users *running, void *context, const struct image_watch *watch,
                 struct images_checked *ret_checked, struct err *err)
{
    auto_done(check) check = {
        .images = images,
        .flags = flags,
        .watch = watch,
        .ask_users = users,
        .ask_running = running,
        .context = context,
        .helper = { .control = -1 },
    };
    auto_close int lock = -1;
    if (store_prepare(images, err) < 0 ||
        ((flags & IMAGES_CHECK_REPAIR) && store_lock(images, &lock, err) < 0))
        return -1;
    if (!(flags & IMAGES_CHECK_QUICK) &&
        helper_open(images->transfer, images->root, &check.helper, err) < 0)
        return -1;
    if (check_all(&check, err) < 0)
        return -1;
    if (flags & IMAGES_CHECK_REPAIR) {
        if (check.index_changed && index_save(images, &check.index, err) < 0)
            return err_wrap(err, "repair");
        fd_close(&lock);
        if (flags & IMAGES_CHECK_FETCH)
            check_fetch(&check);
        if (repair_end(&check, err) < 0)
            return err_wrap(err, "repair");
    }
    *ret_checked = check.result;
    check.result = (struct images_checked){};
    return 0;
}
