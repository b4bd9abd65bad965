/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* libcurl's multi interface on the loop: transfers go in, and are given back when they ended. */
#include <curl/curl.h>

#include "remote/loop.h"

struct network {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    /* The transfer ended; `transfer` is its CURLOPT_PRIVATE. It is out of the network already, and
     * its handle still the owner's. */
    void (*ended)(void *transfer, CURLcode code);
};

int network_init(struct network *network, struct loop *loop, void (*ended)(void *, CURLcode),
                 struct err *err);
/* All transfers have been removed. */
void network_done(struct network *network);
int network_add(struct network *network, CURL *easy, struct err *err);
/* One that has not ended. */
void network_remove(struct network *network, CURL *easy);
