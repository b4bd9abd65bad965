/* SPDX-License-Identifier: Apache-2.0 */
/* ruche-remote against the distribution project's registry, with TLS and a password file, as a user
 * would set it up. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "driver.h"

static char directory[] = "/tmp/ruche-distribution-XXXXXX";
static pid_t pid;
static int port;

TestSuite(distribution, .timeout = 100);

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

/* One that is free just now. */
static int port_free(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(any);
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&any, len), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    return ntohs(any.sin_port);
}

static bool port_open(void)
{
    struct sockaddr_in there = {
        .sin_family = AF_INET,
        .sin_addr = { htonl(INADDR_LOOPBACK) },
        .sin_port = htons((uint16_t)port),
    };
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&there, sizeof(there)) == 0;
}

static void config_save(void)
{
    auto_free char *path = xasprintf("%s/config.yml", directory);
    auto_done(str) text = {};
    struct err err;
    str_addf(&text,
             "version: 0.1\n"
             "log: {level: error, accesslog: {disabled: true}}\n"
             "storage: {filesystem: {rootdirectory: %s/data}, delete: {enabled: true}}\n"
             "auth: {htpasswd: {realm: test, path: %s/htpasswd}}\n"
             "http:\n"
             "  addr: 127.0.0.1:%d\n"
             "  secret: test\n"
             "  tls: {certificate: %s/cert.pem, key: %s/key.pem}\n",
             directory, directory, port, directory, directory);
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
    port = port_free();
    config_save();
    pid = fork();
    if (pid == 0) {
        auto_free char *path = xasprintf("%s/config.yml", directory);
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execlp("docker-registry", "docker-registry", "serve", path, (char *)NULL);
        _exit(127);
    }
    while (!port_open()) {
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

static struct outcome start(struct driver *driver, const char *repository, const char *password)
{
    auto_free char *path = xasprintf("%s/cert.pem", directory);
    struct remote_setup setup = { .push = true };
    struct remote_endpoint *endpoint = setup_endpoint(&setup, "https", port, repository);
    size_t len;
    struct err err;
    cr_assert_eq(file_load(AT_FDCWD, path, 64 << 10, &endpoint->ca, &len, &err), 1);
    endpoint->username = password ? xstrdup("user") : NULL;
    endpoint->password = password ? xstrdup(password) : NULL;
    strings_add(&setup.mount_repositories, "one/image");
    return driver_start(driver, &setup);
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
    int half = file_new("", 0);
    cr_assert_eq(ftruncate(half, BIG / 2), 0); /* zeros: whether they are asked for again is seen */
    outcome = driver_blob(driver, big, BIG, BIG / 2, half, &piped);
    cr_assert_not(outcome->failed, "%s", outcome->text);
    cr_assert_eq(piped.len, BIG);
    cr_assert(piped.at[0] == '\0' && piped.at[BIG / 2 - 1] == '\0');
    cr_assert(piped.at[BIG / 2] == 'u' && piped.at[BIG - 1] == 'u');
    close(half);
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
