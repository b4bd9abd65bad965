#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the linker and the program's start promise, seen in a program that runs.

load helpers

# in_memory PID PERMISSIONS SEGMENT: the program's segment, as readelf names it, begins with pages of these permissions
in_memory() {
    local base at
    base=$(awk -v program="$(realpath "$RUCHE")" '$6 == program { sub(/-.*/, "", $1); print $1; exit }' "/proc/$1/maps")
    at=$(readelf -lW "$RUCHE" | awk -v segment="$3" '$1 == segment { print $3; exit }')
    [[ $base && $at ]] || return 1
    grep -q "^$(printf %x $(((0x$base + at) & ~4095)))-[0-9a-f]* $2 " "/proc/$1/maps"
}

@test "hardening: tables of pointers are read-only, and the stack is not executable" {
    local pid
    mkfifo "$BATS_TEST_TMPDIR/archive"
    "$RUCHE" --root "$ROOT" --run "$RUN" load <>"$BATS_TEST_TMPDIR/archive" &
    pid=$!
    eventually in_memory "$pid" r--p GNU_RELRO
    grep -q '^[0-9a-f]*-[0-9a-f]* rw-p .*\[stack\]$' "/proc/$pid/maps"
    grep -q '^[0-9a-f]*-[0-9a-f]* rwx' "/proc/$pid/maps" && fail "memory that can be written and executed"
    kill "$pid"
    wait "$pid" || true
}
