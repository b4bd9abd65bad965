/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/tls.h"

#include <ctype.h>
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { NAMES_SHOWN = 5, NAME_SIZE = 256 };

struct tls_roots {
    int index;        /* where an SSL_CTX keeps its story */
    bool directory;   /* authorities are files named by a hash of their name, read when needed */
    X509_STORE *file; /* or all in one file, which is in here */
};

/* ---- the system's authorities ---- */

static bool name_is_hash(const char *name)
{
    size_t digits = 0;
    while (isxdigit((unsigned char)name[digits]))
        digits++;
    return digits == 8 && name[8] == '.' && isdigit((unsigned char)name[9]);
}

/* A directory with hashed names is the better way: a handshake reads the one file it wants. */
static bool directory_hashed(const char *path)
{
    bool hashed = false;
    DIR *directory = opendir(path);
    if (!directory)
        return false;
    const struct dirent *entry;
    while (!hashed && (entry = readdir(directory)))
        hashed = name_is_hash(entry->d_name);
    closedir(directory);
    return hashed;
}

static void story_release(void *parent, void *story, CRYPTO_EX_DATA *data, int index, long argl,
                          void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    tls_story_unref(story);
}

struct tls_roots *tls_roots_new(void)
{
    auto_drop(tls_roots) *roots = xnew(struct tls_roots);
    roots->index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, story_release);
    roots->directory = directory_hashed(X509_get_default_cert_dir());
    roots->file = X509_STORE_new();
    if (roots->index < 0 || !roots->file)
        return NULL;
    /* No such file: nobody is trusted but whom the setup names. */
    if (!roots->directory)
        (void)X509_STORE_load_file(roots->file, X509_get_default_cert_file());
    ERR_clear_error();
    return take_ptr(roots);
}

void tls_roots_free(struct tls_roots *roots)
{
    if (!roots)
        return;
    X509_STORE_free(roots->file);
    free(roots);
}

/* Beside what the store of the connection has. */
static bool roots_add(const struct tls_roots *roots, X509_STORE *store)
{
    if (roots->directory) {
        X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
        return lookup &&
               X509_LOOKUP_add_dir(lookup, X509_get_default_cert_dir(), X509_FILETYPE_PEM);
    }
    STACK_OF(X509) *all = X509_STORE_get1_all_certs(roots->file);
    bool added = true;
    for (int i = 0; all && added && i < sk_X509_num(all); i++)
        added = X509_STORE_add_cert(store, sk_X509_value(all, i));
    sk_X509_pop_free(all, X509_free);
    return added;
}

/* ---- the story ---- */

struct tls_story *tls_story_new(struct tls_roots *roots)
{
    struct tls_story *story = xnew(struct tls_story);
    story->refs = 1;
    story->roots = roots;
    return story;
}

void tls_story_unref(struct tls_story *story)
{
    if (!story || --story->refs > 0)
        return;
    free(story->issuer);
    free(story->names);
    free(story->from);
    free(story->until);
    free(story);
}

static char *name_text(const X509_NAME *name)
{
    static const int nids[] = { NID_commonName, NID_organizationName };
    auto_done(str) text = {};
    char raw[NAME_SIZE];
    for (size_t i = 0; i < array_size(nids); i++) {
        int len = X509_NAME_get_text_by_NID((X509_NAME *)name, nids[i], raw, sizeof(raw));
        if (len <= 0)
            continue;
        text_escape(&text, raw, strnlen(raw, sizeof(raw)));
        break;
    }
    return text.len > 0 ? str_take(&text) : xstrdup("an authority without a name");
}

static char *time_text(const ASN1_TIME *time)
{
    struct tm tm;
    if (!time || !ASN1_TIME_to_tm(time, &tm))
        return xstrdup("an unknown time");
    return xasprintf("%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                     tm.tm_hour, tm.tm_min);
}

static void address_add(struct str *out, const ASN1_OCTET_STRING *address)
{
    const unsigned char *at = ASN1_STRING_get0_data(address);
    int len = ASN1_STRING_length(address);
    for (int i = 0; len == 4 && i < len; i++)
        str_addf(out, i ? ".%u" : "%u", at[i]);
    for (int i = 0; len == 16 && i < len; i += 2)
        str_addf(out, i ? ":%x" : "%x", (unsigned)at[i] << 8 | at[i + 1]);
}

/* The names in a certificate, a comma between them. Its common name counts for nothing if there are
 * others, nor if there are none: curl asks for an alternative name. */
static char *names_text(const X509 *certificate)
{
    auto_done(str) text = {};
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int len = names ? sk_GENERAL_NAME_num(names) : 0;
    for (int i = 0; i < len && i < NAMES_SHOWN; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        str_add(&text, text.len > 0 ? ", " : "");
        if (name->type == GEN_DNS)
            text_escape(&text, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                        (size_t)ASN1_STRING_length(name->d.dNSName));
        else if (name->type == GEN_IPADD)
            address_add(&text, name->d.iPAddress);
    }
    if (len > NAMES_SHOWN)
        str_addf(&text, " and %d more", len - NAMES_SHOWN);
    GENERAL_NAMES_free(names);
    return str_take(&text);
}

static void certificate_keep(struct tls_story *story, const X509 *certificate)
{
    free(story->issuer);
    free(story->from);
    free(story->until);
    story->issuer = name_text(X509_get_issuer_name(certificate));
    story->from = time_text(X509_get0_notBefore(certificate));
    story->until = time_text(X509_get0_notAfter(certificate));
}

static int certificate_verify(X509_STORE_CTX *context, void *arg)
{
    struct tls_story *story = arg;
    int result = X509_verify_cert(context);
    const X509 *server = X509_STORE_CTX_get0_cert(context);
    const X509 *fault = X509_STORE_CTX_get_current_cert(context);
    story->error = result > 0 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    story->root_at_fault = result <= 0 && X509_STORE_CTX_get_error_depth(context) > 0;
    free(story->names);
    story->names = server ? names_text(server) : NULL;
    if (result <= 0 && (fault || server))
        certificate_keep(story, fault ? fault : server);
    return result;
}

static void message_seen(int sent, int version, int type, const void *at, size_t len, SSL *ssl,
                         void *arg)
{
    (void)version;
    (void)ssl;
    struct tls_story *story = arg;
    if (sent || (type != SSL3_RT_HANDSHAKE && type != SSL3_RT_ALERT))
        return;
    story->spoken = true;
    if (type == SSL3_RT_HANDSHAKE && len > 0 && *(const uint8_t *)at == SSL3_MT_CERTIFICATE_REQUEST)
        story->wants_certificate = true;
}

/* ---- who we are ---- */

/* The certificate, and behind it those of its authorities that the PEM has. */
static STACK_OF(X509) * chain_read(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *certificate;
    while (bio && chain && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        if (!sk_X509_push(chain, certificate))
            X509_free(certificate);
    BIO_free(bio);
    ERR_clear_error(); /* that there is no more of them is one */
    return chain;
}

static int password_none(char *at, int size, int writing, void *context)
{
    (void)at;
    (void)size;
    (void)writing;
    (void)context;
    return 0;
}

static EVP_PKEY *key_read(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, password_none, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* Whether the other side takes it: by the authorities and the ways to sign that it has named. */
static bool identity_fits(SSL *ssl, X509 *certificate, EVP_PKEY *key, STACK_OF(X509) * above)
{
    const int wanted = CERT_PKEY_ISSUER_NAME | CERT_PKEY_EE_SIGNATURE;
    return X509_check_private_key(certificate, key) &&
           (SSL_check_chain(ssl, certificate, key, above) & wanted) == wanted;
}

/* Takes the chain. */
static bool identity_use(SSL *ssl, STACK_OF(X509) * chain, EVP_PKEY *key)
{
    X509 *certificate = sk_X509_shift(chain);
    bool used = certificate && key && identity_fits(ssl, certificate, key, chain) &&
                SSL_use_certificate(ssl, certificate) && SSL_use_PrivateKey(ssl, key) &&
                SSL_set1_chain(ssl, chain);
    X509_free(certificate);
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return used;
}

/* Once the other side has asked for a certificate: the first that fits, or none. */
static int identity_choose(SSL *ssl, void *arg)
{
    struct tls_story *story = arg;
    for (size_t i = 0; i < story->n_identities; i++) {
        EVP_PKEY *key = key_read(story->identities[i].key);
        bool used = identity_use(ssl, chain_read(story->identities[i].cert), key);
        EVP_PKEY_free(key);
        if (used)
            return 1;
    }
    story->none_fits = true;
    return 1;
}

/* ---- a connection ---- */

static void story_attach(SSL_CTX *context, struct tls_story *story)
{
    if (!SSL_CTX_set_ex_data(context, story->roots->index, story))
        return;
    story->refs++;
    SSL_CTX_set_msg_callback(context, message_seen);
    SSL_CTX_set_msg_callback_arg(context, story);
    if (story->n_identities > 0)
        SSL_CTX_set_cert_cb(context, identity_choose, story);
}

static CURLcode context_verifies(CURL *easy, void *context, void *arg)
{
    (void)easy;
    struct tls_story *story = arg;
    story_attach(context, story);
    SSL_CTX_set_cert_verify_callback(context, certificate_verify, story);
    return roots_add(story->roots, SSL_CTX_get_cert_store(context)) ? CURLE_OK
                                                                    : CURLE_SSL_CACERT_BADFILE;
}

static CURLcode context_trusts(CURL *easy, void *context, void *arg)
{
    (void)easy;
    story_attach(context, arg);
    return CURLE_OK;
}

void tls_prepare(CURL *easy, struct tls_story *story, bool verify)
{
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, story);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION,
                           verify ? context_verifies : context_trusts);
}

/* ---- what to tell ---- */

bool tls_wants_authority(const struct tls_story *story)
{
    switch (story->error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return true;
    default:
        return false;
    }
}

void tls_explain(const struct tls_story *story, const char *host, struct str *out)
{
    const char *whose =
        story->root_at_fault ? "the certificate of an authority of its" : "its certificate";
    if (story->error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
        str_add(out, "its certificate is self-signed, and not known here");
    else if (tls_wants_authority(story))
        str_addf(out, "its certificate is issued by \"%s\", which is not known here",
                 story->issuer);
    else if (story->error == X509_V_ERR_CERT_HAS_EXPIRED)
        str_addf(out, "%s has expired on %s", whose, story->until);
    else if (story->error == X509_V_ERR_CERT_NOT_YET_VALID)
        str_addf(out, "%s is not valid before %s; is the clock right?", whose, story->from);
    else if (story->error != X509_V_OK)
        str_addf(out, "%s is not accepted: %s", whose, X509_verify_cert_error_string(story->error));
    else if (story->names && story->names[0])
        str_addf(out, "its certificate is for %s, and not for %s", story->names, host);
    else
        str_addf(out, "its certificate names no host (subjectAltName), so it is not for %s", host);
}
