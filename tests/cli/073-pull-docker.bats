#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2164 # bats ends at a cd that fails
#
# Docker's daemon on the other side of a docker-registry: what it pushed is pulled, and what we push it pulls.

load daemons

setup_file() {
    engine_file registry_begin
}

registry_begin() {
    engine_needs docker-registry skopeo && docker_begin && docker_registry_start machine "$BATS_FILE_TMPDIR" 5000
}

teardown_file() {
    docker_closes_well
}

setup() {
    engine_setup
}

teardown() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || return 0
    docker_ends_well
}

# The program in the machine, where the registry is.
ours() {
    machine_in machine "$RUCHE" --root "$BATS_TEST_TMPDIR/root" --run "$BATS_TEST_TMPDIR/run" "$@"
}

@test "docker: what it pushed is pulled, and what is pushed it pulls" {
    docker tag bee 127.0.0.1:5000/bee:1
    docker push -q 127.0.0.1:5000/bee:1
    ours pull -q 127.0.0.1:5000/bee:1
    [[ $(docker image inspect -f '{{.Id}}' bee) == "$(ours images -q --no-trunc)" ]]

    ours push -q 127.0.0.1:5000/bee:1 127.0.0.1:5000/ours:1
    ours push -q --format oci 127.0.0.1:5000/bee:1 127.0.0.1:5000/ours:oci
    ours push -q --format v2s2 --compression gzip 127.0.0.1:5000/bee:1 127.0.0.1:5000/ours:docker
    docker rmi 127.0.0.1:5000/bee:1 >/dev/null
    for tag in 1 oci docker; do
        docker pull -q "127.0.0.1:5000/ours:$tag"
        [[ $(docker run --rm "127.0.0.1:5000/ours:$tag" echo hello) == hello ]]
        docker rmi "127.0.0.1:5000/ours:$tag" >/dev/null
    done
}
