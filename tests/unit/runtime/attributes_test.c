/* SPDX-License-Identifier: Apache-2.0 */
/* What few configurations ask of a process, as the kernel tells it afterwards. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "box.h"

static struct box box;
static struct oci_state state;

static void tidy(void)
{
    box_close(&box);
}

TestSuite(attributes, .fini = tidy, .timeout = 600);

static void use_state(void)
{
    static char version[] = "1.3.0";
    static char id[] = "bee";
    state = (struct oci_state){ .oci_version = version, .id = id, .bundle = box.dir };
    box.request.state = &state;
}

/* Adds members to "process", or to "linux". */
static void process_add(const char *json)
{
    auto_free char *whole =
        xasprintf("{\"ociVersion\":\"1.3.0\",\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":"
                  "{\"uid\":0,\"gid\":0},%s}}",
                  json);
    struct spec more = {};
    cr_assert_eq(spec_parse(whole, strlen(whole), &more, &box.err), 0, "%s", box.err.text);
    struct spec_process *to = box.spec.process;
    to->scheduler = take_ptr(more.process->scheduler);
    to->io_priority = take_ptr(more.process->io_priority);
    to->exec_cpu_affinity = take_ptr(more.process->exec_cpu_affinity);
    to->apparmor_profile = take_ptr(more.process->apparmor_profile);
    spec_done(&more);
}

static void linux_add(const char *json)
{
    auto_free char *whole = xasprintf("{\"ociVersion\":\"1.3.0\",\"linux\":{%s}}", json);
    struct spec more = {};
    cr_assert_eq(spec_parse(whole, strlen(whole), &more, &box.err), 0, "%s", box.err.text);
    struct spec_linux *to = box.spec.linux;
    to->personality = take_ptr(more.linux->personality);
    to->memory_policy = take_ptr(more.linux->memory_policy);
    to->seccomp = take_ptr(more.linux->seccomp);
    to->resources = take_ptr(more.linux->resources);
    to->rootfs_propagation = take_ptr(more.linux->rootfs_propagation);
    for (size_t i = 0; i < to->net_devices.len; i++) {
        free(to->net_devices.at[i].key);
        free(to->net_devices.at[i].name);
    }
    free(to->net_devices.at);
    to->net_devices.at = take_ptr(more.linux->net_devices.at);
    to->net_devices.len = more.linux->net_devices.len;
    more.linux->net_devices.len = 0;
    spec_done(&more);
}

Test(attributes, sets_the_execution_domain)
{
    OPEN_BOX(0);
    linux_add("\"personality\":{\"domain\":\"LINUX32\"}");
    RUNS("uname -m");
    SAYS_ALL("i686\n");
}

Test(attributes, sets_the_scheduler)
{
    OPEN_BOX(BOX_HOST_USERNS);
    process_add("\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":7,\"flags\":[\"SCHED_FLAG_"
                "RESET_ON_FORK\"]}");
    box_command(&box, (const char *const[]){ "cat", "/proc/self/stat", NULL });
    cr_assert_eq(box_run(&box), 0, "%s", box.err.text);
    const char *rest = strchr(box.output, ')') + 2;
    int nice;
    int policy;
    cr_assert_eq(
        sscanf(rest, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %d", &nice),
        1);
    cr_expect_eq(nice, 7);
    for (int i = 0; i < 38; i++)
        rest = strchr(rest, ' ') + 1;
    cr_assert_eq(sscanf(rest, "%d", &policy), 1);
    cr_expect_eq(policy, SCHED_BATCH);
}

Test(attributes, sets_the_io_priority)
{
    OPEN_BOX(0);
    process_add("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":0}");
    if (access("/usr/bin/ionice", X_OK) < 0)
        cr_skip_test("needs ionice");
    box_script(&box, "sleep 100");
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    auto_free char *command = xasprintf("ionice -p %d", box.process.pid);
    FILE *out = popen(command, "r");
    char line[64] = "";
    cr_assert(out && fgets(line, sizeof(line), out));
    (void)pclose(out);
    cr_expect_str_eq(line, "idle\n");
}

Test(attributes, sets_the_memory_policy)
{
    OPEN_BOX(0);
    linux_add("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_"
              "NODES\"]}");
    int status = box_run_script(&box, "head -n 1 /proc/self/numa_maps");
    if (status == -1 && strstr(box.err.text, "not implemented"))
        cr_skip_test("the kernel has no memory policies");
    if (status != 0)
        cr_skip_test("the kernel shows no numa_maps");
    SAYS("bind");
}

/* Whether we may use the first two, and so give them away. */
static bool two_processors(void)
{
    cpu_set_t ours;
    CPU_ZERO(&ours);
    bool told = sched_getaffinity(0, sizeof(ours), &ours) == 0;
    return told && CPU_ISSET(0, &ours) && CPU_ISSET(1, &ours);
}

/* An exec alone; the container's own process is bound by its cpuset. */
Test(attributes, binds_an_exec_to_processors)
{
    OPEN_BOX(0);
    process_add("\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"1\"}");
    if (!two_processors())
        cr_skip_test("needs two processors");
    box_script(&box, "sleep 100");
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    cr_assert_eq(box_exec(&box, "grep Cpus_allowed_list /proc/self/status"), 0, "%s", box.err.text);
    SAYS("\t1\n");
    box_stop(&box);
    RUNS("grep Cpus_allowed_list /proc/self/status");
    SAYS_NOT("\t1\n");
}

Test(attributes, frees_from_the_callers_processors)
{
    NEED_ROOT();
    OPEN_BOX(0);
    if (!two_processors())
        cr_skip_test("needs two processors");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    linux_add("\"resources\":{\"cpu\":{\"cpus\":\"0-1\"}}");
    RUNS("grep Cpus_allowed_list /proc/self/status");
    SAYS("\t0-1\n");
}

Test(attributes, refuses_a_profile_nobody_enforces)
{
    OPEN_BOX(0);
    if (access("/sys/module/apparmor/parameters/enabled", F_OK) == 0)
        cr_skip_test("AppArmor may be active");
    process_add("\"apparmorProfile\":\"unconfined\"");
    RUNS("true");
    free(box.spec.process->apparmor_profile);
    box.spec.process->apparmor_profile = xstrdup("hive");
    cr_expect_eq(box_run_script(&box, "true"), -1);
    cr_expect(strstr(box.err.text, "/process/apparmorProfile: AppArmor is not active"), "%s",
              box.err.text);
}

Test(attributes, warns_of_what_it_leaves_out)
{
    OPEN_BOX(0);
    strings_add(&box.spec.process->capabilities->bounding, "CAP_FLY");
    strings_add(&box.spec.process->capabilities->effective, "CAP_FLY");
    box_script(&box, "true");
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    cr_expect_str_eq(box.process.warning, "capability CAP_FLY is left out: it is not known");
}

/* --- the seccomp agent ------------------------------------------------------------------------ */

/* Gives what was sent, and the descriptor that came along. */
static char *agent_take(int listening, int *ret_fd)
{
    static char text[8192];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {};
    struct iovec data = { .iov_base = text, .iov_len = sizeof(text) - 1 };
    struct msghdr message = { .msg_iov = &data,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    cr_assert(fd >= 0);
    ssize_t len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    cr_assert(len > 0 && CMSG_FIRSTHDR(&message));
    memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    text[len] = '\0';
    cr_expect_eq(read(fd, text + len, sizeof(text) - 1 - (size_t)len), 0, "one state a connection");
    (void)close(fd);
    return text;
}

Test(attributes, hands_the_listener_to_the_agent)
{
    NEED_ROOT();
    OPEN_BOX(0);
    use_state();
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/agent", box.dir);
    auto_close int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listening, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listening, 4), 0);
    auto_free char *json = xasprintf(
        "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"%s/agent\","
        "\"listenerMetadata\":\"honey\",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],"
        "\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
        box.dir);
    linux_add(json);
    box.request.seccomp = RUNTIME_SECCOMP_SPEC;
    box_script(&box, "ls -l /proc/self/fd >/tmp/fds; sleep 100");
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    int listener = -1;
    const char *text = agent_take(listening, &listener);
    cr_expect(strstr(text, "\"metadata\":\"honey\"") && strstr(text, "\"fds\":[\"seccompFd\"]"),
              "%s", text);
    cr_expect(strstr(text, "\"status\":\"creating\"") && strstr(text, "\"id\":\"bee\""), "%s",
              text);
    auto_free char *pid = xasprintf("\"pid\":%d,", box.process.pid);
    cr_expect(strstr(text, pid), "%s", text);
    auto_free char *link = xasprintf("/proc/self/fd/%d", listener);
    char target[64] = "";
    cr_expect(readlink(link, target, sizeof(target) - 1) > 0);
    cr_expect(strstr(target, "seccomp notify"), "%s", target);
    /* What else is open there is the program's own doing. */
    for (int fd = 0; fd < 32; fd++) {
        auto_free char *inside = xasprintf("/proc/%d/fd/%d", box.process.pid, fd);
        char kept[64] = "";
        (void)!readlink(inside, kept, sizeof(kept) - 1);
        cr_expect(!strstr(kept, "seccomp notify"), "the listener stayed inside");
    }
    (void)close(listener);
    /* Each process has a filter and a listener of its own. */
    cr_assert_eq(box_exec(&box, "echo one more"), 0, "%s", box.err.text);
    SAYS("one more");
    text = agent_take(listening, &listener);
    cr_expect(strstr(text, "\"status\":\"running\""), "%s", text);
    cr_expect(!strstr(text, pid), "%s", text);
    (void)close(listener);
    box_stop(&box);
}

Test(attributes, makes_nothing_without_its_agent)
{
    OPEN_BOX(0);
    use_state();
    linux_add("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/no/agent\","
              "\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}");
    box.request.seccomp = RUNTIME_SECCOMP_SPEC;
    cr_expect_eq(box_run_script(&box, "echo program"), -1);
    cr_expect(strstr(box.err.text, "/no/agent"), "%s", box.err.text);
    SAYS_NOT("program");
}

/* --- network devices -------------------------------------------------------------------------- */

Test(attributes, takes_network_devices_over)
{
    NEED_ROOT();
    cr_assert_eq(unshare(CLONE_NEWNET), 0);
    if (system("ip link add honey0 type veth peer name comb0 && ip address add 10.7.0.2/24 dev "
               "honey0 && ip link set honey0 up") != 0)
        cr_skip_test("needs ip, and veth");
    static const enum box_flags kinds[] = { 0, BOX_HOST_USERNS };
    for (size_t i = 0; i < array_size(kinds); i++) {
        OPEN_BOX(kinds[i]);
        linux_add(i ? "\"netDevices\":{\"comb1\":{}}"
                    : "\"netDevices\":{\"honey0\":{\"name\":\"eth7\"}}");
        RUNS("ip address");
        if (i == 0) {
            SAYS("eth7@");
            SAYS("inet 10.7.0.2/24");
            SAYS("UP");
            SAYS_NOT("honey0");
            cr_assert_eq(system("ip link add comb1 type veth peer name other0"), 0);
        } else {
            SAYS("comb1@");
        }
        linux_add("\"netDevices\":{\"none0\":{}}");
        cr_expect_eq(box_run_script(&box, "true"), -1);
        cr_expect(strstr(box.err.text, "none0"), "%s", box.err.text);
        box_close(&box);
    }
}
