/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The session keyring (session-keyring(7)): a fresh one keeps the caller's keys out of reach. */

/* Gives the calling process a new, nameless, empty session keyring that is linked to no other:
 * neither the caller's keys nor those of the user's keyring (to which a login's session keyring has
 * a link) are found through it. It counts against the user's quota, so EDQUOT is possible, and
 * ENOSYS where the kernel has no keys. Async-signal-safe. Returns 0, or -1 with errno. */
int keyring_renew(void);
