/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * errno in words: the same ones whatever C library the program is linked against, without
 * translation. Table look-ups, safe between clone and exec.
 */

/* "ENOENT" for ENOENT; NULL if it is no error's number. */
const char *errnum_name(int errnum);
/* "No such file or directory" for ENOENT; "unknown system error" if it is no error's number. */
const char *errnum_text(int errnum);
