/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program walks the rules from the last to the first and holds in a register which of the
 * requested kinds of access are still undecided. An allowing rule takes its kinds out, and when
 * none is left the request passes; a denying rule that meets an undecided kind ends it. So a later
 * rule is stronger, for each kind by itself, and a request for two kinds passes only if both do.
 *
 * Programs are replaced, not changed. Ours is found again among others on the group by its name.
 */
#include "kernel/device_filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/str.h"

_Static_assert((int)CGROUP_DEVICE_MKNOD == (int)BPF_DEVCG_ACC_MKNOD &&
                   (int)CGROUP_DEVICE_READ == (int)BPF_DEVCG_ACC_READ &&
                   (int)CGROUP_DEVICE_WRITE == (int)BPF_DEVCG_ACC_WRITE,
               "access bits are the kernel's");

static const char program_name[] = "ruche_devices";

enum {
    INSNS_A_RULE_MAX = 8,
    INSNS_FRAME = 8,
    ATTACHED_MAX = 64, /* BPF_CGROUP_MAX_PROGS */
};

/* --- rules --- */

int device_rules_check(const struct cgroup_device_rule *rules, size_t n, struct err *err)
{
    if (n > DEVICE_RULES_MAX)
        return err_set(err, ERR_INVALID, "device rules: %zu of them, at most %d", n,
                       DEVICE_RULES_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct cgroup_device_rule *rule = &rules[i];
        if (!rule->type || !strchr("abc", rule->type))
            return err_set(err, ERR_INVALID, "device rule %zu: type is a, b or c", i + 1);
        if (rule->major < -1 || rule->major > INT32_MAX || rule->minor < -1 ||
            rule->minor > INT32_MAX)
            return err_set(err, ERR_INVALID, "device rule %zu: no such device number", i + 1);
        if (!rule->access || (rule->access & ~(unsigned)CGROUP_DEVICE_ALL))
            return err_set(err, ERR_INVALID, "device rule %zu: access is of r, w and m", i + 1);
    }
    return 0;
}

int cgroup_device_access_parse(const char *text, unsigned *ret_access, struct err *err)
{
    unsigned access = 0;
    for (const char *at = text; *at; at++) {
        unsigned bit = *at == 'r'   ? CGROUP_DEVICE_READ
                       : *at == 'w' ? CGROUP_DEVICE_WRITE
                       : *at == 'm' ? CGROUP_DEVICE_MKNOD
                                    : 0U;
        if (!bit || (access & bit))
            return err_set(err, ERR_INVALID,
                           "device access \"%s\": each of r, w and m at most once", text);
        access |= bit;
    }
    if (!access)
        return err_set(err, ERR_INVALID, "device access: empty; give some of r, w and m");
    *ret_access = access;
    return 0;
}

static void add_number(struct str *out, int64_t number)
{
    if (number < 0)
        str_add_char(out, '*');
    else
        str_addf(out, "%lld", (long long)number);
}

char *device_rule_format(const struct cgroup_device_rule *rule)
{
    struct str out = {};
    str_add_char(&out, rule->type);
    str_add_char(&out, ' ');
    add_number(&out, rule->major);
    str_add_char(&out, ':');
    add_number(&out, rule->minor);
    str_addf(&out, " %s%s%s", rule->access & CGROUP_DEVICE_READ ? "r" : "",
             rule->access & CGROUP_DEVICE_WRITE ? "w" : "",
             rule->access & CGROUP_DEVICE_MKNOD ? "m" : "");
    return str_take(&out);
}

static bool is_everything(const struct cgroup_device_rule *rule)
{
    return rule->type == 'a' && rule->major < 0 && rule->minor < 0 &&
           rule->access == CGROUP_DEVICE_ALL;
}

/* --- the program --- */

enum { R_RESULT, R_CONTEXT, R_UNDECIDED, R_TYPE, R_MAJOR, R_MINOR };

static void add(struct device_program *program, uint8_t code, uint8_t to, uint8_t from,
                int16_t jump, int32_t number)
{
    program->at[program->len++] = (struct bpf_insn){
        .code = code, .dst_reg = to, .src_reg = from, .off = jump, .imm = number
    };
}

static void add_load(struct device_program *program, uint8_t to, size_t offset)
{
    add(program, BPF_LDX | BPF_MEM | BPF_W, to, R_CONTEXT, (int16_t)offset, 0);
}

static void add_return(struct device_program *program, int result)
{
    add(program, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, result);
    add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void add_head(struct device_program *program)
{
    /* access_type holds the kinds of access in its upper half and the device's type in the lower.
     */
    add_load(program, R_UNDECIDED, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    add(program, BPF_ALU64 | BPF_MOV | BPF_X, R_TYPE, R_UNDECIDED, 0, 0);
    add(program, BPF_ALU64 | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
    add(program, BPF_ALU64 | BPF_RSH | BPF_K, R_UNDECIDED, 0, 0, 16);
    add_load(program, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    add_load(program, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

static void add_condition(struct device_program *program, uint8_t value, int64_t want)
{
    if (want >= 0)
        add(program, BPF_JMP | BPF_JNE | BPF_K, value, 0, 0, (int32_t)want);
}

static void add_decision(struct device_program *program, const struct cgroup_device_rule *rule)
{
    int32_t access = (int32_t)rule->access;
    if (access != CGROUP_DEVICE_ALL && rule->allow) {
        add(program, BPF_ALU64 | BPF_AND | BPF_K, R_UNDECIDED, 0, 0, ~access);
        add(program, BPF_JMP | BPF_JNE | BPF_K, R_UNDECIDED, 0, 2, 0);
    } else if (access != CGROUP_DEVICE_ALL) {
        add(program, BPF_JMP | BPF_JSET | BPF_K, R_UNDECIDED, 0, 1, access);
        add(program, BPF_JMP | BPF_JA, 0, 0, 2, 0);
    }
    add_return(program, rule->allow);
}

static void add_rule(struct device_program *program, const struct cgroup_device_rule *rule)
{
    size_t conditions = program->len;
    if (rule->type != 'a')
        add_condition(program, R_TYPE,
                      rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    add_condition(program, R_MAJOR, rule->major);
    add_condition(program, R_MINOR, rule->minor);
    size_t decision = program->len;
    add_decision(program, rule);
    for (size_t i = conditions; i < decision; i++)
        program->at[i].off = (int16_t)(program->len - i - 1);
}

void device_program_make(const struct cgroup_device_rule *rules, size_t n,
                         struct device_program *ret)
{
    struct device_program program = {};
    program.at = xcalloc(INSNS_FRAME + n * INSNS_A_RULE_MAX, sizeof(*program.at));
    add_head(&program);
    bool whole = false;
    for (size_t i = n; i > 0 && !whole; i--) {
        add_rule(&program, &rules[i - 1]);
        whole = is_everything(&rules[i - 1]);
        program.allows_all = whole && i == n && rules[i - 1].allow;
    }
    /* The verifier refuses instructions that nothing leads to, so only where some request comes
     * this far. */
    if (!whole)
        add_return(&program, 0);
    *ret = program;
}

void device_program_done(struct device_program *program)
{
    free(program->at);
    *program = (struct device_program){};
}

/* --- attachment --- */

static int sys_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static uint64_t address(const void *at)
{
    return (uint64_t)(uintptr_t)at;
}

static int program_load(const struct device_program *program)
{
    union bpf_attr attr = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = address(program->at),
        .insn_cnt = (uint32_t)program->len,
        .license = address("Apache-2.0"),
    };
    memcpy(attr.prog_name, program_name, sizeof(program_name));
    return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* The descriptor of a program if it is one of ours, or -1. */
static int program_open_ours(uint32_t id)
{
    union bpf_attr get = { .prog_id = id };
    auto_close int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &get);
    if (fd < 0)
        return -1;
    struct bpf_prog_info info = {};
    union bpf_attr ask = {
        .info = { .bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = address(&info) }
    };
    if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &ask) < 0 || strcmp(info.name, program_name) != 0)
        return -1;
    return take_fd(fd);
}

/* Ours on the group: one, or more after a crash between attach and detach. */
static size_t programs_attached(int cgroup_fd, int *fds)
{
    uint32_t ids[ATTACHED_MAX] = {};
    union bpf_attr attr = { .query = {
                                .target_fd = (uint32_t)cgroup_fd,
                                .attach_type = BPF_CGROUP_DEVICE,
                                .prog_ids = address(ids),
                                .prog_cnt = ATTACHED_MAX,
                            } };
    if (sys_bpf(BPF_PROG_QUERY, &attr) < 0)
        return 0;
    size_t n = 0;
    for (uint32_t i = 0; i < attr.query.prog_cnt; i++) {
        fds[n] = program_open_ours(ids[i]);
        n += fds[n] >= 0;
    }
    return n;
}

static int program_attach(int cgroup_fd, int program, int replaced)
{
    union bpf_attr attr = {
        .target_fd = (uint32_t)cgroup_fd,
        .attach_bpf_fd = (uint32_t)program,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI | (replaced >= 0 ? BPF_F_REPLACE : 0),
        .replace_bpf_fd = replaced >= 0 ? (uint32_t)replaced : 0,
    };
    return sys_bpf(BPF_PROG_ATTACH, &attr);
}

static int program_detach(int cgroup_fd, int program)
{
    union bpf_attr attr = {
        .target_fd = (uint32_t)cgroup_fd,
        .attach_bpf_fd = (uint32_t)program,
        .attach_type = BPF_CGROUP_DEVICE,
    };
    return sys_bpf(BPF_PROG_DETACH, &attr);
}

/* 1; 0 where it is a matter of rights or of the kernel; -1. */
static int attach_error(const char *what, struct err *err)
{
    bool refused = errno == EPERM || errno == ENOSYS || errno == EINVAL;
    (void)err_sys(err, "device rules: %s", what);
    if (!refused)
        return -1;
    err->kind = ERR_UNSUPPORTED;
    (void)err_hint(
        err, "they need CAP_BPF and CAP_NET_ADMIN of the host and a kernel with CONFIG_CGROUP_BPF");
    return 0;
}

/* The old program stays until the new one is there: all of them must agree, so nothing opens in
 * between. */
static int swap_programs(int cgroup_fd, const struct device_program *program, int *old,
                         size_t n_old, struct err *err)
{
    size_t first = 0;
    if (!program->allows_all) {
        auto_close int fd = program_load(program);
        if (fd < 0)
            return attach_error("load the BPF program", err);
        /* BPF_F_REPLACE is from kernel 5.6; before that, beside the old one. */
        bool replaced = n_old && program_attach(cgroup_fd, fd, old[0]) == 0;
        if (!replaced && program_attach(cgroup_fd, fd, -1) < 0)
            return attach_error("attach the BPF program", err);
        first = replaced;
    }
    for (size_t i = first; i < n_old; i++)
        if (program_detach(cgroup_fd, old[i]) < 0)
            return attach_error("detach the former BPF program", err);
    return 1;
}

int device_filter_attach(int cgroup_fd, const struct cgroup_device_rule *rules, size_t n,
                         bool update, struct err *err)
{
    int old[ATTACHED_MAX];
    size_t n_old = update ? programs_attached(cgroup_fd, old) : 0;
    struct device_program program;
    device_program_make(rules, n, &program);
    int result = swap_programs(cgroup_fd, &program, old, n_old, err);
    for (size_t i = 0; i < n_old; i++)
        fd_close(&old[i]);
    device_program_done(&program);
    return result;
}

/* --- v1's list --- */

/* Whether every device that b means is one that a means. Neither is of type 'a'. */
static bool covers(const struct cgroup_device_rule *a, const struct cgroup_device_rule *b)
{
    return a->type == b->type && (a->major < 0 || a->major == b->major) &&
           (a->minor < 0 || a->minor == b->minor);
}

static bool overlaps(const struct cgroup_device_rule *a, const struct cgroup_device_rule *b)
{
    return a->type == b->type && (a->major < 0 || b->major < 0 || a->major == b->major) &&
           (a->minor < 0 || b->minor < 0 || a->minor == b->minor);
}

static struct cgroup_device_rule *list_find(const struct device_list *list,
                                            const struct cgroup_device_rule *rule)
{
    for (size_t i = 0; i < list->len; i++)
        if (covers(&list->at[i], rule) && covers(rule, &list->at[i]))
            return &list->at[i];
    return NULL;
}

static void list_add(struct device_list *list, const struct cgroup_device_rule *rule)
{
    struct cgroup_device_rule *entry = list_find(list, rule);
    if (entry) {
        entry->access |= rule->access;
        return;
    }
    entry = array_add(list);
    *entry = *rule;
}

/* Takes out what a rule of the default's polarity makes no exception any more. */
static bool list_subtract(struct device_list *list, const struct cgroup_device_rule *rule)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->len; i++) {
        struct cgroup_device_rule left = list->at[i];
        if (covers(rule, &left))
            left.access &= ~rule->access;
        else if (overlaps(rule, &left) && (rule->access & left.access))
            return false;
        if (left.access)
            list->at[kept++] = left;
    }
    list->len = kept;
    return true;
}

static bool list_apply(struct device_list *list, const struct cgroup_device_rule *rule)
{
    if (is_everything(rule)) {
        list->allow = rule->allow;
        list->len = 0;
        return true;
    }
    const char *types = rule->type == 'a' ? "bc" : (char[]){ rule->type, '\0' };
    for (; *types; types++) {
        struct cgroup_device_rule one = *rule;
        one.type = *types;
        if (one.allow != list->allow)
            list_add(list, &one);
        else if (!list_subtract(list, &one))
            return false;
    }
    return true;
}

/* v1 lets a request pass if a single exception covers all of it, so each gets what wider ones give
 * as well. To make a node is a request of its own, beside those to read and to write: an exception
 * stays as it was given for it. */
static void list_widen(struct device_list *list)
{
    for (size_t i = 0; i < list->len; i++)
        for (size_t k = 0; k < list->len; k++)
            if (covers(&list->at[k], &list->at[i]))
                list->at[i].access |= list->at[k].access & ~(unsigned)CGROUP_DEVICE_MKNOD;
}

bool device_list_make(const struct cgroup_device_rule *rules, size_t n,
                      struct device_list *ret_list)
{
    struct device_list list = {};
    bool fits = true;
    for (size_t i = 0; i < n && fits; i++)
        fits = list_apply(&list, &rules[i]);
    if (!fits) {
        device_list_done(&list);
        return false;
    }
    list_widen(&list);
    *ret_list = list;
    return true;
}

static int parse_number(struct view text, int64_t *ret_number, struct err *err)
{
    if (view_is(text, "*")) {
        *ret_number = -1;
        return 0;
    }
    auto_free char *copy = xstrndup(text.at, text.len);
    return number_parse(copy, 0, INT32_MAX, "device number", ret_number, err);
}

static int parse_rule(struct view line, struct cgroup_device_rule *rule, struct err *err)
{
    struct view type;
    struct view major;
    struct view minor;
    if (!view_cut(&line, ' ', &type) || type.len != 1 || !view_cut(&line, ':', &major) ||
        !view_cut(&line, ' ', &minor))
        return err_set(err, ERR_INVALID, "a line is not TYPE MAJOR:MINOR ACCESS");
    rule->type = *type.at;
    auto_free char *access = xstrndup(line.at, line.len);
    if (parse_number(major, &rule->major, err) < 0 || parse_number(minor, &rule->minor, err) < 0)
        return -1;
    return cgroup_device_access_parse(access, &rule->access, err);
}

int device_list_parse(const char *text, struct device_list *ret_list, struct err *err)
{
    struct device_list list = {};
    struct view rest = view_of(text);
    struct view line;
    while (view_cut(&rest, '\n', &line)) {
        struct cgroup_device_rule rule = { .allow = true };
        if (parse_rule(line, &rule, err) < 0) {
            device_list_done(&list);
            return err_wrap(err, "devices.list");
        }
        (void)list_apply(&list, &rule);
    }
    *ret_list = list;
    return 0;
}

void device_list_done(struct device_list *list)
{
    free(list->at);
    *list = (struct device_list){};
}
