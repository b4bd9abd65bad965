#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats sets status, output, stderr and their lines
#
# What we save is loaded by docker, and the other way. One daemon for the file.

load daemons

setup_file() {
    engine_file save_begin
}

save_begin() {
    engine_needs busybox && docker_begin
}

teardown_file() {
    docker_closes_well
}

setup() {
    engine_setup
    make_rootfs rootfs
    make_tar rootfs.tar rootfs
    gzip -k rootfs.tar
}

teardown() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || return 0
    containers_teardown
}

@test "docker loads what is saved: the same image" {
    local packing id
    for packing in rootfs.tar rootfs.tar.gz; do
        id=$(ruche import -q -c 'CMD ["echo","hi"]' -c 'LABEL a=b' "$packing" example.org/app:1)
        ruche tag example.org/app:1 short:2
        ruche save example.org/app:1 short:2 | docker load -q >/dev/null
        [[ $(docker image inspect --format '{{.Id}}' example.org/app:1) == "$id" ]]
        [[ $(docker image inspect --format '{{.Id}}' short:2) == "$id" ]]
        docker rmi -f "$id" >/dev/null
        ruche rmi -f "$id" >/dev/null
    done
}

@test "what docker saves is loaded: the same image" {
    local id
    docker import -c 'CMD ["echo","hi"]' rootfs.tar docker:1 >/dev/null
    docker tag docker:1 docker:2
    id=$(docker image inspect --format '{{.Id}}' docker:1)
    docker save docker:1 docker:2 | ruche load -q >/dev/null
    [[ $(ruche images -q --no-trunc docker:1) == "$id" ]]
    [[ $(ruche images -q --no-trunc docker:2) == "$id" ]]
    try ruche run --rm docker:2
    assert_output hi
    # and back
    docker rmi -f "$id" >/dev/null
    ruche save -o back.tar docker:1
    docker load -qi back.tar >/dev/null
    [[ $(docker image inspect --format '{{.Id}}' docker:1) == "$id" ]]
    docker rmi -f "$id" >/dev/null
}
