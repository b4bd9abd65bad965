/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From what the user said to a whole configuration: the image's part, the defaults, the checks. For
 * engine/ alone.
 *
 * As the command line leaves it a configuration holds only what was said. An entrypoint of one
 * empty word (--entrypoint "") takes the image's away. An entry of env without "=" takes the
 * image's variable away. The word "create-source" among a mount's options lets a missing source be
 * made.
 */
#include "engine/record.h"
#include "oci/image.h"

/* Adds what the image says and the user did not (config_image.c). */
void config_add_image(struct container_config *config, const struct oci_image_config *image);
/* Checks all that can be checked without a look at the machine, and brings paths into normal form
 * (config_check.c). */
int config_check(struct container_config *config, struct err *err);
/* Checks that the directories of the host are there, or may be made (config_check.c). */
int config_find_sources(const struct container_config *config, struct err *err);
/* The same, and missing ones of the word "create-source" are made: not before there is a container,
 * so that --dry-run makes none (config_check.c). */
int config_check_sources(const struct container_config *config, struct err *err);
/* "." and ".." and double slashes taken out of an absolute path by its text. Owned by the caller.
 */
char *path_clean(const char *path);

/* A name of two words from a random number (words.c). */
char *name_generate(uint64_t random);

/* Finds the image (the built-in one is loaded if it is asked for and absent), completes and checks
 * the configuration, and puts ids for names into "container:NAME". Makes nothing on disk but what a
 * built-in image needs (container.c). */
int container_complete(struct engine *engine, struct container_config *config, struct err *err);
