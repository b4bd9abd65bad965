#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Pulls that are held up half-way (tests/registry/held.py) by a registry, by each other, or because one of the processes that
# take part in them is killed.

load images

setup_file() {
    need_all python3 flock pgrep
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    export HOME=$BATS_TEST_TMPDIR/home
    unset XDG_CONFIG_HOME XDG_RUNTIME_DIR REGISTRY_AUTH_FILE DOCKER_CONFIG
    mkdir -p "$HOME" registry/held
    for name in one two three; do
        mkdir "$name"
        head -c 1000000 /dev/urandom >"$name/noise"
        make_tar "$name.tar" "$name"
    done
}

# image NAME CREATED-FROM-TAR...: in the registry
image() {
    local name=$1
    shift
    make_layout "registry/$name" 1 '{"Cmd":["/hello"]}' "$@"
}

# Of these archives only the first half comes for now.
hold() {
    local tar
    for tar in "$@"; do
        : >"registry/held/$(digest_of "$tar")"
    done
}

release() {
    rm "registry/held/$(digest_of "$1")"
}

# It ends with its standard input, which this test has.
registry_begin() {
    mkfifo end
    python3 "$PROJECT/tests/registry/held.py" registry <end 3>&- &
    SERVER=$!
    exec 9>end
    eventually test -e registry/port
    HOST=127.0.0.1:$(<registry/port)
}

registry_end() {
    exec 9>&-
    wait "$SERVER"
}

# pull_begin NAME: goes on beside the test, as process $PULL; what it says is in NAME.said
pull_begin() {
    "$RUCHE" --root "$ROOT" --run "$RUN" pull -q --tls-verify=false "$HOST/$1:1" >"$1.said" 2>&1 3>&- 9>&- &
    PULL=$!
}

# asked NAME TAR [FIRST-BYTE]: whether the registry has been asked for it, and sends it or waits
asked() {
    grep -qxF "GET /v2/$1/blobs/sha256:$(digest_of "$2") ${3:-0}" registry/requests
}

partial() {
    echo "$ROOT/partial/$(digest_of "$1").$(stat -c %s "$1")"
}

# half TAR: the half of it that has come is in its file
half() {
    [[ $(stat -c %s "$(partial "$1")" 2>/dev/null) == $(($(stat -c %s "$1") / 2)) ]]
}

whole_and_nobodys() {
    [[ $(stat -c %s "$(partial "$1")" 2>/dev/null) == $(stat -c %s "$1") ]] && flock -n "$(partial "$1")" true
}

is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

ended() { # PID STATUS NAME
    eventually is_gone "$1"
    local got=0
    wait "$1" || got=$?
    ((got == $2)) || fail "$3: $got" "$(<"$3.said")"
}

store_is_whole() {
    try ruche system check
    assert_status 0
    local found
    found=$(find "$ROOT/partial" "$ROOT/ingest" -mindepth 1)
    [[ -z $found ]] || fail "there is still" "$found"
}

# ---- by each other ----

@test "pull: what one has let go to wait, it needs nobody's leave to store" {
    image a one.tar two.tar
    image b one.tar three.tar
    image c two.tar
    hold two.tar three.tar
    registry_begin
    pull_begin c
    local c=$PULL
    eventually half two.tar
    pull_begin a
    local a=$PULL
    eventually whole_and_nobodys one.tar
    # It is b's now, which waits for the registry.
    pull_begin b
    local b=$PULL
    eventually half three.tar
    if flock -n "$(partial one.tar)" true; then fail "b does not have it"; fi
    release two.tar
    ended "$c" 0 c
    ended "$a" 0 a
    kill -0 "$b"
    try ruche system check
    assert_status 0
    release three.tar
    ended "$b" 0 b
    registry_end
    [[ $(ruche images -q | wc -l) == 3 ]]
    store_is_whole
}

@test "pull: two that have what the other wants both end" {
    for name in one two; do # what takes a moment to be digested
        head -c 8000000 /dev/urandom >"$name/noise"
        make_tar "$name.tar" "$name"
    done
    image a one.tar two.tar
    image b two.tar one.tar
    image c two.tar
    hold one.tar two.tar
    registry_begin
    pull_begin c
    local c=$PULL
    eventually half two.tar
    pull_begin a
    local a=$PULL
    eventually half one.tar
    # a is to have the one, and b the other.
    kill -STOP "$a"
    kill -KILL "$c"
    wait "$c" || true
    pull_begin b
    local b=$PULL
    eventually asked b two.tar "$(($(stat -c %s two.tar) / 2))"
    kill -CONT "$a"
    release one.tar
    release two.tar
    ended "$a" 0 a
    ended "$b" 0 b
    registry_end
    [[ $(ruche images -q | wc -l) == 2 ]]
    store_is_whole
}

# ---- by a registry that says nothing more ----

@test "pull: a layer that is bad is told before the rest of it comes" {
    mkdir bad
    printf 'root' >bad/name
    tar --numeric-owner --owner=0 --group=0 --transform 's,^name$,../name,' -P -cf bad.tar -C bad name
    tar -C one --numeric-owner --owner=0 --group=0 -rf bad.tar noise
    image bad bad.tar
    gzip -nk bad.tar
    image badgz bad.tar.gz
    hold bad.tar bad.tar.gz
    registry_begin
    for name in bad badgz; do
        pull_begin $name
        ended "$PULL" 125 $name
        [[ $(wc -l <$name.said) == 1 && $(<$name.said) == *': layer 1 of 1: '*'../name'* ]] || fail "$(<$name.said)"
        store_is_empty
    done
    registry_end
}

# ---- by a death ----

# helpers PID: what takes part in its pull of one layer that is fetched, by the order of their birth: ruche-transfer and
# ruche-remote, then what keeps the blob, inflates, digests and unpacks it
helpers() {
    local pid transfer
    pgrep -P "$1" | sort -n
    for pid in $(pgrep -P "$1" | sort -n); do
        transfer=$(pgrep -P "$pid" | sort -n)
        [[ -z $transfer ]] || echo "$transfer"
    done
}

all_take_part() {
    local found
    mapfile -t found < <(helpers "$1")
    ((${#found[@]} == 6))
}

@test "pull: whichever of its processes is killed, it says so, and the next one goes on" {
    image app one.tar
    hold one.tar
    registry_begin
    local i names=(ruche-transfer ruche-remote ruche-transfer ruche-transfer ruche-transfer ruche-transfer) found
    for i in 0 1 2 3 4 5; do
        pull_begin app
        eventually half one.tar
        eventually all_take_part "$PULL"
        mapfile -t found < <(helpers "$PULL")
        kill -KILL "${found[i]}"
        ended "$PULL" 125 app
        [[ $(<app.said) == "ruche: pull $HOST/app:1: "*"${names[i]} died; the kernel's log may say why" ]] ||
            fail "number $i:" "$(<app.said)"
        [[ $(wc -l <app.said) == 1 ]] || fail "number $i:" "$(<app.said)"
        store_is_empty
        eventually no_processes
    done
    # And with the client all of them go.
    pull_begin app
    eventually all_take_part "$PULL"
    mapfile -t found < <(helpers "$PULL")
    kill -KILL "$PULL"
    wait "$PULL" || true
    for i in "${found[@]}"; do
        eventually is_gone "$i"
    done
    release one.tar
    pull_begin app
    ended "$PULL" 0 app
    asked app one.tar "$(($(stat -c %s one.tar) / 2))" || fail "it was fetched anew"
    registry_end
    store_is_whole
}
