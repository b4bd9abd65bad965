#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# pull, and run's pull, from Debian's docker-registry: what skopeo, buildah and podman pushed.

load registry

INDEX=application/vnd.oci.image.index.v1+json

# In the registry: app:1 (two layers, gzip), app:docker (schema 2), app:zstd, app:plain, app:list (two platforms), large:1.
setup_file() {
    need_all docker-registry skopeo buildah jq zstd busybox python3 openssl htpasswd curl
    cd "$BATS_FILE_TMPDIR"
    registry_start hive
    make_rootfs rootfs
    make_tar base.tar rootfs
    mkdir -p second/srv
    echo second >second/srv/layer
    make_tar second.tar second
    make_layout plain 1 '{"Cmd":["/bin/cat","/srv/layer"]}' base.tar second.tar
    hive=docker://$(registry hive)
    # First into layouts: what a registry has already, skopeo does not pack anew.
    skopeo copy -q --dest-compress oci:plain:1 oci:gzip:1
    skopeo copy -q --dest-compress --dest-compress-format zstd oci:plain:1 oci:zstd:1
    skopeo copy -q --dest-tls-verify=false --preserve-digests oci:gzip:1 "$hive/app:1"
    skopeo copy -q --dest-tls-verify=false --format v2s2 oci:gzip:1 "$hive/app:docker"
    skopeo copy -q --dest-tls-verify=false --preserve-digests oci:zstd:1 "$hive/app:zstd"
    skopeo copy -q --dest-tls-verify=false --preserve-digests oci:plain:1 "$hive/app:plain"
    list_push "$hive/app:list"
    mkdir large
    head -c 6000000 /dev/urandom >large/noise
    make_tar large.tar large
    head -c 3000000 /dev/urandom >large/noise
    make_tar larger.tar large
    make_layout large 1 '{"Cmd":["/bin/true"]}' base.tar large.tar larger.tar
    skopeo copy -q --dest-tls-verify=false oci:large:1 "$hive/large:1"
}

# An index of two platforms: this one's, and arm64's, which says so in a file.
list_push() {
    local other
    mkdir -p arm/srv
    echo arm >arm/srv/layer
    make_tar arm.tar arm
    make_layout list 1 '{"Cmd":["/bin/cat","/srv/layer"]}' base.tar arm.tar
    sed -i 's/amd64/arm64/' "list/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' list/index.json)"
    # The manifest is written by hand: its configuration is for arm64.
    printf '{"architecture":"arm64","os":"linux","config":{"Cmd":["/bin/cat","/srv/layer"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' \
        "$(digest_of base.tar)" "$(digest_of arm.tar)" >config.part
    other=$(put_blob list config.part config.v1+json)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s,%s]}' \
        "$other" "$(put_blob list base.tar layer.v1.tar)" "$(put_blob list arm.tar layer.v1.tar)" >manifest.part
    other=$(put_blob list manifest.part manifest.v1+json)
    cp -r plain/blobs list/
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s,"platform":{"os":"linux","architecture":"amd64"}},%s,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}}]}' \
        "$INDEX" "$(jq -c '.manifests[0] | {mediaType, digest, size}' plain/index.json | sed 's/}$//')" "${other%\}}" >index.part
    other=$(put_blob list index.part index.v1+json)
    printf '{"schemaVersion":2,"manifests":[%s,"annotations":{"org.opencontainers.image.ref.name":"1"}}]}' "${other%\}}" >list/index.json
    skopeo copy -q --all --dest-tls-verify=false --preserve-digests oci:list:1 "$1"
}

teardown_file() {
    registry_stop hive
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    HIVE=$(registry hive)
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME"
}

pull() {
    try ruche pull --tls-verify=false "$@"
}

digest_there() {
    skopeo inspect --raw --tls-verify=false "docker://$HIVE/$1" | sha256sum | cut -d ' ' -f 1
}

# How often the registry was asked for something that fits
asked() {
    registry_asked hive "$1"
}

assert_second() {
    try ruche run --rm --pull never "$@"
    assert_status 0
    assert_output second
}

# ---- what comes ----

@test "pull: an image is brought, told as docker tells it, and runs" {
    pull "$HIVE/app:1"
    assert_status 0
    assert_line "Digest: sha256:$(digest_there app:1)"
    assert_line "Status: Downloaded newer image for $HIVE/app:1"
    [[ ${lines[-1]} == "$HIVE/app:1" ]]
    [[ $stderr == *': downloading'*': done'* ]] || fail "$stderr"
    assert_second "$HIVE/app:1"
}

@test "pull: docker's manifests, zstd and plain layers" {
    for tag in docker zstd plain; do
        pull -q "$HIVE/app:$tag"
        assert_status 0
        assert_output "$HIVE/app:$tag"
        [[ -z $stderr ]] || fail "$stderr"
        assert_second "$HIVE/app:$tag"
    done
}

@test "pull: the store is one that skopeo reads, whole" {
    pull -q "$HIVE/app:1"
    assert_status 0
    skopeo copy -q "oci:$ROOT/oci:$HIVE/app:1" dir:copy
    [[ $(sha256sum <copy/manifest.json) == "$(digest_there app:1)"* ]]
}

@test "pull: by digest, and a tag that is another image by now" {
    local digest
    digest=sha256:$(digest_there app:1)
    pull "$HIVE/app@$digest"
    assert_status 0
    assert_line "Digest: $digest"
    assert_second "$HIVE/app@$digest"
    # A digest that is here already means no question.
    before=$(asked "$digest")
    pull "$HIVE/app@$digest"
    assert_status 0
    assert_line "Status: Image is up to date for $HIVE/app@$digest"
    [[ $(asked "$digest") == "$before" ]]

    skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$HIVE/app:1" "docker://$HIVE/app:moves"
    pull -q "$HIVE/app:moves"
    skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$HIVE/app:zstd" "docker://$HIVE/app:moves"
    pull "$HIVE/app:moves"
    assert_line "Status: Downloaded newer image for $HIVE/app:moves"
    assert_line "Digest: sha256:$(digest_there app:zstd)"
}

@test "pull: with nothing to do, it asks once" {
    pull -q "$HIVE/app:1"
    before=$(asked '"[A-Z]* /v2/')
    index=$(stat -c %Y.%i "$ROOT/oci/index.json")
    pull "$HIVE/app:1"
    assert_line "Status: Image is up to date for $HIVE/app:1"
    [[ -z $stderr ]] || fail "$stderr"
    [[ $(stat -c %Y.%i "$ROOT/oci/index.json") == "$index" ]]
    after=$(asked '"[A-Z]* /v2/')
    ((after - before == 1)) || fail "$((after - before)) requests"
}

@test "pull: bars where lines can be drawn anew, lines elsewhere" {
    need_all script
    local command="'$RUCHE' --root '$ROOT' --run '$RUN' pull --tls-verify=false '$HIVE/app:1'"
    TERM=xterm run script -qec "$command" /dev/null
    assert_status 0
    [[ $output == *$'\e[J'* ]] || fail "no bars: $output"
    ruche rmi "$HIVE/app:1" >/dev/null
    TERM=dumb run script -qec "$command" /dev/null
    assert_status 0
    [[ $output != *$'\e'* && $output == *': done'* ]] || fail "no lines: $output"
}

@test "pull: what is here is not fetched again" {
    pull -q "$HIVE/app:1"
    before=$(asked '"GET /v2/app/blobs/')
    ruche rmi "$HIVE/app:1" >/dev/null
    pull -q "$HIVE/app:1"
    between=$(asked '"GET /v2/app/blobs/')
    ((between == before + 3)) || fail "$before, $between"
    # The same layers, packed otherwise: blobs of its own, and no layer is unpacked twice.
    pull -q "$HIVE/app:list"
    assert_status 0
    layers=("$ROOT"/layers/*)
    ((${#layers[@]} == 2))
    ruche tag "$HIVE/app:1" other
    ruche rmi "$HIVE/app:1" >/dev/null
    before=$(asked '"GET /v2/app/blobs/')
    pull -q "$HIVE/app:1"
    [[ $(asked '"GET /v2/app/blobs/') == "$before" ]]
    assert_second other
}

@test "pull: several names, and all tags" {
    pull -q "$HIVE/app:1" "$HIVE/app:zstd"
    assert_status 0
    assert_output "$HIVE/app:1"$'\n'"$HIVE/app:zstd"
    pull -q "$HIVE/app:1" "$HIVE/app:nowhere"
    assert_status 1
    assert_output "$HIVE/app:1"
    assert_stderr "*$HIVE/app:nowhere: there is no tag nowhere in the registry"
    pull -q -a "$HIVE/app"
    assert_status 0
    assert_line "$HIVE/app:docker"
    assert_line "$HIVE/app:list"
}

@test "pull: what buildah and podman pushed" {
    local container
    container=$(buildah from scratch)
    buildah add -q "$container" "$BATS_FILE_TMPDIR/rootfs" / >/dev/null
    buildah config --cmd '["/bin/echo","second"]' "$container"
    buildah commit -q "$container" work >/dev/null
    buildah rm "$container" >/dev/null
    buildah push -q --tls-verify=false work "docker://$HIVE/buildah:1"
    buildah push -q --tls-verify=false --format v2s2 --compression-format gzip work "docker://$HIVE/buildah:2"
    pull -q "$HIVE/buildah:1" "$HIVE/buildah:2"
    assert_status 0
    assert_second "$HIVE/buildah:1"
    assert_second "$HIVE/buildah:2"
}

@test "pull: all tags, and one of them, exclude each other" {
    pull -a "$HIVE/app:1"
    assert_error 125 "*$HIVE/app:1\" has a tag or digest, and a repository is meant*"
    try ruche push -a "$HIVE/app:1"
    assert_error 125 "*$HIVE/app:1\" has a tag or digest, and a repository is meant*"
    try ruche pull "docker://$HIVE/app"
    assert_error 125 '*is no image name: a name has no scheme; *'
}

# ---- platforms ----

@test "pull: of an index, this machine's image, or the one that is asked for" {
    pull "$HIVE/app:list"
    assert_status 0
    assert_line "Digest: sha256:$(digest_there app:list)"
    assert_second "$HIVE/app:list"
    pull "$HIVE/app:list"
    assert_line "Status: Image is up to date for $HIVE/app:list"
    assert_second "$HIVE/app@sha256:$(digest_there app:list)"

    pull -q --platform linux/arm64 "$HIVE/app:list"
    assert_status 0
    run ruche inspect --type image "$HIVE/app:list"
    [[ $(jq -r '.[0].Architecture' <<<"$output") == arm64 ]]
    [[ $(ruche manifest inspect "$HIVE/app:list" | jq '.manifests | length') == 2 ]]
    # What somebody asked for once is not what the name means here.
    pull "$HIVE/app:list"
    assert_line "Status: Downloaded newer image for $HIVE/app:list"
    assert_second "$HIVE/app:list"
    pull -q --platform linux/riscv64 "$HIVE/app:list"
    assert_error 125 "pull *: there is no image for linux/riscv64*linux/amd64, linux/arm64*"
    pull -q --platform linux/arm64 "$HIVE/app:1"
    assert_error 125 "pull *: there is no image for linux/arm64, only for: linux/amd64"
    pull -q --platform what/is/this/now "$HIVE/app:1"
    assert_error 125 '*"what/is/this/now" is no platform*'
}

# ---- run ----

@test "run: an image that is missing is pulled, or not" {
    try ruche run --rm --tls-verify=false "$HIVE/app:1"
    assert_status 0
    assert_output second
    assert_stderr "*: downloading*: done"
    ruche rmi "$HIVE/app:1" >/dev/null
    try ruche run --rm --pull never "$HIVE/app:1"
    assert_error 125 "image $HIVE/app:1 is not on this machine; *"
    try ruche run --rm -q --tls-verify=false "$HIVE/app:1"
    assert_status 0
    [[ -z $stderr ]] || fail "$stderr"
    before=$(asked '"HEAD /v2/app/manifests/1 ')
    try ruche run --rm -q --pull always --tls-verify=false "$HIVE/app:1"
    assert_status 0
    (($(asked '"HEAD /v2/app/manifests/1 ') == before + 1))
    try ruche create -q --tls-verify=false "$HIVE/app:nowhere"
    assert_error 125 "pull $HIVE/app:nowhere: there is no tag nowhere in the registry"
    # Its files say that they are arm's, and are this machine's.
    try ruche run --rm -q --tls-verify=false --platform linux/arm64 "$HIVE/app:list"
    assert_status 0
    assert_output arm
}

@test "run --platform: what is here for another platform is brought, or named" {
    pull -q "$HIVE/app:list"
    try ruche run --rm --pull never --platform linux/arm64 "$HIVE/app:list"
    assert_error 125 "image $HIVE/app:list is here for linux/amd64, not for linux/arm64; bring it with \"ruche pull --platform linux/arm64 $HIVE/app:list\""
    try ruche run --rm -q --tls-verify=false --platform linux/arm64 "$HIVE/app:list"
    assert_status 0
    assert_output arm
    pull -q "$HIVE/app:1"
    try ruche create -q --tls-verify=false --platform linux/arm64 "$HIVE/app:1"
    assert_error 125 "image $HIVE/app:1 is here for linux/amd64, not for linux/arm64: pull *: there is no image for linux/arm64, only for: linux/amd64"
}

# ---- who may ----

@test "pull: TLS with a certificate of one's own, and a password" {
    registry_start closed tls htpasswd
    closed=$(registry closed)
    home=$BATS_FILE_TMPDIR/closed.registry
    skopeo copy -q --dest-tls-verify=false --dest-creds bee:honey "oci:$BATS_FILE_TMPDIR/plain:1" "docker://$closed/app:1"
    mkdir certs
    cp "$home/domain.crt" certs/ca.crt

    try ruche pull -q "$closed/app:1"
    assert_error 125 "pull *certificate*"
    try ruche pull -q --cert-dir certs "$closed/app:1"
    assert_error 125 "pull *"
    try ruche pull -q --cert-dir certs --creds bee:wrong "$closed/app:1"
    assert_error 125 "pull *"
    try ruche pull -q --cert-dir certs --creds bee:honey "$closed/app:1"
    assert_status 0
    assert_second "$closed/app:1"
    registry_stop closed
}

# ---- what goes wrong ----

@test "pull: artifacts and foreign layers are refused, and nothing of them is left" {
    mkdir -p artifact/blobs/sha256
    echo '{"imageLayoutVersion":"1.0.0"}' >artifact/oci-layout
    echo '{}' >empty.part
    echo words >words
    local config layer manifest
    config=$(put_blob artifact empty.part x)
    layer=$(put_blob artifact words x)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"text/x-poem","config":{"mediaType":"application/vnd.oci.empty.v1+json",%s,"layers":[{"mediaType":"text/plain",%s]}' \
        "${config#*,}" "${layer#*,}" >manifest.part
    curl_put artifact "$manifest"
    pull -q "$HIVE/artifact:1"
    assert_refused "pull *: it is no image but an artifact of the type text/x-poem; *"

    jq -c '.layers[0].urls = ["http://127.0.0.1:1/layer"]' <(skopeo inspect --raw --tls-verify=false "docker://$HIVE/app:1") >manifest.part
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @manifest.part \
        "http://$HIVE/v2/app/manifests/foreign"
    pull -q "$HIVE/app:foreign"
    assert_refused "pull *: layer 1 of 2: it is a foreign layer*"
}

# The blobs of the layout and manifest.part, as repository NAME with the tag 1
curl_put() {
    local blob location
    for blob in "$1"/blobs/sha256/*; do
        location=$(curl -sfi -X POST "http://$HIVE/v2/$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //p')
        curl -sf -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$blob" "$location&digest=sha256:${blob##*/}"
    done
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @manifest.part \
        "http://$HIVE/v2/$1/manifests/1"
}

@test "pull: names that mean nothing" {
    pull -q "$HIVE/app:nowhere"
    assert_refused "pull $HIVE/app:nowhere: there is no tag nowhere in the registry"
    pull -q "$HIVE/Upper:1"
    assert_error 125 "*the repository must be lower case*"
    port=$(port_free)
    pull -q "127.0.0.1:$port/app"
    assert_error 125 "pull 127.0.0.1:$port/app:latest: *"
}

# put_manifest NAME TAG TYPE FILE
put_manifest() {
    curl -sf -X PUT -H "Content-Type: application/vnd.oci.image.$3" --data-binary "@$4" "http://$HIVE/v2/$1/manifests/$2"
}

# What app:1 is, changed by a filter of jq, as app:lies
lie() {
    skopeo inspect --raw --tls-verify=false "docker://$HIVE/app:1" | jq -c "$1" >lie.json
    put_manifest app lies manifest.v1+json lie.json
}

@test "pull: documents that lie are refused, and nothing of them is left" {
    lie '.layers[1].size += 1'
    pull -q "$HIVE/app:lies"
    assert_refused 'pull *: layer 2 of 2: *'
    lie '.layers[1].size -= 1'
    pull -q "$HIVE/app:lies"
    assert_refused 'pull *: layer 2 of 2: *'
    lie '.config.size -= 1'
    pull -q "$HIVE/app:lies"
    assert_refused 'pull *: its configuration: *'
    lie '.layers |= [.[0]]'
    pull -q "$HIVE/app:lies"
    assert_refused 'pull *: its configuration has 2 layers, its manifest 1'
    lie '.layers |= [.[1], .[0]]'
    pull -q "$HIVE/app:lies"
    assert_refused 'pull *: layer 1 of 2 unpacks to *, and its configuration says *'
    # And an honest one works afterwards.
    pull -q "$HIVE/app:1"
    assert_status 0
    assert_second "$HIVE/app:1"
}

@test "pull: indexes in indexes have an end" {
    skopeo inspect --raw --tls-verify=false "docker://$HIVE/app:1" >inner.json
    type=manifest.v1+json
    for i in 1 2 3 4 5 6; do
        printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%d,"platform":{"os":"linux","architecture":"amd64"}}]}' \
            "$INDEX" "$type" "$(digest_of inner.json)" "$(stat -c %s inner.json)" >outer.json
        type=index.v1+json
        put_manifest app "depth$i" $type outer.json
        mv outer.json inner.json
    done
    pull -q "$HIVE/app:depth6"
    assert_refused 'pull *: indexes lie in one another deeper than 4'
    pull -q "$HIVE/app:depth3"
    assert_status 0
    assert_second "$HIVE/app:depth3"
}

# ---- interrupted ----

# slow_start BYTES: a second. It ends with its standard input, which this test has.
slow_start() {
    mkdir -p slow
    mkfifo slow/end
    python3 "$BATS_TEST_DIRNAME/slow.py" slow "${HIVE##*:}" "$1" <slow/end 3>&- &
    SLOW=$!
    exec 9>slow/end
    eventually test -e slow/port
    SLOW_HIVE=127.0.0.1:$(<slow/port)
}

slow_stop() {
    exec 9>&-
    kill "$SLOW" 2>/dev/null || true
    wait "$SLOW" || true
}

fetched() {
    local sum=0 size
    for size in $(stat -c %s "$ROOT"/partial/* 2>/dev/null); do
        ((sum += size))
    done
    ((sum >= $1))
}

@test "pull: what was killed half-way is gone on with, from the byte it had come to" {
    slow_start 300000
    ruche pull -q --tls-verify=false "$SLOW_HIVE/large:1" >/dev/null 2>&1 3>&- 9>&- &
    local pid=$!
    eventually fetched 1000000
    kill -9 "$pid"
    wait "$pid" || true
    slow_stop
    fetched 1000000
    [[ -z $(ruche images -q) ]]
    # The name is another by the slow proxy's port; the blobs are the same.
    pull -q "$HIVE/large:1"
    assert_status 0
    [[ $(asked '"GET /v2/large/blobs/.*" 206 ') -ge 1 ]]
    nothing_under_way
    try ruche run --rm --pull never --entrypoint /bin/busybox "$HIVE/large:1" sha256sum /noise
    assert_status 0
    [[ $output == "$(digest_of "$BATS_FILE_TMPDIR/large/noise")"* ]]
}

@test "pull: what is left of a pull and is damaged is fetched anew" {
    pull -q "$HIVE/large:1"
    local blob
    blob=$(jq -r '.layers[1] | "\(.digest[7:]).\(.size)"' "$ROOT/oci/blobs/sha256/$(digest_there large:1)")
    ruche rmi "$HIVE/large:1" >/dev/null
    mkdir -p "$ROOT/partial"
    head -c 100000 /dev/zero >"$ROOT/partial/$blob"
    pull "$HIVE/large:1"
    assert_status 0
    [[ $stderr == *'it is fetched anew'* ]] || fail "$stderr"
    try ruche run --rm --pull never "$HIVE/large:1"
    assert_status 0
}

@test "pull: two at once fetch each blob once" {
    before=$(asked '"GET /v2/large/blobs/')
    slow_start 4000000
    ruche pull -q --tls-verify=false "$SLOW_HIVE/large:1" >one 2>&1 3>&- 9>&- &
    local one=$!
    ruche pull -q --tls-verify=false "$SLOW_HIVE/large:1" >two 2>&1 3>&- 9>&- &
    local two=$!
    wait "$one" || fail "$(<one)"
    wait "$two" || fail "$(<two)"
    slow_stop
    # Three layers once; each asks for the configuration himself.
    after=$(asked '"GET /v2/large/blobs/')
    ((after - before <= 5)) || fail "$((after - before)) times"
    [[ $(<one) == "$SLOW_HIVE/large:1" && $(<two) == "$SLOW_HIVE/large:1" ]]
    [[ $(ruche images -q | wc -l) == 1 ]]
    nothing_under_way
}

nothing_under_way() {
    local found
    found=$(find "$ROOT/partial" "$ROOT/ingest" -mindepth 1)
    [[ -z $found ]] || fail "$found"
}

@test "image prune: what pulls left behind goes" {
    pull -q "$HIVE/app:1"
    head -c 1000 /dev/zero >"$ROOT/partial/$(printf '%064d' 0)"
    ruche image prune -f >/dev/null
    nothing_under_way
    assert_second "$HIVE/app:1"
}
