/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp of the specification as the rules the kernel layer compiles. */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "kernel/seccomp_cache.h"
#include "kernel/seccomp_default.h"
#include "runtime/plan_part.h"

static int action_of(enum spec_seccomp_action action, const struct maybe_u64 *data,
                     uint32_t *ret_action, struct err *err)
{
    uint32_t value = data->set ? (uint32_t)data->value : EPERM;
    if (action == SECCOMP_ACTION_NOTIFY) /* nobody would listen: the kernel makes ENOSYS of it */
        return err_set(err, ERR_UNSUPPORTED, "linux.seccomp: SCMP_ACT_NOTIFY");
    return seccomp_action_parse(spec_seccomp_action_names[action], value, ret_action, err);
}

static int rule_compares(const struct spec_seccomp_rule *from, struct seccomp_rule *rule,
                         struct err *err)
{
    for (size_t i = 0; i < from->args.len; i++) {
        const struct spec_seccomp_arg *arg = &from->args.at[i];
        if (rule->n_compares == SECCOMP_COMPARES_MAX)
            return err_set(err, ERR_INVALID, "linux.seccomp: more than %d comparisons in a rule",
                           SECCOMP_COMPARES_MAX);
        struct seccomp_compare *compare = &rule->compares[rule->n_compares++];
        compare->argument = (uint8_t)arg->index;
        if (seccomp_operation_parse(spec_seccomp_operator_names[arg->op], &compare->operation,
                                    err) < 0)
            return -1;
        bool masked = compare->operation == SECCOMP_MASKED_EQUAL;
        compare->mask = masked ? arg->value : 0;
        compare->value = masked ? arg->value_two : arg->value;
    }
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
    return rule_compares(from, seccomp_rules_add(rules, names->at[names->len - 1], action), err);
}

static int rules_of_spec(const struct spec_seccomp *from, struct seccomp_rules *rules,
                         struct strings *names, struct err *err)
{
    if (from->listener_path)
        return err_set(err, ERR_UNSUPPORTED, "linux.seccomp.listenerPath");
    if (action_of(from->default_action, &from->default_errno_ret, &rules->otherwise, err) < 0)
        return -1;
    rules->foreign = SECCOMP_RET_KILL_PROCESS;
    for (size_t i = 0; i < from->architectures.len; i++) {
        uint32_t architecture;
        if (seccomp_architecture_parse(from->architectures.at[i], &architecture, err) < 0)
            return -1;
        rules->architectures |= architecture;
    }
    for (size_t i = 0; i < from->syscalls.len; i++)
        if (rules_add(&from->syscalls.at[i], rules, names, err) < 0)
            return -1;
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
    };
    for (size_t i = 0; i < words->len; i++) {
        size_t row = 0;
        while (row < array_size(rows) && strcmp(rows[row].word, words->at[i]) != 0)
            row++;
        if (row == array_size(rows))
            return err_set(err, ERR_UNSUPPORTED, "linux.seccomp.flags: %s", words->at[i]);
        *ret_flags |= rows[row].flag;
    }
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
            result = flags_of_spec(&from->flags, &process->seccomp_flags, err);
        if (result == 0)
            result = filter_make(request, &rules, process, err);
    } else {
        return 0;
    }
    seccomp_rules_done(&rules);
    return result;
}
