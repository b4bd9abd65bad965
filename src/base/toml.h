/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * TOML 1.0 as configuration files use it, made JSON, so that field tables read both. Dates and
 * fractions are refused: no file that ruche reads has them.
 */
#include "base/err.h"
#include "base/str.h"

enum {
    TOML_BYTES_MAX = 1 << 20,
    TOML_DEPTH_MAX = 32,     /* of tables and arrays in one another */
    TOML_VALUES_MAX = 20000, /* tables and arrays counted too */
};

/* Adds the document as one JSON object, keys in the order in which they first appear. What is wrong
 * (ERR_INVALID) begins with `what` and names the line. On failure nothing is added. */
int toml_to_json(const char *toml, size_t len, const char *what, struct str *json, struct err *err);
