#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# import and load of what a server has (tests/registry/files.py): broken connections, redirects, certificates, and servers that
# have no end.

load registry

# server_start NAME [ARGUMENT...]: files.py with the files of the directory NAME
server_start() {
    local name=$1
    shift
    mkfifo "$BATS_FILE_TMPDIR/$name.end"
    python3 "$PROJECT/tests/registry/files.py" "$BATS_FILE_TMPDIR/$name" "$@" <"$BATS_FILE_TMPDIR/$name.end" \
        >"$BATS_FILE_TMPDIR/$name.log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/$name.pid"
    sleep 1000000 >"$BATS_FILE_TMPDIR/$name.end" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/$name.holder"
    eventually test -e "$BATS_FILE_TMPDIR/$name/port"
}

setup_file() {
    need_all python3 openssl busybox
    cd "$BATS_FILE_TMPDIR"
    make_rootfs rootfs
    mkdir plain tls keys
    make_tar plain/rootfs.tar rootfs
    gzip -k plain/rootfs.tar
    cp plain/rootfs.tar tls/
    make_layout layout there:1 '{"Cmd":["/bin/echo","loaded"]}' plain/rootfs.tar
    tar -C layout -cf plain/layout.tar .
    certificate_make keys
    server_start plain
    server_start tls keys/domain.crt keys/domain.key
}

teardown_file() {
    local pid
    for pid in "$BATS_FILE_TMPDIR"/*.{holder,pid}; do
        kill "$(cat "$pid")" 2>/dev/null || true
    done
}

setup() {
    common_setup
    F=$BATS_FILE_TMPDIR
    PLAIN=http://127.0.0.1:$(cat "$F/plain/port")
    TLS=https://127.0.0.1:$(cat "$F/tls/port")
    export HOME=$BATS_TEST_TMPDIR/home
    unset XDG_CONFIG_HOME XDG_RUNTIME_DIR REGISTRY_AUTH_FILE DOCKER_CONFIG CONTAINERS_REGISTRIES_CONF
    mkdir -p "$HOME"
    : >"$F/plain/requests"
    : >"$F/tls/requests"
}

# fetches URL [OPTION...]: it becomes an image that runs
fetches() {
    local url=$1
    shift
    try ruche import "$@" "$url" fetched
    [[ $status == 0 ]] || fail "$stderr"
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]] || fail "$output"
    [[ $(ruche run --rm fetched /bin/echo hums) == hums ]]
    [[ $(ruche inspect --type image --format '{{json .RootFS.Layers}}' fetched) == "[\"sha256:$(digest_of "$F/plain/rootfs.tar")\"]" ]]
    is_empty "$ROOT/ingest" || fail "something is left in the store"
    ruche rmi fetched >/dev/null
}

# refuses URL PATTERN [OPTION...]
refuses() {
    local url=$1 pattern=$2
    shift 2
    try ruche import -q "$@" "$url" fetched
    stderr=$(grep -v '^ruche: warning: .*; asked again in ' <<<"$stderr") # told while it goes on
    assert_refused "$pattern"
}

@test "import from a server: plain, packed, by chunks, with a query" {
    fetches "$PLAIN/rootfs.tar" -q
    fetches "$PLAIN/rootfs.tar.gz"
    fetches "$PLAIN/chunked/rootfs.tar"
    fetches "$PLAIN/rootfs.tar?x=y&z#part"
    grep -qxF 'GET /rootfs.tar?x=y&z - - -' "$F/plain/requests" || fail "$(cat "$F/plain/requests")"
}

@test "load from a server" {
    try ruche load -q -i "$PLAIN/layout.tar"
    assert_status 0
    assert_output 'Loaded image: there:1'
    [[ $(ruche run --rm there:1) == loaded ]]
    try ruche load -q -i "$PLAIN/rootfs.tar"
    assert_error 125 'load: *'
    ruche rmi there:1 >/dev/null
}

@test "a connection that breaks is gone on with, if the file is still the same" {
    fetches "$PLAIN/breaks/rootfs.tar"
    grep -qxF 'GET /breaks/rootfs.tar bytes=65536- "tag" -' "$F/plain/requests" || fail "$(cat "$F/plain/requests")"
    : >"$F/plain/requests"
    fetches "$PLAIN/forgets/rootfs.tar"
    [[ $(cat "$F/plain/requests") == $'GET /forgets/rootfs.tar - - -\nGET /forgets/rootfs.tar - - -' ]] || fail "$(cat "$F/plain/requests")"
    fetches "$PLAIN/changes/rootfs.tar"
}

@test "redirects, not for ever, and not from TLS to none" {
    fetches "$PLAIN/hop/3/rootfs.tar"
    fetches "$PLAIN/away/$PLAIN/rootfs.tar"
    refuses "$PLAIN/hop/1000/rootfs.tar" 'import: *: it redirects more than 10 times'
    refuses "$TLS/away/$PLAIN/rootfs.tar" 'import: *: it redirects from https to plain HTTP at *' --tls-verify=false
    refuses "$PLAIN/away/file:///etc/passwd" 'import: *: it redirects to what is no URL'
}

@test "certificates: unknown, of certs.d, not looked at" {
    refuses "$TLS/rootfs.tar" "import: ${TLS#https://}: its certificate is self-signed, and not known here; put*"
    fetches "$TLS/rootfs.tar" --tls-verify=false
    # Whom a plain server redirects to is not who was meant.
    refuses "$PLAIN/away/${TLS/127.0.0.1/localhost}/rootfs.tar" 'import: *certificate*' --tls-verify=false
    mkdir -p "$HOME/.config/containers/certs.d/${TLS#https://}"
    cp "$F/keys/domain.crt" "$HOME/.config/containers/certs.d/${TLS#https://}/ca.crt"
    fetches "$TLS/rootfs.tar"
}

@test "registries.conf: insecure and blocked hold for servers, too" {
    mkdir -p "$HOME/.config/containers"
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "${TLS#https://}" >"$HOME/.config/containers/registries.conf"
    fetches "$TLS/rootfs.tar"
    printf '[[registry]]\nlocation = "%s"\nblocked = true\n' "${TLS#https://}" >"$HOME/.config/containers/registries.conf"
    refuses "$TLS/rootfs.tar" 'import: 127.0.0.1:* is blocked by *'
}

@test "credentials are for registries" {
    mkdir -p "$HOME/.docker"
    printf '{"auths":{"%s":{"auth":"dXNlcjpzZWNyZXQ="}}}' "${PLAIN#http://}" >"$HOME/.docker/config.json"
    fetches "$PLAIN/rootfs.tar"
    refuses "$PLAIN/status/401" 'import: *: it wants to know who asks (HTTP 401); passwords are given to registries only*'
    ! grep -q 'Basic\|Bearer' "$F/plain/requests" || fail "credentials were told"
    refuses 'http://user:secret@127.0.0.1:1/x' 'import: a URL with a user*'
    [[ $stderr != *secret* ]] || fail "the password is shown"
}

@test "what is not there, or no URL" {
    refuses "$PLAIN/missing" 'import: *: not found ?HTTP 404?'
    refuses "$PLAIN/status/500" 'import: *: it is in trouble ?HTTP 500?'
    refuses "$PLAIN/empty" 'import: the archive is empty'
    refuses "$PLAIN/short/rootfs.tar" 'import: *: the connection to * broke*'
    refuses "$PLAIN/range-lie/rootfs.tar" 'import: *: another part of it came than was asked for'
    refuses http://127.0.0.1:1/x 'import: 127.0.0.1:1: *cannot be reached: Connection refused'
    refuses ftp://127.0.0.1/x 'import: archives are fetched by http and https only'
    refuses http:///x 'import: the URL names no host'
    refuses "${PLAIN/http:/https:}/rootfs.tar" 'import: *: it does not speak TLS; if it is a server of plain HTTP, write http:// before it'
}

@test "--tls-verify is for servers" {
    try ruche import --tls-verify=false "$F/plain/rootfs.tar"
    assert_status 125
    assert_stderr 'ruche: --tls-verify is for what a URL names*'
    try ruche load --tls-verify=false -i "$F/plain/layout.tar"
    assert_status 125
}

@test "a server without an end: what is free is the end, and is free again" {
    need_root
    try unshare -m bash -c 'mount -t tmpfs -o size=20m none "$1" && shift && exec "$@"' bash \
        "$BATS_TEST_TMPDIR/home" "$RUCHE" --root "$BATS_TEST_TMPDIR/home/root" --run "$RUN" import -q "$PLAIN/endless" fetched
    assert_status 125
    assert_stderr 'ruche: import: *: it is larger than the * bytes there is room for'
    [[ $stderr != *$'\n'* ]] || fail "$stderr"
}

@test "a proxy is asked, but not for what is on this machine" {
    try env http_proxy=http://127.0.0.1:1 "$RUCHE" --root "$ROOT" --run "$RUN" import -q http://files.example/rootfs.tar fetched
    assert_error 125 'import: files.example: *cannot be reached: Connection refused'
    http_proxy=http://127.0.0.1:1 fetches "$PLAIN/rootfs.tar"
    # The server as a proxy: it sees whole URLs.
    try env http_proxy="$PLAIN" "$RUCHE" --root "$ROOT" --run "$RUN" import -q http://files.example/rootfs.tar fetched
    grep -q '^GET http://files.example/rootfs.tar ' "$F/plain/requests" || fail "$(cat "$F/plain/requests")"
}
