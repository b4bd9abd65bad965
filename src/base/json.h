/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * JSON text → jansson's tree, with what jansson leaves open settled: a limit of depth, whole
 * numbers up to 2^64-1, a hash seed without a system call. For field.c, which owns the document
 * while it reads it.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { JSON_DEPTH_MAX = 64 };

struct document {
    json_t *root;
    struct view
        *numbers; /* whole numbers beyond int64, as they stand in the text, which must live on */
    size_t n_numbers;
};

/* A whole number of any size: sign and magnitude. */
struct whole {
    bool negative;
    bool beyond; /* of 64 bits: `size` says nothing then */
    uint64_t size;
    struct view text; /* its digits in the document, if it is beyond int64 */
};

/* Parses the text. Duplicate keys, invalid UTF-8, zero bytes in strings, depth over JSON_DEPTH_MAX
 * and whatever stands behind the document are errors (ERR_INVALID), which begin with `what` and
 * name the line. */
int document_open(struct document *document, const char *json, size_t len, const char *what,
                  struct err *err);
void document_close(struct document *document);
/* What whole number a JSON number is. False: it is a fraction, or written as one. */
bool document_whole(const struct document *document, const json_t *number, struct whole *ret_whole);
/* True if it is from lowest, which is 0 or less, to highest. */
bool whole_fits(const struct whole *whole, int64_t lowest, uint64_t highest);
