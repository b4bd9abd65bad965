/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <jansson.h>

TestSuite(inspect, .init = world_open, .fini = world_close);

static json_t *inspect(const struct container *container)
{
    auto_done(str) text = {};
    json_error_t where;
    container_inspect(engine, container, NULL, &text);
    json_t *root = json_loads(str_text(&text), 0, &where);
    cr_assert_not_null(root, "%s in %s", where.text, str_text(&text));
    return root;
}

/* "State.Status" */
static json_t *at(json_t *root, const char *path)
{
    auto_free char *copy = xstrdup(path);
    char *rest = NULL;
    for (char *key = strtok_r(copy, ".", &rest); key; key = strtok_r(NULL, ".", &rest))
        root = json_is_array(root) ? json_array_get(root, (size_t)atoi(key))
                                   : json_object_get(root, key);
    cr_assert_not_null(root, "%s", path);
    return root;
}

static void assert_text(json_t *root, const char *path, const char *wanted)
{
    cr_assert_str_eq(json_string_value(at(root, path)), wanted, "%s", path);
}

static void assert_number(json_t *root, const char *path, json_int_t wanted)
{
    cr_assert(json_is_integer(at(root, path)), "%s", path);
    cr_assert_eq(json_integer_value(at(root, path)), wanted, "%s", path);
}

Test(inspect, has_dockers_keys)
{
    static const char *const keys[] = {
        "Id",
        "Created",
        "Path",
        "Args",
        "State.Status",
        "State.Running",
        "State.Paused",
        "State.Restarting",
        "State.OOMKilled",
        "State.Dead",
        "State.Pid",
        "State.ExitCode",
        "State.Error",
        "State.StartedAt",
        "State.FinishedAt",
        "Image",
        "ResolvConfPath",
        "HostnamePath",
        "HostsPath",
        "LogPath",
        "Name",
        "RestartCount",
        "Driver",
        "Platform",
        "HostConfig.Binds",
        "HostConfig.NetworkMode",
        "HostConfig.RestartPolicy.Name",
        "HostConfig.AutoRemove",
        "HostConfig.CapAdd",
        "HostConfig.Memory",
        "HostConfig.NanoCpus",
        "HostConfig.PidsLimit",
        "HostConfig.SecurityOpt",
        "HostConfig.Ulimits",
        "Mounts",
        "Config.Hostname",
        "Config.Env",
        "Config.Cmd",
        "Config.Image",
        "Config.WorkingDir",
        "Config.Entrypoint",
        "Config.Labels",
        "NetworkSettings.Networks",
        "Ruche.UserNamespace.Mode",
        "Ruche.Seccomp",
        "Ruche.Cgroup",
        "Ruche.RootFs.Type",
    };
    auto_drop(container) *container = make("web");
    json_t *root = inspect(container);
    for (size_t i = 0; i < array_size(keys); i++)
        (void)at(root, keys[i]);
    assert_text(root, "Id", container->config.id);
    assert_text(root, "Name", "/web");
    assert_text(root, "Path", "sleep");
    assert_text(root, "Args.0", "1000");
    assert_text(root, "State.Status", "created");
    assert_text(root, "State.StartedAt", "0001-01-01T00:00:00Z");
    cr_assert_eq(strncmp(json_string_value(at(root, "Config.Hostname")), container->config.id, 12),
                 0);
    assert_number(root, "HostConfig.PidsLimit", 2048);
    assert_number(root, "Config.StopTimeout", 10);
    assert_text(root, "Ruche.Seccomp", "default");
    json_decref(root);
}

Test(inspect, shows_what_was_asked)
{
    struct container_config config = config_of("web");
    struct container_mount *mount = array_add(&config.mounts);
    mount->type = xstrdup("bind");
    mount->source = xstrdup("/etc");
    mount->destination = xstrdup("/data");
    strings_add(&mount->options, "ro");
    strings_add(&mount->options, "create-source");
    mount = array_add(&config.mounts);
    mount->type = xstrdup("tmpfs");
    mount->destination = xstrdup("/scratch");
    strings_add(&mount->options, "size=64m");
    strings_add(&config.entrypoint, "/init");
    strings_add(&config.ulimits, "nofile=1:2");
    strings_add(&config.ulimits, "core=-1");
    config.resources.memory_bytes = (struct maybe_i64){ true, 1 << 20 };
    config.resources.pids_limit = (struct maybe_i64){ true, 7 };
    config.seccomp = xstrdup("unconfined");
    config.no_new_privileges = true;
    config.hostname = xstrdup("host");
    pairs_put(&config.labels, "a", "1");
    auto_drop(container) *container = NULL;
    must(create(&config, &container));

    json_t *root = inspect(container);
    assert_text(root, "Path", "/init");
    assert_text(root, "Args.0", "sleep");
    assert_text(root, "HostConfig.Binds.0", "/etc:/data:ro");
    assert_text(root, "HostConfig.Tmpfs./scratch", "size=64m");
    assert_text(root, "Mounts.0.Source", "/etc");
    assert_text(root, "Mounts.0.Propagation", "rprivate");
    cr_assert(json_is_false(at(root, "Mounts.0.RW")));
    cr_assert(json_is_true(at(root, "Mounts.1.RW")));
    assert_text(root, "HostConfig.Ulimits.0.Name", "nofile");
    assert_number(root, "HostConfig.Ulimits.0.Hard", 2);
    assert_number(root, "HostConfig.Ulimits.1.Soft", -1);
    assert_number(root, "HostConfig.Memory", 1 << 20);
    assert_number(root, "HostConfig.PidsLimit", 7);
    assert_text(root, "HostConfig.SecurityOpt.0", "no-new-privileges");
    assert_text(root, "HostConfig.SecurityOpt.1", "seccomp=unconfined");
    assert_text(root, "Ruche.Seccomp", "unconfined");
    assert_text(root, "Config.Hostname", "host");
    assert_text(root, "Config.Labels.a", "1");
    json_decref(root);
}

Test(inspect, shows_what_happens)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    auto_drop(container) *running = find("web");
    json_t *root = inspect(running);
    cr_assert(json_is_true(at(root, "State.Running")));
    assert_number(root, "State.Pid", run.first);
    assert_number(root, "Ruche.MonitorPid", run.monitor);
    json_decref(root);

    reap(&run);
    auto_drop(container) *ended = find("web");
    root = inspect(ended);
    assert_text(root, "State.Status", "exited");
    assert_number(root, "State.ExitCode", 137);
    assert_number(root, "State.Pid", 0);
    json_decref(root);
}

Test(inspect, does_not_invent_an_exit_code)
{
    auto_drop(container) *container = make("web");
    container->state.status = CONTAINER_UNKNOWN;
    json_t *root = inspect(container);
    assert_number(root, "State.ExitCode", -1);
    cr_assert(json_is_true(at(root, "State.Dead")));
    json_decref(root);
}

Test(inspect, shows_the_damaged)
{
    auto_drop(container) *container = make("web");
    char path[RECORD_PATH_SIZE];
    must(file_save(root_fd(), record_path(container->config.id, "config.json", path), "{", 1, 0600,
                   0, &err));
    auto_drop(container) *found = find("web");
    json_t *root = inspect(found);
    assert_text(root, "State.Status", "unknown");
    cr_assert_gt(strlen(json_string_value(at(root, "State.Error"))), 0);
    json_decref(root);
}
