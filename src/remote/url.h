/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * URLs as registries hand them out, by libcurl's own parser, so that what is judged here is what is
 * asked afterwards. Only http and https, without user names in them, are URLs. Texts that are given
 * back are the caller's.
 */
#include <stdbool.h>

#include "base/err.h"

/* Where `location` leads that was read at `base`. base NULL: it must be absolute. ERR_INVALID
 * without naming who said it. */
int url_resolve(const char *base, const char *location, char **ret_url, struct err *err);
/* Scheme, host and port are the same. Neither may be anything but a URL from url_resolve, or the
 * answer is no. */
bool url_same_origin(const char *a, const char *b);
bool url_same_host(const char *a, const char *b);
bool url_is_https(const char *url);
/* localhost, 127.0.0.0/8 and ::1 by name. */
bool url_is_loopback(const char *url);
/* A port is written in it. */
bool url_names_port(const char *url);
/* Adds key=value to the query, the value encoded. *url is replaced. */
int url_query_add(char **url, const char *key, const char *value, struct err *err);
/* Another scheme; a port that is the scheme's own goes with it. */
int url_with_scheme(const char *url, const char *scheme, char **ret_url, struct err *err);
/* "host" or "host:port", for messages. */
char *url_host(const char *url);
/* A repository, tag or digest: may stand in a path as it is. */
bool url_plain_path(const char *text);
