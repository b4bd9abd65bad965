#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Several client certificates in one directory of certs.d: a server gets the one that is by an authority of its.

load registry

# authority NAME
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=authority $1" \
        -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

# issue NAME AUTHORITY [OPTION...]
issue() {
    local name=$1 authority=$2
    shift 2
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
    openssl x509 -req -in "$name.csr" -CA "$authority.crt" -CAkey "$authority.key" -CAcreateserial -days 30 -out "$name.cert" \
        "$@" 2>/dev/null
}

# server NAME [OPTION...]: openssl's, for whoever has a certificate; who came is in its log
server() {
    local name=$1 port
    shift
    port=$(port_free)
    openssl s_server -accept "127.0.0.1:$port" -cert server.cert -key server.key -WWW -http_server_binmode -Verify 3 \
        -verify_return_error "$@" >"$name.log" 2>&1 3>&- &
    echo $! >"$name.pid"
    echo "$port" >"$name.port"
    eventually grep -q ACCEPT "$name.log"
}

setup_file() {
    need_all openssl busybox
    cd "$BATS_FILE_TMPDIR"
    make_rootfs rootfs
    make_tar rootfs.tar rootfs
    local name
    for name in one two three middle; do
        authority "$name"
    done
    # An authority below "three".
    issue middle three -extfile <(echo basicConstraints=critical,CA:true)
    cp middle.cert middle.crt
    issue server one -extfile <(echo subjectAltName=IP:127.0.0.1)
    issue by-one one
    issue by-two two
    issue by-middle middle
    cat middle.cert >>by-middle.cert
    server of-two -CAfile two.crt
    server of-three -CAfile three.crt
    server of-any -verifyCAfile two.crt
}

teardown_file() {
    local pid
    for pid in "$BATS_FILE_TMPDIR"/*.pid; do
        kill "$(cat "$pid")" 2>/dev/null || true
    done
}

setup() {
    common_setup
    F=$BATS_FILE_TMPDIR
    export HOME=$BATS_TEST_TMPDIR/home
    unset XDG_CONFIG_HOME XDG_RUNTIME_DIR REGISTRY_AUTH_FILE DOCKER_CONFIG CONTAINERS_REGISTRIES_CONF
}

# has SERVER IDENTITY...: the user has these for it
has() {
    local host name
    host=127.0.0.1:$(cat "$F/$1.port")
    shift
    CERTS=$HOME/.config/containers/certs.d/$host
    URL=https://$host/rootfs.tar
    mkdir -p "$CERTS"
    rm -f "$CERTS"/*
    cp "$F/one.crt" "$CERTS/ca.crt"
    for name in "$@"; do
        cp "$F/$name.cert" "$F/$name.key" "$CERTS/"
    done
}

fetches() {
    try ruche import -q "$URL" fetched
    [[ $status == 0 ]] || fail "$stderr"
    ruche rmi fetched >/dev/null
}

refused() {
    try ruche import -q "$URL" fetched
    stderr=$(grep -v '^ruche: warning: .*; asked again in ' <<<"$stderr")
    assert_refused "$1"
}

@test "the one that is by an authority of the server's" {
    has of-two by-one by-two by-middle
    fetches
    grep -q 'CN = by-two' "$F/of-two.log" || fail "$(cat "$F/of-two.log")"
    ! grep -q 'CN = by-one' "$F/of-two.log" || fail "another was shown"
}

@test "by an authority that is by one of the server's" {
    has of-three by-one by-middle by-two
    fetches
    grep -q 'CN = by-middle' "$F/of-three.log" || fail "$(cat "$F/of-three.log")"
}

@test "one alone is shown to everybody, of none the server is told nothing" {
    has of-two by-two
    fetches
    has of-two by-one
    refused 'import: *'
    has of-two
    refused 'import: *: it wants a certificate of yours; put it into certs.d/127.0.0.1:*'
}

@test "several, and none is by an authority of the server's" {
    has of-two by-one by-middle
    refused 'import: *: it wants a certificate of yours by an authority it names, and none of those in certs.d/127.0.0.1:* is'
}

@test "a key that is another one's, or has a password" {
    has of-two by-one by-two by-middle
    cp "$F/by-one.key" "$CERTS/by-two.key"
    refused 'import: *: it wants a certificate of yours by an authority it names, and none of those *'
    openssl pkey -in "$F/by-two.key" -aes256 -passout pass:secret -out "$CERTS/by-two.key"
    refused 'import: *: it wants a certificate of yours by an authority it names, and none of those *'
}

@test "of a server that names no authority, the first" {
    has of-any by-two by-one
    mv "$CERTS/by-one.cert" "$CERTS/z.cert"
    mv "$CERTS/by-one.key" "$CERTS/z.key"
    fetches
}
