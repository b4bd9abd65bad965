/* SPDX-License-Identifier: Apache-2.0 */
/* A start as a value: namespaces, sources, mounts, sysctls, and what is refused before anything is
 * touched. */
#include "planned.h"

#include <sched.h>
#include <sys/mount.h>

#include "kernel/namespace.h"

TestSuite(plan, .init = set_up, .fini = tidy, .timeout = 600);

/* --- namespaces ------------------------------------------------------------------------------- */

Test(plan, makes_namespaces_at_birth_or_later)
{
    makes(CONFIG(PROCESS
                 "," LINUX(",{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
                           "{\"type\":\"uts\"},{\"type\":\"cgroup\"},{\"type\":\"time\"}," USER_NS,
                           "," MAPS("0"))));
    cr_expect_eq(plan.clone_flags, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                                       CLONE_NEWUTS | CLONE_NEWTIME);
    cr_expect_eq(plan.unshare_flags, CLONE_NEWCGROUP);
    cr_expect(plan.network_beside && !plan.loopback);
    cr_expect_eq(plan.all_flags, plan.clone_flags | plan.unshare_flags | CLONE_NEWNET);
    cr_expect_eq(plan.n_joins, 0);
}

/* Its clocks can be shifted only from outside of it. */
Test(plan, makes_a_shifted_time_namespace_later)
{
    makes(CONFIG(
        PROCESS "," LINUX(",{\"type\":\"time\"}", ",\"timeOffsets\":{\"boottime\":{\"secs\":7}}")));
    cr_expect_eq(plan.clone_flags, CLONE_NEWNS);
    cr_expect_eq(plan.unshare_flags, CLONE_NEWTIME);
    cr_assert_eq(plan.n_time_offsets, 1);
    cr_expect_eq(plan.time_offsets[0].secs, 7);
}

Test(plan, joins_namespaces_by_path)
{
    makes(CONFIG(PROCESS
                 "," LINUX(",{\"type\":\"network\",\"path\":\"/proc/7/ns/net\"},"
                           "{\"type\":\"pid\"},{\"type\":\"ipc\",\"path\":\"/proc/7/ns/ipc\"}",
                           "")));
    cr_expect_eq(plan.all_flags, CLONE_NEWNS | CLONE_NEWPID);
    cr_assert_eq(plan.n_joins, 2);
    cr_expect_eq(plan.joins[0].flag, CLONE_NEWNET);
    cr_expect_str_eq(plan.joins[0].path, "/proc/7/ns/net");
    cr_expect_eq(plan.joins[1].flag, CLONE_NEWIPC);
    cr_expect(!plan.network_beside);
    cr_expect(!plan.loopback, "the loopback of another's network is not ours to bring up");
}

Test(plan, refuses_namespaces_that_cannot_be)
{
    refuses(CONFIG(PROCESS ",\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}"), ERR_UNSUPPORTED,
            "mount namespace");
    refuses(CONFIG(PROCESS), ERR_INVALID, "linux");
    refuses(CONFIG(LINUX("", "")), ERR_INVALID, "process");
}

/* Its root is made in one of its own all the same. */
Test(plan, inherits_the_mount_namespace)
{
    makes(CONFIG(PROCESS ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}"));
    cr_expect(plan.mounts_inherited);
    cr_expect_eq(plan.clone_flags, CLONE_NEWNS | CLONE_NEWPID);
    cr_expect_eq(plan.all_flags, CLONE_NEWPID);
    cr_expect(strstr(plan.warning, "mount namespace") == NULL, "%s", plan.warning);
    makes(CONFIG(PROCESS_AND(
        "\"capabilities\":{\"bounding\":[\"CAP_SYS_ADMIN\"]}") ","
                                                               "\"linux\":{\"namespaces\":[{"
                                                               "\"type\":\"pid\"}]}"));
    cr_expect(strstr(plan.warning, "mount namespace"), "%s", plan.warning);
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect_not(plan.mounts_inherited);
}

/* An unbindable mount would not be in the copy that becomes its root. */
Test(plan, copies_all_mounts_for_the_mount_namespace_it_inherits)
{
    makes(CONFIG(PROCESS ",\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\","
                         "\"options\":[\"unbindable\"]}],\"linux\":{\"namespaces\":[],"
                         "\"rootfsPropagation\":\"unbindable\"}"));
    cr_assert(plan.mounts_inherited);
    cr_expect_eq(plan.mounts[0].options.propagation, MS_PRIVATE);
    cr_expect_eq(plan.root_propagation, MS_PRIVATE);
    makes(CONFIG(PROCESS ",\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\","
                         "\"options\":[\"unbindable\"]}]," LINUX("", "")));
    cr_expect_eq(plan.mounts[0].options.propagation, MS_UNBINDABLE);
}

/* Nobody comes back from either, so neither is among those the parent joins. */
Test(plan, joins_user_and_mount_namespaces_apart)
{
    makes(CONFIG(PROCESS ",\"linux\":{\"namespaces\":[{\"type\":\"mount\",\"path\":\"/x\"}]}"));
    cr_expect_str_eq(plan.mount_path, "/x");
    cr_expect_eq(plan.n_joins, 0);
    cr_expect_eq(plan.all_flags, 0);
    makes(CONFIG(PROCESS "," LINUX(",{\"type\":\"user\",\"path\":\"/x\"}", "," MAPS("0"))));
    cr_expect_str_eq(plan.user_path, "/x");
    cr_expect(plan.userns);
    cr_expect_eq(plan.n_joins, 0);
    cr_expect_eq(plan.maps.uid.at[0].outside, 100000);
    makes(CONFIG(PROCESS "," LINUX(",{\"type\":\"user\",\"path\":\"/x\"}", "")));
    cr_expect_eq(plan.maps.uid.len, 0, "they are what they are");
}

Test(plan, maps_ids)
{
    makes(CONFIG(PROCESS "," LINUX("," USER_NS, "," MAPS("0"))));
    cr_assert(plan.maps.uid.len == 1 && plan.maps.gid.len == 1);
    cr_expect_eq(plan.maps.uid.at[0].outside, 100000);
    cr_expect_eq(plan.maps.gid.at[0].outside, 200000);
    cr_expect_eq(plan.maps.gid.at[0].count, 10);
    refuses(CONFIG(PROCESS "," LINUX("," USER_NS, "," MAPS("1"))), ERR_INVALID, "no id 0");
    refuses(CONFIG(PROCESS "," LINUX("," USER_NS, "")), ERR_INVALID, "no id 0");
}

/* Passed over, they would make the container's root the host's. */
Test(plan, refuses_what_needs_a_namespace_that_is_not_there)
{
    refuses(CONFIG(PROCESS "," LINUX("", "," MAPS("0"))), ERR_INVALID, "without a user namespace");
    refuses(CONFIG(PROCESS "," LINUX("", ",\"timeOffsets\":{\"boottime\":{\"secs\":7}}")),
            ERR_INVALID, "without a time namespace");
}

static char bundle[] = "/srv/bundle";

Test(plan, names_the_host_only_in_a_namespace_of_its_own)
{
    static const char own[] = CONFIG("\"hostname\":\"hive\",\"domainname\":\"meadow\"," PROCESS
                                     "," LINUX(",{\"type\":\"uts\"}", ""));
    static const char joined[] = CONFIG("\"hostname\":\"hive\"," PROCESS "," LINUX(
        ",{\"type\":\"uts\",\"path\":\"/proc/7/ns/uts\"}", ""));
    makes(own);
    cr_expect_str_eq(plan.hostname, "hive");
    cr_expect_str_eq(plan.domainname, "meadow");
    makes(joined);
    cr_expect_null(plan.hostname, "others are in it");
    /* What comes from a config.json is done as it says, or not at all. */
    request.state = &(struct oci_state){ .bundle = bundle };
    makes(joined);
    cr_expect_str_eq(plan.hostname, "hive");
    refuses(CONFIG("\"hostname\":\"hive\"," PROCESS "," LINUX("", "")), ERR_INVALID, "/hostname");
    refuses(CONFIG("\"domainname\":\"hive\"," PROCESS "," LINUX("", "")), ERR_INVALID,
            "/domainname");
    request.state = NULL;
    makes(CONFIG("\"hostname\":\"hive\"," PROCESS "," LINUX("", "")));
    cr_expect_null(plan.hostname);
}

/* --- the root, sources and mounts ------------------------------------------------------------- */

static void use_overlay(void)
{
    rootfs.kind = ROOTFS_OVERLAY;
    strings_done(&rootfs.lower);
    strings_add(&rootfs.lower, "/store/top");
    strings_add(&rootfs.lower, "/store/base");
}

Test(plan, lists_sources_upper_first)
{
    use_overlay();
    rootfs.upper = "/store/upper";
    makes(CONFIG(PROCESS ",\"mounts\":[" BIND("/srv/one", "\"bind\"") "," BIND(
        "/srv/two", "\"rbind\"") "]," LINUX("", "")));
    static const char *const paths[] = { "/store/upper", "/store/top", "/store/base", "/srv/one",
                                         "/srv/two" };
    cr_assert_eq(plan.n_sources, array_size(paths));
    for (size_t i = 0; i < array_size(paths); i++) {
        cr_expect_str_eq(plan.sources[i].path, paths[i]);
        cr_expect_eq(plan.sources[i].recursive, i == 4, "%s", paths[i]);
    }
    cr_expect_eq(plan.n_root_sources, 3);
    cr_expect(plan.has_upper);
    cr_expect_eq(plan.mounts[0].source, 3);
    cr_expect_eq(plan.mounts[1].source, 4);
}

Test(plan, has_an_upper_layer_in_memory_that_is_no_source)
{
    use_overlay();
    rootfs.flags = ROOTFS_TMPFS;
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect(plan.has_upper);
    cr_expect_eq(plan.n_root_sources, 2);
    cr_expect_str_eq(plan.sources[0].path, "/store/top");
}

Test(plan, takes_a_directory_with_what_is_mounted_below)
{
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_assert_eq(plan.n_sources, 1);
    cr_expect(plan.sources[0].recursive);
    cr_expect(!plan.has_upper && !plan.root_readonly);
    makes(CONFIG("\"root\":{\"path\":\"x\",\"readonly\":true}," PROCESS "," LINUX("", "")));
    cr_expect(plan.root_readonly);
}

#define MOUNTS(list) CONFIG(PROCESS ",\"mounts\":[" list "]," LINUX("", ""))

Test(plan, lists_mounts_in_their_order)
{
    makes(MOUNTS(
        "{\"destination\":\"/"
        "proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"ro\"]}," BIND(
            "/srv", "\"rbind\",\"rro\",\"rslave\"") ","
                                                    "{\"destination\":\"//run//"
                                                    "\",\"type\":\"tmpfs\",\"options\":[\"mode="
                                                    "755\",\"size=1m\"]}"));
    cr_assert_eq(plan.n_mounts, 3);
    cr_expect_eq(plan.mounts[0].kind, PLAN_MOUNT_FS);
    cr_expect_str_eq(plan.mounts[0].destination, "proc");
    cr_expect_str_eq(plan.mounts[0].type, "proc");
    cr_expect_str_eq(plan.mounts[0].name, "proc");
    cr_expect_eq(plan.mounts[0].options.set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY);
    cr_expect_eq(plan.mounts[1].kind, PLAN_MOUNT_BIND);
    cr_expect_str_eq(plan.mounts[1].destination, "to");
    cr_expect_eq(plan.mounts[1].options.set_below, MOUNT_ATTR_RDONLY);
    cr_expect_eq(plan.mounts[1].options.propagation, MS_SLAVE);
    cr_expect_str_eq(plan.mounts[2].destination, "run//");
    cr_expect_null(plan.mounts[2].name);
    cr_assert_eq(plan.mounts[2].options.rest.len, 2);
    cr_expect_str_eq(plan.mounts[2].options.rest.at[1], "size=1m");
    cr_expect(!plan.dev);
}

#define FS(type, options)                                                                          \
    "{\"destination\":\"/" type "\",\"type\":\"" type "\",\"options\":[" options "]}"

/* What needs something of the host's, and in a user namespace what only its own /proc and /sys let it
 * make. */
Test(plan, makes_file_systems_before_the_root_is_changed_or_in_their_turn)
{
    static const char all[] = FS("proc", "") "," FS("sysfs", "\"ro\"") "," FS(
        "tmpfs", "\"mode=755\",\"size=1m\"") "," FS("overlay", "\"lowerdir=/a\"");
    auto_free char *in_host = xasprintf(MOUNTS("%s"), all);
    auto_free char *in_own =
        xasprintf(CONFIG(PROCESS ",\"mounts\":[%s]," LINUX("," USER_NS, "," MAPS("0"))), all);
    makes(in_own);
    cr_assert_eq(plan.n_fs, 3);
    cr_expect(plan.fs[0] == 0 && plan.fs[1] == 1 && plan.fs[2] == 3);
    cr_expect_null(plan.mounts[0].data);
    cr_expect_str_eq(plan.mounts[2].data, "mode=755,size=1m");
    cr_expect_null(plan.mounts[3].data);
    makes(in_host);
    cr_expect_eq(plan.mounts[0].in_turn, plan.makes_nodes);
    cr_expect_eq(plan.mounts[1].in_turn, plan.makes_nodes);
    cr_expect(plan.mounts[2].in_turn && !plan.mounts[3].in_turn);
    cr_expect_eq(plan.n_fs, plan.makes_nodes ? 1 : 3);
    request.flags = RUNTIME_NO_PIVOT;
    makes(in_host);
    cr_expect_eq(plan.n_fs, 4);
}

/* Those to which something is done before they are mounted, or that mount(2) would misread. */
Test(plan, makes_in_one_call_what_can_be)
{
    static const char *const words[] = { "\"rshared\"", "\"tmpcopyup\"", "\"mpol=bind:0,1\"" };
    makes(MOUNTS(FS("tmpfs", "")));
    cr_expect_str_eq(plan.mounts[0].data, "");
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        auto_free char *json = xasprintf(MOUNTS(FS("tmpfs", "%s")), words[i]);
        makes(json);
        cr_expect(plan.mounts[0].in_turn);
        cr_expect_null(plan.mounts[0].data, "%s", words[i]);
    }
    auto_free char *json = xasprintf(MOUNTS(FS("tmpfs", "\"x=%05000d\"")), 0);
    makes(json);
    cr_expect_null(plan.mounts[0].data, "it would be cut off");
    request.state = &(struct oci_state){ .id = bundle, .bundle = bundle };
    makes(CONFIG("\"hooks\":{\"createContainer\":[{\"path\":\"/x\"}]}," PROCESS
                 ",\"mounts\":[" FS("devpts", "") "]," LINUX("", "")));
    cr_expect_null(plan.mounts[0].data, "a hook's working directory is ours");
}

/* What lies on it in the end would be made read-only in its stead. */
Test(plan, makes_what_will_be_covered_by_descriptor)
{
    makes(MOUNTS(FS("tmpfs", "\"ro\"") ",{\"destination\":\"/tmpfs\",\"type\":\"bind\","
                                       "\"source\":\"/srv\"}"));
    cr_assert_eq(plan.n_late, 1);
    cr_expect(plan.mounts[0].in_turn);
    cr_expect_null(plan.mounts[0].data);
    makes(MOUNTS(FS("tmpfs", "\"ro\"") ",{\"destination\":\"/tmpfs\",\"options\":[\"remount\"]}"));
    cr_expect_str_eq(plan.mounts[0].data, "");
}

#define TMPFS(path) "{\"destination\":\"" path "\",\"type\":\"tmpfs\"}"

/* By name only where every directory on the way is of our own making, or the root. */
Test(plan, finds_by_name_what_lies_on_its_own_file_systems)
{
    makes(MOUNTS(TMPFS("/a") "," TMPFS("/a/b") "," TMPFS("/a/b/c") "," TMPFS("/a/d/e") "," TMPFS(
        "/v/w") "," TMPFS("/v/w/x") "," TMPFS("/v/w/x/y")));
    static const bool own[] = { false, true, true, false, false, false, false };
    cr_assert_eq(plan.n_mounts, sizeof(own) / sizeof(*own));
    for (size_t i = 0; i < plan.n_mounts; i++) {
        cr_expect_eq(plan.mounts[i].below_own, own[i], "/%s", plan.mounts[i].destination);
        cr_expect_eq(plan.mounts[i].place_missing, own[i], "/%s", plan.mounts[i].destination);
    }
}

#define NETWORK_NS ",{\"type\":\"network\"}"
#define WAITING(more)                                                                              \
    CONFIG(PROCESS ",\"mounts\":[" FS("proc", "") "," FS("sysfs", "") "," FS(                      \
        "tmpfs", "") "]," LINUX(NETWORK_NS, more))

/* The first that is of the network namespace waits for it; what comes before does not. */
Test(plan, waits_for_the_network_as_late_as_it_can)
{
    makes(WAITING(""));
    cr_assert(plan.network_beside);
    cr_expect_eq(plan.network_last, plan.makes_nodes);
    cr_expect_eq(plan.n_mounts_first, plan.makes_nodes ? 1 : 3);
    makes(WAITING(",\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"));
    cr_expect(!plan.network_last, "sysctls are set through the host's /proc");
    cr_expect_eq(plan.n_mounts_first, 3);
}

/* The parent makes it where the child could not, or may not: in a user namespace, and in a cgroup
 * that may be somebody else's. */
Test(plan, leaves_dev_to_the_child)
{
    static const char json[] = MOUNTS("{\"destination\":\"/dev\",\"type\":\"tmpfs\","
                                      "\"options\":[\"mode=755\"]}");
    makes(json);
    cr_expect_eq(plan.dev_made, plan.makes_nodes);
    cr_expect(!plan.dev_by_child, "without a config.json nobody has let it make nodes");
    request.state = &(struct oci_state){ .id = bundle, .bundle = bundle };
    makes(json);
    cr_expect_eq(plan.dev_by_child, plan.makes_nodes);
    cr_expect_eq(plan_handed(&plan), plan.privileged ? plan.n_sources : 0);
    request.cgroup_flags = CGROUP_JOIN;
    makes(json);
    cr_expect(!plan.dev_by_child);
    cr_expect_eq(plan_dev_handed(&plan), plan.makes_nodes);
}

Test(plan, takes_bind_for_a_type_or_an_option)
{
    makes(MOUNTS(
        "{\"destination\":\"/a\",\"source\":\"/srv\",\"type\":\"bind\"},"
        "{\"destination\":\"/b\",\"source\":\"/srv\",\"options\":[\"rbind\"]},"
        "{\"destination\":\"/c\",\"source\":\"/srv\",\"type\":\"none\",\"options\":[\"bind\"]}"));
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(plan.mounts[i].kind, PLAN_MOUNT_BIND);
        cr_expect_eq(plan.sources[plan.mounts[i].source].recursive, i == 1);
    }
}

Test(plan, knows_a_fresh_dev)
{
    makes(MOUNTS("{\"destination\":\"/dev\",\"type\":\"tmpfs\"}"));
    cr_expect(plan.dev);
    makes(MOUNTS("{\"destination\":\"/dev\",\"type\":\"bind\",\"source\":\"/dev\"}"));
    cr_expect(!plan.dev);
    makes(MOUNTS("{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\"}"));
    cr_expect(!plan.dev);
}

Test(plan, refuses_mounts_that_cannot_be)
{
    refuses(MOUNTS("{\"destination\":\"/\",\"type\":\"tmpfs\"}"), ERR_INVALID,
            "not a place below the root");
    refuses(MOUNTS("{\"destination\":\"//\",\"type\":\"tmpfs\"}"), ERR_INVALID,
            "not a place below the root");
    refuses(MOUNTS("{\"destination\":\"/a/../b\",\"type\":\"tmpfs\"}"), ERR_INVALID, "/a/../b");
    refuses(MOUNTS("{\"destination\":\"/a/..\",\"type\":\"tmpfs\"}"), ERR_INVALID, "/a/..");
    refuses(MOUNTS("{\"destination\":\"/a\"}"), ERR_INVALID, "no type");
    refuses(MOUNTS("{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"srv\"}"), ERR_INVALID,
            "absolute");
    refuses(MOUNTS("{\"destination\":\"/a\",\"type\":\"bind\"}"), ERR_INVALID, "absolute");
    refuses(MOUNTS("{\"destination\":\"/a\",\"type\":\"proc\",\"options\":[\"tmpcopyup\"]}"),
            ERR_INVALID, "tmpcopyup");
    refuses(MOUNTS(BIND("/srv", "\"tmpcopyup\"")), ERR_INVALID, "tmpcopyup");
    refuses(MOUNTS(BIND("/srv", "\"idmap\"")), ERR_INVALID, "uidMappings");
    refuses(MOUNTS("{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"idmap\"]}"),
            ERR_UNSUPPORTED, "only of bind mounts");
    refuses(MOUNTS("{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"context=x\"]}"),
            ERR_UNSUPPORTED, "SELinux");
    refuses(MOUNTS("{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"\"]}"), ERR_INVALID,
            "empty");
}

#define MAPPED(more)                                                                               \
    "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/srv\"," MAPS("0") more "}"

Test(plan, maps_the_owners_of_mounts)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    makes(MOUNTS(MAPPED("")));
    cr_expect_eq(plan.sources[1].map, SOURCE_MAP_GIVEN);
    cr_expect(!plan.sources[1].map_below && !plan.maps_mounts);
    makes(MOUNTS(MAPPED(",\"options\":[\"rbind\",\"ridmap\"]")));
    cr_expect(plan.sources[1].map_below);
    makes(CONFIG(PROCESS
                 ",\"mounts\":[" BIND("/srv", "\"idmap\"") "]," LINUX("," USER_NS, "," MAPS("0"))));
    cr_expect_eq(plan.sources[1].map, SOURCE_MAP_CONTAINER);
    cr_expect(plan.maps_mounts);
}

Test(plan, remounts_what_is_there)
{
    makes(MOUNTS("{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"remount\",\"ro\"]}"));
    cr_expect_eq(plan.mounts[0].kind, PLAN_MOUNT_REMOUNT);
    cr_expect_eq(plan.n_fs, 0);
    cr_expect_eq(plan.mounts[0].options.set, MOUNT_ATTR_RDONLY);
}

/* Mount points may have to be made in it. */
Test(plan, makes_a_tmpfs_read_only_at_last)
{
    makes(MOUNTS("{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"ro\",\"nosuid\"]}"));
    cr_expect_eq(plan.mounts[0].options.set, MOUNT_ATTR_NOSUID);
    cr_assert_eq(plan.n_late, 1);
    cr_expect_eq(plan.late[0], 0);
}

Test(plan, begins_relative_sources_at_the_bundle)
{
    request.state = &(struct oci_state){ .bundle = bundle };
    makes(MOUNTS("{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"data\"}"));
    cr_expect_str_eq(plan.sources[1].path, "/srv/bundle/data");
    refuses(MOUNTS("{\"destination\":\"/a\"}"), ERR_INVALID, "config.json: /mounts/0: ");
}

Test(plan, parts_the_root_as_its_propagation_says)
{
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect_eq(plan.root_propagation, 0);
    makes(CONFIG(PROCESS "," LINUX("", ",\"rootfsPropagation\":\"rslave\"")));
    cr_expect_eq(plan.root_propagation, MS_SLAVE);
    cr_expect(plan.root_propagation_below);
    makes(CONFIG(PROCESS "," LINUX("", ",\"rootfsPropagation\":\"shared\"")));
    cr_expect_eq(plan.root_propagation, MS_SHARED);
    cr_expect(!plan.root_propagation_below);
}

/* A word mistyped must not leave the host's files open to be written. */
Test(plan, refuses_unknown_words_of_bind_mounts)
{
    refuses(MOUNTS(BIND("/srv", "\"rbind\",\"r0\"")), ERR_UNSUPPORTED, "option r0");
    refuses(MOUNTS(BIND("/srv", "\"rbind\",\"readonly\"")), ERR_UNSUPPORTED, "option readonly");
}

/* mount(2) has always passed over them, and so configurations have them. */
Test(plan, passes_over_values_of_bind_mounts)
{
    makes(MOUNTS(BIND("/srv", "\"rbind\",\"mode=755\"")));
    cr_expect_eq(plan.mounts[0].kind, PLAN_MOUNT_BIND);
    cr_expect(strstr(plan.warning, "mode=755"), "%s", plan.warning);
}

#define RUN_IN_MEMORY "\"mounts\":[{\"destination\":\"/run\",\"type\":\"tmpfs\"}]"

/* Files without labels are no wider open than they are on this machine anyway; of a process's label
 * the next test tells. */
Test(plan, passes_over_the_label_of_mounts_where_there_are_none)
{
    makes(MOUNTS("{\"destination\":\"/run\",\"type\":\"tmpfs\"}"));
    cr_expect_str_eq(plan.warning, "");
    makes(CONFIG(PROCESS "," LINUX("", ",\"mountLabel\":\"x\"") "," RUN_IN_MEMORY));
    cr_expect(strstr(plan.warning, "mountLabel"), "%s", plan.warning);
    cr_expect_eq(plan.mounts[0].options.rest.len, 0, "no context=");
}

#define CGROUP_NS ",{\"type\":\"cgroup\"}"
#define CGROUP_MOUNT                                                                               \
    "\"mounts\":[{\"destination\":\"/sys/fs/"                                                      \
    "cgroup\",\"type\":\"cgroup\",\"options\":[\"nosuid\",\"ro\"]}]"

Test(plan, mounts_cgroups_as_the_host_has_them)
{
    makes(CONFIG(PROCESS "," CGROUP_MOUNT "," LINUX("", ",\"cgroupsPath\":\"/hive/one\"")));
    cr_assert_eq(plan.n_mounts, 1);
    cr_expect_eq(plan.mounts[0].kind, PLAN_MOUNT_BIND, "it sees its own alone");
    cr_expect_str_eq(plan.sources[1].path, "/sys/fs/cgroup/hive/one");
    cr_expect_eq(plan.sources[1].map, SOURCE_MAP_NONE);
    makes(CONFIG(PROCESS "," CGROUP_MOUNT "," LINUX(CGROUP_NS, ",\"cgroupsPath\":\"/hive/one\"")));
    cr_assert_eq(plan.n_mounts, 1);
    cr_expect_str_eq(plan.mounts[0].destination, "sys/fs/cgroup");
    cr_expect_str_eq(plan.mounts[0].type, "cgroup2");
    cr_expect_eq(plan.mounts[0].options.set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY);

    use_host("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
             "37 31 0:34 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
             "38 31 0:35 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
             "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    makes(CONFIG(PROCESS "," CGROUP_MOUNT
                         "," LINUX(CGROUP_NS, ",\"cgroupsPath\":\"/hive/one\",\"resources\":"
                                              "{\"cpu\":{\"shares\":512}}")));
    static const struct {
        const char *destination;
        const char *type;
        enum plan_mount_kind kind;
        bool readonly;
    } rows[] = {
        { "sys/fs/cgroup", "tmpfs", PLAN_MOUNT_FS, false }, /* it is filled first */
        { "sys/fs/cgroup/cpu,cpuacct", "cgroup", PLAN_MOUNT_FS, true },
        { "sys/fs/cgroup/cpu", "cpu,cpuacct", PLAN_MOUNT_LINK, false },
        { "sys/fs/cgroup/cpuacct", "cpu,cpuacct", PLAN_MOUNT_LINK, false },
        { "sys/fs/cgroup/unified", "cgroup2", PLAN_MOUNT_FS, true },
    };
    cr_assert_eq(plan.n_mounts, array_size(rows),
                 "memory and pids have no group, so they are not shown");
    for (size_t i = 0; i < array_size(rows); i++) {
        cr_expect_str_eq(plan.mounts[i].destination, rows[i].destination);
        cr_expect_str_eq(plan.mounts[i].type, rows[i].type);
        cr_expect_eq(plan.mounts[i].kind, rows[i].kind, "%s", rows[i].destination);
        cr_expect_eq((plan.mounts[i].options.set & MOUNT_ATTR_RDONLY) != 0, rows[i].readonly, "%s",
                     rows[i].destination);
    }
}

/* The host's groups are nobody's business. */
Test(plan, mounts_no_cgroups_without_a_group)
{
    makes(CONFIG(PROCESS "," CGROUP_MOUNT "," LINUX("", "")));
    cr_expect_eq(plan.n_mounts, 0);
}

/* --- sysctls ---------------------------------------------------------------------------------- */

static int make_sysctl(const char *name)
{
    auto_free char *json =
        xasprintf(CONFIG(PROCESS "," LINUX(",{\"type\":\"network\"},{\"type\":\"ipc\"}",
                                           ",\"sysctl\":{\"%s\":\"1\"}")),
                  name);
    return make(json);
}

Test(plan, takes_sysctls_of_its_namespaces)
{
    static const char *const rows[][2] = {
        { "net.ipv4.ip_forward", "net/ipv4/ip_forward" },
        { "net/ipv4/ip_forward", "net/ipv4/ip_forward" },
        { "net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding" },
        { "net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding" },
        { "kernel.shmmax", "kernel/shmmax" },
        { "kernel.sem", "kernel/sem" },
        { "kernel.shm_rmid_forced", "kernel/shm_rmid_forced" },
        { "fs.mqueue.msg_max", "fs/mqueue/msg_max" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        cr_assert_eq(make_sysctl(rows[i][0]), 0, "%s", err.text);
        cr_assert_eq(plan.n_sysctls, 1);
        cr_expect_str_eq(plan.sysctls[0].path, rows[i][1]);
        cr_expect_str_eq(plan.sysctls[0].value, "1");
    }
}

Test(plan, refuses_sysctls_of_the_host)
{
    static const char *const names[] = {
        "kernel.core_pattern",
        "kernel.hostname",
        "kernel.shmmaxx",
        "kernel.shmmax.x",
        "vm.swappiness",
        "fs.file-max",
        "fs.mqueue",
        "net",
        "network.x",
        "netx.y",
        "kernel/core_pattern",
        "user.max_user_namespaces",
        "",
        ".",
        "/",
        /* up and out again */
        "net/../kernel/core_pattern",
        "net.ipv4/../../kernel.core_pattern",
        "net.//.kernel.core_pattern",
        "net/ipv4/../../kernel/core_pattern",
        "net..ipv4.x",
        "/net/ipv4/x",
        "net//ipv4/x",
        "../kernel/core_pattern",
        "net./x/../kernel",
        "kernel.shmmax/../core_pattern",
    };
    for (size_t i = 0; i < array_size(names); i++) {
        cr_expect_eq(make_sysctl(names[i]), -1, "%s became %s", names[i],
                     plan.n_sysctls ? plan.sysctls[0].path : "");
        cr_expect_eq(err.kind, strcmp(names[i], "kernel.hostname") ? ERR_DENIED : ERR_INVALID,
                     "%s: %s", names[i], err.text);
        cr_expect(strstr(err.text, names[i]), "%s", err.text);
    }
}

Test(plan, refuses_sysctls_of_namespaces_it_shares)
{
    refuses(CONFIG(PROCESS "," LINUX("", ",\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}")),
            ERR_DENIED, "net.ipv4");
    refuses(CONFIG(PROCESS "," LINUX(",{\"type\":\"network\",\"path\":\"/proc/7/ns/net\"}",
                                     ",\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}")),
            ERR_DENIED, "net.ipv4");
    refuses(CONFIG(PROCESS
                   "," LINUX(",{\"type\":\"network\"}", ",\"sysctl\":{\"kernel.shmmax\":\"1\"}")),
            ERR_DENIED, "kernel.shmmax");
}

/* --- what is not done ------------------------------------------------------------------------- */

Test(plan, refuses_what_the_machine_does_not_have)
{
    static const struct {
        const char *json;
        const char *named;
    } rows[] = {
        { CONFIG(PROCESS "," LINUX("", ",\"intelRdt\":{}")), "intelRdt" },
        { CONFIG(PROCESS_AND("\"apparmorProfile\":\"x\"") "," LINUX("", "")), "apparmorProfile" },
        { CONFIG(PROCESS_AND("\"selinuxLabel\":\"x\"") "," LINUX("", "")), "selinuxLabel" },
    };
    for (size_t i = 0; i < array_size(rows); i++)
        refuses(rows[i].json, ERR_UNSUPPORTED, rows[i].named);
}

/* Who denies all devices, as everyone does, means the others. */
Test(plan, lets_the_default_devices_pass)
{
    static const char json[] =
        CONFIG(PROCESS "," LINUX("", ",\"cgroupsPath\":\"/hive\",\"resources\":{\"devices\":[{"
                                     "\"allow\":false,\"access\":\"rwm\"}]}"));
    makes(json);
    cr_expect_eq(plan.limits.device_rules.len, 1);
    request.state = &(struct oci_state){ .bundle = bundle };
    makes(json);
    cr_assert(plan.limits.device_rules.len > 1);
    cr_expect(!plan.limits.device_rules.at[0].allow);
    const struct cgroup_device_rule *null = &plan.limits.device_rules.at[3];
    cr_expect(null->allow && null->type == 'c' && null->major == 1 && null->minor == 3);
    cr_expect_eq(null->access, CGROUP_DEVICE_ALL);
    makes(CONFIG(PROCESS "," LINUX("", ",\"cgroupsPath\":\"/hive\",\"resources\":{}")));
    cr_expect_eq(plan.limits.device_rules.len, 0, "no rules, no filter");
}

Test(plan, names_the_member_of_the_document)
{
    static const char *const rows[][2] = {
        { CONFIG(PROCESS "," LINUX("", ",\"cgroupsPath\":\"/a/../b\"")), "/linux/cgroupsPath: " },
        { CONFIG(PROCESS "," LINUX("", ",\"sysctl\":{\"kernel.panic\":\"1\"}")),
          "/linux/sysctl: " },
        { CONFIG(PROCESS_AND(
              "\"rlimits\":[{\"type\":\"RLIMIT_HONEY\",\"soft\":1,\"hard\":1}]") "," LINUX("", "")),
          "/process/rlimits: " },
        { MOUNTS("{\"destination\":\"/a\"}"), "/mounts/0: " },
        { CONFIG(PROCESS "," LINUX("," USER_NS, "")), "/linux: " },
    };
    request.state = &(struct oci_state){ .bundle = bundle };
    for (size_t i = 0; i < array_size(rows); i++) {
        cr_expect_eq(make(rows[i][0]), -1);
        auto_free char *begin = xasprintf("config.json: %s", rows[i][1]);
        cr_expect(text_starts(err.text, begin), "%s", err.text);
    }
}

/* 0 is what callers write who mean nothing by it. */
Test(plan, takes_limits_of_0_for_none)
{
    makes(
        CONFIG(PROCESS "," LINUX("", ",\"resources\":{\"memory\":{\"limit\":0,\"swap\":0,"
                                     "\"kernel\":5},\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0,"
                                     "\"cpus\":\"\"},\"pids\":{\"limit\":0}}")));
    const struct cgroup_limits *limits = &plan.limits;
    cr_expect(!limits->memory_bytes.set && !limits->memory_swap_bytes.set && !limits->pids.set);
    cr_expect(!limits->cpu_shares.set && !limits->cpu_quota_us.set && !limits->cpu_period_us.set);
    cr_expect_null(limits->cpus);
    cr_expect(strstr(plan.warning, "memory.kernel"), "%s", plan.warning);
}

Test(plan, passes_over_annotations)
{
    makes(CONFIG("\"annotations\":{\"run.oci.handler\":\"x\"}," PROCESS "," LINUX("", "")));
    cr_expect_eq(plan.all_flags, CLONE_NEWNS);
}
