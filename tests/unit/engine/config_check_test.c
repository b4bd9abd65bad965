/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/create.h"
#include "engine/record_part.h"

static struct container_config config;
static struct err err;

static void begin(void)
{
    strings_add(&config.command, "true");
}

static void done(void)
{
    container_config_done(&config);
}

TestSuite(config_check, .init = begin, .fini = done);

static void assert_refused(enum err_kind kind, const char *part)
{
    cr_assert_eq(config_check(&config, &err), -1);
    cr_assert_eq(err.kind, kind, "%s", err.text);
    cr_assert_not_null(strstr(err.text, part), "%s", err.text);
}

static void mount_add(const char *type, const char *source, const char *destination)
{
    struct container_mount *mount = array_add(&config.mounts);
    mount->type = xstrdup(type);
    mount->source = source ? xstrdup(source) : NULL;
    mount->destination = xstrdup(destination);
}

Test(config_check, cleans_paths)
{
    static const char *const rows[][2] = {
        { "/", "/" },         { "/a", "/a" },         { "/a/", "/a" },      { "//a///b", "/a/b" },
        { "/a/./b", "/a/b" }, { "/a/../b", "/b" },    { "/../../a", "/a" }, { "/a/b/..", "/a" },
        { "/a/..", "/" },     { "/a/...", "/a/..." },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *clean = path_clean(rows[i][0]);
        cr_assert_str_eq(clean, rows[i][1], "%s", rows[i][0]);
    }
}

Test(config_check, knows_names)
{
    static const char *const good[] = { "ab", "a1", "0_", "Web.1-x_y" };
    static const char *const bad[] = { "",    "a",  "-a",  ".a", "_a",      "a/b",
                                       "a b", "ä1", "a\n", "..", "a\x1b[0m" };
    for (size_t i = 0; i < array_size(good); i++)
        cr_assert(name_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < array_size(bad); i++)
        cr_assert_not(name_valid(bad[i]), "%s", bad[i]);
    char name[300];
    memset(name, 'a', sizeof(name));
    name[255] = '\0';
    cr_assert(name_valid(name));
    name[255] = 'a';
    name[256] = '\0';
    cr_assert_not(name_valid(name));
}

Test(config_check, wants_a_command)
{
    strings_done(&config.command);
    config.image = xstrdup("empty");
    assert_refused(ERR_USAGE, "no command: the image has none");
    strings_add(&config.entrypoint, "/init");
    cr_assert_eq(config_check(&config, &err), 0);
}

Test(config_check, shows_no_control_characters)
{
    config.name = xstrdup("a\x1b[31m");
    assert_refused(ERR_INVALID, "\\x1b[31m");
    cr_assert_null(strchr(err.text, '\x1b'));
}

Test(config_check, refuses_host_names_that_would_write_hosts)
{
    static const char *const bad[] = { "a b", "a\n127.0.0.1 x", "-a", ".a", "a\tb" };
    for (size_t i = 0; i < array_size(bad); i++) {
        free(config.hostname);
        config.hostname = xstrdup(bad[i]);
        assert_refused(ERR_INVALID, "host name");
    }
    free(config.hostname);
    config.hostname = xstrdup("web-1.example");
    config.domainname = xstrdup("a b");
    assert_refused(ERR_INVALID, "domain name");
}

Test(config_check, wants_an_absolute_working_directory)
{
    config.workdir = xstrdup("app");
    assert_refused(ERR_INVALID, "absolute");
}

Test(config_check, wants_names_of_variables)
{
    strings_add(&config.env, "=x");
    assert_refused(ERR_INVALID, "has no name");
}

Test(config_check, wants_a_signal)
{
    config.stop_signal = xstrdup("SIGNONE");
    assert_refused(ERR_INVALID, "stop signal");
}

Test(config_check, checks_numbers)
{
    config.stop_timeout_s = (struct maybe_i64){ true, -2 };
    assert_refused(ERR_INVALID, "stop timeout");
    config.stop_timeout_s.value = -1;
    config.shm_size_bytes = (struct maybe_i64){ true, 0 };
    assert_refused(ERR_INVALID, "/dev/shm");
}

Test(config_check, knows_the_words_of_namespaces)
{
    struct container_namespaces *namespaces = &config.namespaces;
    char **modes[] = { &namespaces->user, &namespaces->pid,    &namespaces->ipc,
                       &namespaces->uts,  &namespaces->cgroup, &namespaces->network,
                       &namespaces->time };
    static const char *const good[] = { "", "private", "host", "container:x" };
    static const char *const bad[] = { "none", "hosts", "container:", "shareable" };
    for (size_t m = 0; m < array_size(modes); m++) {
        for (size_t i = 0; i < array_size(good); i++) {
            *modes[m] = (char *)good[i];
            cr_assert_eq(config_check(&config, &err), 0, "%zu %s: %s", m, good[i], err.text);
        }
        for (size_t i = 0; i < array_size(bad); i++) {
            *modes[m] = (char *)bad[i];
            bool may = i == 0 && (modes[m] == &namespaces->network || modes[m] == &namespaces->ipc);
            cr_assert_eq(config_check(&config, &err), may ? 0 : -1, "%zu %s", m, bad[i]);
        }
        *modes[m] = NULL;
    }
}

Test(config_check, cleans_destinations_of_mounts)
{
    mount_add("bind", "/etc", "/a/../data/");
    cr_assert_eq(config_check(&config, &err), 0, "%s", err.text);
    cr_assert_str_eq(config.mounts.at[0].destination, "/data");
}

Test(config_check, refuses_two_mounts_on_one_place)
{
    mount_add("bind", "/etc", "/data");
    mount_add("tmpfs", NULL, "/x/../data");
    assert_refused(ERR_INVALID, "two mounts on /data");
}

Test(config_check, refuses_a_mount_on_the_root)
{
    mount_add("tmpfs", NULL, "/a/..");
    assert_refused(ERR_INVALID, "mount on /");
}

Test(config_check, refuses_relative_paths_and_unknown_types)
{
    mount_add("bind", "etc", "/data");
    assert_refused(ERR_INVALID, "absolute path of the host");
    free(config.mounts.at[0].source);
    config.mounts.at[0].source = xstrdup("/etc");
    config.mounts.at[0].destination[0] = 'x';
    assert_refused(ERR_INVALID, "absolute path in the container");
    free(config.mounts.at[0].type);
    config.mounts.at[0].type = xstrdup("volume");
    assert_refused(ERR_UNSUPPORTED, "\"volume\"");
}

Test(config_check, wants_sources_that_are_there)
{
    char directory[] = "/tmp/ruche-check-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    auto_free char *missing = xasprintf("%s/a/b", directory);
    mount_add("bind", missing, "/data");
    cr_assert_eq(config_check_sources(&config, &err), -1);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, missing), "%s", err.text);

    strings_add(&config.mounts.at[0].options, "create-source");
    mode_t mask = umask(077);
    cr_assert_eq(config_check_sources(&config, &err), 0, "%s", err.text);
    (void)umask(mask);
    struct stat status;
    cr_assert_eq(stat(missing, &status), 0);
    cr_assert_eq(status.st_mode, (mode_t)(S_IFDIR | 0755));
    cr_assert_eq(tree_remove(AT_FDCWD, directory, &err), 0);
}

Test(config_check, wants_a_directory_for_a_rootfs)
{
    static const char *const bad[] = { "relative", "/dev/null", "/nonexistent/ruche" };
    for (size_t i = 0; i < array_size(bad); i++) {
        free(config.rootfs);
        config.rootfs = xstrdup(bad[i]);
        cr_assert_eq(config_check_sources(&config, &err), -1, "%s", bad[i]);
    }
}

Test(config_check, generates_valid_names)
{
    for (uint64_t i = 0; i < 64 * 128; i++) {
        auto_free char *name = name_generate(i);
        cr_assert(name_valid(name), "%s", name);
        cr_assert(strchr(name, '_') > name && strchr(name, '_')[1] != '\0', "%s", name);
    }
    auto_free char *first = name_generate(0);
    auto_free char *other = name_generate(1);
    auto_free char *again = name_generate(64 * 128);
    cr_assert_str_neq(first, other);
    cr_assert_str_eq(first, again);
}
