#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# push into Debian's docker-registry, and what skopeo, buildah and podman make of it.

load registry

setup_file() {
    need_all docker-registry skopeo buildah podman curl jq zstd busybox openssl htpasswd
    cd "$BATS_FILE_TMPDIR"
    registry_start hive
    make_rootfs rootfs
    make_tar base.tar rootfs
    mkdir -p second/srv
    echo second >second/srv/layer
    make_tar second.tar second
    make_layout plain app '{"Cmd":["/bin/cat","/srv/layer"]}' base.tar second.tar
    skopeo copy -q --dest-compress oci:plain:app oci-archive:app.tar:localhost/app:1
}

teardown_file() {
    registry_stop hive
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    HIVE=$(registry hive)
    REPOSITORY=$HIVE/$(random_name)
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME"
    ruche load -q -i "$BATS_FILE_TMPDIR/app.tar" >/dev/null
}

push() {
    try ruche push --tls-verify=false "$@"
}

# raw NAME: the manifest as it is there
raw() {
    skopeo inspect --raw --tls-verify=false "docker://$1"
}

asked() {
    registry_asked hive "$1"
}

@test "push: an image by its name, told as docker tells it" {
    ruche tag localhost/app:1 "$REPOSITORY:1"
    push "$REPOSITORY:1"
    assert_status 0
    digest=sha256:$(raw "$REPOSITORY:1" | sha256sum | cut -d ' ' -f 1)
    assert_output "1: digest: $digest size: $(raw "$REPOSITORY:1" | wc -c)"
    [[ $stderr == *': uploading'*': done'* ]] || fail "$stderr"
    # The second time all of it is there.
    before=$(asked '"P[A-Z]* /v2/.*/blobs/')
    push -q "$REPOSITORY:1"
    assert_output "$REPOSITORY:1"
    [[ -z $stderr ]] || fail "$stderr"
    [[ $(asked '"P[A-Z]* /v2/.*/blobs/') == "$before" ]]
    # And comes back as it was.
    ruche rmi "$REPOSITORY:1" localhost/app:1 >/dev/null
    ruche pull -q --tls-verify=false "$REPOSITORY:1"
    try ruche run --rm --pull never "$REPOSITORY:1"
    assert_output second
}

@test "push: others pull it" {
    push -q localhost/app:1 "$REPOSITORY:1"
    assert_status 0
    skopeo copy -q --src-tls-verify=false "docker://$REPOSITORY:1" dir:copy
    podman --root "$BATS_TEST_TMPDIR/podman" --runroot "$BATS_TEST_TMPDIR/podman.run" --storage-driver vfs \
        pull -q --tls-verify=false "$REPOSITORY:1"
    container=$(buildah from -q --tls-verify=false "$REPOSITORY:1")
    [[ $(cat "$(buildah mount "$container")/srv/layer") == second ]]
    buildah umount "$container" >/dev/null
    buildah rm "$container" >/dev/null
    podman --root "$BATS_TEST_TMPDIR/podman" --runroot "$BATS_TEST_TMPDIR/podman.run" --storage-driver vfs rmi -fa >/dev/null
}

@test "push: blobs that another repository has are mounted" {
    push -q localhost/app:1 "$REPOSITORY:1"
    ruche tag localhost/app:1 "$REPOSITORY:1"
    before=$(asked '"P[AU][A-Z]* /v2/.*/blobs/')
    push -q localhost/app:1 "$REPOSITORY-too:1"
    assert_status 0
    [[ $(asked '"P[AU][A-Z]* /v2/.*/blobs/') == "$before" ]]
    skopeo copy -q --src-tls-verify=false "docker://$REPOSITORY-too:1" dir:copy
}

@test "push: the layers packed otherwise, and docker's manifests" {
    push -q --compression zstd localhost/app:1 "$REPOSITORY:zstd"
    assert_status 0
    [[ $(raw "$REPOSITORY:zstd" | jq -r '[.layers[].mediaType] | unique[]') == application/vnd.oci.image.layer.v1.tar+zstd ]]
    push -q --format v2s2 localhost/app:1 "$REPOSITORY:docker"
    assert_status 0
    [[ $(raw "$REPOSITORY:docker" | jq -r .mediaType) == application/vnd.docker.distribution.manifest.v2+json ]]
    [[ $(raw "$REPOSITORY:docker" | jq -r .config.mediaType) == application/vnd.docker.container.image.v1+json ]]
    push -q --format v2s2 --compression zstd localhost/app:1 "$REPOSITORY:no"
    assert_error 125 "push $REPOSITORY:no: docker's manifests have no zstd layers; *"
    for tag in zstd docker; do
        ruche pull -q --tls-verify=false "$REPOSITORY:$tag" >/dev/null
        try ruche run --rm --pull never "$REPOSITORY:$tag"
        assert_output second
        skopeo copy -q --src-tls-verify=false "docker://$REPOSITORY:$tag" "dir:$tag"
        for blob in "$tag"/????????????????????????????????????????????????????????????????; do
            [[ $(digest_of "$blob") == "${blob##*/}" ]]
        done
    done
    # And back: gzip of what came as zstd. Nothing is left of the work.
    push -q --compression gzip "$REPOSITORY:zstd" "$REPOSITORY:gzip"
    assert_status 0
    [[ $(raw "$REPOSITORY:gzip" | jq -r '[.layers[].mediaType] | unique[]') == application/vnd.oci.image.layer.v1.tar+gzip ]]
    is_empty "$ROOT/ingest"
}

@test "push: a list goes with all its images, if all are here" {
    try ruche image copy -q --all --src-tls-verify=false "docker://$HIVE/no" store:x
    assert_error 125 '*'
    push -q localhost/app:1 "$REPOSITORY:amd"
    # A list by podman's and buildah's way: made in the registry by skopeo from two tags.
    digest=$(raw "$REPOSITORY:amd" | sha256sum | cut -d ' ' -f 1)
    size=$(raw "$REPOSITORY:amd" | wc -c)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"platform":{"os":"linux","architecture":"amd64"}}]}' \
        "$digest" "$size" >index.json
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @index.json \
        "http://${REPOSITORY/\///v2/}/manifests/list"
    try ruche image copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$REPOSITORY:list" "docker://$REPOSITORY-all:list"
    assert_status 0
    cmp <(raw "$REPOSITORY-all:list") index.json
    skopeo copy -q --all --src-tls-verify=false "docker://$REPOSITORY-all:list" dir:list
}

@test "push: all tags of a repository" {
    ruche tag localhost/app:1 "$REPOSITORY:a"
    ruche tag localhost/app:1 "$REPOSITORY:b"
    push -q -a "$REPOSITORY"
    assert_status 0
    [[ $(ruche image tags --tls-verify=false "$REPOSITORY" | sort | xargs) == "a b" ]]
    push -a "$REPOSITORY-not"
    assert_error 125 'there is no image of the repository *'
}

@test "push: TLS with a certificate of one's own, and a password" {
    registry_start closed tls htpasswd
    closed=$(registry closed)
    mkdir certs
    cp "$BATS_FILE_TMPDIR/closed.registry/domain.crt" certs/ca.crt
    try ruche push -q --cert-dir certs localhost/app:1 "$closed/app:1"
    assert_error 125 "push $closed/app:1: *"
    try ruche push -q --cert-dir certs --creds bee:honey localhost/app:1 "$closed/app:1"
    assert_status 0
    skopeo copy -q --src-tls-verify=false --src-creds bee:honey "docker://$closed/app:1" dir:copy
    registry_stop closed
}

@test "push: what cannot be" {
    push -q nosuch:1 "$REPOSITORY:1"
    assert_error 125 "push $REPOSITORY:1: no image nosuch:1 here"
    push -q localhost/app:1 "$REPOSITORY@sha256:$(printf '%064d' 0)"
    assert_error 125 'push*has a digest, which cannot be given'
    # A blob that is damaged is no blob the registry takes.
    layer=$(jq -r '.layers[0].digest[7:]' "$ROOT/oci/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$ROOT/oci/index.json")")
    printf x | dd of="$ROOT/oci/blobs/sha256/$layer" bs=1 seek=100 conv=notrunc status=none
    push -q localhost/app:1 "$REPOSITORY:damaged"
    assert_error 125 "push $REPOSITORY:damaged: *"
    push -q --compression zstd localhost/app:1 "$REPOSITORY:damaged"
    assert_error 125 "push $REPOSITORY:damaged: pack layer 1 of 2: *damaged*"
    is_empty "$ROOT/ingest"
}
