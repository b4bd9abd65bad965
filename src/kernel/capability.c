/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITY_LIMIT = 64 }; /* bits in the kernel's sets */

/* Arrays, not pointers: nothing to relocate. */
static const char names[CAPABILITY_COUNT][24] = {
#define X(number, constant) [number] = "CAP_" #constant,
    CAPABILITIES(X)
#undef X
};

int capability_parse(const char *name, int *ret_capability, struct err *err)
{
    const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;

    for (int i = 0; i < CAPABILITY_COUNT; i++) {
        if (strcasecmp(bare, names[i] + 4) == 0) {
            *ret_capability = i;
            return 0;
        }
    }
    err_set(err, ERR_INVALID, "unknown capability %s", name);
    return err_hint(err, "capabilities(7) lists the names");
}

const char *capability_name(int capability)
{
    return capability >= 0 && capability < CAPABILITY_COUNT ? names[capability] : NULL;
}

static bool capability_known(int capability)
{
    return capability < CAPABILITY_LIMIT && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
}

uint64_t capability_all(void)
{
    int known = 0; /* CAP_CHOWN is older than the call */
    int unknown = CAPABILITY_LIMIT;

    /* The kernel of our own time is the likely one: two calls, else six more. */
    if (capability_known(CAPABILITY_COUNT - 1)) {
        known = CAPABILITY_COUNT - 1;
        if (!capability_known(CAPABILITY_COUNT))
            unknown = CAPABILITY_COUNT;
    }
    while (unknown - known > 1) {
        int middle = (known + unknown) / 2;
        if (capability_known(middle))
            known = middle;
        else
            unknown = middle;
    }
    return UINT64_MAX >> (CAPABILITY_LIMIT - 1 - known);
}

uint64_t capability_permitted(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

int capability_bound(const struct capability_sets *sets, uint64_t held)
{
    for (int i = 0; i < CAPABILITY_LIMIT; i++) {
        if ((sets->bounding | ~held) >> i & 1)
            continue;
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL)
            return 0; /* the first number this kernel does not know */
        /* Without CAP_SETPCAP even what is gone already is refused, and what is unknown. */
        int there = prctl(PR_CAPBSET_READ, i, 0, 0, 0);
        if (there < 0)
            return 0;
        if (there > 0) {
            errno = EPERM;
            return -1;
        }
    }
    return 0;
}

static int ambient_set(const struct capability_sets *sets)
{
    /* capset has lowered what is not both permitted and inheritable; only the rest can be left
     * over. */
    if ((sets->permitted & sets->inheritable & ~sets->ambient) != 0 &&
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -1;
    for (int i = 0; i < CAPABILITY_LIMIT; i++)
        if (sets->ambient >> i & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
            return -1;
    return 0;
}

int capability_lower(const struct capability_sets *sets)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].effective = (uint32_t)(sets->effective >> (32 * i));
        data[i].permitted = (uint32_t)(sets->permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(sets->inheritable >> (32 * i));
    }
    return (int)syscall(SYS_capset, &header, data);
}

int capability_set(const struct capability_sets *sets)
{
    return capability_lower(sets) < 0 ? -1 : ambient_set(sets);
}
