# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # bats sets status, output, stderr and their lines
#
# Images made by others' tools, and by hand: what the tests of images have in common, on top of containers.bash.

load containers

# All of the programs are there, whatever functions have their names, or the test is skipped, in setup_file the whole file.
need_all() {
    local program
    for program in "$@"; do
        type -P "$program" >/dev/null || [[ -x /usr/sbin/$program ]] || skip "there is no $program"
    done
}

need_root() {
    ((EUID == 0)) || skip "needs root"
}

# buildah on a storage of this file's own, without a kernel's help.
buildah() {
    BUILDAH_ISOLATION=chroot command buildah --root "$BATS_FILE_TMPDIR/buildah" --runroot "$BATS_FILE_TMPDIR/buildah.run" \
        --storage-driver vfs "$@"
}

# make_rootfs DIRECTORY: busybox, some of its commands, two users
make_rootfs() {
    local command
    mkdir -p "$1"/{bin,dev,etc,proc,root,sys,tmp}
    cp "$(command -v busybox)" "$1/bin/busybox"
    for command in sh cat echo env grep head id ls mkdir mount readlink sleep stat tail true wc; do
        ln -s busybox "$1/bin/$command"
    done
    printf 'root:x:0:0:root:/root:/bin/sh\nbee:x:1000:1000::/:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\nbee:x:1000:\n' >"$1/etc/group"
}

digest_of() {
    local sum
    sum=$(sha256sum "$1")
    echo "${sum%% *}"
}

# put_blob LAYOUT FILE TYPE: adds it, and prints its descriptor
put_blob() {
    local digest
    digest=$(digest_of "$2")
    cp "$2" "$1/blobs/sha256/$digest"
    printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%d}' "$3" "$digest" "$(stat -c %s "$2")"
}

# make_layout LAYOUT NAME CONFIG TAR...: an image of plain layers, digests and sizes right whatever they hold. CONFIG is the
# JSON object of what is to be executed.
make_layout() {
    local layout=$1 name=$2 config=$3 tar layers='' ids='' descriptor
    shift 3
    mkdir -p "$layout/blobs/sha256"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
    for tar in "$@"; do
        layers+=${layers:+,}$(put_blob "$layout" "$tar" layer.v1.tar)
        ids+=${ids:+,}\"sha256:$(digest_of "$tar")\"
    done
    printf '{"architecture":"amd64","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "$config" "$ids" >"$layout.part"
    descriptor=$(put_blob "$layout" "$layout.part" config.v1+json)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
        "$descriptor" "$layers" >"$layout.part"
    descriptor=$(put_blob "$layout" "$layout.part" manifest.v1+json)
    printf '{"schemaVersion":2,"manifests":[%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
        "${descriptor%\}}" "$name" >"$layout/index.json"
    rm "$layout.part"
}

# make_tar FILE DIRECTORY: all of it, owned by root
make_tar() {
    tar -C "$2" --numeric-owner --owner=0 --group=0 --sort=name -cf "$1" .
}

# No image, layer or blob is in the store, nor the beginning of one.
store_is_empty() {
    local found
    found=$(find "$ROOT"/oci/blobs "$ROOT"/layers "$ROOT"/ingest "$ROOT"/trash ! -type d 2>/dev/null || true)
    [[ -z $found ]] || fail "the store has" "$found"
    found=$(find "$ROOT"/layers "$ROOT"/ingest "$ROOT"/trash -mindepth 1 2>/dev/null || true)
    [[ -z $found ]] || fail "the store has" "$found"
    [[ -z $(ruche images -q) ]] || fail "there is an image"
}

# assert_refused PATTERN: one line, 125, and nothing of it is left
assert_refused() {
    assert_error 125 "$1"
    store_is_empty
}
