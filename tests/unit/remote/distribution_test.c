/* SPDX-License-Identifier: Apache-2.0 */
/* ruche-remote against the distribution project's registry, with TLS and a password file, as a user
 * would set it up. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "driver.h"
#include "remote/digest.h"

static char directory[] = "/tmp/ruche-distribution-XXXXXX";
static pid_t pid;
static int port;

TestSuite(distribution, .timeout = 600);

static int sh(const char *script)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("sh", "sh", "-euc", script, "sh", directory, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/* The port that the kernel gave it, as its log tells; 0 before that. */
static int port_told(void)
{
    static const char words[] = "msg=\"listening on 127.0.0.1:";
    auto_free char *path = xasprintf("%s/log", directory);
    auto_free char *text = NULL;
    size_t len;
    struct err err;
    if (file_load(AT_FDCWD, path, 1 << 20, &text, &len, &err) <= 0)
        return 0;
    const char *at = strstr(text, words);
    return at && strchr(at, '\n') ? atoi(at + sizeof(words) - 1) : 0;
}

static void config_save(void)
{
    auto_free char *path = xasprintf("%s/config.yml", directory);
    auto_done(str) text = {};
    struct err err;
    str_addf(&text,
             "version: 0.1\n"
             "log: {level: info, accesslog: {disabled: true}}\n"
             "storage: {filesystem: {rootdirectory: %s/data}, delete: {enabled: true}}\n"
             "auth: {htpasswd: {realm: test, path: %s/htpasswd}}\n"
             "http:\n"
             "  addr: 127.0.0.1:0\n"
             "  secret: test\n"
             "  tls: {certificate: %s/cert.pem, key: %s/key.pem}\n",
             directory, directory, directory, directory);
    cr_assert_eq(file_save(AT_FDCWD, path, text.at, text.len, 0600, 0, &err), 0, "%s", err.text);
}

/* False: there is no such registry on this machine. */
static bool registry_start(void)
{
    cr_assert_not_null(mkdtemp(directory));
    if (sh("command -v docker-registry htpasswd openssl >/dev/null") != 0)
        return false;
    cr_assert_eq(
        sh("cd \"$1\"; htpasswd -Bbn user secret >htpasswd\n"
           "openssl req -new -newkey rsa:4096 -x509 -sha256 -days 365 -nodes -out cert.pem "
           "-keyout key.pem -subj /CN=test -addext subjectAltName=IP:127.0.0.1 2>/dev/null"),
        0);
    config_save();
    pid = fork();
    if (pid == 0) {
        auto_free char *path = xasprintf("%s/config.yml", directory);
        auto_free char *log_path = xasprintf("%s/log", directory);
        int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execlp("docker-registry", "docker-registry", "serve", path, (char *)NULL);
        _exit(127);
    }
    while ((port = port_told()) == 0) {
        cr_assert_eq(waitpid(pid, NULL, WNOHANG), 0, "the registry has ended");
        usleep(5000);
    }
    return true;
}

static void registry_stop(void)
{
    struct err err;
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    cr_assert_eq(tree_remove(AT_FDCWD, directory, &err), 0, "%s", err.text);
}

static struct outcome start_with(struct driver *driver, struct remote_setup *setup,
                                 const char *repository, const char *password)
{
    auto_free char *path = xasprintf("%s/cert.pem", directory);
    struct remote_endpoint *endpoint = setup_endpoint(setup, "https", port, repository);
    size_t len;
    struct err err;
    cr_assert_eq(file_load(AT_FDCWD, path, 64 << 10, &endpoint->ca, &len, &err), 1);
    endpoint->username = password ? xstrdup("user") : NULL;
    endpoint->password = password ? xstrdup(password) : NULL;
    strings_add(&setup->mount_repositories, "one/image");
    return driver_start(driver, setup);
}

static struct outcome start(struct driver *driver, const char *repository, const char *password)
{
    struct remote_setup setup = { .push = true };
    return start_with(driver, &setup, repository, password);
}

enum { BIG = 40 << 20 };
static const char big[] = "sha256:f6952a10837378a9df884f44be61a78749e30737a279aeb3db7b176e03e12ca3";

static void blobs(struct driver *driver, int blob)
{
    auto_done(str) piped = {};
    const struct outcome *outcome =
        DO(driver, .op = REMOTE_UPLOAD, .first = big, .bytes = BIG, .fds = { blob });
    cr_assert(!outcome->failed && outcome->detail == REMOTE_UPLOADED, "%s", outcome->text);
    outcome = DO(driver, .op = REMOTE_UPLOAD, .first = big, .bytes = BIG, .fds = { blob });
    cr_assert(!outcome->failed && outcome->detail == REMOTE_THERE, "%s", outcome->text);
    outcome = driver_blob(driver, big, BIG, BIG / 2, -1, &piped);
    cr_assert_not(outcome->failed, "%s", outcome->text);
    cr_assert_eq(piped.len, BIG / 2);
    cr_assert(piped.at[0] == 'u' && piped.at[BIG / 2 - 1] == 'u');
}

static void read_to_end(int fd, struct str *out)
{
    auto_free char *buffer = xmalloc(64 << 10);
    ssize_t len;
    while ((len = read(fd, buffer, 64 << 10)) > 0)
        str_add_bytes(out, buffer, (size_t)len);
    cr_assert_eq(len, 0);
}

/* Longer than a connection may be without a byte: the transfer is held up by us and no stall, and
 * what comes meanwhile is neither lost nor kept. */
static void slow_reader(void)
{
    struct driver driver;
    struct remote_setup setup = { .stall_seconds = 1 };
    auto_done(str) piped = {};
    bool known;
    int ends[2];
    cr_assert_not(start_with(&driver, &setup, "one/image", "secret").failed);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    uint64_t id = driver_ask(
        &driver,
        &(struct ask){ .op = REMOTE_BLOB, .first = big, .bytes = BIG, .fds = { ends[1] } });
    close(ends[1]);
    sleep(3);
    read_to_end(ends[0], &piped);
    close(ends[0]);
    const struct outcome *outcome = driver_wait(&driver, id);
    cr_assert_not(outcome->failed, "%s", outcome->text);
    cr_assert(digest_matches(big, piped.at, piped.len, &known));
    driver_stop(&driver);
}

static void manifests(struct driver *driver)
{
    static const char type[] = "application/vnd.oci.image.manifest.v1+json";
    auto_free char *manifest =
        xasprintf("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":"
                  "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%d},"
                  "\"layers\":[]}",
                  type, big, BIG);
    int file = file_new(manifest, strlen(manifest)), tags = file_new("", 0);
    const struct outcome *outcome =
        DO(driver, .op = REMOTE_MANIFEST_PUT, .first = "v1", .second = type, .fds = { file });
    cr_assert_not(outcome->failed, "%s", outcome->text);
    outcome = DO(driver, .op = REMOTE_MANIFEST, .first = "v1", .flags = REMOTE_HEAD);
    cr_assert(!outcome->failed && outcome->detail == 1, "%s", outcome->text);
    cr_assert_str_eq(outcome->found[0], type);
    auto_free char *digest = xstrdup(outcome->found[1]);
    cr_assert_not(DO(driver, .op = REMOTE_TAGS, .fds = { tags })->failed);
    size_t len;
    auto_free char *list = file_text(tags, &len);
    cr_assert_str_eq(list, "[\"v1\"]");
    outcome = DO(driver, .op = REMOTE_DELETE, .first = digest);
    cr_assert_not(outcome->failed, "%s", outcome->text);
    outcome = DO(driver, .op = REMOTE_MANIFEST, .first = digest, .flags = REMOTE_HEAD);
    cr_assert(!outcome->failed && outcome->detail == 0);
    close(file);
    close(tags);
}

static void all(void)
{
    struct driver driver;
    auto_free char *bytes = xmalloc(BIG);
    memset(bytes, 'u', BIG);
    int blob = file_new(bytes, BIG);
    cr_assert_not(start(&driver, "one/image", "secret").failed);
    cr_assert_not(DO(&driver, .op = REMOTE_PING)->failed);
    blobs(&driver, blob);
    manifests(&driver);
    driver_stop(&driver);
    slow_reader();

    cr_assert_not(start(&driver, "two/image", "secret").failed);
    const struct outcome *outcome = DO(&driver, .op = REMOTE_UPLOAD, .first = big,
                                       .second = "one/image", .bytes = BIG, .fds = { blob });
    cr_assert(!outcome->failed && outcome->detail == REMOTE_MOUNTED, "%s", outcome->text);
    driver_stop(&driver);
    close(blob);
}

static void strangers(void)
{
    struct driver driver;
    cr_assert_not(start(&driver, "one/image", "wrong").failed);
    const struct outcome *outcome = DO(&driver, .op = REMOTE_PING);
    cr_assert(outcome->failed && outcome->kind == ERR_DENIED, "%s", outcome->text);
    cr_assert(strstr(outcome->text, "does not accept the credentials"), "%s", outcome->text);
    driver_stop(&driver);
    cr_assert_not(start(&driver, "one/image", NULL).failed);
    outcome = DO(&driver, .op = REMOTE_PING);
    cr_assert(outcome->failed && strstr(outcome->text, "ruche login"), "%s", outcome->text);
    driver_stop(&driver);
}

Test(distribution, with_tls_and_passwords)
{
    bool there = registry_start();
    if (there) {
        all();
        strangers();
    }
    registry_stop();
    if (!there)
        cr_skip_test("docker-registry, htpasswd or openssl is missing");
}
