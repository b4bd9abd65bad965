/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who may come in, by an htpasswd file. A right password is remembered (as a keyed digest, for as long
 * as the server runs), since finding out takes a tenth of a second of computing and clients send it
 * with each request; an address that guesses is made to wait. From any thread.
 */
#include "registry/htpasswd.h"

struct gate;

enum gate_result {
    GATE_OPEN,
    GATE_CLOSED,  /* no credentials, or wrong ones */
    GATE_TOO_FAST /* too many wrong ones from that address */
};

enum { GATE_WAIT_S = 30 }; /* how long a guesser is made to wait, in seconds */

/* Takes htpasswd. */
struct gate *gate_new(struct htpasswd *htpasswd);
void gate_free(struct gate *gate);
DROP(gate);
/* header: of Authorization, may be NULL. *ret_user, owned by the caller, is set if it is open. */
enum gate_result gate_ask(struct gate *gate, const char *header, const char *peer, char **ret_user);
