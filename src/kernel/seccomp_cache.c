/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file, in the byte order of the machine (the cache is not carried from one to another):
 *
 *     struct header
 *     key_len bytes   the key: all that the program follows from, see key_make
 *     program         n_instructions × struct sock_filter
 *
 * Its name is seccomp- and 32 hexadecimal digits, two FNV-1a hashes of the key with different
 * beginnings, taken over words of 64 bits (the key is padded with zeros). The name only finds the
 * file: the key in it is compared byte by byte, so rules made to collide with others gain nothing.
 * The checksum is the same over key and program. Whatever is not as expected (length, magic,
 * version, key, checksum, an instruction a filter may not have) counts as absent: the rules are
 * compiled and the file is replaced.
 */
#include "kernel/seccomp_cache.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/seccomp_number.h"
#include "kernel/seccomp_program.h"

#define MAGIC "RUCHEBPF" /* eight bytes, no zero behind */
enum {
    /* Of this format and of what seccomp_compile makes: a change of either is a new one. */
    VERSION = 1,
    FILE_MAX_BYTES = 4 << 20,
};

struct header {
    char magic[8];
    uint32_t version;
    uint32_t key_len; /* in bytes, a multiple of 8 */
    uint32_t n_instructions;
    uint32_t reserved;
    uint64_t checksum[2];
};

static void hash128(const char *at, size_t len, uint64_t ret_hash[2])
{
    const uint64_t prime = 0x100000001b3;
    uint64_t a = 0xcbf29ce484222325;
    uint64_t b = 0x84222325cbf29ce4;

    for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at + i, sizeof(word));
        /* A multiplication carries upwards only: the high bits are brought down before the next
         * one. */
        a = (a ^ word) * prime;
        a ^= a >> 32;
        b = (b ^ word) * prime;
        b ^= b >> 29;
    }
    ret_hash[0] = a;
    ret_hash[1] = b;
}

static void add_u64(struct str *key, uint64_t value)
{
    str_add_bytes(key, &value, sizeof(value));
}

/* libseccomp's release, the architectures, and every member of the rules. */
static void key_make(const struct seccomp_rules *rules, struct str *key)
{
    const struct scmp_version *library = seccomp_version();

    add_u64(key, (uint64_t)library->major << 32 | library->minor << 16 | library->micro);
    add_u64(key, (uint64_t)seccomp_architectures() << 32 | rules->architectures);
    add_u64(key, (uint64_t)rules->otherwise << 32 | rules->foreign);
    add_u64(key, (uint64_t)rules->flags << 32 | rules->len);
    for (size_t i = 0; i < rules->len; i++) {
        const struct seccomp_rule *rule = &rules->at[i];
        add_u64(key, (uint64_t)rule->action << 32 | rule->n_compares);
        /* Too many is for seccomp_compile to refuse. */
        for (size_t c = 0; c < rule->n_compares && c < SECCOMP_COMPARES_MAX; c++) {
            const struct seccomp_compare *compare = &rule->compares[c];
            add_u64(key, (uint64_t)compare->argument << 32 | compare->operation);
            add_u64(key, compare->value);
            add_u64(key, compare->operation == SECCOMP_MASKED_EQUAL ? compare->mask : 0);
        }
        size_t numbers = rule->numbers ? rule->n_numbers : 0;
        add_u64(key, (uint64_t)strlen(rule->names) << 32 | numbers);
        str_add(key, rule->names);
        str_add_bytes(key, rule->numbers, numbers * sizeof(*rule->numbers));
    }
    while (key->len % sizeof(uint64_t) != 0)
        str_add_char(key, '\0');
}

/* Key and program are the file's bytes behind the header. */
static bool file_whole(const char *data, size_t len, const struct str *key)
{
    struct header header;
    uint64_t checksum[2];

    if (len < sizeof(header))
        return false;
    memcpy(&header, data, sizeof(header));
    if (memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0 || header.version != VERSION ||
        header.key_len != key->len || header.n_instructions == 0 ||
        header.n_instructions > BPF_MAXINSNS ||
        len != sizeof(header) + key->len + header.n_instructions * sizeof(struct sock_filter))
        return false;
    if (memcmp(data + sizeof(header), key->at, key->len) != 0)
        return false;
    hash128(data + sizeof(header), len - sizeof(header), checksum);
    return memcmp(checksum, header.checksum, sizeof(checksum)) == 0;
}

static bool cache_load(int dirfd, const char *name, const struct str *key,
                       struct seccomp_filter *ret_filter)
{
    auto_free char *data = NULL;
    size_t len = 0;
    struct err ignored;

    if (file_load(dirfd, name, FILE_MAX_BYTES, &data, &len, &ignored) != 1 ||
        !file_whole(data, len, key))
        return false;

    size_t start = sizeof(struct header) + key->len;
    struct seccomp_filter filter = {
        .at = xmalloc(len - start),
        .len = (unsigned short)((len - start) / sizeof(struct sock_filter)),
    };
    memcpy(filter.at, data + start, len - start);
    if (!program_is_valid(filter.at, filter.len)) {
        seccomp_filter_done(&filter);
        return false;
    }
    *ret_filter = filter;
    return true;
}

static void cache_save(int dirfd, const char *name, const struct str *key,
                       const struct seccomp_filter *filter)
{
    auto_done(str) file = {};
    struct header header = {
        .magic = MAGIC,
        .version = VERSION,
        .key_len = (uint32_t)key->len,
        .n_instructions = filter->len,
    };
    struct err ignored;

    str_add_bytes(&file, &header, sizeof(header));
    str_add_bytes(&file, key->at, key->len);
    str_add_bytes(&file, filter->at, filter->len * sizeof(*filter->at));
    hash128(file.at + sizeof(header), file.len - sizeof(header), header.checksum);
    memcpy(file.at, &header, sizeof(header));
    (void)file_save(dirfd, name, file.at, file.len, 0600, 0, &ignored); /* next time, then */
}

int seccomp_cached(int cache_dirfd, const struct seccomp_rules *rules,
                   struct seccomp_filter *ret_filter, struct err *err)
{
    auto_done(str) key = {};
    char name[48];
    uint64_t hash[2];

    key_make(rules, &key);
    hash128(key.at, key.len, hash);
    (void)snprintf(name, sizeof(name), "seccomp-%016llx%016llx", (unsigned long long)hash[0],
                   (unsigned long long)hash[1]);

    if (cache_load(cache_dirfd, name, &key, ret_filter))
        return 0;
    if (seccomp_compile(rules, ret_filter, err) < 0)
        return -1;
    if (key.len <= FILE_MAX_BYTES / 2)
        cache_save(cache_dirfd, name, &key, ret_filter);
    return 0;
}
