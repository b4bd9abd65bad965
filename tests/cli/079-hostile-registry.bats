#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Registries that lie (tests/registry/hostile.py): one clear line each, no credentials to strangers, nothing stored, and an honest
# registry is good for a pull afterwards. Those that only have bad luck are gone on with.

load images

setup_file() {
    need_all python3
    mkdir -p "$BATS_FILE_TMPDIR/hostile"
    # It ends with its standard input.
    mkfifo "$BATS_FILE_TMPDIR/end"
    python3 "$PROJECT/tests/registry/hostile.py" "$BATS_FILE_TMPDIR/hostile" <"$BATS_FILE_TMPDIR/end" \
        >"$BATS_FILE_TMPDIR/hostile.log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    sleep 1000000 >"$BATS_FILE_TMPDIR/end" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/holder"
    eventually test -e "$BATS_FILE_TMPDIR/hostile/port"
}

teardown_file() {
    kill "$(cat "$BATS_FILE_TMPDIR/holder")" "$(cat "$BATS_FILE_TMPDIR/pid")" 2>/dev/null || true
}

setup() {
    common_setup
    HOST=127.0.0.1:$(cat "$BATS_FILE_TMPDIR/hostile/port")
    export HOME=$BATS_TEST_TMPDIR/home
    unset XDG_CONFIG_HOME XDG_RUNTIME_DIR REGISTRY_AUTH_FILE DOCKER_CONFIG
    mkdir -p "$HOME"
}

pull() {
    try ruche pull -q --tls-verify=false "$@" "$HOST/$NAME/image:latest"
}

# What the stranger was asked, with whose credentials.
stranger_knows() {
    grep -E "^other .* (Basic|Bearer) " "$BATS_FILE_TMPDIR/hostile/requests"
}

# lies NAME PATTERN [OPTION...]: the pull fails by one line like the pattern, and nothing is left but what may be gone on with
lies() {
    NAME=$1
    local pattern=$2
    shift 2
    pull "$@"
    stderr=$(grep -v "^ruche: warning: $HOST: .*; asked again in " <<<"$stderr") # told while it goes on
    assert_refused "$pattern"
    if stranger_knows; then fail "$NAME: the stranger has credentials"; fi
}

# Afterwards an honest registry is as good as ever, whatever the liar has left.
honest_works() {
    NAME=honest
    pull
    assert_status 0
    try ruche system check
    assert_status 0
    ruche rmi -f "$HOST/honest/image" >/dev/null
}

# copes NAME [OPTION...]: the pull succeeds
copes() {
    NAME=$1
    shift
    pull "$@"
    assert_status 0
    try ruche system check
    assert_status 0
    ruche rmi -f "$HOST/$NAME/image" >/dev/null
    ruche image prune -af >/dev/null
    if stranger_knows; then fail "$NAME: the stranger has credentials"; fi
}

@test "digests that are not true" {
    lies wrong-digest '*layer 1 of 1*damaged*'
    lies wrong-manifest '*has another digest*'
    lies wrong-header '*has another digest*'
    honest_works
}

@test "sizes that are not true" {
    lies more-bytes '*more comes than the * bytes that were promised*'
    lies less-bytes '*it ends after * of the * bytes promised*'
    lies wrong-length '*bytes and not the * that were promised*'
    lies layer-huge '*is 1000000000000000 bytes long, and the image store takes at most 68719476736'
    honest_works
}

@test "tokens without end, of megabytes, with line breaks, and none" {
    lies auth-forever '*does not accept the credentials*' --creds user:secret
    lies token-huge '*token of *longer than*' --creds user:secret
    lies token-none '*holds no token*' --creds user:secret
    lies token-control '*holds no token*' --creds user:secret
    lies realm-redirect '*access is denied*' --creds user:secret
    lies basic '*log in by: ruche login*'
    lies bearer '*log in by: ruche login*'
    honest_works
}

@test "credentials are for the registry, whoever it redirects to" {
    copes basic --creds user:secret
    copes bearer --creds user:secret
    copes anonymous
    copes redirect --creds user:secret
    lies redirect-401 '*' --creds user:secret
    lies redirect-loop '*redirect*' --creds user:secret
    lies redirect-file '*' --creds user:secret
}

@test "answers without end" {
    lies headers-endless '*headers are longer than*'
    lies manifest-endless '*answer is longer than*'
    lies errors-endless '*HTTP 400*'
    honest_works
}

@test "answers that are none" {
    lies not-http '*is no HTTP*'
    lies errors-html '*HTTP 500*'
    lies errors-gzip '*HTTP 400*'
    lies manifest-v1 '*schema 1*'
    lies errors-escapes '*access is denied*'
    [[ $stderr != *$'\e'* ]] || fail 'an escape sequence has got to the terminal'
}

@test "indexes of indexes, and of themselves" {
    lies index-deep '*deeper than*'
    lies index-self '*another digest*'
    honest_works
}

@test "ranges that were not asked for" {
    copes range-refused
    copes resets-once
    copes range-lie
}

@test "connections that are reset after each 64 KiB, and servers that are busy for a while" {
    copes resets
    copes busy
    copes trouble
}

@test "a server that is always in trouble" {
    lies trouble-always '*503*'
    honest_works
}

@test "uploads that lead elsewhere get no credentials" {
    local name
    ruche run --rm --network none busybox true
    for name in upload-other upload-breaks upload-whole upload-lost upload-commit honest; do
        ruche tag busybox "$HOST/$name/mine:1"
        try ruche push -q --tls-verify=false --creds user:secret "$HOST/$name/mine:1"
        if [[ $name != upload-other ]]; then
            assert_status 0
        fi
        if stranger_knows; then fail "$name: the stranger has credentials"; fi
    done
}

@test "lists of tags that come back to their beginning, or never end" {
    NAME=tags-loop
    try ruche image tags --tls-verify=false "$HOST/tags-loop/image"
    assert_error 125 '*'
    try ruche image tags --tls-verify=false "$HOST/tags-endless/image"
    assert_error 125 '*'
    try ruche image tags --tls-verify=false "$HOST/tags-other/image"
    if stranger_knows; then fail 'the stranger has credentials'; fi
    try ruche image tags --tls-verify=false "$HOST/tags-pages/image"
    assert_status 0
}
