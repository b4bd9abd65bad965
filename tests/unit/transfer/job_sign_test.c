/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "transfer/job.h"

static int memory_of(const void *at, size_t len)
{
    int fd = memfd_create("text", MFD_CLOEXEC);
    cr_assert_eq(fd_write_all(fd, at, len), 0);
    return fd;
}

/* PEM of a fresh key: the private one, sealed if there is a passphrase, and the public one. */
struct pair_of_keys {
    struct str private;
    struct str public;
};

static void bio_take(BIO *bio, struct str *out)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    str_add_bytes(out, at, (size_t)len);
    BIO_free(bio);
}

static void keys_make(EVP_PKEY *key, const char *passphrase, struct pair_of_keys *keys)
{
    BIO *private = BIO_new(BIO_s_mem()), *public = BIO_new(BIO_s_mem());
    cr_assert(key);
    cr_assert_eq(PEM_write_bio_PKCS8PrivateKey(private, key, passphrase ? EVP_aes_256_cbc() : NULL,
                                               passphrase, passphrase ? (int)strlen(passphrase) : 0,
                                               NULL, NULL),
                 1);
    cr_assert_eq(PEM_write_bio_PUBKEY(public, key), 1);
    bio_take(private, &keys->private);
    bio_take(public, &keys->public);
    EVP_PKEY_free(key);
}

static void pair_of_keys_done(struct pair_of_keys *keys)
{
    str_done(&keys->private);
    str_done(&keys->public);
}

/* Runs a verb over three texts. Its first event's text goes into out, if there is an event. */
static int verb_run(int (*verb)(struct job *, struct err *), const char *key, const char *payload,
                    const char *extra, struct str *out, struct err *err)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    struct job job = { .channel = { ends[1] }, .fds = { -1, -1, -1, -1, -1, -1 } };
    job.fds[1] = memory_of(key, strlen(key));
    job.fds[2] = memory_of(payload, strlen(payload));
    job.fds[3] = memory_of(extra, strlen(extra));
    int result = verb(&job, err);
    struct transfer_event event = {};
    if (recv(ends[0], &event, sizeof(event), MSG_DONTWAIT) > 0 && out)
        str_add(out, event.texts);
    for (size_t i = 1; i < TRANSFER_FDS_MAX; i++)
        fd_close(&job.fds[i]);
    close(ends[0]);
    close(ends[1]);
    return result;
}

static void signs_and_verifies(EVP_PKEY *key, const char *passphrase)
{
    auto_done(pair_of_keys) keys = {};
    auto_done(pair_of_keys) others = {};
    auto_done(str) signature = {};
    struct err err;
    keys_make(key, passphrase, &keys);
    keys_make(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, &others);
    cr_assert_eq(verb_run(job_sign, keys.private.at, "payload", passphrase ? passphrase : "",
                          &signature, &err),
                 0, "%s", err.text);
    cr_assert_gt(signature.len, 80);
    cr_assert_eq(verb_run(job_verify, keys.public.at, "payload", signature.at, NULL, &err), 0, "%s",
                 err.text);
    cr_assert_eq(verb_run(job_verify, keys.public.at, "Payload", signature.at, NULL, &err), -1);
    cr_assert_eq(err.kind, ERR_DENIED);
    cr_assert_eq(verb_run(job_verify, others.public.at, "payload", signature.at, NULL, &err), -1);
    cr_assert_eq(err.kind, ERR_DENIED);
    signature.at[10] = signature.at[10] == 'A' ? 'B' : 'A';
    cr_assert_eq(verb_run(job_verify, keys.public.at, "payload", signature.at, NULL, &err), -1);
}

Test(job_sign, ecdsa_on_p256)
{
    signs_and_verifies(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), NULL);
}

Test(job_sign, ed25519)
{
    signs_and_verifies(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);
}

Test(job_sign, a_sealed_key_opens_with_its_passphrase)
{
    signs_and_verifies(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "secret");
}

Test(job_sign, a_sealed_key_stays_shut_without_it)
{
    auto_done(pair_of_keys) keys = {};
    struct err err;
    keys_make(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "secret", &keys);
    cr_assert_eq(verb_run(job_sign, keys.private.at, "payload", "Secret\n", NULL, &err), -1);
    cr_assert_eq(err.kind, ERR_DENIED);
    cr_assert(strstr(err.text, "passphrase"), "%s", err.text);
    cr_assert_eq(verb_run(job_sign, keys.private.at, "payload", "", NULL, &err), -1);
    cr_assert_eq(err.kind, ERR_DENIED);
}

Test(job_sign, keys_that_are_none)
{
    auto_done(pair_of_keys) rsa = {};
    auto_done(pair_of_keys) other = {};
    struct err err;
    keys_make(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), NULL, &rsa);
    keys_make(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), NULL, &other);
    cr_assert_eq(verb_run(job_sign, rsa.private.at, "payload", "", NULL, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
    cr_assert_eq(verb_run(job_sign, other.private.at, "payload", "", NULL, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
    cr_assert_eq(verb_run(job_sign, "", "payload", "", NULL, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert_eq(verb_run(job_verify, rsa.private.at, "payload", "c2ln", NULL, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
}

Test(job_sign, signatures_that_are_none)
{
    static const char *const wrong[] = { "", "c2l", "!!!!", "====", "c2lnc2ln" };
    auto_done(pair_of_keys) keys = {};
    struct err err;
    keys_make(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, &keys);
    for (size_t i = 0; i < array_size(wrong); i++)
        cr_expect_eq(verb_run(job_verify, keys.public.at, "payload", wrong[i], NULL, &err), -1,
                     "%s", wrong[i]);
}
