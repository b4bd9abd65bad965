# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # bats sets status, output, stderr and their lines
#
# Registries on loopback, Debian's docker-registry: what the tests of pull and push have in common, on top of images.bash. One
# is started in setup_file and stopped in teardown_file; its address is in a file, as bats runs each test in a shell of its own.

load images

# A port that nobody listens on, and that the kernel gives no connection of somebody else's.
port_free() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || {
            echo "$port"
            return
        }
    done
    fail "no port is free"
}

# registry_start NAME [tls] [htpasswd]: the registry NAME; the user is bee, his password honey. registry NAME gives its address,
# whose port the kernel chooses; what it was asked is in its log.
registry_start() {
    local home=$BATS_FILE_TMPDIR/$1.registry
    shift
    mkdir -p "$home"
    {
        printf 'version: 0.1\nlog: {level: info, accesslog: {disabled: false}}\n'
        printf 'storage: {filesystem: {rootdirectory: "%s"}, delete: {enabled: true}}\n' "$home/data"
        printf 'validation: {manifests: {urls: {allow: [".*"]}}}\n' # foreign layers
        printf 'http:\n  addr: "127.0.0.1:0"\n'
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
    eventually registry_tells_address "$home" || {
        cat "$home/log" >&2
        return 1
    }
}

registry_tells_address() {
    sed -n 's/.*msg="listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$1/log" >"$1/address"
    [[ -s $1/address ]]
}

# A certificate as people make them for a registry of their own.
certificate_make() {
    openssl req -new -newkey rsa:4096 -x509 -sha256 -days 365 -nodes -subj '/CN=127.0.0.1' \
        -addext 'subjectAltName=IP:127.0.0.1' -out "$1/domain.crt" -keyout "$1/domain.key" 2>/dev/null
}

registry() {
    cat "$BATS_FILE_TMPDIR/$1.registry/address"
}

# What it was asked. It writes a line when it has answered, and only then closes the connection if the other side has gone:
# as long as there is one, a line may be missing.
registry_log() {
    eventually registry_is_idle "$1" || return 1
    cat "$BATS_FILE_TMPDIR/$1.registry/log"
}

registry_is_idle() {
    local address
    address=$(registry "$1")
    # States 1 and 8: established, and closed by the other side alone.
    awk -v port="$(printf ':%04X' "${address##*:}")" 'substr($2, length($2) - 4) == port && ($4 == "01" || $4 == "08") { found = 1 }
        END { exit found }' /proc/net/tcp
}

# registry_asked NAME PATTERN: how often it was asked for something that fits
registry_asked() {
    local log
    log=$(registry_log "$1") || return 1
    grep -c -- "$2" <<<"$log" || true
}

registry_stop() {
    local home=$BATS_FILE_TMPDIR/$1.registry pid
    pid=$(cat "$home/pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true # if it is a child of this shell
    rm -rf "$home"
}
