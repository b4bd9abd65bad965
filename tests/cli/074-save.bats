#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# save, import and history: what we write is read by podman and skopeo, and by ourselves.

load images
load podman

# The layout `buildah` has the images base (one layer) and app (two), packed by gzip; archives gzip.tar and zstd.tar of app; the
# root file system rootfs, and rootfs.tar of it.
setup_file() {
    need_all buildah skopeo podman jq zstd busybox
    cd "$BATS_FILE_TMPDIR"
    make_rootfs rootfs
    make_tar rootfs.tar rootfs

    local container
    container=$(buildah from scratch)
    buildah add -q "$container" rootfs / >/dev/null
    buildah config --cmd '["/bin/sh","-c","echo base"]' "$container"
    buildah commit -q "$container" base >/dev/null
    buildah rm "$container" >/dev/null
    container=$(buildah from base)
    mkdir second
    echo second >second/layer
    buildah add -q "$container" second /srv >/dev/null
    buildah config --cmd '["/bin/cat","/srv/layer"]' --label 'quoted=a "b" c' --env 'GREETING=hello world' "$container"
    buildah commit -q "$container" app >/dev/null
    buildah rm "$container" >/dev/null
    buildah push -q base oci:buildah:base
    buildah push -q app oci:buildah:app
    skopeo copy -q oci:buildah:app oci-archive:gzip.tar:example.org/app:1
    skopeo copy -q oci:buildah:base oci-archive:base.tar:example.org/base:1
    skopeo copy -q --dest-compress --dest-compress-format zstd oci:buildah:app oci-archive:zstd.tar:example.org/app:zstd
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    F=$BATS_FILE_TMPDIR
}

load_app() {
    ruche load -qi "$F/gzip.tar" >/dev/null
}

# value FILTER NAME: of its inspection
value() {
    ruche inspect --type image "$2" | jq -cer ".[0]$1"
}

# A second store of the same test.
other() {
    "$RUCHE" --root "$BATS_TEST_TMPDIR/root2" --run "$BATS_TEST_TMPDIR/run2" "$@"
}

# assert_loaded ARCHIVE NAME: in another store it is the same image, and runs.
assert_loaded() {
    other load -qi "$1" >/dev/null
    [[ $(other inspect --type image "$2" | jq -r '.[0].Id') == "$(value .Id "$2")" ]] || fail "another image"
    try other run --rm "$2"
    assert_status 0
    assert_output second
    other rmi -f "$2" >/dev/null
}

# ---- formats ----

@test "a docker-archive, as podman and skopeo read it" {
    load_app
    ruche save -o a.tar example.org/app:1
    tar -tf a.tar >list
    grep -qx manifest.json list
    grep -qx repositories list
    [[ $(tar -xOf a.tar manifest.json | jq -cr '.[0].RepoTags') == '["example.org/app:1"]' ]]
    [[ $(tar -xOf a.tar repositories | jq -r '."example.org/app"."1"') == "$(value .Id example.org/app:1 | cut -d: -f2)" ]]
    [[ $(skopeo inspect --config docker-archive:a.tar:example.org/app:1 | jq -cr .config.Env) == *GREETING=hello\ world* ]]
    skopeo copy -q docker-archive:a.tar:example.org/app:1 oci:layout:app
    podman load -qi a.tar
    [[ sha256:$(podman image inspect --format '{{.Id}}' example.org/app:1) == "$(value .Id example.org/app:1)" ]]
    assert_loaded a.tar example.org/app:1
}

@test "an oci-archive, as podman and skopeo read it: the manifest is the same" {
    load_app
    ruche save --format oci-archive -o a.tar example.org/app:1
    [[ $(skopeo inspect --format '{{.Digest}}' oci-archive:a.tar:example.org/app:1) == "$(skopeo inspect --format '{{.Digest}}' "oci:$F/buildah:app")" ]]
    podman load -qi a.tar
    [[ sha256:$(podman image inspect --format '{{.Id}}' example.org/app:1) == "$(value .Id example.org/app:1)" ]]
    assert_loaded a.tar example.org/app:1
}

@test "directories: a layout, and what skopeo calls dir:" {
    load_app
    ruche save --format oci-dir -o layout example.org/app:1
    [[ $(skopeo inspect --format '{{.Digest}}' oci:layout:example.org/app:1) == "$(value '.RepoDigests[0]' example.org/app:1 | cut -d@ -f2)" ]]
    assert_loaded layout example.org/app:1
    ruche save --format docker-dir -o directory example.org/app:1
    [[ $(skopeo inspect --format '{{.Digest}}' dir:directory) == "$(value '.RepoDigests[0]' example.org/app:1 | cut -d@ -f2)" ]]
    try ruche save --format docker-dir -o directory example.org/app:1
    assert_error 125 '*directory is not empty'
    try ruche save --format oci-dir example.org/app:1
    assert_error 125 '*needs a name*'
    try ruche save --format oci-dir -o gone no:such
    assert_error 125 '*no image no:such here'
    [[ ! -e gone ]]
}

@test "layers packed by zstd" {
    ruche load -qi "$F/zstd.tar" >/dev/null
    ruche save -o a.tar example.org/app:zstd
    ruche save --format oci-archive -o b.tar example.org/app:zstd
    skopeo copy -q docker-archive:a.tar:example.org/app:zstd oci:layout:one
    skopeo copy -q oci-archive:b.tar:example.org/app:zstd oci:layout:two
    podman load -qi a.tar
    assert_loaded a.tar example.org/app:zstd
    assert_loaded b.tar example.org/app:zstd
}

@test "what podman saves is loaded, and the other way" {
    podman load -qi "$F/gzip.tar"
    podman save -q --format docker-archive -o a.tar example.org/app:1
    podman save -q --format oci-archive -o b.tar example.org/app:1
    ruche load -qi a.tar >/dev/null
    local id
    id=$(value .Id example.org/app:1)
    ruche rmi example.org/app:1 >/dev/null
    ruche load -qi b.tar >/dev/null
    [[ $(value .Id example.org/app:1) == "$id" ]]
    podman rmi -a -f >/dev/null
    ruche save example.org/app:1 | podman load -q
    [[ sha256:$(podman image inspect --format '{{.Id}}' example.org/app:1) == "$id" ]]
}

@test "several images: what they share is written once" {
    load_app
    ruche load -qi "$F/base.tar" >/dev/null
    ruche tag example.org/app:1 example.org/app:2
    ruche save -o a.tar example.org/app:1 example.org/app:2 example.org/base:1
    [[ $(tar -tf a.tar | grep -c '\.tar$') == 2 ]]
    [[ -z $(tar -tf a.tar | sort | uniq -d) ]]
    [[ $(tar -xOf a.tar manifest.json | jq -c '[.[].RepoTags]') == '[["example.org/app:1","example.org/app:2"],["example.org/base:1"]]' ]]
    ruche save --format oci-archive -o b.tar example.org/app:1 example.org/app:2 example.org/base:1
    [[ -z $(tar -tf b.tar | sort | uniq -d) ]]
    [[ $(tar -xOf b.tar index.json | jq '.manifests | length') == 3 ]]
    other load -qi a.tar >/dev/null
    [[ $(other images -q | sort -u | wc -l) == 2 ]]
    podman load -qi a.tar
    podman image exists example.org/app:2
    podman image exists example.org/base:1
    try ruche save --format docker-dir -o d example.org/app:1 example.org/base:1
    assert_error 125 '*holds one image*'
}

@test "by its id an image has no name in the archive" {
    load_app
    local id
    id=$(value .Id example.org/app:1)
    ruche save -o a.tar "${id#sha256:}"
    [[ $(tar -xOf a.tar manifest.json | jq -c '.[0].RepoTags') == '[]' ]]
    other load -qi a.tar >/dev/null
    [[ $(other images -q --no-trunc) == "$id" ]]
    [[ $(tar -xOf a.tar repositories) == '{}' ]]
}

@test "the same images give the same bytes" {
    load_app
    ruche save -o a.tar example.org/app:1
    ruche save example.org/app:1 >b.tar
    cmp a.tar b.tar
    ruche save example.org/app:1 | cat >c.tar
    cmp a.tar c.tar
    : >d.tar
    ruche save example.org/app:1 >>d.tar
    cmp a.tar d.tar
    [[ $(stat -c %a a.tar) == 644 ]]
}

# ---- where it goes ----

@test "a terminal is no place for an archive" {
    command -v script >/dev/null || skip "there is no script"
    load_app
    run script -qec "'$RUCHE' --root '$ROOT' --run '$RUN' save example.org/app:1" /dev/null
    assert_status 125
    assert_match '*standard output is a terminal*'
}

@test "a file appears when it is whole" {
    load_app
    echo old >a.tar
    try ruche save -o a.tar example.org/app:1 no:such
    assert_error 125 '*no image no:such here'
    [[ $(<a.tar) == old ]]
    [[ -z $(find . -maxdepth 1 -name '*save*') ]]
    try ruche save -o missing/a.tar example.org/app:1
    assert_error 125 '*missing/a.tar*'
    mkdir d
    try ruche save -o d example.org/app:1
    assert_error 125 '*d is a directory*'
    ruche save -o /dev/null example.org/app:1
    [[ -c /dev/null ]]
}

@test "what is replaced stays until the new one is on the disk" {
    need_all strace
    load_app
    # A sync that fails, and one that would, if there were any.
    unsynced() {
        try strace -qqq -o /dev/null -e trace=fsync,syncfs -e inject=fsync,syncfs:error=EIO "$RUCHE" --root "$ROOT" --run "$RUN" "$@"
    }
    unsynced save -o new.tar example.org/app:1
    assert_status 0
    echo old >old.tar
    unsynced save -o old.tar example.org/app:1
    assert_error 125 '*write old.tar: Input/output error'
    [[ $(<old.tar) == old ]]
    [[ -z $(find . -maxdepth 1 -name '.ruche*') ]]
    unsynced image copy -q store:example.org/app:1 oci:layout:one
    assert_status 0
    unsynced image copy -q store:example.org/app:1 oci:layout:two
    assert_error 125 '*Input/output error'
    [[ $(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' layout/index.json) == one ]]
    ruche image copy -q store:example.org/app:1 oci:layout:two
    [[ $(jq '.manifests | length' layout/index.json) == 2 ]]
}

@test "a full disk is said, and leaves nothing" {
    [[ -c /dev/full ]] || skip "there is no /dev/full"
    load_app
    run --separate-stderr sh -c "'$RUCHE' --root '$ROOT' --run '$RUN' save example.org/app:1 >/dev/full"
    assert_status 125
    assert_stderr '*No space left on device*'
}

@test "whoever reads may go" {
    load_app
    ruche save example.org/app:1 2>/dev/null | head -c 100 >/dev/null || true
}

@test "a blob that is missing is named" {
    load_app
    local blob
    blob=$(find "$ROOT/oci/blobs/sha256" -type f -printf '%s %f\n' | sort -rn | head -1 | cut -d' ' -f2)
    rm "$ROOT/oci/blobs/sha256/$blob"
    try ruche save -o a.tar example.org/app:1
    assert_error 125 "*$blob is missing*"
    [[ ! -e a.tar ]]
}

# ---- import ----

@test "a root file system becomes an image" {
    local id
    id=$(ruche import -q -m 'a file system' -c 'CMD ["/bin/sh","-c","echo $GREETING"]' -c "ENV GREETING='hello world' OTHER=x" \
        -c 'EXPOSE 80 53/udp' -c 'LABEL a=b "quoted label=x y"' -c 'WORKDIR /tmp' -c 'USER bee' -c 'VOLUME /data' \
        -c 'STOPSIGNAL SIGUSR1' "$F/rootfs.tar" mine:1)
    [[ $(value .Id mine:1) == "$id" ]]
    try ruche run --rm mine:1
    assert_status 0
    assert_output 'hello world'
    try ruche run --rm mine:1 sh -c 'id -u; pwd'
    assert_output $'1000\n/tmp'
    [[ $(value '.Config.ExposedPorts | keys' mine:1) == '["53/udp","80/tcp"]' ]]
    [[ $(value '.Config.Labels' mine:1) == '{"a":"b","quoted label":"x y"}' ]]
    [[ $(value '.Config.Volumes | keys' mine:1) == '["/data"]' ]]
    [[ $(value .Config.StopSignal mine:1) == SIGUSR1 ]]
    ruche save mine:1 | podman load -q
    [[ sha256:$(podman image inspect --format '{{.Id}}' mine:1 2>/dev/null || podman images -q --no-trunc) == *"$id" ]]
    ruche system check
}

@test "import of every packing, from a file and a pipe" {
    gzip -k -c "$F/rootfs.tar" >a.tgz
    zstd -q -c "$F/rootfs.tar" >a.tzst
    ruche import -q "$F/rootfs.tar" plain
    ruche import -q a.tgz gzip
    ruche import -q - zstd <a.tzst
    # shellcheck disable=SC2002
    cat a.tgz | ruche import -q - pipe
    [[ $(value '.RootFS.Layers[0]' gzip) == "$(value '.RootFS.Layers[0]' plain)" ]]
    [[ $(value '.RootFS.Layers[0]' zstd) == "$(value '.RootFS.Layers[0]' plain)" ]]
    [[ $(find "$ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l) == 1 ]]
    try ruche run --rm pipe sh -c 'echo there'
    assert_output there
}

@test "import refuses what it cannot take" {
    local change
    try ruche import -q /dev/null
    assert_error 125 '*the archive is empty'
    xz -c "$F/rootfs.tar" >a.txz
    try ruche import -q a.txz
    assert_error 125 '*xz*'
    head -c 100000 /dev/urandom >noise
    try ruche import -q noise
    assert_error 125 '*no tar archive*'
    gzip -c "$F/rootfs.tar" | head -c 100000 >cut.tgz
    try ruche import -q cut.tgz
    assert_error 125 '*'
    try ruche import -q ftp://example.org/a.tar
    assert_error 125 '*by http and https only*'
    try ruche import -q "$F/rootfs.tar" 'Upper:1'
    assert_error 125 '*is no image name*'
    for change in 'FROM x' 'CMD' 'ENV novalue' 'EXPOSE http' 'WORKDIR relative' $'CMD a\nUSER b'; do
        try ruche import -q -c "$change" "$F/rootfs.tar"
        assert_error 125 '*'
    done
    store_is_empty
}

@test "import for another platform" {
    ruche import -q --platform linux/arm/v7 "$F/rootfs.tar" arm
    [[ $(value ' | [.Os,.Architecture,.Variant]' arm) == '["linux","arm","v7"]' ]]
    try ruche import -q --platform 'linux/arm/v7/x' "$F/rootfs.tar"
    assert_error 125 '*is no platform*'
}

# ---- history, names ----

@test "history has docker's columns, and the sizes of the layers" {
    load_app
    try ruche history example.org/app:1
    assert_status 0
    [[ ${lines[0]} == IMAGE*CREATED*'CREATED BY'*SIZE*COMMENT* ]]
    local id
    id=$(value .Id example.org/app:1)
    [[ ${lines[1]} == "${id:7:12} "* ]]
    [[ ${lines[2]} == '<missing> '* ]]
    [[ $(ruche history -q --no-trunc example.org/app:1 | head -1) == "$id" ]]
    # the sum of the steps is the sum of the layers
    local sum
    sum=$(ruche history --human=false --format '{{.Size}}' example.org/app:1 | awk '{ n += $1 } END { print n }')
    [[ $sum == "$(value .Size example.org/app:1)" ]]
    [[ $(ruche history --format '{{.CreatedBy}}' example.org/app:1 | wc -l) == "$(skopeo inspect --config "oci:$F/buildah:app" | jq '.history | length')" ]]
    try ruche history no:such
    assert_error 125 '*no image no:such here'
}

@test "untag takes names, and leaves the image" {
    load_app
    local id
    id=$(value .Id example.org/app:1)
    ruche tag example.org/app:1 two
    ruche tag example.org/app:1 three
    try ruche untag example.org/app:1 two
    assert_output 'Untagged: two:latest'
    try ruche untag example.org/app:1 two
    assert_error 125 '*has no name two'
    ruche untag three >/dev/null
    [[ $(ruche images -q --no-trunc) == "$id" ]]
    [[ $(ruche inspect --type image "$id" | jq -c '.[0].RepoTags') == '[]' ]]
    try ruche run --rm "${id#sha256:}"
    assert_output second
    ruche image prune -f >/dev/null
    store_is_empty
}

@test "the same words behind image" {
    load_app
    ruche image tag example.org/app:1 two
    ruche image untag two two >/dev/null
    ruche image history example.org/app:1 >/dev/null
    ruche image save -o a.tar example.org/app:1
    ruche image rm example.org/app:1 >/dev/null
    ruche image load -qi a.tar >/dev/null
    ruche image import -q "$F/rootfs.tar" i
    ruche image ls | grep -q example.org/app
}
