#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# musl-headers.sh DIRECTORY COMPILER...: makes the directory in which programs that are linked against musl find the
# headers that are not musl's own: the kernel's, and those of two libraries. They stand among glibc's, none of which must
# be taken by accident, so each gets a symlink to where the compiler finds it.
set -eu

directory=$1
shift
mkdir -p "$directory"

found=$(printf '#include <%s>\n' linux/fs.h jansson.h seccomp.h | "$@" -M -x c - | tr -s ' \134' '\n')
for header in linux/fs.h asm/types.h asm-generic/types.h jansson.h jansson_config.h seccomp.h seccomp-syscalls.h; do
    path=$(echo "$found" | grep "/$header\$" | head -n 1)
    if [ -z "$path" ]; then
        echo "$0: the compiler does not find <$header>" >&2
        exit 1
    fi
    name=${header%%/*}
    ln -sfn "${path%"${header#"$name"}"}" "$directory/$name"
done
