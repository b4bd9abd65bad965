/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/seccomp.h"

#include <string.h>

#include "json_value.h"

static char *seccomp_round(const char *text, size_t len, struct err *err)
{
    struct spec_seccomp seccomp = {};
    struct str out = {};

    if (field_read(spec_seccomp_fields, text, len, "profile", 0, &seccomp, err) < 0)
        return NULL;
    int result = spec_seccomp_check(&seccomp, "profile: ", err);
    if (result == 0)
        field_write(spec_seccomp_fields, &seccomp, 0, &out);
    field_done(spec_seccomp_fields, &seccomp);
    return result < 0 ? NULL : str_take(&out);
}

#define RULE(...) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{" #__VA_ARGS__ "}]}"

Test(seccomp, knows_each_action)
{
    for (size_t i = 0; spec_seccomp_action_names[i]; i++) {
        struct err err = {};
        auto_free char *text =
            xasprintf("{\"defaultAction\":\"%s\"}", spec_seccomp_action_names[i]);
        auto_free char *result = seccomp_round(text, strlen(text), &err);

        cr_assert_not_null(result, "%s", err.text);
        cr_assert_str_eq(result, text);
    }
    cr_assert_str_eq(spec_seccomp_action_names[SECCOMP_ACTION_NOTIFY], "SCMP_ACT_NOTIFY");
    cr_assert_null(spec_seccomp_action_names[SECCOMP_ACTION_NOTIFY + 1]);
}

Test(seccomp, knows_each_operator)
{
    for (size_t i = 0; spec_seccomp_operator_names[i]; i++) {
        struct err err = {};
        auto_free char *text =
            xasprintf("{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{\"names\":[\"read\"],"
                      "\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":0,\"value\":"
                      "18446744073709551615,\"op\":\"%s\"}]}]}",
                      spec_seccomp_operator_names[i]);
        auto_free char *result = seccomp_round(text, strlen(text), &err);

        cr_assert_not_null(result, "%s", err.text);
        cr_assert_str_eq(result, text);
    }
    cr_assert_null(spec_seccomp_operator_names[SECCOMP_OPERATOR_MASKED_EQ + 1]);
}

/* clang-format off */
Test(seccomp, refuses_what_would_be_dropped)
{
    static const struct {
        const char *text;
        const char *error;
    } refusals[] = {
        { JSON({}), "profile: /defaultAction: missing" },
        { JSON({ "defaultAction": "ALLOW" }), "profile: /defaultAction: \"ALLOW\" is not one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY" },
        { JSON({ "defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1 }), "profile: /defaultErrnoRet: SCMP_ACT_KILL returns no errno; use SCMP_ACT_ERRNO" },
        { JSON({ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096 }), "profile: /defaultErrnoRet: 4096 is above 4095" },
        { JSON({ "defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "a" }), "profile: /listenerMetadata: stands without listenerPath" },
        { RULE("action": "SCMP_ACT_ALLOW"), "profile: /syscalls/0/names: missing" },
        { RULE("names": [], "action": "SCMP_ACT_ALLOW"), "profile: /syscalls/0/names: names no system call" },
        { RULE("names": ["read"]), "profile: /syscalls/0/action: missing" },
        { RULE("names": ["read"], "action": "SCMP_ACT_LOG", "errnoRet": 1), "profile: /syscalls/0/errnoRet: SCMP_ACT_LOG returns no errno; use SCMP_ACT_ERRNO" },
        { RULE("names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5000), "profile: /syscalls/0/errnoRet: 5000 is above 4095" },
        { RULE("names": ["read"], "action": "SCMP_ACT_TRACE", "errnoRet": 65536), "profile: /syscalls/0/errnoRet: 65536 is above 65535" },
        { RULE("names": ["read"], "action": "SCMP_ACT_KILL", "args": [{ "value": 1, "op": "SCMP_CMP_EQ" }]), "profile: /syscalls/0/args/0/index: missing" },
        { RULE("names": ["read"], "action": "SCMP_ACT_KILL", "args": [{ "index": 6, "value": 1, "op": "SCMP_CMP_EQ" }]), "profile: /syscalls/0/args/0/index: 6 is not from 0 to 5" },
        { RULE("names": ["read"], "action": "SCMP_ACT_KILL", "args": [{ "index": 1, "value": -1, "op": "SCMP_CMP_EQ" }]), "profile: /syscalls/0/args/0/value: -1 is not from 0 to 18446744073709551615" },
    };

    for (size_t i = 0; i < array_size(refusals); i++) {
        struct err err = {};
        auto_free char *result = seccomp_round(refusals[i].text, strlen(refusals[i].text), &err);

        cr_assert_null(result, "passed: %s", refusals[i].text);
        cr_assert_eq(err.kind, ERR_INVALID);
        cr_assert_str_eq(err.text, refusals[i].error);
    }
}
/* clang-format on */
