/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

/* Every member has a row: what is written and read again is written the same. */
static const char whole[] =
    "{\"version\":1,\"id\":\"i\",\"name\":\"n\",\"created\":\"2026-01-02T03:04:05.000000000Z\","
    "\"image\":\"busybox\","
    "\"image_id\":\"sha256:1\",\"layers\":[\"sha256:2\"],\"rootfs\":\"/r\",\"rootfs_overlay\":true,"
    "\"entrypoint\":[\"/"
    "e\"],\"command\":[\"c\",\"\"],\"env\":[\"A=b\"],\"user\":\"u:g\",\"groups\":[\"wheel\"],"
    "\"workdir\":\"/"
    "w\",\"hostname\":\"h\",\"domainname\":\"d\",\"labels\":{\"l\":\"1\"},\"annotations\":{\"a\":"
    "\"2\"},"
    "\"terminal\":true,\"stdin_open\":true,\"auto_remove\":true,\"init\":true,\"readonly\":true,"
    "\"privileged\":true,"
    "\"no_new_privileges\":true,\"seccomp\":\"unconfined\",\"unmask\":[\"ALL\"],\"cap_add\":["
    "\"CHOWN\"],"
    "\"cap_drop\":[\"ALL\"],\"namespaces\":{\"user\":\"host\",\"pid\":\"host\",\"ipc\":\"host\","
    "\"uts\":\"host\","
    "\"cgroup\":\"host\",\"network\":\"none\",\"time\":\"private\"},\"resources\":{\"memory_"
    "bytes\":1,"
    "\"memory_swap_bytes\":-1,\"memory_reservation_bytes\":2,\"nano_cpus\":3,\"cpu_shares\":4,"
    "\"cpu_quota_us\":5,"
    "\"cpu_period_us\":6,\"cpuset_cpus\":\"0\",\"cpuset_mems\":\"0-1\",\"pids_limit\":0,\"blkio_"
    "weight\":7},"
    "\"ulimits\":[\"nofile=1:2\"],\"sysctls\":{\"net.x\":\"1\"},\"mounts\":[{\"type\":\"bind\","
    "\"source\":\"/s\","
    "\"destination\":\"/d\",\"options\":[\"ro\"]}],\"devices\":[{\"source\":\"/dev/"
    "a\",\"destination\":\"/dev/b\","
    "\"access\":\"r\"}],\"shm_size_bytes\":8,\"stop_signal\":\"SIGTERM\",\"stop_timeout_s\":9}";

Test(config, keeps_every_member)
{
    auto_done(container_config) config = {};
    auto_done(str) text = {};
    struct err err = {};
    cr_assert_eq(field_read(container_config_fields, whole, strlen(whole), "config",
                            FIELD_UNKNOWN_IS_ERROR, &config, &err),
                 0, "%s", err.text);
    field_write(container_config_fields, &config, 0, &text);
    cr_assert_str_eq(str_text(&text), whole);
    cr_assert(config.resources.pids_limit.set);
    cr_assert_eq(config.resources.pids_limit.value, 0);
}

Test(config, has_a_row_for_each_member)
{
    size_t bytes = 0;
    for (const struct field *field = container_config_fields; field->type != FIELD_TYPE_END;
         field++)
        bytes = field->offset > bytes ? field->offset : bytes;
    cr_assert_eq(bytes, offsetof(struct container_config, stop_timeout_s));
}

Test(config, needs_its_identity)
{
    static const char none[] = "{\"version\":1}";
    auto_done(container_config) config = {};
    struct err err = {};
    cr_assert_eq(
        field_read(container_config_fields, none, strlen(none), "config", 0, &config, &err), -1);
    cr_assert_not_null(strstr(err.text, "/id"));
}

Test(config, states_have_words)
{
    static const char *const words[] = { "created", "running", "paused", "exited", "unknown" };
    for (size_t i = 0; i < array_size(words); i++)
        cr_assert_str_eq(container_status_names[i], words[i]);
    cr_assert_null(container_status_names[array_size(words)]);
}

Test(config, keeps_a_state)
{
    static const char state_text[] =
        "{\"status\":\"exited\",\"id\":\"i\",\"name\":\"n\",\"image\":"
        "\"b\",\"command\":\"c\",\"created\":\"1\","
        "\"started\":\"2\",\"finished\":\"3\",\"pid\":4,\"pid_start\":"
        "18446744073709551615,\"monitor_pid\":5,"
        "\"exit_code\":137,\"oom_killed\":true,\"error\":\"e\","
        "\"cgroup\":\"/g\",\"hierarchies\":7,\"userns\":\"host\",\"subid\":6}";
    auto_done(container_state) state = {};
    auto_done(str) text = {};
    struct err err = {};
    cr_assert_eq(field_read(container_state_fields, state_text, strlen(state_text), "state",
                            FIELD_UNKNOWN_IS_ERROR, &state, &err),
                 0, "%s", err.text);
    cr_assert_eq(state.status, CONTAINER_EXITED);
    cr_assert_eq(state.pid_start, UINT64_MAX);
    field_write(container_state_fields, &state, 0, &text);
    cr_assert_str_eq(str_text(&text), state_text);
}
