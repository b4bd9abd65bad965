#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2164 # bats ends at a cd that fails
#
# Docker's daemon and client with `ruche registry serve`: one registry for everybody, and one with TLS and passwords.

load daemons

setup_file() {
    engine_file registries_begin
}

registries_begin() {
    engine_needs htpasswd openssl curl || return 1
    [[ -x ${RUCHE%/*}/ruche-registry ]] || unavailable "it was built without libmicrohttpd" || return 1
    cd "$BATS_FILE_TMPDIR"
    openssl req -newkey rsa:2048 -x509 -sha256 -days 2 -nodes -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout key.pem -out cert.pem 2>/dev/null
    htpasswd -Bbc users bee secret 2>/dev/null
    docker_begin && registry_begin open 5000 && registry_begin closed 5001 --tls-cert cert.pem --tls-key key.pem --htpasswd users
}

# registry_begin NAME PORT [OPTION...]: in the machine, with a store in the directory of that name
registry_begin() {
    local name=$1 port=$2
    shift 2
    machine_daemon machine "$name.log" "$RUCHE" --root "$BATS_FILE_TMPDIR/$name" --run "$BATS_FILE_TMPDIR/$name.run" \
        registry serve --listen "127.0.0.1:$port" "$@"
    eventually grep -qs 'listening on' "$name.log" || fail "the registry does not serve:" "$(<"$name.log")"
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

# The program on a registry's store.
ruche_of() {
    local name=$1
    shift
    "$RUCHE" --root "$BATS_FILE_TMPDIR/$name" --run "$BATS_FILE_TMPDIR/$name.run" "$@"
}

# Pushes bee by a name, removes that, pulls and runs it.
there_and_back() {
    docker tag bee "$1"
    docker push -q "$1"
    docker rmi "$1" >/dev/null
    docker pull -q "$1"
    [[ $(docker run --rm "$1" echo hello) == hello ]]
    docker rmi "$1" >/dev/null
}

@test "registry: docker pushes and pulls" {
    there_and_back 127.0.0.1:5000/team/bee:1
    [[ $(ruche_of open run --rm team/bee:1 echo hello) == hello ]]
    # Once more, of what is there already.
    there_and_back 127.0.0.1:5000/other:1
    [[ $(ruche_of open images -q | sort -u | wc -l) == 1 ]]
}

@test "registry: docker logs in" {
    docker tag bee 127.0.0.1:5001/bee
    run docker push -q 127.0.0.1:5001/bee
    [[ $status != 0 && $output == *'no basic auth credentials'* ]] || fail "$output"
    run docker login -u bee --password-stdin 127.0.0.1:5001 <<<wrong
    [[ $status != 0 ]]
    docker login -u bee --password-stdin 127.0.0.1:5001 <<<secret
    there_and_back 127.0.0.1:5001/bee
    docker logout 127.0.0.1:5001
    run docker pull -q 127.0.0.1:5001/bee
    [[ $status != 0 ]]
}
