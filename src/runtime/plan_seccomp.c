/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp of the specification as the rules the kernel layer compiles. */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "kernel/seccomp_cache.h"
#include "kernel/seccomp_default.h"
#include "runtime/plan_part.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static int action_of(enum spec_seccomp_action action, const struct maybe_u64 *data,
                     uint32_t *ret_action, struct err *err)
{
    uint32_t value = data->set ? (uint32_t)data->value : EPERM;
    return seccomp_action_parse(spec_seccomp_action_names[action], value, ret_action, err);
}

static int rule_compare(const struct spec_seccomp_arg *arg, struct seccomp_rule *rule,
                        struct err *err)
{
    struct seccomp_compare *compare = &rule->compares[rule->n_compares++];
    compare->argument = (uint8_t)arg->index;
    if (seccomp_operation_parse(spec_seccomp_operator_names[arg->op], &compare->operation, err) < 0)
        return -1;
    bool masked = compare->operation == SECCOMP_MASKED_EQUAL;
    compare->mask = masked ? arg->value : 0;
    compare->value = masked ? arg->value_two : arg->value;
    return 0;
}

/* libseccomp takes an argument once in a rule. Runtimes have agreed that profiles which name one
 * twice mean any of the comparisons, not all of them. */
static bool names_argument_twice(const struct spec_seccomp_rule *from)
{
    unsigned seen = 0;
    for (size_t i = 0; i < from->args.len; i++) {
        unsigned bit = 1U << from->args.at[i].index;
        if (seen & bit)
            return true;
        seen |= bit;
    }
    return false;
}

static int rules_of_args(const struct spec_seccomp_rule *from, struct seccomp_rules *rules,
                         const char *names, uint32_t action, struct err *err)
{
    bool any = names_argument_twice(from);
    struct seccomp_rule *rule = any ? NULL : seccomp_rules_add(rules, names, action);
    for (size_t i = 0; i < from->args.len; i++) {
        if (any)
            rule = seccomp_rules_add(rules, names, action);
        if (rule_compare(&from->args.at[i], rule, err) < 0)
            return -1;
    }
    return 0;
}

/* The child speaks to the parent by these before the agent has the listener: nobody would answer. */
static int notify_check(const struct spec_seccomp_rule *from, struct err *err)
{
    static const char needed[][8] = { "write", "sendmsg" };
    for (size_t i = 0; i < array_size(needed); i++)
        if (strings_have(&from->names, needed[i]))
            return err_set(err, ERR_UNSUPPORTED,
                           "SCMP_ACT_NOTIFY cannot be used for the %s syscall", needed[i]);
    return 0;
}

/* Names stay the specification's, joined by blanks; `names` keeps them alive until the filter is
 * compiled. */
static int rules_add(const struct spec_seccomp_rule *from, struct seccomp_rules *rules,
                     struct strings *names, struct err *err)
{
    auto_done(str) joined = {};
    for (size_t i = 0; i < from->names.len; i++)
        str_addf(&joined, "%s%s", i ? " " : "", from->names.at[i]);
    strings_add(names, str_text(&joined));
    uint32_t action = 0;
    if (action_of(from->action, &from->errno_ret, &action, err) < 0)
        return -1;
    if (from->action == SECCOMP_ACTION_NOTIFY && notify_check(from, err) < 0)
        return -1;
    return rules_of_args(from, rules, names->at[names->len - 1], action, err);
}

/* A profile that lets nothing pass but what it names knows nothing of later system calls; programs
 * ask whether there are any, and take ENOSYS for no. */
static bool refuses_the_rest(const struct spec_seccomp *from)
{
    switch (from->default_action) {
    case SECCOMP_ACTION_ERRNO:
        return !from->default_errno_ret.set || from->default_errno_ret.value != ENOSYS;
    case SECCOMP_ACTION_KILL:
    case SECCOMP_ACTION_KILL_PROCESS:
    case SECCOMP_ACTION_KILL_THREAD:
    case SECCOMP_ACTION_TRAP:
        return true;
    case SECCOMP_ACTION_TRACE:
    case SECCOMP_ACTION_ALLOW:
    case SECCOMP_ACTION_LOG:
    case SECCOMP_ACTION_NOTIFY:
        return false;
    }
    return false;
}

/* Whether somebody is asked, and if so, whether there is anybody. */
static int notify_plan(const struct runtime_request *request, const struct spec_seccomp *from,
                       struct plan_process *process, struct err *err)
{
    if (from->default_action == SECCOMP_ACTION_NOTIFY)
        return err_set(err, ERR_UNSUPPORTED,
                       "config.json: /linux/seccomp/defaultAction: SCMP_ACT_NOTIFY cannot be used "
                       "as default action");
    for (size_t i = 0; i < from->syscalls.len && !process->seccomp_notify; i++)
        process->seccomp_notify = from->syscalls.at[i].action == SECCOMP_ACTION_NOTIFY;
    if (!process->seccomp_notify)
        return 0;
    /* Without a listener the kernel makes ENOSYS of it. */
    if (!from->listener_path || !request->state)
        return err_set(err, ERR_INVALID,
                       "config.json: /linux/seccomp/listenerPath: SCMP_ACT_NOTIFY needs one");
    process->seccomp_flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    return 0;
}

static int rules_of_spec(const struct spec_seccomp *from, struct seccomp_rules *rules,
                         struct strings *names, struct err *err)
{
    if (action_of(from->default_action, &from->default_errno_ret, &rules->otherwise, err) < 0)
        return -1;
    rules->foreign = SECCOMP_RET_KILL_PROCESS;
    if (refuses_the_rest(from))
        rules->flags |= SECCOMP_NEWER_ENOSYS;
    for (size_t i = 0; i < from->architectures.len; i++) {
        uint32_t architecture;
        if (seccomp_architecture_parse(from->architectures.at[i], &architecture, err) < 0)
            return err_wrap(err, "config.json: /linux/seccomp/architectures/%zu", i);
        rules->architectures |= architecture;
    }
    for (size_t i = 0; i < from->syscalls.len; i++)
        if (rules_add(&from->syscalls.at[i], rules, names, err) < 0)
            return err_wrap(err, "config.json: /linux/seccomp/syscalls/%zu", i);
    return 0;
}

static int flags_of_spec(const struct strings *words, uint32_t *ret_flags, struct err *err)
{
    static const struct {
        char word[40];
        uint32_t flag;
    } rows[] = {
        { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
        { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
        { "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* there is one thread */
        { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
    };
    for (size_t i = 0; i < words->len; i++) {
        size_t row = 0;
        while (row < array_size(rows) && strcmp(rows[row].word, words->at[i]) != 0)
            row++;
        if (row == array_size(rows))
            return err_set(err, ERR_UNSUPPORTED,
                           "config.json: /linux/seccomp/flags/%zu: unknown flag %.60s", i,
                           words->at[i]);
        *ret_flags |= rows[row].flag;
    }
    /* It is about waiting for an answer (kernel 5.19), and refused where nobody waits for one. */
    if (!(*ret_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
        *ret_flags &= ~(uint32_t)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    return 0;
}

static int filter_make(const struct runtime_request *request, const struct seccomp_rules *rules,
                       struct plan_process *process, struct err *err)
{
    if (request->seccomp_cache >= 0)
        return seccomp_cached(request->seccomp_cache, rules, &process->seccomp, err);
    return seccomp_compile(rules, &process->seccomp, err);
}

int plan_seccomp_make(const struct runtime_request *request, struct plan_process *process,
                      struct err *err)
{
    const struct spec_seccomp *from = request->spec->linux->seccomp;
    struct seccomp_rules rules = {};
    auto_done(strings) names = {};
    int result;
    if (request->seccomp == RUNTIME_SECCOMP_DEFAULT) {
        seccomp_default_rules(process->capabilities.bounding, 0, &rules);
        result = seccomp_compile(&rules, &process->seccomp,
                                 err); /* it knows its numbers: faster than a file */
    } else if (from) {
        result = rules_of_spec(from, &rules, &names, err);
        if (result == 0)
            result = notify_plan(request, from, process, err);
        if (result == 0)
            result = flags_of_spec(&from->flags, &process->seccomp_flags, err);
        if (result == 0)
            result = filter_make(request, &rules, process, err);
    } else {
        return 0;
    }
    seccomp_rules_done(&rules);
    return result;
}
