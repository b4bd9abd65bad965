/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Variables, labels and annotations, from options and from files of lines. A file's lines are
 * KEY=VALUE, all behind the first = being the value as it stands; blank lines and lines that begin
 * with # are passed over. What comes later replaces what came before, and options replace what
 * files say.
 */
#include "base/err.h"
#include "base/field.h"
#include "base/str.h"

/* A name without a value takes what it is in our own environment, and is left out if it is not
 * there. Fills ret_env with KEY=VALUE. */
int environment_read(const struct strings *files, const struct strings *options,
                     struct strings *ret_env, struct err *err);
/* A key without a value has the empty one. */
int labels_read(const struct strings *files, const struct strings *options,
                struct pairs *ret_labels, struct err *err);
/* KEY=VALUE, both there. */
int annotations_read(const struct strings *options, struct pairs *ret_annotations, struct err *err);
