/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sum.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

enum { AT_ONCE = 4 };

struct run {
    struct sum *sum; /* NULL: free */
    int socket;
};

void sums_done(struct sums *sums)
{
    for (size_t i = 0; i < sums->len; i++) {
        free(sums->at[i].path);
        free(sums->at[i].digest);
    }
    free(sums->at);
    *sums = (struct sums){};
}

size_t sums_add(struct sums *sums, char *path)
{
    sums->at = xrealloc(sums->at, sums->len + 1, sizeof(*sums->at));
    sums->at[sums->len] = (struct sum){ .path = path };
    return sums->len++;
}

bool sum_damaged(const struct sum *sum)
{
    static const int damages[] = { EIO, EUCLEAN, EBADMSG, ELOOP }; /* ELOOP: a link instead */
    for (size_t i = 0; i < array_size(damages); i++)
        if (sum->err.errnum == damages[i])
            return true;
    return sum->err.kind == ERR_INVALID;
}

/* Opens what is to be read, as ruche-transfer may read it. */
static int sum_open(const struct sum *sum, struct images *images, const struct helper *helper,
                    int *ret_fd, struct err *err)
{
    struct stat st;
    auto_close int fd =
        openat(images->root, sum->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
    if (fd < 0 && errno == EPERM) /* O_NOATIME is the owner's */
        fd = openat(images->root, sum->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    /* A directory that its owner, one of the user's subordinate ids, lets nobody else read. */
    if (fd < 0 && errno == EACCES)
        fd = openat(images->root, sum->path, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open %s", sum->path);
    if (S_ISDIR(st.st_mode))
        return helper_directory(helper, fd, ret_fd, err);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is no plain file", sum->path);
    if (sum->mounted) {
        *ret_fd = layer_mount(fd);
        return *ret_fd < 0 ? err_sys(err, "mount it") : helper_mount(helper, *ret_fd, err);
    }
    *ret_fd = take_fd(fd);
    return 0;
}

/* Returns 1, or 0: it cannot be read. */
static int run_begin(struct run *run, struct sum *sum, struct images *images,
                     const struct helper *helper, struct err *err)
{
    const struct transfer_request request = { .version = TRANSFER_VERSION, .verb = TRANSFER_SUM };
    auto_close int fd = -1;
    if (sum_open(sum, images, helper, &fd, &sum->err) < 0)
        return 0;
    if (helper_request(helper, &request, &fd, 1, &run->socket, err) < 0)
        return -1;
    run->sum = sum;
    return 1;
}

static void run_end(struct run *run)
{
    fd_close(&run->socket);
    run->sum = NULL;
}

static void run_event(struct run *run)
{
    struct sum *sum = run->sum;
    struct transfer_event event;
    if (helper_event(run->socket, &event, &sum->err) < 0) {
        run_end(run);
        return;
    }
    if (event.kind == TRANSFER_DIGESTS && digest_valid(event_text(&event, 0)) && !sum->digest) {
        sum->digest = xstrdup(event_text(&event, 0));
        sum->bytes = event.bytes;
        return;
    }
    if (event.kind == TRANSFER_PROGRESS)
        return;
    if (event.kind == TRANSFER_FAILED)
        event_error(&event, &sum->err);
    else if (event.kind != TRANSFER_DONE || !sum->digest)
        err_set(&sum->err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
    if (event.kind != TRANSFER_DONE) {
        free(sum->digest);
        sum->digest = NULL;
    }
    run_end(run);
}

struct work {
    struct sums *sums;
    struct images *images;
    const struct helper *helper;
    struct run runs[AT_ONCE];
    size_t next;
};

/* Begins as many as may run. Returns how many do. */
static int work_begin(struct work *work, struct err *err)
{
    int running = 0;
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct run *run = &work->runs[i];
        while (!run->sum && work->next < work->sums->len) {
            struct sum *sum = &work->sums->at[work->next++];
            if (!sum->digest && run_begin(run, sum, work->images, work->helper, err) < 0)
                return -1;
        }
        running += run->sum != NULL;
    }
    return running;
}

static int work_wait(struct work *work, struct err *err)
{
    struct pollfd polls[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++)
        polls[i] = (struct pollfd){ .fd = work->runs[i].socket, .events = POLLIN };
    if (poll(polls, AT_ONCE, -1) < 0)
        return errno == EINTR ? 0 : err_sys(err, "wait for ruche-transfer");
    for (size_t i = 0; i < AT_ONCE; i++)
        if (polls[i].revents && work->runs[i].sum)
            run_event(&work->runs[i]);
    return 0;
}

int sums_run(struct sums *sums, struct images *images, const struct helper *helper,
             const struct image_watch *watch, struct err *err)
{
    struct work work = { .sums = sums, .images = images, .helper = helper };
    for (size_t i = 0; i < AT_ONCE; i++)
        work.runs[i].socket = -1;
    int running;
    while ((running = work_begin(&work, err)) > 0 && work_wait(&work, err) == 0)
        if (watch && watch->progress)
            watch->progress(watch->context, 0, 0, work.next, sums->len);
    for (size_t i = 0; i < AT_ONCE; i++)
        run_end(&work.runs[i]);
    return running == 0 ? 0 : -1;
}
