/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ranges of user and group ids for containers that root runs: each has one of its own while it
 * runs, so that no two containers share an owner. A lease is a symlink <run>/subids/<first id>
 * whose text is the container's id: making it is what takes the range. Of a container that shares
 * another one's user namespace it is "<id>+<the other one's id>": whoever joined last has the lease,
 * and passes it on at his end if anyone of them still runs. For engine/ alone.
 */
#include "engine/record.h"
#include "kernel/idmap.h"

enum { SUBID_COUNT = 65536 };

/* Takes a free range: of the user "ruche" in /etc/subuid and /etc/subgid; or else of root, if root
 * has sixteen or more, then of 4,095 ranges that nobody else is known to use. *ret_first is the
 * outside id of 0, for uids and gids alike. */
int subid_lease(struct engine *engine, const char *id, uint32_t *ret_first, struct err *err);
/* The range a lease looks at first; nothing is taken. */
int subid_guess(const char *id, uint32_t *ret_first, struct err *err);
/* Takes over the range of the running container `owner`, whose ids this one is going to have too. To
 * be done before it joins: an owner that ends later sees whose the lease is. */
int subid_share(struct engine *engine, const char *id, const char *owner, uint32_t first,
                struct err *err);
/* Gives the range back, or passes it on, if it is still this container's. */
void subid_release(struct engine *engine, const char *id, uint32_t first);
/* The same where it is not known which: under the container's lock, after its monitor was killed. */
void subid_release_all(struct engine *engine, const char *id);
/* Gives back those of containers that have no record and no monitor. Returns how many. */
size_t subid_sweep(struct engine *engine);
