/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How a registry wants to be asked: the header WWW-Authenticate (RFC 9110, 11.6.1). It comes from
 * strangers: whatever is no challenge is passed over, and of two parameters of one name the first
 * counts.
 */
#include <stddef.h>

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
    enum challenge_scheme scheme;
    char *realm; /* of a CHALLENGE_BEARER: where tokens are had; never NULL there */
    char *service;
    char *scope;
};

/* Reads one header, which may hold several challenges. *into becomes the first Bearer with a realm,
 * or else, if it is none yet, a Basic one. */
void challenge_read(const char *header, struct challenge *into);
void challenge_done(struct challenge *challenge);
