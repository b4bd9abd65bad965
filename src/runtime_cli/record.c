/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_cli/container.h"

enum { RECORD_VERSION = 1 };

/* clang-format off */
static const struct field record_fields[] = {
    FIELD_U32(record, version, "version", F_MUST),
    FIELD_TEXT(record, oci_version, "ociVersion", F_MUST),
    FIELD_TEXT(record, id, "id", F_MUST),
    FIELD_I32(record, pid, "pid", F_MUST),
    FIELD_U64(record, pid_start, "pidStart", F_MUST),
    FIELD_TEXT(record, bundle, "bundle", F_MUST),
    FIELD_TEXT(record, rootfs, "rootfs", F_MUST),
    FIELD_TEXT(record, created, "created", F_MUST),
    FIELD_U32(record, owner, "owner", F_MUST),
    FIELD_TEXT(record, cgroup, "cgroup", 0),
    FIELD_PAIRS(record, cgroup_bases, "cgroupBases", 0),
    FIELD_U32(record, cgroup_parents, "cgroupParents", 0),
    FIELD_PAIRS(record, cgroup_parents_in, "cgroupParentsIn", 0),
    FIELD_TEXT(record, scope, "scope", 0),
    FIELD_BOOL(record, shares_cgroup, "sharesCgroup", 0),
    FIELD_BOOL(record, shares_pids, "sharesPids", 0),
    FIELD_BOOL(record, poststart, "poststart", 0),
    FIELD_BOOL(record, poststop, "poststop", 0),
    FIELD_PAIRS(record, annotations, "annotations", 0),
    FIELD_END,
};
/* clang-format on */

int record_parse(const char *text, size_t len, struct record *ret_record, struct err *err)
{
    struct record record = {};
    if (field_read(record_fields, text, len, "state.json", 0, &record, err) < 0)
        return -1;
    if (record.version > RECORD_VERSION) {
        (void)err_set(err, ERR_UNSUPPORTED,
                      "state.json: version %u is newer than this program, which knows %d",
                      record.version, RECORD_VERSION);
        record_done(&record);
        return -1;
    }
    *ret_record = record;
    return 0;
}

void record_format(const struct record *record, struct str *out)
{
    struct record now = *record;
    now.version = RECORD_VERSION;
    field_write(record_fields, &now, 0, out);
    str_add_char(out, '\n');
}

void record_done(struct record *record)
{
    field_done(record_fields, record);
    *record = (struct record){};
}
