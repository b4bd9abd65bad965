/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/keyring.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>

#include "child.h"

enum { NO_KEYS = 77 };

static long keyctl(long operation, long a, long b, long c, long d)
{
    return syscall(SYS_keyctl, operation, a, b, c, d);
}

static void body(void *unused)
{
    char description[128] = "";
    unsigned char links[64];

    (void)unused;
    if (keyring_renew() < 0 && (errno == ENOSYS || errno == EDQUOT || errno == EPERM))
        _exit(NO_KEYS);
    long outer = keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
    long key = syscall(SYS_add_key, "user", "ruche-test", "x", 1L, KEY_SPEC_SESSION_KEYRING);
    child_assert(outer > 0 && key > 0);
    child_assert(keyctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)"ruche-test",
                        0) == key);

    child_assert(keyring_renew() == 0);
    long inner = keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
    child_assert(inner > 0 && inner != outer);
    child_assert(keyctl(KEYCTL_READ, inner, (long)links, sizeof(links), 0) == 0);
    child_assert(
        keyctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)"ruche-test", 0) == -1);
    child_assert(errno == ENOKEY);
    child_assert(keyctl(KEYCTL_DESCRIBE, inner, (long)description, sizeof(description), 0) > 0);
    child_assert(strncmp(description, "keyring;", 8) == 0);
}

Test(keyring, is_new_and_empty)
{
    int status = child_run(body, NULL);

    if (status == NO_KEYS)
        cr_skip_test("no keys to be had here");
    cr_assert_eq(status, 0);
}
