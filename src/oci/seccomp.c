/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/seccomp.h"

const char *const spec_seccomp_action_names[] = {
    [SECCOMP_ACTION_KILL] = "SCMP_ACT_KILL",
    [SECCOMP_ACTION_KILL_PROCESS] = "SCMP_ACT_KILL_PROCESS",
    [SECCOMP_ACTION_KILL_THREAD] = "SCMP_ACT_KILL_THREAD",
    [SECCOMP_ACTION_TRAP] = "SCMP_ACT_TRAP",
    [SECCOMP_ACTION_ERRNO] = "SCMP_ACT_ERRNO",
    [SECCOMP_ACTION_TRACE] = "SCMP_ACT_TRACE",
    [SECCOMP_ACTION_ALLOW] = "SCMP_ACT_ALLOW",
    [SECCOMP_ACTION_LOG] = "SCMP_ACT_LOG",
    [SECCOMP_ACTION_NOTIFY] = "SCMP_ACT_NOTIFY",
    NULL,
};

const char *const spec_seccomp_operator_names[] = {
    [SECCOMP_OPERATOR_NE] = "SCMP_CMP_NE",
    [SECCOMP_OPERATOR_LT] = "SCMP_CMP_LT",
    [SECCOMP_OPERATOR_LE] = "SCMP_CMP_LE",
    [SECCOMP_OPERATOR_EQ] = "SCMP_CMP_EQ",
    [SECCOMP_OPERATOR_GE] = "SCMP_CMP_GE",
    [SECCOMP_OPERATOR_GT] = "SCMP_CMP_GT",
    [SECCOMP_OPERATOR_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
    NULL,
};

/* clang-format off */
static const struct field arg_fields[] = {
    FIELD_U32(spec_seccomp_arg, index, "index", F_MUST),
    FIELD_U64(spec_seccomp_arg, value, "value", F_MUST),
    FIELD_U64(spec_seccomp_arg, value_two, "valueTwo", 0),
    FIELD_ENUM(spec_seccomp_arg, op, "op", F_MUST, spec_seccomp_operator, spec_seccomp_operator_names),
    FIELD_END,
};

static const struct field rule_fields[] = {
    FIELD_LIST(spec_seccomp_rule, names, "names", F_MUST),
    FIELD_ENUM(spec_seccomp_rule, action, "action", F_MUST, spec_seccomp_action, spec_seccomp_action_names),
    FIELD_MAYBE_U64_TO(spec_seccomp_rule, errno_ret, "errnoRet", 0, UINT32_MAX),
    FIELD_ARRAY(spec_seccomp_rule, args, "args", 0, spec_seccomp_arg, arg_fields),
    FIELD_END,
};

const struct field spec_seccomp_fields[] = {
    FIELD_ENUM(spec_seccomp, default_action, "defaultAction", F_MUST, spec_seccomp_action, spec_seccomp_action_names),
    FIELD_MAYBE_U64_TO(spec_seccomp, default_errno_ret, "defaultErrnoRet", 0, UINT32_MAX),
    FIELD_LIST(spec_seccomp, architectures, "architectures", 0),
    FIELD_LIST(spec_seccomp, flags, "flags", 0),
    FIELD_TEXT(spec_seccomp, listener_path, "listenerPath", 0),
    FIELD_TEXT(spec_seccomp, listener_metadata, "listenerMetadata", 0),
    FIELD_ARRAY(spec_seccomp, syscalls, "syscalls", 0, spec_seccomp_rule, rule_fields),
    FIELD_END,
};
/* clang-format on */

enum {
    SYSCALL_ARGS = 6,
    ERRNO_HIGHEST = 4095,       /* MAX_ERRNO of the kernel, which cuts off what is above */
    TRACE_DATA_HIGHEST = 65535, /* SECCOMP_RET_DATA */
};

/* An errno where the action carries none would be dropped silently; config-linux.md wants an error.
 */
static int errno_check(enum spec_seccomp_action action, struct maybe_u64 value, const char *pointer,
                       const char *key, struct err *err)
{
    uint64_t highest = action == SECCOMP_ACTION_TRACE ? TRACE_DATA_HIGHEST : ERRNO_HIGHEST;

    if (!value.set)
        return 0;
    if (action != SECCOMP_ACTION_ERRNO && action != SECCOMP_ACTION_TRACE)
        return err_set(err, ERR_INVALID, "%s/%s: %s returns no errno; use SCMP_ACT_ERRNO", pointer,
                       key, spec_seccomp_action_names[action]);
    if (value.value > highest)
        return err_set(err, ERR_INVALID, "%s/%s: %llu is above %llu", pointer, key,
                       (unsigned long long)value.value, (unsigned long long)highest);
    return 0;
}

static int rule_check(const struct spec_seccomp_rule *rule, const char *pointer, struct err *err)
{
    if (rule->names.len == 0)
        return err_set(err, ERR_INVALID, "%s/names: names no system call", pointer);
    for (size_t i = 0; i < rule->args.len; i++)
        if (rule->args.at[i].index >= SYSCALL_ARGS)
            return err_set(err, ERR_INVALID, "%s/args/%zu/index: %u is not from 0 to 5", pointer, i,
                           rule->args.at[i].index);
    return errno_check(rule->action, rule->errno_ret, pointer, "errnoRet", err);
}

int spec_seccomp_check(const struct spec_seccomp *seccomp, const char *pointer, struct err *err)
{
    if (errno_check(seccomp->default_action, seccomp->default_errno_ret, pointer, "defaultErrnoRet",
                    err) < 0)
        return -1;
    if (seccomp->listener_metadata && !seccomp->listener_path)
        return err_set(err, ERR_INVALID, "%s/listenerMetadata: stands without listenerPath",
                       pointer);

    for (size_t i = 0; i < seccomp->syscalls.len; i++) {
        auto_free char *at = xasprintf("%s/syscalls/%zu", pointer, i);

        if (rule_check(&seccomp->syscalls.at[i], at, err) < 0)
            return -1;
    }
    return 0;
}
