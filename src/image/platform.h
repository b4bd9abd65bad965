/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Platforms as images call them: "linux/amd64", "linux/arm64/v8", "linux/arm/v7". Which of several
 * images is this machine's, or that of a platform asked for.
 */
#include "base/err.h"
#include "base/mem.h"
#include "oci/image.h"

/* This machine's. */
void platform_own(struct oci_platform *ret_platform);
/* Reads "OS/ARCH[/VARIANT]", or "ARCH" alone: linux. */
int platform_parse(const char *text, struct oci_platform *ret_platform, struct err *err);
/* Adds "linux/arm/v7". */
void platform_format(const struct oci_platform *platform, struct str *out);
void platform_copy(struct oci_platform *to, const struct oci_platform *from);

/* How well an image of the platform `offered`, NULL or empty: not told, does where `wanted` is
 * asked for. 0: not at all; else the more the better. */
int platform_fits(const struct oci_platform *offered, const struct oci_platform *wanted);
/* The descriptor that fits best, or -1: none does, said with those that there are. */
int platform_choose(const struct oci_index *index, const struct oci_platform *wanted,
                    size_t *ret_place, struct err *err);
