/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduler, priorities, processors, memory nodes and labels of a process as what the kernel takes.
 */
#include <linux/mempolicy.h>
#include <string.h>

#include "runtime/plan_part.h"

/* The numbers of the kernel's policies: sched(7). */
static uint32_t policy_number(enum spec_scheduler_policy policy)
{
    static const unsigned char numbers[] = {
        [SCHEDULER_OTHER] = 0,    [SCHEDULER_FIFO] = 1, [SCHEDULER_RR] = 2,
        [SCHEDULER_BATCH] = 3,    [SCHEDULER_ISO] = 4,  [SCHEDULER_IDLE] = 5,
        [SCHEDULER_DEADLINE] = 6,
    };
    return numbers[policy];
}

static int attributes_scheduler(const struct spec_scheduler *from,
                                struct plan_attributes *attributes, struct err *err)
{
    struct schedule *to = attributes->scheduler = xnew(struct schedule);
    to->size = sizeof(*to);
    to->policy = policy_number(from->policy);
    to->nice = from->nice;
    to->priority = (uint32_t)from->priority;
    to->runtime_ns = from->runtime;
    to->deadline_ns = from->deadline;
    to->period_ns = from->period;
    for (size_t i = 0; i < from->flags.len; i++) {
        uint64_t flag;
        if (!schedule_flag(from->flags.at[i], &flag))
            return err_set(err, ERR_INVALID,
                           "config.json: /process/scheduler/flags/%zu: unknown flag %.60s", i,
                           from->flags.at[i]);
        to->flags |= flag;
    }
    return 0;
}

static int policy_mode(enum spec_memory_policy_mode mode)
{
    static const unsigned char modes[] = {
        [MEMORY_POLICY_DEFAULT] = MPOL_DEFAULT,
        [MEMORY_POLICY_BIND] = MPOL_BIND,
        [MEMORY_POLICY_INTERLEAVE] = MPOL_INTERLEAVE,
        [MEMORY_POLICY_WEIGHTED_INTERLEAVE] = 6, /* MPOL_WEIGHTED_INTERLEAVE, kernel 6.9 */
        [MEMORY_POLICY_PREFERRED] = MPOL_PREFERRED,
        [MEMORY_POLICY_PREFERRED_MANY] = 5, /* MPOL_PREFERRED_MANY, kernel 5.15 */
        [MEMORY_POLICY_LOCAL] = MPOL_LOCAL,
    };
    return modes[mode];
}

static int attributes_memory(const struct spec_memory_policy *from,
                             struct plan_attributes *attributes, struct err *err)
{
    static const char nodes[] = "config.json: /linux/memoryPolicy/nodes";
    struct memory_policy *to = attributes->memory_policy = xnew(struct memory_policy);
    bool none = from->mode == MEMORY_POLICY_DEFAULT || from->mode == MEMORY_POLICY_LOCAL;
    bool given = from->nodes && *from->nodes;
    to->mode = policy_mode(from->mode);
    if (none && given)
        return err_set(err, ERR_INVALID, "%s: %s has none", nodes,
                       spec_memory_policy_mode_names[from->mode]);
    if (!none && !given && from->mode != MEMORY_POLICY_PREFERRED)
        return err_set(err, ERR_INVALID, "%s: %s needs some", nodes,
                       spec_memory_policy_mode_names[from->mode]);
    if (given && number_set_parse(from->nodes, nodes, &to->nodes, err) < 0)
        return -1;
    for (size_t i = 0; i < from->flags.len; i++) {
        int flag;
        if (!memory_policy_flag(from->flags.at[i], &flag))
            return err_set(err, ERR_INVALID,
                           "config.json: /linux/memoryPolicy/flags/%zu: unknown flag %.60s", i,
                           from->flags.at[i]);
        to->mode |= flag;
    }
    return 0;
}

static int attributes_processors(const char *list, const char *what, struct number_set **ret_set,
                                 struct err *err)
{
    if (!list || !*list)
        return 0;
    *ret_set = xnew(struct number_set);
    return number_set_parse(list, what, *ret_set, err);
}

/* A label where nothing would enforce it means less isolation than was asked for. */
static int attributes_label(const char *label, enum label_kind kind, const char *key,
                            struct plan_attributes *attributes, struct err *err)
{
    if (!label || !*label)
        return 0;
    bool active = label_active(kind);
    if (!active && kind == LABEL_APPARMOR && strcmp(label, "unconfined") == 0)
        return 0;
    if (!active)
        return err_set(err, ERR_UNSUPPORTED,
                       "config.json: /process/%s: %s is not active on this machine; leave it out",
                       key, kind == LABEL_APPARMOR ? "AppArmor" : "SELinux");
    attributes->label = label;
    attributes->label_kind = kind;
    return 0;
}

int plan_attributes_make(const struct spec *spec, struct plan_attributes *attributes,
                         struct err *err)
{
    const struct spec_process *process = spec->process;
    const struct spec_linux *part = spec->linux;
    const struct spec_exec_cpu_affinity *affinity = process->exec_cpu_affinity;
    /* The kernel has one class less than the enum's zero. */
    if (process->io_priority) {
        attributes->io_class = (int)process->io_priority->class + 1;
        attributes->io_priority = process->io_priority->priority;
    }
    attributes->personality = part->personality;
    attributes->processors_reset =
        part->resources && part->resources->cpu && part->resources->cpu->cpus;
    if (process->scheduler && attributes_scheduler(process->scheduler, attributes, err) < 0)
        return -1;
    if (part->memory_policy && attributes_memory(part->memory_policy, attributes, err) < 0)
        return -1;
    if (affinity &&
        (attributes_processors(affinity->initial, "config.json: /process/execCPUAffinity/initial",
                               &attributes->processors_initial, err) < 0 ||
         attributes_processors(affinity->final, "config.json: /process/execCPUAffinity/final",
                               &attributes->processors_final, err) < 0))
        return -1;
    if (attributes_label(process->apparmor_profile, LABEL_APPARMOR, "apparmorProfile", attributes,
                         err) < 0)
        return -1;
    return attributes_label(process->selinux_label, LABEL_SELINUX, "selinuxLabel", attributes, err);
}

void plan_attributes_done(struct plan_attributes *attributes)
{
    free(attributes->scheduler);
    free(attributes->memory_policy);
    free(attributes->processors_initial);
    free(attributes->processors_final);
    *attributes = (struct plan_attributes){};
}
