#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# image copy between each two of its places, image tags, image delete, image referrers, search.

load registry

setup_file() {
    need_all docker-registry skopeo jq busybox curl
    cd "$BATS_FILE_TMPDIR"
    registry_start hive
    registry_start other
    make_rootfs rootfs
    make_tar base.tar rootfs
    mkdir -p second/srv
    echo second >second/srv/layer
    make_tar second.tar second
    make_layout plain app '{"Cmd":["/bin/cat","/srv/layer"]}' base.tar second.tar
    skopeo copy -q --dest-compress oci:plain:app oci:oci:app
    skopeo copy -q oci:oci:app oci-archive:oci.tar:app
    skopeo copy -q oci:oci:app docker-archive:docker.tar:example.org/app:1
    skopeo copy -q --preserve-digests oci:oci:app dir:dir
    skopeo copy -q --preserve-digests --dest-tls-verify=false oci:oci:app "docker://$(registry hive)/app:1"
    digest_of dir/manifest.json >digest
}

teardown_file() {
    registry_stop hive
    registry_stop other
}

setup() {
    common_setup
    FILES=$BATS_FILE_TMPDIR
    HIVE=$(registry hive)
    OTHER=$(registry other)
    DIGEST=sha256:$(<"$FILES/digest")
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME"
    cd "$BATS_TEST_TMPDIR"
}

copy() {
    try ruche image copy -q --src-tls-verify=false --dest-tls-verify=false "$@"
}

# Each blob of a directory is what its name says.
assert_whole() {
    local blob n=0
    for blob in "$1"/????????????????????????????????????????????????????????????????; do
        [[ $(digest_of "$blob") == "${blob##*/}" ]] || fail "$blob is damaged"
        n=$((n + 1))
    done
    ((n == 3)) || fail "$n blobs"
}

# assert_digest PLACE: the manifest there, as skopeo sees it
assert_digest() {
    local digest
    digest=$(skopeo inspect --raw --tls-verify=false "$1" | sha256sum | cut -d ' ' -f 1)
    [[ sha256:$digest == "$DIGEST" ]] || fail "$1 has $digest"
}

@test "image copy: from everywhere into a registry" {
    ruche load -q -i "$FILES/oci.tar" >/dev/null
    ruche tag "$(ruche images -q)" localhost/app:1
    for place in "oci:$FILES/oci:app" "oci:$FILES/oci" "oci-archive:$FILES/oci.tar" "oci-archive:$FILES/oci.tar:app" "dir:$FILES/dir" \
        "docker://$HIVE/app:1" "docker://$HIVE/app@$DIGEST" localhost/app:1 store:localhost/app:1; do
        name=$OTHER/$(random_name):1
        copy "$place" "docker://$name"
        assert_status 0
        assert_digest "docker://$name"
        skopeo copy -q --src-tls-verify=false "docker://$name" dir:check
        assert_whole check
        rm -r check
    done
    is_empty "$ROOT/ingest"
    is_empty "$ROOT/partial"
}

@test "image copy: docker's archive, which has no manifest" {
    for name in '' :example.org/app:1; do
        target=$OTHER/$(random_name):1
        copy "docker-archive:$FILES/docker.tar$name" "docker://$target"
        assert_status 0
        ruche pull -q --tls-verify=false "$target"
        try ruche run --rm --pull never "$target"
        assert_output second
    done
    copy "docker-archive:$FILES/docker.tar:example.org/app:2" "docker://$target"
    assert_error 125 'copy *: it has no image example.org/app:2'
}

@test "image copy: from a registry into files" {
    copy "docker://$HIVE/app:1" oci:layout:one
    assert_status 0
    # what is there, of the size that it should have, is not taken for it
    local blob
    for blob in layout/blobs/sha256/*; do
        head -c "$(stat -c %s "$blob")" /dev/zero >"$blob"
    done
    copy "docker://$HIVE/app:1" oci:layout:two
    assert_status 0
    copy "docker://$HIVE/app:1" oci:layout:one
    assert_status 0
    [[ $(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' layout/index.json | sort | xargs) == "one two" ]]
    assert_digest oci:layout:one
    copy "docker://$HIVE/app:1" oci-archive:archive.tar:tag
    assert_status 0
    assert_digest oci-archive:archive.tar
    copy "docker://$HIVE/app:1" dir:plain
    assert_status 0
    assert_digest dir:plain
    assert_whole plain
    copy "docker://$HIVE/app:1" docker-archive:docker.tar:example.org/mine:2
    assert_status 0
    skopeo copy -q docker-archive:docker.tar dir:check
    [[ $(skopeo inspect docker-archive:docker.tar | jq -r '.Layers | length') == 2 ]]
    ruche load -q -i docker.tar
    try ruche run --rm --pull never example.org/mine:2
    assert_output second
    is_empty "$ROOT/partial"
}

# A list of two images whose layers are each its own.
list_push() {
    local name=$1 tag
    for tag in amd64 arm64; do
        mkdir -p "tree-$tag/srv"
        echo "$tag" >"tree-$tag/srv/$tag"
        make_tar "$tag.tar" "tree-$tag"
        make_layout "layout-$tag" app '{"Cmd":["true"]}' "$tag.tar"
        skopeo copy -q --preserve-digests --dest-tls-verify=false "oci:layout-$tag:app" "docker://$HIVE/$name:$tag"
        skopeo inspect --raw --tls-verify=false "docker://$HIVE/$name:$tag" >"$tag.json"
    done
    for tag in amd64 arm64; do
        jq -n --arg digest "sha256:$(digest_of "$tag.json")" --argjson size "$(stat -c %s "$tag.json")" --arg tag "$tag" \
            '{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size, platform: {os: "linux", architecture: $tag}}'
    done | jq -s '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: .}' >list.json
    curl -sf -o put -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @list.json "http://$HIVE/v2/$name/manifests/all"
}

@test "image copy: all of a list from a registry, of which nothing is here" {
    name=$(random_name)
    list_push "$name"
    copy --all "docker://$HIVE/$name:all" dir:all
    assert_status 0
    for tag in amd64 arm64; do
        for blob in $(jq -r '.config.digest[7:], .layers[].digest[7:]' "$tag.json"); do
            [[ $(digest_of "all/$blob") == "$blob" ]] || fail "$tag: $blob"
        done
    done
    cmp list.json all/manifest.json
    is_empty "$ROOT/partial"
    is_empty "$ROOT/ingest"
}

@test "image copy: from files into files, and from here" {
    copy "dir:$FILES/dir" oci:layout:x
    assert_status 0
    copy oci:layout:x oci-archive:a.tar
    copy oci-archive:a.tar dir:again
    assert_whole again
    assert_digest dir:again
    copy dir:again store:localhost/app:9
    assert_status 0
    try ruche run --rm --pull never localhost/app:9
    assert_output second
    copy localhost/app:9 docker-archive:d.tar:example.org/app:9
    assert_status 0
    copy docker-archive:d.tar localhost/app:10
    assert_status 0
    try ruche run --rm --pull never localhost/app:10
    assert_output second
}

@test "image copy: into the store, under the name that is given alone" {
    for place in "oci:$FILES/oci:app" "oci-archive:$FILES/oci.tar" "docker-archive:$FILES/docker.tar" "dir:$FILES/dir" "docker://$HIVE/app:1"; do
        copy "$place" localhost/mine:1
        assert_status 0
        [[ $(ruche images --format '{{.Repository}}:{{.Tag}}') == localhost/mine:1 ]] || fail "$(ruche images)"
        try ruche run --rm --pull never localhost/mine:1
        assert_output second
        ruche rmi localhost/mine:1 >/dev/null
    done
    store_is_empty
}

@test "image copy: prints the digest, and progress unless -q" {
    try ruche image copy --src-tls-verify=false "docker://$HIVE/app:1" dir:plain
    assert_output "$DIGEST"
    [[ $stderr == *downloading* ]] || fail "$stderr"
}

@test "image copy: an archive has its name once it is whole" {
    need_all strace
    ruche load -qi "$FILES/docker.tar" >/dev/null
    name=$(ruche images --format '{{.Repository}}:{{.Tag}}')
    ruche image copy -q "$name" docker-archive:whole.tar
    strace -f -qq -o calls -e trace=sendfile "$RUCHE" --root "$ROOT" --run "$RUN" image copy -q "$name" docker-archive:again.tar
    grep -q sendfile calls || skip "an archive is written by another call"
    run strace -f -qq -o calls -e trace=sendfile -e inject=sendfile:signal=KILL:when=1 \
        "$RUCHE" --root "$ROOT" --run "$RUN" image copy -q "$name" docker-archive:half.tar
    ((status != 0))
    [[ ! -e half.tar ]] || fail "half of it is there"
    cmp whole.tar again.tar
    ruche image copy -q "$name" docker-archive:half.tar
    cmp whole.tar half.tar
}

@test "image copy: what goes to standard output stands there alone" {
    for kind in docker-archive oci-archive; do
        ruche image copy -q "oci:$FILES/oci" "$kind:beside.tar"
        ruche image copy "oci:$FILES/oci" "$kind:/dev/stdout" | cat >alone.tar
        cmp beside.tar alone.tar
        ruche image copy "oci:$FILES/oci" "$kind:/dev/fd/3" 3>&1 | cat >alone.tar
        cmp beside.tar alone.tar
        rm beside.tar
    done
    ruche image copy "oci:$FILES/oci" "$kind:/dev/fd/3" 3> >(cat >/dev/null) >digest
    [[ $(<digest) == "$DIGEST" ]] || fail "$(<digest)"
}

@test "image copy: what cannot be" {
    copy "oci:$FILES/nosuch" dir:x
    assert_error 125 'copy *: open */nosuch: No such file or directory'
    copy "oci:$FILES/oci:nosuch" dir:x
    assert_error 125 'copy *: it has no image nosuch, but: app'
    touch there.tar
    copy "oci:$FILES/oci" oci-archive:there.tar
    assert_error 125 'copy *: there.tar is there already; *'
    copy --all "docker://$HIVE/app:1" localhost/x:1
    assert_error 125 'copy *: the store takes an image for one platform; leave --all out'
    copy oci: dir:x
    assert_error 125 '"oci:" names nothing*'
    copy nosuch dir:x
    assert_error 125 'copy *: there is no image nosuch here'
    # A blob that is not what its name says
    cp -r "$FILES/dir" bad
    layer=$(jq -r '.layers[0].digest[7:]' bad/manifest.json)
    printf x | dd of="bad/$layer" bs=1 seek=200 conv=notrunc status=none
    copy dir:bad "docker://$OTHER/bad:1"
    assert_error 125 'copy *: layer 1 of 2: *'
    [[ $(curl -s -o /dev/null -w '%{http_code}' "http://$OTHER/v2/bad/manifests/1") == 404 ]]
    copy dir:bad localhost/bad:1
    assert_refused 'copy *: layer 1 of 2: *'
}

@test "image tags, image delete" {
    name=$OTHER/$(random_name)
    copy "docker://$HIVE/app:1" "docker://$name:a"
    copy "docker://$HIVE/app:1" "docker://$name:b"
    try ruche image tags --tls-verify=false "$name"
    assert_status 0
    [[ $(sort <<<"$output") == $'a\nb' ]] || fail "$output"
    try ruche image delete --tls-verify=false "$name:a"
    assert_status 0
    try ruche pull -q --tls-verify=false "$name:a"
    assert_error 125 'pull *: there is no tag a in the registry'
    try ruche image delete --tls-verify=false "$name:a"
    assert_status 1
    assert_stderr '*there is no tag a in the registry'
    try ruche image tags --tls-verify=false "$OTHER/nosuch"
    assert_error 125 "tags of $OTHER/nosuch: *"
}

@test "image inspect --remote: what there is, and nothing is brought" {
    try ruche image inspect --remote --tls-verify=false "$HIVE/app:1"
    assert_status 0
    [[ $(jq -r '.[0].Digest' <<<"$output") == "$DIGEST" ]]
    [[ $(jq -r '.[0] | "\(.Os)/\(.Architecture) \(.RepoTags[0]) \(.Layers | length) \(.Cmd | join(" "))"' <<<"$output") == \
        "linux/amd64 1 2 /bin/cat /srv/layer" ]] || fail "$output"
    try ruche image inspect --remote --tls-verify=false --raw "$HIVE/app:1"
    [[ sha256:$(printf %s "$output" | sha256sum | cut -d ' ' -f 1) == "$DIGEST" ]]
    try ruche image inspect --remote --tls-verify=false -f '{{.Size}}' "$HIVE/app:1"
    [[ $output -gt 100000 ]] || fail "$output"
    try ruche image inspect --raw "$HIVE/app:1"
    assert_error 125 '--raw and --platform go with --remote*'
    store_is_empty
}

@test "search, where there is no search; image referrers, where there are none" {
    try ruche search --tls-verify=false "$HIVE/ap"
    assert_status 0
    [[ ${lines[1]} == app* ]] || fail "$output"
    try ruche search --tls-verify=false "$HIVE/nosuch"
    assert_output 'NAME      DESCRIPTION   STARS     OFFICIAL'
    try ruche search --tls-verify=false --filter stars=0 --filter is-official=false --format '{{.Name}}={{.StarCount}}' "$HIVE/ap"
    assert_output app=0
    try ruche search --tls-verify=false --filter stars=1 --format '{{.Name}}' "$HIVE/ap"
    assert_output ''
    try ruche search --filter stars=many "$HIVE/ap"
    assert_error 125 '--filter stars: "many" is not a whole number*'
    try ruche search --filter is-official=perhaps "$HIVE/ap"
    assert_error 125 '--filter is-official: "perhaps" is neither true nor false*'
    try ruche image referrers --tls-verify=false "$HIVE/app:1"
    assert_status 0
    [[ $(jq -c .manifests <<<"$output") == '[]' ]]
}
