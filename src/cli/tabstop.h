/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Text whose cells end in tabs, made columns of blanks: as Go's text/tabwriter does it for docker,
 * with columns ten wide at least and gaps of three. */
#include "base/str.h"

/* Adds the text. A column goes over the lines that have it and follow each other; what stands
 * behind a line's last tab is in none. */
void tabstop_format(struct view text, struct str *out);
