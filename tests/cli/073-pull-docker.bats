#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2164 # bats ends at a cd that fails
#
# Docker's daemon on the other side of a docker-registry: what it pushed is pulled, and what we push it pulls.

load engines

setup_file() {
    engine_file registry_begin
}

registry_begin() {
    engine_needs dockerd containerd docker docker-registry skopeo || return 1
    cd "$BATS_FILE_TMPDIR"
    {
        printf 'version: 0.1\nlog: {level: error}\n'
        printf 'storage: {filesystem: {rootdirectory: "%s"}}\nhttp: {addr: "127.0.0.1:5000"}\n' "$BATS_FILE_TMPDIR/data"
    } >config.yml
    machine_open && docker_start machine "$BATS_FILE_TMPDIR" && docker_import "$BATS_FILE_TMPDIR" || return 1
    machine_daemon machine registry.log docker-registry serve "$BATS_FILE_TMPDIR/config.yml"
    local i
    for ((i = 0; i < 100; i++)); do
        ! machine_in machine bash -c 'exec 3<>/dev/tcp/127.0.0.1/5000' 2>/dev/null || return 0
        sleep 0.05
    done
    unavailable "the registry does not serve: $(<registry.log)"
}

teardown_file() {
    closes_well 'containerd-shim-runc-v2 ruche-runtime'
}

setup() {
    engine_setup
}

teardown() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || return 0
    ends_well "$BATS_FILE_TMPDIR/exec/runtime-runc" 'containerd-shim-runc-v2 ruche-runtime'
}

docker() {
    docker_of "$BATS_FILE_TMPDIR" "$@"
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
