/* SPDX-License-Identifier: Apache-2.0 */
/* Whom ruche-remote trusts, and what it says where it does not; plain HTTP where that will do. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

static struct hostile hostile;

static void stop(void)
{
    hostile_stop(&hostile);
}

TestSuite(tls, .fini = stop, .timeout = 600);

/* What a PING comes to. ca: an authority besides the system's, or NULL. */
static struct outcome ping(const char *url, const char *ca, bool insecure)
{
    struct driver driver;
    struct remote_setup setup = { .stall_seconds = 20 };
    struct remote_endpoint *endpoint = setup_endpoint(&setup, "https", hostile.port, NULL);
    if (url) {
        free(endpoint->url);
        endpoint->url = xstrdup(url);
    }
    endpoint->ca = ca ? xstrdup(ca) : NULL;
    endpoint->insecure = insecure;
    struct outcome outcome = driver_start(&driver, &setup);
    if (!outcome.failed)
        outcome = *DO(&driver, .op = REMOTE_PING);
    driver_stop(&driver);
    return outcome;
}

static void expect_good(struct outcome outcome, const char *scheme)
{
    cr_assert_not(outcome.failed, "%s", outcome.text);
    cr_assert(text_starts(outcome.found[0], scheme), "%s", outcome.found[0]);
}

static void expect_refused(struct outcome outcome, const char *why, const char *remedy)
{
    cr_assert(outcome.failed, "not \"%s\"", why);
    cr_assert(strstr(outcome.text, why), "%s", outcome.text);
    cr_assert(strstr(outcome.text, remedy), "%s", outcome.text);
}

Test(tls, self_signed)
{
    hostile_start(&hostile, "self");
    auto_free char *ca = hostile_certificate(&hostile);
    auto_free char *remedy = xasprintf("certs.d/registry-%d/ca.crt", hostile.port);
    expect_refused(ping(NULL, NULL, false), "self-signed", remedy);
    expect_refused(ping(NULL, NULL, false), "self-signed", "--tls-verify=false");
    expect_good(ping(NULL, ca, false), "https://");
    expect_good(ping(NULL, NULL, true), "https://");
    expect_refused(ping(NULL, "rubbish", false), ":", "");
}

Test(tls, wrong_name)
{
    hostile_start(&hostile, "name");
    auto_free char *ca = hostile_certificate(&hostile);
    expect_refused(ping(NULL, ca, false),
                   "is for registry.example, and not for 127.0.0.1:", "--tls-verify=false");
    expect_good(ping(NULL, NULL, true), "https://");
}

Test(tls, of_the_client)
{
    hostile_start(&hostile, "both");
    auto_free char *ca = hostile_certificate(&hostile);
    auto_free char *remedy = xasprintf("certs.d/registry-%d/client.cert", hostile.port);
    expect_refused(ping(NULL, ca, false), "wants a certificate", remedy);
    struct driver driver;
    struct remote_setup setup = {};
    struct remote_endpoint *endpoint = setup_endpoint(&setup, "https", hostile.port, NULL);
    endpoint->ca = xstrdup(ca);
    struct remote_identity *identity = array_add(&endpoint->identities);
    *identity = (struct remote_identity){ xstrdup(ca), hostile_key(&hostile) };
    cr_assert_not(driver_start(&driver, &setup).failed);
    expect_good(*DO(&driver, .op = REMOTE_PING), "https://");
    driver_stop(&driver);
}

Test(tls, expired)
{
    hostile_start(&hostile, "old");
    auto_free char *ca = hostile_certificate(&hostile);
    expect_refused(ping(NULL, ca, false), "has expired on 2", "--tls-verify=false");
}

Test(tls, none_where_plain_will_do)
{
    hostile_start(&hostile, NULL);
    auto_free char *localhost = xasprintf("https://localhost:%d", hostile.port);
    expect_good(ping(NULL, NULL, false), "http://127.");
    expect_good(ping(NULL, NULL, true), "http://127.");
    expect_good(ping(localhost, NULL, false), "http://localhost:");
}

/* 127.0.0.1, but for who looks at the name only. */
Test(tls, none_where_it_must_be)
{
    hostile_start(&hostile, NULL);
    auto_free char *https = xasprintf("https://0177.0.0.1.:%d", hostile.port);
    auto_free char *plain = xasprintf("http://registry.example:%d", hostile.port);
    expect_refused(ping(plain, NULL, false), "plain HTTP", "--tls-verify=false");
    struct outcome outcome = ping(https, NULL, false);
    cr_assert(outcome.failed && !strstr(outcome.text, "127.0.0.1:"), "%s", outcome.text);
}

static struct outcome layer_get(const char *repository, const char *ca)
{
    struct driver driver;
    struct remote_setup setup = {};
    struct remote_endpoint *endpoint = setup_endpoint(&setup, "https", hostile.port, repository);
    endpoint->ca = xstrdup(ca);
    endpoint->username = xstrdup("user");
    endpoint->password = xstrdup("secret");
    cr_assert_not(driver_start(&driver, &setup).failed);
    int file = file_new("", 0);
    struct outcome outcome =
        *driver_blob(&driver, hostile.layer, hostile.layer_size, 0, file, NULL);
    close(file);
    driver_stop(&driver);
    return outcome;
}

/* Nothing, by the digest of something else where it is not to come as far as that. */
static struct outcome upload(const char *repository, const char *ca, const char *digest)
{
    struct driver driver;
    struct remote_setup setup = { .push = true };
    setup_endpoint(&setup, "https", hostile.port, repository)->ca = xstrdup(ca);
    cr_assert_not(driver_start(&driver, &setup).failed);
    int file = file_new("", 0);
    struct outcome outcome = *DO(&driver, .op = REMOTE_UPLOAD, .first = digest, .fds = { file });
    close(file);
    driver_stop(&driver);
    return outcome;
}

static const char empty[] =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Test(tls, nothing_leads_out_of_it)
{
    hostile_start(&hostile, "self");
    auto_free char *ca = hostile_certificate(&hostile);
    cr_assert_not(layer_get("bearer/image", ca).failed);
    cr_assert_not(upload("honest/image", ca, empty).failed);
    expect_refused(layer_get("redirect-plain/image", ca), "from https to plain HTTP", "");
    expect_refused(layer_get("redirect-401/image", ca), "from https to plain HTTP", "");
    expect_refused(layer_get("realm-other/image", ca), "tokens from 127.0.0.1", "over plain HTTP");
    expect_refused(upload("upload-plain/image", ca, "sha256:00"), "from https to plain HTTP", "");
    auto_free char *requests = hostile_requests(&hostile);
    cr_assert_null(strstr(requests, "other "), "%s", requests);
}
