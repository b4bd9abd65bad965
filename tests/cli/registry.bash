# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # bats sets status, output, stderr and their lines
#
# Registries on loopback, Debian's docker-registry: what the tests of pull and push have in common, on top of images.bash. One
# is started in setup_file and stopped in teardown_file; its address is in a file, as bats runs each test in a shell of its own.

load images

# A port that nobody listens on.
port_free() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 40000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || {
            echo "$port"
            return
        }
    done
    fail "no port is free"
}

# registry_start NAME [tls] [htpasswd]: the registry NAME; the user is bee, his password honey. registry NAME gives its address,
# what it was asked is in its log.
registry_start() {
    local home=$BATS_FILE_TMPDIR/$1.registry port
    shift
    mkdir -p "$home"
    port=$(port_free)
    {
        printf 'version: 0.1\nlog: {level: info, accesslog: {disabled: false}}\n'
        printf 'storage: {filesystem: {rootdirectory: "%s"}, delete: {enabled: true}}\n' "$home/data"
        printf 'validation: {manifests: {urls: {allow: [".*"]}}}\n' # foreign layers
        printf 'http:\n  addr: "127.0.0.1:%s"\n' "$port"
        if [[ " $* " == *" tls "* ]]; then
            certificate_make "$home"
            printf '  tls: {certificate: "%s", key: "%s"}\n' "$home/domain.crt" "$home/domain.key"
        fi
        if [[ " $* " == *" htpasswd "* ]]; then
            htpasswd -Bbn bee honey >"$home/htpasswd"
            printf 'auth: {htpasswd: {realm: hive, path: "%s"}}\n' "$home/htpasswd"
        fi
    } >"$home/config.yml"
    docker-registry serve "$home/config.yml" >"$home/log" 2>&1 3>&- &
    echo $! >"$home/pid"
    echo "127.0.0.1:$port" >"$home/address"
    eventually registry_answers "$port" || {
        cat "$home/log" >&2
        return 1
    }
}

registry_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A certificate as people make them for a registry of their own.
certificate_make() {
    openssl req -new -newkey rsa:4096 -x509 -sha256 -days 365 -nodes -subj '/CN=127.0.0.1' \
        -addext 'subjectAltName=IP:127.0.0.1' -out "$1/domain.crt" -keyout "$1/domain.key" 2>/dev/null
}

registry() {
    cat "$BATS_FILE_TMPDIR/$1.registry/address"
}

registry_log() {
    cat "$BATS_FILE_TMPDIR/$1.registry/log"
}

registry_stop() {
    local pid
    pid=$(cat "$BATS_FILE_TMPDIR/$1.registry/pid") && kill "$pid" 2>/dev/null
    rm -rf "$BATS_FILE_TMPDIR/$1.registry"
}
