/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/state.h"

#include "oci/spec.h"

/* clang-format off */
const struct field oci_state_fields[] = {
    FIELD_TEXT(oci_state, oci_version, "ociVersion", F_MUST),
    FIELD_TEXT(oci_state, id, "id", F_MUST),
    FIELD_TEXT(oci_state, status, "status", F_MUST),
    FIELD_MAYBE_I64(oci_state, pid, "pid", 0),
    FIELD_TEXT(oci_state, bundle, "bundle", F_MUST),
    FIELD_PAIRS(oci_state, annotations, "annotations", 0),
    FIELD_END,
};

const struct field oci_process_state_fields[] = {
    FIELD_TEXT(oci_process_state, oci_version, "ociVersion", F_MUST),
    FIELD_LIST(oci_process_state, fds, "fds", 0),
    FIELD_I64(oci_process_state, pid, "pid", F_MUST),
    FIELD_TEXT(oci_process_state, metadata, "metadata", 0),
    FIELD_OBJECT(oci_process_state, state, "state", F_MUST, oci_state, oci_state_fields),
    FIELD_END,
};
/* clang-format on */

void oci_state_format(const struct oci_state *state, struct str *out)
{
    field_write(oci_state_fields, state, 0, out);
}

int oci_state_parse(const char *json, size_t len, struct oci_state *ret_state, struct err *err)
{
    struct oci_state state = {};
    if (len > SPEC_MAX_BYTES)
        return err_set(err, ERR_INVALID, "state: larger than %d MiB", SPEC_MAX_BYTES >> 20);
    if (field_read(oci_state_fields, json, len, "state", 0, &state, err) < 0)
        return -1;
    *ret_state = state;
    return 0;
}

void oci_state_done(struct oci_state *state)
{
    field_done(oci_state_fields, state);
}

void oci_process_state_format(const struct oci_process_state *state, struct str *out)
{
    field_write(oci_process_state_fields, state, 0, out);
}
