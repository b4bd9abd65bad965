/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/start.h"

static uint64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static size_t step_count(const struct step *step, const struct plan *plan)
{
    return step->count ? step->count(plan) : 1;
}

size_t steps_count(const struct steps *steps, const struct plan *plan)
{
    size_t count = 0;
    for (const struct step *step = steps->at; step->run; step++)
        count += step_count(step, plan);
    return count;
}

static int step_run(const struct step *step, struct start *start, size_t i, struct stamp *stamp,
                    struct err *err)
{
    if (!stamp)
        return step->run(start, i, err);
    stamp->begin_ns = clock_ns();
    int result = step->run(start, i, err);
    stamp->end_ns = clock_ns();
    stamp->failed = result < 0;
    return result;
}

int steps_run(const struct steps *steps, struct start *start, struct stamp *stamps, struct err *err)
{
    for (const struct step *step = steps->at; step->run; step++) {
        size_t count = step_count(step, start->plan);
        for (size_t i = 0; i < count; i++) {
            if (step_run(step, start, i, stamps, err) < 0)
                return -1;
            if (stamps)
                stamps++;
        }
    }
    return 0;
}

struct told {
    const struct steps *steps;
    const struct step *step;
    size_t i;
    const struct stamp *stamp;
};

static int told_order(const void *a, const void *b)
{
    const struct told *first = a;
    const struct told *second = b;
    if (first->stamp->begin_ns != second->stamp->begin_ns)
        return first->stamp->begin_ns < second->stamp->begin_ns ? -1 : 1;
    return first->stamp < second->stamp ? -1 : first->stamp > second->stamp;
}

static void told_tell(const struct told *told, const struct plan *plan)
{
    auto_done(str) words = {};
    auto_done(str) call = {};
    str_add(&words, told->step->words);
    str_addf(&call, "%s(%s", told->step->call, told->step->arguments ? told->step->arguments : "");
    if (told->step->describe)
        told->step->describe(plan, told->i, &words, &call);
    str_add_char(&call, ')');
    struct runtime_event event = {
        .side = told->steps->side,
        .step = str_text(&words),
        .call = str_text(&call),
    };
    if (told->stamp) {
        event.begin_ns = told->stamp->begin_ns;
        event.end_ns = told->stamp->end_ns;
        event.done = told->stamp->end_ns != 0 && !told->stamp->failed;
    }
    plan->request->listener(plan->request->listener_context, &event);
}

void steps_tell(const struct steps *const *tables, size_t n_tables, const struct plan *plan,
                const struct stamp *stamps)
{
    size_t total = 0;
    for (size_t t = 0; t < n_tables; t++)
        total += steps_count(tables[t], plan);

    auto_free struct told *told = xcalloc(total, sizeof(*told));
    size_t n = 0;
    for (size_t t = 0; t < n_tables; t++) {
        for (const struct step *step = tables[t]->at; step->run; step++) {
            for (size_t i = 0; i < step_count(step, plan); i++, stamps = stamps ? stamps + 1 : NULL)
                if (!stamps || stamps->begin_ns)
                    told[n++] = (struct told){ tables[t], step, i, stamps };
        }
    }
    if (stamps)
        qsort(told, n, sizeof(*told), told_order);
    for (size_t i = 0; i < n; i++)
        told_tell(&told[i], plan);
}

int step_fail(struct err *err, const char *what, const char *name)
{
    return err_plain(err, ERR_SYSTEM, errno, what, name && *name ? name : NULL);
}
