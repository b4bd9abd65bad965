#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Lists of images for several platforms: made, changed, used, handed on.

load registry

setup_file() {
    need_all busybox jq tar
    cd "$BATS_FILE_TMPDIR"
    make_rootfs rootfs
    make_tar rootfs.tar rootfs
}

# Images own:1, arm:1 (linux/arm64) and vax:1 (linux/vax).
setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    ruche import -q -c 'CMD ["sh","-c","echo own"]' "$BATS_FILE_TMPDIR/rootfs.tar" own:1 >own
    ruche import -q --platform linux/arm64 -c 'ENV A=arm' "$BATS_FILE_TMPDIR/rootfs.tar" arm:1 >arm
    ruche import -q --platform linux/vax -c 'ENV A=vax' "$BATS_FILE_TMPDIR/rootfs.tar" vax:1 >vax
}

# A registry that a test has started goes, however the test ends.
teardown() {
    registry_stop hive
    containers_teardown
}

# list FILTER: of the document
list() {
    ruche manifest inspect l:1 | jq -cr "$1"
}

manifest_of() {
    ruche inspect --type image "$1" | jq -r '.[0].RepoDigests[0]' | cut -d@ -f2
}

@test "a list is made of images, and is this machine's" {
    local digest
    digest=$(ruche manifest create l:1 own:1 vax:1)
    [[ $(ruche images -q --no-trunc l) == "$digest" ]]
    [[ $(list .mediaType) == application/vnd.oci.image.index.v1+json ]]
    [[ $(list '[.manifests[].platform.architecture]') == *'"vax"]' ]]
    [[ $(list '.manifests[1].digest') == "$(manifest_of vax:1)" ]]
    [[ $(ruche inspect --type image l:1 | jq -r '.[0].Id') == "$(<own)" ]]
    try ruche run --rm l:1
    assert_output own
    ruche system check
}

@test "a list keeps its images, and they go with it" {
    ruche manifest create l:1 own:1 arm:1 vax:1 >/dev/null
    ruche rmi own:1 arm:1 vax:1 >/dev/null
    ruche image prune -f >/dev/null
    [[ $(find "$ROOT/oci/blobs/sha256" -type f | wc -l) == 8 ]]
    try ruche run --rm l:1
    assert_output own
    [[ $(ruche inspect --type image "$(<vax)" | jq -r '.[0].Architecture') == vax ]]
    try ruche rmi "$(<vax)"
    assert_status 1
    [[ $stderr == *'belongs to the list l:1'* ]]
    ruche create --name box l:1 >/dev/null
    try ruche manifest rm l:1
    assert_status 1
    [[ $stderr == *'is used by container box'* ]]
    ruche rm box >/dev/null
    ruche manifest rm l:1 >/dev/null
    store_is_empty
}

@test "lists are changed" {
    ruche manifest create l:1 >/dev/null
    [[ $(list '.manifests') == '[]' ]]
    ruche manifest add l:1 own:1 >/dev/null
    ruche manifest add --arch arm --variant v6 --os-version 7 --os-features a --annotation 'k=v w' l:1 arm:1 >/dev/null
    [[ $(list '.manifests[1].platform') == '{"architecture":"arm","os":"linux","os.version":"7","os.features":["a"],"variant":"v6"}' ]]
    [[ $(list '.manifests[1].annotations') == '{"k":"v w"}' ]]
    ruche manifest annotate --variant '' --arch arm64 --annotation k=x l:1 "$(manifest_of arm:1)" >/dev/null
    [[ $(list '.manifests[1].platform') == '{"architecture":"arm64","os":"linux","os.version":"7","os.features":["a"]}' ]]
    [[ $(list '.manifests[1].annotations.k') == x ]]
    # twice is once
    ruche manifest add l:1 arm:1 >/dev/null
    [[ $(list '.manifests | length') == 2 ]]
    [[ $(list '.manifests[1].platform | keys') == '["architecture","os"]' ]]
    ruche manifest create --amend l:1 vax:1 >/dev/null
    [[ $(list '.manifests | length') == 3 ]]
    ruche manifest remove l:1 vax:1 "$(manifest_of arm:1)" >/dev/null
    [[ $(list '.manifests | length') == 1 ]]
    # what it was is not left
    [[ $(ruche images -q --filter dangling=true | wc -l) == 0 ]]
    ruche system check
}

@test "a list that has two names: the other one stays as it was" {
    ruche manifest create l:1 own:1 >/dev/null
    ruche tag l:1 m:1
    ruche manifest add l:1 vax:1 >/dev/null
    [[ $(ruche manifest inspect m:1 | jq '.manifests | length') == 1 ]]
    [[ $(list '.manifests | length') == 2 ]]
}

@test "lists refuse what is none" {
    ruche manifest create l:1 own:1 >/dev/null
    try ruche manifest create l:1 own:1
    assert_error 125 '*there is a list l:1; add to it with --amend*'
    try ruche manifest create own:1 vax:1
    assert_error 125 '*own:1 is an image, and no list*'
    try ruche manifest add own:1 vax:1
    assert_error 125 '*own:1 is an image, and no list*'
    try ruche manifest add none:1 vax:1
    assert_error 125 '*no list none:1 here'
    try ruche manifest add l:1 none:1
    assert_error 125 '*no image none:1 here; pull or load it first'
    try ruche manifest remove l:1 vax:1
    assert_error 125 '*vax:1 is not in the list'
    try ruche manifest annotate --annotation x l:1 own:1
    assert_error 125 '*is no KEY=VALUE*'
    try ruche manifest create Upper:1
    assert_error 125 '*is no image name*'
    try ruche manifest inspect 127.0.0.1:1/none:1
    assert_error 125 '127.0.0.1:1/none:1 is not here: inspect 127.0.0.1:1/none:1: *cannot be reached*'
    try ruche manifest rm own:1
    assert_status 1
    assert_stderr 'ruche: own:1 is an image, and no list'
    ruche manifest create foreign:1 vax:1 >/dev/null
    try ruche image inspect foreign:1
    assert_status 1
    assert_stderr 'ruche: the list foreign:1 has no image for this machine; see what it has by "manifest inspect"'
    try ruche history foreign:1
    assert_error 125 'the list foreign:1 has no image for this machine*'
    [[ $(list '.manifests | length') == 1 ]]
}

@test "a list of a list's images" {
    ruche manifest create l:1 own:1 vax:1 >/dev/null
    ruche manifest create m:1 l:1 >/dev/null
    [[ $(ruche manifest inspect m:1 | jq '.manifests | length') == 1 ]]
    ruche manifest create --all n:1 l:1 >/dev/null
    [[ $(ruche manifest inspect n:1 | jq '.manifests | length') == 2 ]]
}

@test "a list is saved with all its images, or with one" {
    need_all skopeo
    ruche manifest create example.org/l:1 own:1 arm:1 >/dev/null
    ruche save --format oci-archive -o all.tar example.org/l:1
    [[ $(tar -tf all.tar | grep -c 'blobs/sha256/.') == 6 ]]
    [[ $(skopeo inspect --raw oci-archive:all.tar:example.org/l:1 | jq '.manifests | length') == 2 ]]
    skopeo copy -q --all oci-archive:all.tar:example.org/l:1 oci:layout:l
    [[ $(skopeo --override-arch arm64 inspect --config oci:layout:l | jq -r .architecture) == arm64 ]]
    ruche save --format oci-archive --platform linux/arm64 -o arm.tar example.org/l:1
    [[ $(skopeo --override-arch arm64 inspect --config oci-archive:arm.tar | jq -r .architecture) == arm64 ]]
    ruche save --platform arm64 -o docker.tar example.org/l:1
    [[ $(tar -xOf docker.tar manifest.json | jq -r '.[0].Config') == "$(cut -d: -f2 arm).json" ]]
    ruche save -o docker.tar example.org/l:1
    [[ $(tar -xOf docker.tar manifest.json | jq -r '.[0].Config') == "$(cut -d: -f2 own).json" ]]
    try ruche save --platform linux/vax -o x.tar example.org/l:1
    assert_error 125 '*no image for that platform here'
}

@test "a list is pushed with its images" {
    need_all docker-registry skopeo
    local address name
    registry_start hive
    address=$(registry hive)
    name=$address/l:1
    ruche manifest create "$name" own:1 arm:1
    ruche manifest push --tls-verify=false -q "$name"
    [[ $(skopeo inspect --tls-verify=false --raw "docker://$name" | jq '.manifests | length') == 2 ]]
    [[ $(skopeo --override-arch arm64 inspect --tls-verify=false --config "docker://$name" | jq -r .architecture) == arm64 ]]
    # An image that was taken from a list does not hide the list's own digest.
    ruche tag "$name" copy:1
    ruche pull -q --tls-verify=false --platform linux/arm64 "$name" >/dev/null
    try ruche images --tree
    assert_status 0
    [[ $output == *copy:1* ]] || fail "$output"
    ruche manifest push --purge --tls-verify=false -q copy:1 "$address/m:2"
    [[ -z $(ruche images -q copy:1) ]]
    # What is not here is the registry's.
    [[ $(ruche manifest inspect --tls-verify=false "$address/m:2" | jq '.manifests | length') == 2 ]]
}
