/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How much the store takes: no more than a limit, against archives that lie, which is the archive's
 * fault; and no more than is free on its file system, which is nobody's, and says nothing of what was
 * to be written.
 */
#include "image/store.h"

#define STORE_BYTES_MAX (UINT64_C(64) << 30)

/* What is free on the store's file system, in bytes; 1 if it is full, or its size if that cannot be
 * told. */
uint64_t store_room(const struct images *images);

/* Whether that says that the file system is full, or the user's part of it. */
bool room_lacked(int errnum);
/* Fails with ENOSPC: needed_bytes, of which all may not be known, do not go into the room_bytes that
 * were free. */
int room_refuse(const struct images *images, uint64_t needed_bytes, uint64_t room_bytes,
                struct err *err);
