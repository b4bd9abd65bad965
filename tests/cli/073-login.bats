#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Logging in to registries and out of them, and what the user's files say of registries: as ruche reads and writes them, and as
# skopeo does.

load registry

setup_file() {
    need_all docker-registry htpasswd openssl skopeo jq
    cd "$BATS_FILE_TMPDIR"
    registry_start hive htpasswd
    registry_start nest tls htpasswd
    skopeo copy -q --dest-tls-verify=false --dest-creds bee:honey "oci-archive:${RUCHE%/*}/busybox.tar" \
        "docker://$(registry hive)/box/busybox:1"
}

teardown_file() {
    registry_stop hive
    registry_stop nest
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    HIVE=$(registry hive)
    NEST=$(registry nest)
    export HOME=$BATS_TEST_TMPDIR/home XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
    export CONTAINERS_REGISTRIES_CONF=$BATS_TEST_TMPDIR/registries.conf
    unset XDG_CONFIG_HOME DOCKER_CONFIG REGISTRY_AUTH_FILE
    mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
    : >"$CONTAINERS_REGISTRIES_CONF"
    AUTH=$XDG_RUNTIME_DIR/containers/auth.json
    TMUX_SOCKET=$BATS_TEST_TMPDIR/tmux
}

teardown() {
    tmux -S "$TMUX_SOCKET" kill-server 2>/dev/null || true
    common_teardown
}

# login PASSWORD [ARGUMENT...]: as bee
login() {
    local password=$1
    shift
    run --separate-stderr ruche login -u bee --password-stdin "$@" <<<"$password"
}

# helper_make: a credential helper "jar" in PATH, which keeps a file a server in the directory jar
helper_make() {
    mkdir -p bin jar
    cat >bin/docker-credential-jar <<END
#!/bin/sh
input=\$(cat)
kept() { echo "$PWD/jar/\$(printf %s "\$1" | tr -c 'a-zA-Z0-9\n' _)"; }
case \$1 in
get) cat "\$(kept "\$input")" 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; } ;;
store) printf %s "\$input" >"\$(kept "\$(printf %s "\$input" | jq -r .ServerURL)")" ;;
erase) rm -f "\$(kept "\$input")" ;;
esac
END
    chmod +x bin/docker-credential-jar
    export PATH=$PWD/bin:$PATH
}

# ---- in and out ----

@test "login asks the registry, stores, and skopeo is logged in as well" {
    login honey "$HIVE"
    assert_status 0
    assert_output 'Login Succeeded'
    [[ $stderr == '' ]]
    [[ $(stat -c %a "$AUTH") == 600 ]]
    run skopeo login --get-login "$HIVE"
    assert_output bee
    skopeo inspect --tls-verify=false "docker://$HIVE/box/busybox:1" >/dev/null
    run --separate-stderr ruche login --get-login "$HIVE"
    assert_output bee
    run --separate-stderr ruche login -v --tls-verify=false "$HIVE" </dev/null
    assert_status 0
    assert_output 'Login Succeeded'
}

@test "logout forgets, as skopeo sees" {
    login honey "$HIVE"
    run --separate-stderr ruche logout "$HIVE"
    assert_status 0
    assert_output "Removed login credentials for $HIVE"
    run skopeo login --get-login "$HIVE"
    ((status != 0))
    run --separate-stderr ruche logout "$HIVE"
    assert_status 0
    assert_output "Not logged in to $HIVE"
    run --separate-stderr ruche login --get-login "$HIVE"
    assert_status 125
    assert_stderr "ruche: nobody is logged in to $HIVE"
}

@test "what skopeo stored is used, and forgotten" {
    skopeo login --tls-verify=false -u bee -p honey "$HIVE" >/dev/null
    run --separate-stderr ruche login --get-login "$HIVE"
    assert_output bee
    run --separate-stderr ruche pull -q "$HIVE/box/busybox:1"
    assert_status 0
    run --separate-stderr ruche logout --all
    assert_output "Removed login credentials for $HIVE"
    run --separate-stderr ruche pull -q "$HIVE/box/busybox:1"
    assert_status 125
    ruche rmi "$HIVE/box/busybox:1" >/dev/null
}

@test "a wrong password is refused, and nothing is stored" {
    login vinegar "$HIVE"
    assert_status 125
    assert_output ''
    assert_stderr "ruche: log in to $HIVE: *401*"
    [[ $stderr != *vinegar* && ! -e $AUTH ]]
    login honey "$HIVE"
    login vinegar "$HIVE"
    assert_status 125
    run --separate-stderr ruche pull -q "$HIVE/box/busybox:1"
    assert_status 0
    ruche rmi "$HIVE/box/busybox:1" >/dev/null
}

@test "a password on the command line is warned of" {
    run --separate-stderr ruche login -u bee -p honey "$HIVE"
    assert_status 0
    assert_output 'Login Succeeded'
    assert_stderr 'ruche: warning: *--password-stdin'
}

@test "usage that is wrong" {
    run --separate-stderr ruche login -p honey --password-stdin "$HIVE" </dev/null
    assert_usage_error '--password and --password-stdin*'
    run --separate-stderr ruche login --password-stdin "$HIVE" </dev/null
    assert_usage_error '--password-stdin needs --username*'
    run --separate-stderr ruche login -u bee "$HIVE" </dev/null
    assert_usage_error '*no terminal*--password-stdin*'
    run --separate-stderr ruche login -u bee:x --password-stdin "$HIVE" <<<honey
    assert_usage_error '--username*'
    run --separate-stderr ruche login --tls-verify=perhaps "$HIVE"
    assert_usage_error '--tls-verify*'
    run --separate-stderr ruche logout --all "$HIVE"
    assert_usage_error '--all*'
    login '' "$HIVE"
    assert_status 125
    assert_stderr 'ruche: *empty*'
    login honey busybox
    assert_status 125
    assert_stderr 'ruche: "busybox" is no registry*'
}

@test "a namespace has credentials of its own" {
    login honey "$HIVE/box"
    assert_status 0
    run jq -r '.auths | keys[]' "$AUTH"
    assert_output "$HIVE/box"
    run --separate-stderr ruche pull -q "$HIVE/box/busybox:1"
    assert_status 0
    run --separate-stderr ruche login --get-login "$HIVE"
    assert_status 125
    run --separate-stderr ruche pull -q "$HIVE/other/busybox:1"
    assert_status 125
    ruche rmi "$HIVE/box/busybox:1" >/dev/null
}

@test "--authfile and REGISTRY_AUTH_FILE name another file" {
    login honey --authfile mine.json "$HIVE"
    assert_status 0
    [[ ! -e $AUTH ]]
    run --separate-stderr ruche login --authfile mine.json --get-login "$HIVE"
    assert_output bee
    run --separate-stderr ruche login --get-login "$HIVE"
    assert_status 125
    REGISTRY_AUTH_FILE=mine.json run --separate-stderr ruche login --get-login "$HIVE"
    assert_output bee
    run --separate-stderr ruche pull -q --authfile absent.json "$HIVE/box/busybox:1"
    assert_status 125
    assert_stderr 'ruche: *--authfile absent.json*'
}

# ---- docker's file ----

@test "docker's config.json: used, left alone, and kept whole where it is named" {
    mkdir "$HOME/.docker"
    printf '{"HttpHeaders":{"X":"y"},"auths":{"%s":{"auth":"%s"}},"psFormat":"table {{.ID}}"}' "$HIVE" \
        "$(printf bee:honey | base64)" >"$HOME/.docker/config.json"
    run --separate-stderr ruche pull -q "$HIVE/box/busybox:1"
    assert_status 0
    ruche rmi "$HIVE/box/busybox:1" >/dev/null
    run --separate-stderr ruche logout "$HIVE"
    assert_status 125
    assert_stderr "ruche: logout: *$HOME/.docker/config.json*--authfile*"
    login honey --authfile "$HOME/.docker/config.json" "localhost:${HIVE##*:}"
    assert_status 0
    run --separate-stderr ruche logout --authfile "$HOME/.docker/config.json" "$HIVE"
    assert_status 0
    run jq -c '[.HttpHeaders.X, .psFormat, (.auths | keys)]' "$HOME/.docker/config.json"
    assert_output '["y","table {{.ID}}",["localhost:'"${HIVE##*:}"'"]]'
}

@test "a broken file is named, and its secrets are not shown" {
    mkdir -p "${AUTH%/*}"
    printf '{\n"auths": {"%s": {"auth": "c2VjcmV0' "$HIVE" >"$AUTH"
    run --separate-stderr ruche login --get-login "$HIVE"
    assert_status 125
    assert_stderr "ruche: *$AUTH: line 2*"
    [[ $stderr != *c2VjcmV0* ]]
    login honey "$HIVE"
    assert_status 125
    [[ $(cat "$AUTH") == *c2VjcmV0 ]]
}

# ---- helpers ----

@test "a credential helper keeps what is for its registry" {
    helper_make
    mkdir -p "${AUTH%/*}"
    printf '{"credHelpers":{"%s":"jar"}}' "$HIVE" >"$AUTH"
    login honey -v "$HIVE"
    assert_status 0
    assert_line 'Used: the credential helper jar'
    run jq -c '.auths // "none"' "$AUTH"
    assert_output '"none"'
    run --separate-stderr ruche pull -q "$HIVE/box/busybox:1"
    assert_status 0
    ruche rmi "$HIVE/box/busybox:1" >/dev/null
    run --separate-stderr ruche logout "$HIVE"
    assert_output "Removed login credentials for $HIVE"
    is_empty jar
    rm bin/docker-credential-jar
    run --separate-stderr ruche pull -q "$HIVE/box/busybox:1"
    assert_status 125
    assert_stderr "ruche: *$AUTH: docker-credential-jar is not in PATH"
}

# ---- TLS ----

@test "a certificate of an unknown issuer is refused before anything is sent" {
    login honey "$NEST"
    assert_status 125
    assert_stderr "ruche: log in to $NEST: *"
    [[ ! -e $AUTH ]]
    registry_log nest >log
    run ! grep -q bee log
}

@test "--cert-dir, certs.d and --tls-verify=false make it known" {
    mkdir -p certs "$HOME/.config/containers/certs.d"
    cp "$BATS_FILE_TMPDIR/nest.registry/domain.crt" certs/ca.crt
    login honey --cert-dir certs "$NEST"
    assert_status 0
    login honey "$NEST"
    assert_status 125
    cp -r certs "$HOME/.config/containers/certs.d/$NEST"
    login honey "$NEST"
    assert_status 0
    cp "$BATS_FILE_TMPDIR/nest.registry/domain.crt" "$HOME/.config/containers/certs.d/$NEST/client.cert"
    login honey "$NEST"
    assert_status 125
    assert_stderr "ruche: *client.cert has no key: client.key is missing beside it"
    rm -r "$HOME/.config/containers/certs.d"
    login honey --tls-verify=false "$NEST"
    assert_status 0
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$NEST" >"$CONTAINERS_REGISTRIES_CONF"
    login honey "$NEST"
    assert_status 0
    login honey --tls-verify "$NEST"
    assert_status 125
}

# ---- registries.conf ----

@test "a blocked registry is not talked to" {
    printf '[[registry]]\nlocation = "%s/box"\nblocked = true\n' "$HIVE" >"$CONTAINERS_REGISTRIES_CONF"
    run --separate-stderr ruche pull -q --creds bee:honey "$HIVE/box/busybox:1"
    assert_status 125
    assert_stderr "ruche: *$HIVE/box/busybox is blocked by *$CONTAINERS_REGISTRIES_CONF"
    printf '[[registry]]\nlocation = "%s"\nblocked = true\n' "$HIVE" >"$CONTAINERS_REGISTRIES_CONF"
    login honey "$HIVE"
    assert_status 125
    assert_stderr "ruche: *blocked*"
}

@test "a name is had from where its prefix leads, with the credentials of that place" {
    login honey "$HIVE"
    printf '[[registry]]\nprefix = "shop.example/tools"\nlocation = "%s/box"\n' "$HIVE" >"$CONTAINERS_REGISTRIES_CONF"
    run --separate-stderr ruche pull -q shop.example/tools/busybox:1
    assert_status 0
    run --separate-stderr ruche images --format '{{.Repository}}'
    assert_output shop.example/tools/busybox
    ruche rmi shop.example/tools/busybox:1 >/dev/null
}

@test "a mirror is asked first, with its own credentials, and the registry where it has nothing" {
    login honey "$HIVE"
    cat >"$CONTAINERS_REGISTRIES_CONF" <<END
[[registry]]
location = "localhost:${HIVE##*:}"
[[registry.mirror]]
location = "$HIVE/nothing"
[[registry.mirror]]
location = "$HIVE"
END
    run --separate-stderr ruche pull -q "localhost:${HIVE##*:}/box/busybox:1"
    assert_status 0
    run --separate-stderr ruche images --format '{{.Repository}}'
    assert_output "localhost:${HIVE##*:}/box/busybox"
    ruche rmi "localhost:${HIVE##*:}/box/busybox:1" >/dev/null
    sed -i 's/^location = "localhost.*/&\nmirror-by-digest-only = true/' "$CONTAINERS_REGISTRIES_CONF"
    run --separate-stderr ruche pull -q "localhost:${HIVE##*:}/box/busybox:1"
    assert_status 125
}

@test "short names: aliases, the one registry to search, and never a guess" {
    login honey "$HIVE"
    cat >"$CONTAINERS_REGISTRIES_CONF" <<END
unqualified-search-registries = ["$HIVE"]
[aliases]
"tool" = "$HIVE/box/busybox"
END
    run --separate-stderr ruche pull -q tool:1
    assert_status 0
    # It goes by that name here, too.
    run --separate-stderr ruche tag tool:1 own:1
    assert_status 0
    run --separate-stderr ruche run --rm --network none tool:1 true
    assert_status 0
    ruche rmi own:1 >/dev/null
    run --separate-stderr ruche pull -q box/busybox:1
    assert_status 0
    run --separate-stderr ruche images -q
    ((${#lines[@]} == 1))
    ruche rmi "$HIVE/box/busybox:1" >/dev/null
    printf 'unqualified-search-registries = ["%s", "quay.io"]\n' "$HIVE" >"$CONTAINERS_REGISTRIES_CONF"
    run --separate-stderr ruche pull -q box/busybox:1
    assert_status 125
    assert_stderr "ruche: *\"box/busybox:1\" may be $HIVE/box/busybox:1, quay.io/box/busybox:1; *"
}

@test "short names: where one registry refuses, the next is asked if that is wanted" {
    login honey "localhost:${HIVE##*:}"
    printf 'unqualified-search-registries = ["%s", "localhost:%s"]\nshort-name-mode = "permissive"\n' "$HIVE" "${HIVE##*:}" >"$CONTAINERS_REGISTRIES_CONF"
    run --separate-stderr ruche pull -q box/busybox:1
    assert_status 0
    assert_output "localhost:${HIVE##*:}/box/busybox:1"
    ruche rmi "localhost:${HIVE##*:}/box/busybox:1" >/dev/null
}

@test "an error in registries.conf names file and line" {
    printf '[[registry]]\nlocation = \n' >"$CONTAINERS_REGISTRIES_CONF"
    login honey "$HIVE"
    assert_status 125
    assert_stderr "ruche: *$CONTAINERS_REGISTRIES_CONF: line 2: *"
}

# ---- at a terminal ----

# window COMMAND: in tmux
window() {
    need tmux
    local after="echo \"ended with \$?\"; stty -a | grep -o ' -*echo '; sleep 10000"
    tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x 100 -y 24 "trap : INT; $1; $after"
}

keys() {
    tmux -S "$TMUX_SOCKET" send-keys "$@"
}

shows() {
    tmux -S "$TMUX_SOCKET" capture-pane -p | grep -q -- "$1"
}

@test "a terminal is asked, and does not show the password" {
    window "'$RUCHE' login '$HIVE'"
    eventually shows 'Username:'
    keys bee Enter
    eventually shows 'Password:'
    keys honey Enter
    eventually shows 'ended with 0'
    shows 'Login Succeeded'
    run ! shows honey
    eventually shows '^ echo'
    run --separate-stderr ruche login --get-login "$HIVE"
    assert_output bee
}

@test "Ctrl-C at the password leaves the terminal as it was" {
    window "'$RUCHE' login -u bee '$HIVE'"
    eventually shows 'Password:'
    keys hon C-c
    eventually shows 'ended with 130'
    eventually shows '^ echo'
    run ! shows hon
    [[ ! -e $AUTH ]]
}
