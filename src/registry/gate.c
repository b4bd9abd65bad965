/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/gate.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/secret.h"
#include "base/str.h"

enum {
    KEY_SIZE = 32,
    MARK_SIZE = 32,
    KNOWN_MAX = 64,
    PEERS_MAX = 256,
    GUESSES_MAX = 10, /* wrong ones before an address has to wait */
    PEER_SIZE = 64,
};

/* An address that sent a wrong password lately. */
struct guesser {
    char peer[PEER_SIZE];
    unsigned guesses;
    time_t last; /* CLOCK_MONOTONIC, in seconds */
};

struct gate {
    struct htpasswd *htpasswd;
    pthread_mutex_t lock;     /* of all below */
    pthread_mutex_t checking; /* one password is checked at a time: computing is for those inside */
    unsigned char key[KEY_SIZE];
    unsigned char known[KNOWN_MAX][MARK_SIZE]; /* of headers that were right */
    size_t n_known;
    size_t next; /* to be overwritten when it is full */
    struct guesser guessers[PEERS_MAX];
};

static time_t now_s(void)
{
    struct timespec now = {};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

struct gate *gate_new(struct htpasswd *htpasswd)
{
    struct gate *gate = xnew(struct gate);
    gate->htpasswd = htpasswd;
    (void)pthread_mutex_init(&gate->lock, NULL);
    (void)pthread_mutex_init(&gate->checking, NULL);
    /* Of these few bytes the kernel gives all. */
    if (getrandom(gate->key, sizeof(gate->key), 0) != (ssize_t)sizeof(gate->key))
        abort();
    return gate;
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    htpasswd_free(gate->htpasswd);
    (void)pthread_mutex_destroy(&gate->lock);
    (void)pthread_mutex_destroy(&gate->checking);
    OPENSSL_cleanse(gate, sizeof(*gate));
    free(gate);
}

/* A digest of the header that says nothing to who sees it without the key. */
static bool mark_make(const struct gate *gate, const char *header, unsigned char mark[MARK_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool made = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, gate->key, KEY_SIZE) == 1 &&
                EVP_DigestUpdate(context, header, strlen(header)) == 1 &&
                EVP_DigestFinal_ex(context, mark, NULL) == 1;
    EVP_MD_CTX_free(context);
    return made;
}

static bool mark_is_known(struct gate *gate, const unsigned char mark[MARK_SIZE])
{
    bool known = false;
    (void)pthread_mutex_lock(&gate->lock);
    for (size_t i = 0; i < gate->n_known && !known; i++)
        known = CRYPTO_memcmp(gate->known[i], mark, MARK_SIZE) == 0;
    (void)pthread_mutex_unlock(&gate->lock);
    return known;
}

static void mark_remember(struct gate *gate, const unsigned char mark[MARK_SIZE])
{
    (void)pthread_mutex_lock(&gate->lock);
    memcpy(gate->known[gate->next], mark, MARK_SIZE);
    gate->next = (gate->next + 1) % KNOWN_MAX;
    if (gate->n_known < KNOWN_MAX)
        gate->n_known++;
    (void)pthread_mutex_unlock(&gate->lock);
}

/* ---- guessers ---- */

/* The address's place, or the one that is unused for the longest time. Under the lock. */
static struct guesser *guesser_find(struct gate *gate, const char *peer)
{
    struct guesser *oldest = &gate->guessers[0];
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct guesser *guesser = &gate->guessers[i];
        if (strncmp(guesser->peer, peer, PEER_SIZE - 1) == 0)
            return guesser;
        if (guesser->last < oldest->last)
            oldest = guesser;
    }
    return oldest;
}

static bool must_wait(struct gate *gate, const char *peer)
{
    (void)pthread_mutex_lock(&gate->lock);
    const struct guesser *guesser = guesser_find(gate, peer);
    bool wait = strncmp(guesser->peer, peer, PEER_SIZE - 1) == 0 &&
                guesser->guesses >= GUESSES_MAX && now_s() < guesser->last + GATE_WAIT_S;
    (void)pthread_mutex_unlock(&gate->lock);
    return wait;
}

static void count_guess(struct gate *gate, const char *peer)
{
    time_t now = now_s();
    (void)pthread_mutex_lock(&gate->lock);
    struct guesser *guesser = guesser_find(gate, peer);
    if (strncmp(guesser->peer, peer, PEER_SIZE - 1) != 0 || now >= guesser->last + GATE_WAIT_S)
        *guesser = (struct guesser){};
    memcpy(guesser->peer, peer, strnlen(peer, PEER_SIZE - 1));
    guesser->guesses++;
    guesser->last = now;
    (void)pthread_mutex_unlock(&gate->lock);
}

/* ---- the question ---- */

static bool check(struct gate *gate, const char *user, const char *password)
{
    (void)pthread_mutex_lock(&gate->checking);
    bool right = htpasswd_check(gate->htpasswd, user, password);
    (void)pthread_mutex_unlock(&gate->checking);
    return right;
}

enum gate_result gate_ask(struct gate *gate, const char *header, const char *peer, char **ret_user)
{
    auto_free char *user = NULL;
    auto_secret char *password = NULL;
    unsigned char mark[MARK_SIZE];
    if (!basic_parse(header, &user, &password) || !mark_make(gate, header, mark))
        return GATE_CLOSED;
    bool known = mark_is_known(gate, mark);
    if (!known && must_wait(gate, peer))
        return GATE_TOO_FAST;
    bool right = known || check(gate, user, password);
    if (!right) {
        count_guess(gate, peer);
        return GATE_CLOSED;
    }
    if (!known)
        mark_remember(gate, mark);
    *ret_user = take_ptr(user);
    return GATE_OPEN;
}
