#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Images that buildah and umoci made and skopeo and podman saved: load, images, tag, rmi, inspect; and the store as others read it.

load images

# Layouts `buildah` (image app, two layers, with all that can be configured) and `umoci` (image insert), and the first one as
# skopeo saves it: archives docker.tar, gzip.tar, zstd.tar, plain.tar of the name example.org/app:1.
setup_file() {
    need_all buildah umoci skopeo jq zstd busybox
    cd "$BATS_FILE_TMPDIR"
    make_rootfs rootfs

    local container
    container=$(buildah from scratch)
    buildah add -q "$container" rootfs / >/dev/null
    buildah commit -q "$container" base >/dev/null
    buildah rm "$container" >/dev/null
    container=$(buildah from base)
    mkdir second
    echo second >second/layer
    buildah add -q "$container" second /srv >/dev/null
    buildah config --user bee --env GREETING='hello world' --workingdir /srv --port 80/tcp --volume /data \
        --stop-signal SIGUSR1 --label 'quoted=a "b" c' --entrypoint '["/bin/sh","-c"]' \
        --cmd '["id -u; pwd; cat layer; echo \"$GREETING\""]' "$container"
    buildah commit -q "$container" app >/dev/null
    buildah rm "$container" >/dev/null
    buildah push -q app oci:buildah:app

    umoci init --layout umoci
    umoci new --image umoci:insert
    umoci insert --image umoci:insert rootfs /
    umoci config --image umoci:insert --config.cmd /bin/sh --config.cmd -c --config.cmd 'echo umoci' --author 'a person'

    skopeo copy -q oci:buildah:app docker-archive:docker.tar:example.org/app:1
    skopeo copy -q oci:buildah:app oci-archive:gzip.tar:example.org/app:1
    skopeo copy -q --dest-compress --dest-compress-format zstd docker-archive:docker.tar oci-archive:zstd.tar:example.org/app:1
    skopeo copy -q --dest-oci-accept-uncompressed-layers docker-archive:docker.tar oci-archive:plain.tar:example.org/app:1
}

setup() {
    common_setup
    cd "$BATS_FILE_TMPDIR"
}

greeting=$'1000\n/srv\nsecond\nhello world'

# value FILTER NAME: of its inspection
value() {
    ruche inspect --type image "$2" | jq -cer ".[0]$1"
}

assert_app() {
    try ruche run --rm "$1"
    assert_status 0
    assert_output "$greeting"
}

@test "images: a layout of buildah's is loaded, and runs as configured" {
    try ruche load -qi buildah
    assert_status 0
    assert_output 'Loaded image: app:latest'
    assert_stderr ''
    assert_app app
    try ruche run --rm --user 0 -w / -e GREETING=hi --entrypoint /bin/sh app -c 'id -u; pwd; echo $GREETING'
    assert_output $'0\n/\nhi'
}

@test "images: inspect tells what buildah configured, and skopeo reads the same" {
    ruche load -qi buildah
    # As docker does it, in another order, and with null for what the image does not say.
    ruche inspect --type image app | jq -S '.[0].Config | with_entries(select(.value != null))' >inspected
    diff inspected <(skopeo inspect --config oci:buildah:app | jq -S .config)
    [[ $(value .RootFS.Layers app) == "$(skopeo inspect --config oci:buildah:app | jq -ce .rootfs.diff_ids)" ]]
    [[ $(value '.Config.Labels.quoted' app) == 'a "b" c' ]]
    [[ "$(value .Architecture app) $(value .Os app)" == "$(dpkg --print-architecture) linux" ]]
    [[ $(value '.Id' app) == "$(skopeo inspect --raw oci:buildah:app | jq -er .config.digest)" ]]
    [[ $(value '.RepoDigests[0]' app) == "app@$(skopeo inspect --format '{{.Digest}}' oci:buildah:app)" ]]
}

@test "images: a layout of umoci's, whose layers end without padding" {
    ruche load -qi umoci
    try ruche run --rm insert
    assert_status 0
    assert_output umoci
}

@test "images: docker-archive and oci-archive by skopeo, layers of gzip, zstd and plain, are one image" {
    local archive id=
    for archive in docker gzip zstd plain; do
        try ruche load -qi "$archive.tar"
        assert_status 0
        assert_output 'Loaded image: example.org/app:1'
        assert_app example.org/app:1
        # The image's id is its configuration's digest, which the archive does not change.
        [[ -z $id || $id == "$(value .Id example.org/app:1)" ]] || fail "$archive.tar is another image"
        id=$(value .Id example.org/app:1)
        ruche rmi -f "$id" >/dev/null
        store_is_empty
    done
}

@test "images: an archive compressed as a whole, from a file and a pipe" {
    local archive
    gzip -kc docker.tar >docker.tar.gz
    zstd -qc gzip.tar >gzip.tar.zst
    for archive in docker.tar docker.tar.gz gzip.tar.zst zstd.tar; do
        try ruche load -qi "$archive"
        assert_output 'Loaded image: example.org/app:1'
        ruche rmi example.org/app:1 >/dev/null
        store_is_empty
        # A pipe cannot be rewound, and gives what it has.
        try bash -c 'cat "$1" | dd bs=1000 status=none | "$RUCHE" --root "$ROOT" --run "$RUN" load -q' - "$archive"
        assert_output 'Loaded image: example.org/app:1'
        assert_app example.org/app:1
        ruche rmi example.org/app:1 >/dev/null
        store_is_empty
    done
}

@test "images: a docker-archive of several images by podman" {
    need_all podman
    podman() {
        command podman --root "$BATS_TEST_TMPDIR/podman" --runroot "$BATS_TEST_TMPDIR/podman.run" --storage-driver vfs "$@"
    }
    podman load -qi docker.tar >/dev/null
    podman tag example.org/app:1 example.org/second:2
    podman load -qi umoci >/dev/null
    podman tag "$(podman images -q --filter reference=localhost/umoci)" third:3
    podman save -qmo "$BATS_TEST_TMPDIR/many.tar" example.org/app:1 example.org/second:2 third:3
    podman rmi -af >/dev/null
    tar -xOf "$BATS_TEST_TMPDIR/many.tar" manifest.json | jq -e 'length == 2' >/dev/null

    try ruche load -qi "$BATS_TEST_TMPDIR/many.tar"
    assert_status 0
    assert_line 'Loaded image: example.org/app:1'
    assert_line 'Loaded image: example.org/second:2'
    assert_line 'Loaded image: localhost/third:3'
    assert_app example.org/app:1
    assert_app example.org/second:2
    try ruche run --rm localhost/third:3
    assert_output umoci
    [[ $(value .Id example.org/app:1) == "$(value .Id example.org/second:2)" ]]
}

@test "images: an image without a name is loaded by its id" {
    skopeo copy -q oci:buildah:app "docker-archive:$BATS_TEST_TMPDIR/nameless.tar"
    try ruche load -qi "$BATS_TEST_TMPDIR/nameless.tar"
    assert_status 0
    assert_match 'Loaded image*: sha256:*'
    local id=${output##*: }
    assert_app "$id"
    assert_app "${id:7:12}"
    try ruche images
    assert_match "*<none>*<none>*${id:7:12}*"
    ruche rmi "${id:7:12}" >/dev/null
    store_is_empty
}

@test "images: a name goes over to the image loaded last" {
    ruche load -qi gzip.tar
    local id
    id=$(value .Id example.org/app:1)
    skopeo copy -q oci:umoci:insert "docker-archive:$BATS_TEST_TMPDIR/other.tar:example.org/app:1"
    ruche load -qi "$BATS_TEST_TMPDIR/other.tar"
    try ruche run --rm example.org/app:1
    assert_output umoci
    assert_app "$id"
}

@test "images: tag and rmi, by name and id" {
    ruche load -qi buildah
    local id
    id=$(value .Id app)
    ruche tag app registry.example:5000/deep/path/app:v1.0_x-y
    ruche tag "${id:7:12}" second
    [[ $(value '.RepoTags | sort | join(" ")' app) == 'app:latest registry.example:5000/deep/path/app:v1.0_x-y second:latest' ]]
    assert_app registry.example:5000/deep/path/app:v1.0_x-y

    try ruche rmi app
    assert_output 'Untagged: app:latest'
    try ruche run --rm app
    assert_error 125 '*app*'
    try ruche rmi "${id:7:12}"
    assert_error 1 '*has several names*'
    ruche rmi second >/dev/null
    try ruche rmi registry.example:5000/deep/path/app:v1.0_x-y
    assert_match "Untagged: registry.example:5000/deep/path/app:v1.0_x-y*Deleted: $id*"
    store_is_empty
    try ruche rmi app
    assert_error 1 '*app*'
    try ruche rmi -f app
    assert_status 0
}

@test "images: names that are none are refused by tag" {
    ruche load -qi buildah
    local name
    for name in 'UPPER' 'a b' '../x' 'a//b' '/a' 'a:' 'a:b:c' 'a:-x' '' '.a' 'a@sha256:12' 'a/../b' $'a\nb' $'\e[2Jx'; do
        try ruche tag app "$name"
        assert_error 125 '*'
        [[ $stderr != *$'\e'* ]]
    done
    [[ $(ruche images -q | wc -l) == 1 ]]
}

@test "images: a container keeps its image" {
    ruche load -qi buildah
    ruche create --name keeper app >/dev/null
    try ruche rmi app
    assert_error 1 '*used by container keeper*'
    try ruche start -a keeper
    assert_output "$greeting"
    ruche rm keeper >/dev/null
    ruche rmi app >/dev/null
    store_is_empty
}

@test "images: a list can be narrowed" {
    ruche load -qi buildah
    ruche load -qi umoci
    ruche tag app example.org/app:1
    ruche tag app example.org/app:2
    [[ $(ruche images -q | sort -u | wc -l) == 2 ]]
    [[ $(ruche images -q example.org/app | wc -l) == 2 ]]
    [[ $(ruche images -aq) == "$(ruche images -q)" ]]
    try ruche tag app sha256:abc
    assert_error 125 '"sha256:abc" could not be told from an id'
    [[ $(ruche images example.org/app:2 | tail -n +2 | wc -l) == 1 ]]
    [[ $(ruche images 'example.org/*:1' | tail -n +2 | wc -l) == 1 ]]
    [[ $(ruche images -q --no-trunc insert) == "$(value .Id insert)" ]]
    [[ $(ruche images --digests insert) == *"$(skopeo inspect --format '{{.Digest}}' oci:umoci:insert)"* ]]
    [[ -z $(ruche images -q nosuch) ]]
}

@test "images: others read the store" {
    ruche load -qi docker.tar
    ruche load -qi umoci
    [[ $(skopeo inspect --config "oci:$ROOT/oci:example.org/app:1") == "$(skopeo inspect --config oci:buildah:app)" ]]
    [[ $(skopeo inspect --config "oci:$ROOT/oci:docker.io/library/insert:latest" | jq -c .config.Cmd) == "$(value .Config.Cmd insert)" ]]

    # Out of the store, through skopeo, and back.
    skopeo copy -q "oci:$ROOT/oci:example.org/app:1" "docker-archive:$BATS_TEST_TMPDIR/back.tar:back:1"
    local id
    id=$(value .Id example.org/app:1)
    ruche load -qi "$BATS_TEST_TMPDIR/back.tar"
    [[ $(value .Id back:1) == "$id" ]]
}

@test "images: what two images share is kept once, until the last goes" {
    skopeo copy -q "oci:buildah:app" "oci:$BATS_TEST_TMPDIR/both:app"
    umoci config --image "$BATS_TEST_TMPDIR/both:app" --tag sibling --config.label a=b
    ruche load -qi "$BATS_TEST_TMPDIR/both"
    (($(find "$ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l) == 2))
    ruche rmi sibling >/dev/null
    assert_app app
    ruche rmi app >/dev/null
    store_is_empty
}

@test "images: loads at the same time do not harm each other" {
    local archive pids=() pid
    for archive in docker gzip zstd plain docker gzip; do
        ruche load -qi "$archive.tar" 3>&- >/dev/null &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    assert_app example.org/app:1
    is_empty "$ROOT/ingest"
    ruche rmi -f "$(value .Id example.org/app:1)" >/dev/null
    store_is_empty
}

# ---- what is refused ----

@test "images: a file that is missing, a directory, or no archive" {
    try bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" load </dev/null'
    assert_error 125 'load: the archive is empty'
    try ruche load -qi nosuch
    assert_refused '*nosuch*'
    mkdir "$BATS_TEST_TMPDIR/empty"
    try ruche load -qi "$BATS_TEST_TMPDIR/empty"
    assert_refused '*layout*'
    local file
    for file in /dev/null /etc/passwd /bin/true; do
        try ruche load -qi "$file"
        assert_refused '*'
        try bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" load -q <"$1"' - "$file"
        assert_refused '*'
    done
    make_tar "$BATS_TEST_TMPDIR/rootfs.tar" rootfs
    try ruche load -qi "$BATS_TEST_TMPDIR/rootfs.tar"
    assert_refused '*import*'
}

@test "images: an archive that is truncated, anywhere" {
    local archive size part
    for archive in docker gzip zstd; do
        size=$(stat -c %s "$archive.tar")
        for part in 100 512 1000 $((size / 3)) $((size * 2 / 3)); do
            head -c "$part" "$archive.tar" >"$BATS_TEST_TMPDIR/part"
            try ruche load -qi "$BATS_TEST_TMPDIR/part"
            assert_refused '*'
            gzip -1c "$archive.tar" | head -c "$((part / 3))" >"$BATS_TEST_TMPDIR/part"
            try ruche load -qi "$BATS_TEST_TMPDIR/part"
            assert_refused '*'
        done
    done
}

@test "images: a layer whose last file is cut short" {
    local cut
    mkdir "$BATS_TEST_TMPDIR/tree"
    head -c 1000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/tree/file"
    tar -C "$BATS_TEST_TMPDIR/tree" -cf "$BATS_TEST_TMPDIR/whole" file
    for cut in 1 10 488 489 500; do
        head -c $((512 + 1000 - cut)) "$BATS_TEST_TMPDIR/whole" >"$BATS_TEST_TMPDIR/layer"
        make_layout "$BATS_TEST_TMPDIR/cut-$cut" cut '{}' "$BATS_TEST_TMPDIR/layer"
        try ruche load -qi "$BATS_TEST_TMPDIR/cut-$cut"
        assert_refused '*truncated*'
    done
    # All of the file, and some of what pads it or nothing.
    for cut in 0 1 23; do
        head -c $((512 + 1000 + cut)) "$BATS_TEST_TMPDIR/whole" >"$BATS_TEST_TMPDIR/layer"
        make_layout "$BATS_TEST_TMPDIR/padded-$cut" "padded-$cut" '{}' "$BATS_TEST_TMPDIR/layer"
        ruche load -qi "$BATS_TEST_TMPDIR/padded-$cut"
    done
}

# damage NAME COMMAND...: a copy of the layout, as $layout, in which COMMAND has done its work
damage() {
    layout=$BATS_TEST_TMPDIR/$1
    shift
    cp -a buildah "$layout"
    (cd "$layout" && "$@")
    try ruche load -qi "$layout"
    assert_refused '*'
}

# The same as an archive.
damage_archive() {
    damage "$@"
    try bash -c 'tar -C "$1" -cf - . | "$RUCHE" --root "$ROOT" --run "$RUN" load -q' - "$layout"
    assert_refused '*'
}

# The paths of what the layout's manifest names.
manifest_path() {
    jq -r '.manifests[0].digest | sub(":"; "/")' index.json | sed s,^,blobs/,
}

config_path() {
    jq -r '.config.digest | sub(":"; "/")' "$(manifest_path)" | sed s,^,blobs/,
}

layer_path() {
    jq -r '.layers[1].digest | sub(":"; "/")' "$(manifest_path)" | sed s,^,blobs/,
}

flip() {
    local at byte
    at=$(($(stat -c %s "$1") / 2))
    byte=$(od -An -tu1 -j"$at" -N1 "$1")
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# Another layer, well formed, in place of the one that was meant.
swap_layer() {
    tar -C /etc -czf other hostname
    mv other "$(layer_path)"
}

drop_layer() {
    rm "$(layer_path)"
}

# edit FILTER: the manifest anew, with the right digest
edit_manifest() {
    local old new
    old=$(manifest_path)
    jq -c "$1" "$old" >manifest
    new=$(digest_of manifest)
    jq -c --arg d "sha256:$new" --argjson s "$(stat -c %s manifest)" '.manifests[0] |= (.digest = $d | .size = $s)' \
        index.json >index
    mv index index.json
    mv manifest "blobs/sha256/$new"
}

edit_index() {
    jq -c "$1" index.json >index
    mv index index.json
}

@test "images: bytes that are not those of their digest" {
    damage manifest bash -c "$(declare -f flip manifest_path); flip \$(manifest_path)"
    damage config eval 'flip "$(config_path)"'
    damage_archive layer eval 'flip "$(layer_path)"'
    damage_archive swapped swap_layer
    damage_archive missing drop_layer
    damage emptied eval ': >"$(layer_path)"'
}

@test "images: digests, sizes and documents that lie" {
    damage size edit_manifest '.layers[0].size += 1'
    damage config-size edit_manifest '.config.size = 1'
    damage diff-id eval '
        jq -c ".rootfs.diff_ids[0] = \"sha256:$(printf "%064d" 0)\"" "$(config_path)" >config
        digest=$(digest_of config)
        mv config "blobs/sha256/$digest"
        edit_manifest ".config.digest = \"sha256:$digest\" | .config.size = $(stat -c %s "blobs/sha256/$digest")"'
    damage_archive fewer edit_manifest 'del(.layers[0])'
    damage both edit_manifest '.manifests = []'
    damage_archive nonsense eval 'echo nonsense >index.json'
    damage no-manifests edit_index 'del(.manifests)'
    damage version edit_index '.schemaVersion = 3'
}

@test "images: digests that are paths" {
    local digest n=0 zeros
    zeros=$(printf '%064d' 0)
    for digest in sha256:../../../../../etc/passwd ../../etc/passwd sha256:/etc/passwd sha256: "sha256:$zeros/.." "md5:${zeros:32}"; do
        damage $((n++)) edit_manifest ".layers[0].digest = \"$digest\""
        if ((n % 4 == 1)); then
            damage $((n++)) edit_manifest ".config.digest = \"$digest\""
        else
            damage $((n++)) edit_index ".manifests[0].digest = \"$digest\""
        fi
    done
}
