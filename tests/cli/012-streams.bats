#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2094,SC2154 # nothing writes what it reads; bats sets stderr; what is in single quotes is for the shell inside
#
# Standard input, output and error, and the logs that are kept of them.

load containers

setup() {
    common_setup
    DATA=$BATS_TEST_TMPDIR/data
    NAME=$(random_name)
}

@test "-i passes standard input on, to its end" {
    try ruche run --rm -i busybox cat <<<$'one\ntwo'
    assert_output $'one\ntwo'
    printf 'no newline' >"$DATA"
    ruche run --rm -i busybox cat <"$DATA" | cmp - "$DATA"
    : >"$DATA"
    try ruche run --rm -i busybox wc -c <"$DATA"
    assert_output 0
}

@test "without -i standard input is empty, and ours is not read" {
    {
        ruche run --rm busybox cat
        cat
    } <<<'left for the next' >"$DATA"
    [[ $(<"$DATA") == 'left for the next' ]]
}

@test "output and errors are told apart" {
    box -- sh -c 'echo out; echo err >&2; echo out again'
    assert_output $'out\nout again'
    assert_stderr err
}

@test "five megabytes through and back are intact" {
    head -c 5000000 /dev/urandom >"$DATA"
    ruche run --rm -i busybox cat <"$DATA" | cmp - "$DATA"
}

@test "five megabytes to each side at once" {
    ruche run --rm busybox sh -c 'head -c 5000000 /dev/zero | tr "\0" o & head -c 5000000 /dev/zero | tr "\0" e >&2; wait' \
        >"$DATA.out" 2>"$DATA.err"
    [[ $(tr -d o <"$DATA.out" | wc -c) == 0 && $(stat -c %s "$DATA.out") == 5000000 ]]
    [[ $(tr -d e <"$DATA.err" | wc -c) == 0 && $(stat -c %s "$DATA.err") == 5000000 ]]
}

@test "a slow reader gets all" {
    ruche run --rm busybox sh -c 'head -c 1000000 /dev/zero' | {
        sleep 0.5
        wc -c
    } >"$DATA"
    [[ $(<"$DATA") == 1000000 ]]
}

@test "a reader that goes away does not end the container" {
    try bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" run --name "$1" busybox sh -c "yes | head -c 1000000; echo done >&2; exit 7" | head -n 1' \
        bash "$NAME"
    assert_output y
    [[ $(ruche wait "$NAME") == 7 ]]
    [[ $(ruche logs "$NAME" 2>&1 >/dev/null) == 'done' ]]
}

@test "the last words are not lost" {
    for i in {1..10}; do
        box -- sh -c "echo -n $i; exit 1"
        assert_status 1
        assert_output "$i"
    done
}

@test "/dev/stdout and its kind can be opened anew, by any user" {
    for user in 0 1000; do
        box -u "$user" -- sh -c 'echo out >/dev/stdout; echo err >/dev/stderr; echo fd >/proc/self/fd/1'
        assert_output $'out\nfd'
        assert_stderr err
    done
}

@test "output to a file, appended" {
    echo before >"$DATA"
    ruche run --rm busybox sh -c 'echo after' >>"$DATA"
    [[ $(<"$DATA") == $'before\nafter' ]]
}

@test "a detached one says nothing here, and all in its log" {
    try ruche run -d --name "$NAME" busybox sh -c 'echo out; echo err >&2; echo more'
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    assert_stderr ''
    ruche wait "$NAME"
    try ruche logs "$NAME"
    assert_output $'out\nmore'
    assert_stderr err
}

@test "-d ends although the caller's streams are pipes" {
    timeout -s KILL 60 bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" run -d --name "$1" busybox sleep 10000 2>&1 | cat' bash "$NAME"
    has_status "$NAME" running
}

@test "an attached one is logged, too" {
    ruche run --name "$NAME" busybox echo both
    [[ $(ruche logs "$NAME") == both ]]
}

@test "logs --tail" {
    ruche run --name "$NAME" busybox sh -c 'for i in 1 2 3 4 5; do echo $i; done; echo -n last' >/dev/null
    run ruche logs --tail 2 "$NAME"
    assert_output $'5\nlast'
    run ruche logs -n 0 "$NAME"
    assert_output ''
    run ruche logs --tail all "$NAME"
    assert_output $'1\n2\n3\n4\n5\nlast'
    run ruche logs --tail 100 "$NAME"
    ((${#lines[@]} == 6))
}

@test "logs -t has the time of each line" {
    ruche run --name "$NAME" busybox sh -c 'echo one; echo two' >/dev/null
    run ruche logs -t "$NAME"
    for line in "${lines[@]}"; do
        [[ $line =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z\ (one|two)$ ]] || fail "$line"
    done
    ((${#lines[@]} == 2))
}

@test "logs --since and --until" {
    ruche run --name "$NAME" busybox sh -c 'echo early; sleep 1.2; echo late' >/dev/null
    between=$(ruche logs -t "$NAME" | sed -n '2s/ .*//p')
    run ruche logs --since "$between" "$NAME"
    assert_output late
    run ruche logs --until "$between" "$NAME"
    assert_line early
    run ruche logs --since 1h "$NAME"
    assert_output $'early\nlate'
    run ruche logs --until 1h "$NAME"
    assert_output ''
    run ruche logs --since 2020-01-01T00:00:00Z "$NAME"
    assert_output $'early\nlate'
    try ruche logs --since yesterday "$NAME"
    assert_error 125 '*yesterday*'
}

@test "logs -f goes on until the end" {
    ruche run -d --name "$NAME" busybox sh -c 'for i in 1 2 3; do echo $i; sleep 0.3; done; echo err >&2' >/dev/null
    try timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" logs -f "$NAME"
    assert_status 0
    assert_output $'1\n2\n3'
    assert_stderr err
}

@test "logs -f of what has ended, with and without a tail" {
    ruche run --name "$NAME" busybox sh -c 'echo 1; echo 2' >/dev/null
    try timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" logs -f --tail 1 "$NAME"
    assert_status 0
    assert_output 2
}

@test "logs -f ends when its reader goes away" {
    ruche run -d --name "$NAME" busybox sh -c 'while :; do echo tick; sleep 0.05; done' >/dev/null
    timeout -s KILL 60 bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" logs -f "$1" | head -n 2' bash "$NAME"
}

@test "two follow one" {
    ruche run -d --name "$NAME" busybox sh -c 'sleep 0.3; echo said; sleep 0.3' >/dev/null
    ruche logs -f "$NAME" >"$DATA.1" &
    first=$!
    ruche logs -f "$NAME" >"$DATA.2"
    wait "$first"
    [[ $(<"$DATA.1") == said && $(<"$DATA.2") == said ]]
}

@test "binary output is the same in the log" {
    head -c 300000 /dev/urandom >"$DATA"
    ruche run -i --name "$NAME" busybox cat <"$DATA" >/dev/null
    ruche logs "$NAME" | cmp - "$DATA"
    printf '\0\1\377\r\n\n\n"\\\x80end' >"$DATA"
    other=$(random_name)
    ruche run -i --name "$other" busybox cat <"$DATA" | cmp - "$DATA"
    ruche logs "$other" | cmp - "$DATA"
}

@test "a line longer than any buffer stays one" {
    ruche run --name "$NAME" busybox sh -c 'head -c 500000 /dev/zero | tr "\0" x; echo; echo short' >/dev/null
    ruche logs "$NAME" >"$DATA"
    [[ $(wc -l <"$DATA") == 2 && $(stat -c %s "$DATA") == 500007 ]]
    [[ $(ruche logs --tail 1 "$NAME") == short ]]
    [[ $(ruche logs --tail 2 "$NAME" | wc -c) == 500007 ]]
}

@test "logs are rotated, and never above three times ten megabytes" {
    ruche run --name "$NAME" busybox sh -c 'yes "a line of some length, to fill the log with what nobody reads" | head -n 550000; echo last' >/dev/null
    size=$(du -sb "$ROOT/containers/$(ruche ps -aq --no-trunc)/log" | cut -f 1)
    ((size > 9000000 && size < 32500000)) || fail "it takes $size bytes"
    (($(find "$ROOT/containers/$(ruche ps -aq --no-trunc)/log" -type f | wc -l) <= 3))
    [[ $(ruche logs --tail 1 "$NAME") == last ]]
    ruche logs "$NAME" >"$DATA"
    [[ $(sed 1d "$DATA" | sort | uniq -c | wc -l) == 2 ]] || fail "a line is broken" "$(sort "$DATA" | uniq -c)"
}

@test "what is said after the command line went away is logged" {
    ruche run -d --name "$NAME" busybox sh -c 'sleep 1.5; echo awake; sleep 0.1; echo again' >/dev/null
    ruche wait "$NAME"
    [[ $(ruche logs "$NAME") == $'awake\nagain' ]]
}

@test "a container started again goes on in its log" {
    ruche run --name "$NAME" busybox echo said
    ruche start "$NAME"
    ruche wait "$NAME"
    [[ $(ruche logs "$NAME") == $'said\nsaid' ]]
}

@test "a full disk under the log does not stop the container" {
    need_root
    mkdir "$BATS_TEST_TMPDIR/mounted"
    run unshare -m bash -c '
        mount -t tmpfs -o size=8m none "$1/mounted" || exit 99
        "$RUCHE" --root "$1/mounted/root" --run "$RUN" run --rm busybox true || exit 98
        "$RUCHE" --root "$1/mounted/root" --run "$RUN" run --name full busybox sh -c "yes | head -c 9000000 | wc -c; yes | head -c 9000000; exit 5" | tail -c 9000002 | wc -c
        code=${PIPESTATUS[0]}
        "$RUCHE" --root "$1/mounted/root" --run "$RUN" rm -f full || exit 97
        exit $code' bash "$BATS_TEST_TMPDIR"
    ((status != 99)) || skip "no tmpfs here"
    assert_status 5
    [[ ${lines[0]} == 9000002 ]] || fail "$output"
}
