#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install-pages.sh RUCHE: writes the manual pages and completions that RUCHE prints to where an installation has them.
# Run by `meson install`.
set -eu
umask 022

ruche=$1
share=$MESON_INSTALL_DESTDIR_PREFIX/share

# completion SHELL FILE
completion() {
    mkdir -p "$share/$(dirname "$2")"
    "$ruche" completion "$1" >"$share/$2"
}

mkdir -p "$share/man/man1"
"$ruche" man --directory "$share/man/man1"
completion bash bash-completion/completions/ruche
completion zsh zsh/site-functions/_ruche
completion fish fish/vendor_completions.d/ruche.fish
