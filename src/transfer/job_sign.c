/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures over a payload by the keys that cosign knows: ECDSA on P-256 with SHA-256, Ed25519. A
 * key is a stranger's file too: it is parsed here, without any right, and never leaves the process.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/file.h"
#include "transfer/job.h"

enum {
    KEY_MAX_BYTES = 64 << 10,
    PASSPHRASE_MAX_BYTES = 1024,
    PAYLOAD_MAX_BYTES = 1 << 20,
    SIGNATURE_MAX_BYTES = 1024,
};

/* Where the descriptors of a request lie. */
enum { FD_KEY = 1, FD_PAYLOAD = 2, FD_EXTRA = 3 };

struct file_text {
    char *at;
    size_t len;
};

static void file_text_done(struct file_text *text)
{
    if (text->at)
        OPENSSL_cleanse(text->at, text->len);
    free(text->at);
}

static void key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
#define auto_key __attribute__((cleanup(key_free))) EVP_PKEY

static int file_text_read(int fd, size_t max_bytes, const char *what, struct file_text *ret_text,
                          struct err *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        file_load_fd(fd, max_bytes, &ret_text->at, &ret_text->len, err) < 0)
        return err_wrap(err, "read %s", what);
    return 0;
}

/* ---- keys ---- */

/* What a key signs with: the digest's name, NULL for one that digests by itself. -1: not ours. */
static int key_digest(const EVP_PKEY *key, const char **ret_digest, struct err *err)
{
    char group[64] = {};
    if (EVP_PKEY_is_a(key, "ED25519")) {
        *ret_digest = NULL;
        return 0;
    }
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
        strcmp(group, "prime256v1") == 0) {
        *ret_digest = "SHA256";
        return 0;
    }
    err_set(err, ERR_UNSUPPORTED, "the key is neither ECDSA on P-256 nor Ed25519");
    return err_hint(err, "make one by: openssl genpkey -algorithm ed25519 -out key.pem");
}

static int passphrase_given(char *buffer, int size, int writing, void *context)
{
    const struct file_text *passphrase = context;
    size_t len = passphrase->len;
    (void)writing;
    while (len > 0 && (passphrase->at[len - 1] == '\n' || passphrase->at[len - 1] == '\r'))
        len--;
    if (len == 0 || len > (size_t)size)
        return -1;
    memcpy(buffer, passphrase->at, len);
    return (int)len;
}

static int key_private(const struct file_text *pem, const struct file_text *passphrase,
                       EVP_PKEY **ret_key, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
    EVP_PKEY *key =
        bio ? PEM_read_bio_PrivateKey(bio, NULL, passphrase_given, (void *)passphrase) : NULL;
    BIO_free(bio);
    if (key) {
        *ret_key = key;
        return 0;
    }
    if (strstr(pem->at, "ENCRYPTED COSIGN PRIVATE KEY") ||
        strstr(pem->at, "ENCRYPTED SIGSTORE PRIVATE KEY")) {
        err_set(err, ERR_UNSUPPORTED, "the key is sealed as cosign seals its own");
        return err_hint(err, "make one by: openssl genpkey -algorithm ed25519 -out key.pem");
    }
    if (strstr(pem->at, "ENCRYPTED")) {
        err_set(err, ERR_DENIED, "the key is encrypted and the passphrase does not open it");
        return err_hint(err, "name a file that holds it by --passphrase-file");
    }
    return err_set(err, ERR_INVALID, "the key is no private key in PEM");
}

static int key_public(const struct file_text *pem, EVP_PKEY **ret_key, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!key) {
        err_set(err, ERR_INVALID, "the key is no public key in PEM");
        return err_hint(err, "get it from the private one by: openssl pkey -in key.pem -pubout");
    }
    *ret_key = key;
    return 0;
}

/* ---- sign ---- */

static int payload_sign(EVP_PKEY *key, const char *digest, const struct file_text *payload,
                        unsigned char *signature, size_t *len, struct err *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done =
        context && EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, key, NULL) == 1 &&
        EVP_DigestSign(context, signature, len, (const unsigned char *)payload->at, payload->len) ==
            1;
    EVP_MD_CTX_free(context);
    return done ? 0 : err_set(err, ERR_SYSTEM, "libcrypto does not sign with the key");
}

int job_sign(struct job *job, struct err *err)
{
    auto_done(file_text) pem = {};
    auto_done(file_text) payload = {};
    auto_done(file_text) passphrase = {};
    auto_key *key = NULL;
    const char *digest;
    unsigned char signature[SIGNATURE_MAX_BYTES];
    unsigned char text[SIGNATURE_MAX_BYTES * 2];
    size_t len = sizeof(signature);

    if (file_text_read(job->fds[FD_KEY], KEY_MAX_BYTES, "the key", &pem, err) < 0 ||
        file_text_read(job->fds[FD_PAYLOAD], PAYLOAD_MAX_BYTES, "what is to be signed", &payload,
                       err) < 0 ||
        file_text_read(job->fds[FD_EXTRA], PASSPHRASE_MAX_BYTES, "the passphrase", &passphrase,
                       err) < 0 ||
        key_private(&pem, &passphrase, &key, err) < 0 || key_digest(key, &digest, err) < 0 ||
        payload_sign(key, digest, &payload, signature, &len, err) < 0)
        return -1;
    (void)EVP_EncodeBlock(text, signature, (int)len);
    struct transfer_event event = { .kind = TRANSFER_SIGNATURE };
    return channel_send(&job->channel, &event, (const char *)text, NULL, err);
}

/* ---- verify ---- */

/* Base64 of one line. Gives its length in bytes, or -1. */
static int signature_decode(const struct file_text *text, unsigned char *signature)
{
    size_t len = text->len;
    while (len > 0 && text->at[len - 1] == '\n')
        len--;
    if (len == 0 || len % 4 != 0 || len > SIGNATURE_MAX_BYTES)
        return -1;
    int decoded = EVP_DecodeBlock(signature, (const unsigned char *)text->at, (int)len);
    /* It counts what the padding stands for. */
    for (size_t i = 0; i < 2 && decoded > 0 && text->at[len - 1 - i] == '='; i++)
        decoded--;
    return decoded;
}

static bool payload_verify(EVP_PKEY *key, const char *digest, const struct file_text *payload,
                           const unsigned char *signature, size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context &&
                EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, key, NULL) == 1 &&
                EVP_DigestVerify(context, signature, len, (const unsigned char *)payload->at,
                                 payload->len) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

int job_verify(struct job *job, struct err *err)
{
    auto_done(file_text) pem = {};
    auto_done(file_text) payload = {};
    auto_done(file_text) text = {};
    auto_key *key = NULL;
    const char *digest;
    unsigned char signature[SIGNATURE_MAX_BYTES];

    if (file_text_read(job->fds[FD_KEY], KEY_MAX_BYTES, "the key", &pem, err) < 0 ||
        file_text_read(job->fds[FD_PAYLOAD], PAYLOAD_MAX_BYTES, "what was signed", &payload, err) <
            0 ||
        file_text_read(job->fds[FD_EXTRA], SIGNATURE_MAX_BYTES, "the signature", &text, err) < 0 ||
        key_public(&pem, &key, err) < 0 || key_digest(key, &digest, err) < 0)
        return -1;
    int len = signature_decode(&text, signature);
    if (len <= 0)
        return err_set(err, ERR_INVALID, "the signature is not base64");
    if (!payload_verify(key, digest, &payload, signature, (size_t)len))
        return err_set(err, ERR_DENIED, "the signature was not made with this key");
    return 0;
}
