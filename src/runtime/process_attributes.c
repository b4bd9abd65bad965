/* SPDX-License-Identifier: Apache-2.0 */
/* What few processes ask for: each a step of its own, of which others have none. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include "runtime/start.h"

static const struct plan_attributes *attributes_of(const struct plan *plan)
{
    return &plan->process.attributes;
}

int process_processors_initial(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (processors_set(attributes_of(start->plan)->processors_initial) < 0)
        return step_fail(err, "bind to the processors of execCPUAffinity.initial", NULL);
    return 0;
}

int process_processors_reset(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)i;
    if (processors_reset() < 0)
        return step_fail(err, "let go of the caller's processors", NULL);
    return 0;
}

int process_processors_final(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (processors_set(attributes_of(start->plan)->processors_final) < 0)
        return step_fail(err, "bind to the processors of execCPUAffinity.final", NULL);
    return 0;
}

int process_memory_policy(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (memory_policy_set(attributes_of(start->plan)->memory_policy) < 0)
        return step_fail(err, "set the memory policy", NULL);
    return 0;
}

int process_io_priority(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_attributes *attributes = attributes_of(start->plan);
    if (io_priority_set(attributes->io_class, attributes->io_priority) < 0)
        return step_fail(err, "set the I/O priority", NULL);
    return 0;
}

int process_personality(struct start *start, size_t i, struct err *err)
{
    (void)i;
    bool bits32 = attributes_of(start->plan)->personality->domain == PERSONALITY_LINUX32;
    if (execution_domain_set(bits32) < 0)
        return step_fail(err, "set the execution domain", NULL);
    return 0;
}

int process_scheduler(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (schedule_set(attributes_of(start->plan)->scheduler) < 0)
        return step_fail(err, "set the scheduler", NULL);
    return 0;
}

int process_label_open(struct start *start, size_t i, struct err *err)
{
    (void)i;
    struct statfs status;
    start->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (start->proc < 0 || fstatfs(start->proc, &status) < 0)
        return step_fail(err, "open", "/proc");
    if (status.f_type != PROC_SUPER_MAGIC) {
        errno = ENODEV;
        return step_fail(err, "open", "/proc");
    }
    return 0;
}

int process_label(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_attributes *attributes = attributes_of(start->plan);
    if (label_set_exec(start->proc, attributes->label_kind, attributes->label) < 0)
        return step_fail(err, "label the program", attributes->label);
    fd_close(&start->proc);
    return 0;
}

/* --- counts ----------------------------------------------------------------------------------- */

/* Those of an exec alone: a new container has none of them (config.md, execCPUAffinity). */
static bool is_exec(const struct plan *plan)
{
    return plan->n_root_sources == 0;
}

size_t count_processors_initial(const struct plan *plan)
{
    return attributes_of(plan)->processors_initial && is_exec(plan);
}

size_t count_processors_reset(const struct plan *plan)
{
    return attributes_of(plan)->processors_reset;
}

size_t count_processors_final(const struct plan *plan)
{
    return attributes_of(plan)->processors_final && is_exec(plan);
}

size_t count_memory_policy(const struct plan *plan)
{
    return attributes_of(plan)->memory_policy != NULL;
}

size_t count_io_priority(const struct plan *plan)
{
    return attributes_of(plan)->io_class != 0;
}

size_t count_personality(const struct plan *plan)
{
    return attributes_of(plan)->personality != NULL;
}

size_t count_scheduler(const struct plan *plan)
{
    return attributes_of(plan)->scheduler != NULL;
}

size_t count_label(const struct plan *plan)
{
    return attributes_of(plan)->label != NULL;
}
