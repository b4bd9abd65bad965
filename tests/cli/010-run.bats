#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# run: a command of an image, from its arguments to its exit status.

load containers

@test "run says what its command says, and nothing else" {
    box -- echo hello
    assert_status 0
    assert_output hello
    assert_stderr ''
}

@test "arguments arrive as they are" {
    box -- sh -c 'for word; do printf "<%s>" "$word"; done' sh 'a b' '' '*' $'line\nline' '$HOME' --rm -d
    assert_output $'<a b><><*><line\nline><$HOME><--rm><-d>'
}

@test "run ends as its command" {
    for code in 0 1 7 42 125 126 127 128 255; do
        box -- sh -c "exit $code"
        assert_status "$code"
    done
}

@test "a command that a signal ends is 128 and its number" {
    box -- sh -c 'trap "exit 3" TERM; (sleep 0.1; kill -TERM 1) & wait'
    assert_status 3
    box --init -- sh -c 'kill -TERM $$'
    assert_status 143
    box --init -- sh -c 'kill -KILL $$'
    assert_status 137
}

@test "the image's command is run if there is none" {
    run ruche run --rm -i busybox <<<'echo from the shell'
    assert_status 0
    assert_output 'from the shell'
}

@test "the environment is the image's, with what was asked for" {
    VARIABLE='from here' export VARIABLE
    unset NOT_THERE
    printf '# comment\n\nFILE=of a file\nMODE=file\n' >"$BATS_TEST_TMPDIR/env"
    run ruche run --rm --env-file "$BATS_TEST_TMPDIR/env" -e MODE=fast -e VARIABLE -e NOT_THERE -e EMPTY= -e 'X=a=b' \
        busybox env
    assert_status 0
    assert_line 'MODE=fast'
    assert_line 'VARIABLE=from here'
    assert_line 'FILE=of a file'
    assert_line 'EMPTY='
    assert_line 'X=a=b'
    assert_line 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    assert_line 'HOME=/root'
    [[ $output != *NOT_THERE* ]]
    [[ $output != *BATS* ]] || fail "it has our environment" "$output"
    (($(grep -c '^MODE=' <<<"$output") == 1))
}

@test "HOSTNAME is the host name, TERM is there with a terminal alone" {
    box -h cell -- env
    assert_line 'HOSTNAME=cell'
    [[ $output != *TERM=* ]]
    box -t -- env
    assert_match '*TERM=xterm*'
}

@test "the working directory is the image's, or as asked for, and is made" {
    box -- pwd
    assert_output /
    box -w /usr/bin -- pwd
    assert_output /usr/bin
    box -w /srv/new/directory -- sh -c 'pwd; stat -c %u:%g .'
    assert_line /srv/new/directory
    assert_line 0:0
    box -w /etc/../tmp -- sh -c 'pwd -P'
    assert_output /tmp
}

@test "a relative working directory is an error" {
    run --separate-stderr ruche run --rm -w here busybox true
    assert_error 125 '*"here"*absolute*'
}

@test "the host name is the id's beginning, or as asked for" {
    ruche run --cidfile "$BATS_TEST_TMPDIR/id" --name "$(random_name)" busybox hostname >"$BATS_TEST_TMPDIR/out"
    id=$(<"$BATS_TEST_TMPDIR/id")
    ((${#id} == 64))
    [[ $(<"$BATS_TEST_TMPDIR/out") == "${id:0:12}" ]]
    box -h cell --domainname comb -- sh -c 'hostname; cat /etc/hostname /proc/sys/kernel/domainname'
    assert_output $'cell\ncell\ncomb'
    [[ $(hostname) != cell ]]
}

@test "/etc/hosts knows localhost and the container" {
    box -h cell -- cat /etc/hosts
    assert_match $'127.0.0.1*localhost*'
    assert_match '*cell*'
    box -h cell -- sh -c 'echo 10.1.2.3 other >>/etc/hosts && grep -c other /etc/hosts'
    assert_output 1
}

@test "--init is process 1, and reaps" {
    box --init -- sh -c 'cat /proc/1/comm; (sleep 0.01 &); sleep 0.2; i=0
        while [ $i -lt 300 ] && grep -qs "^State:.Z" /proc/[0-9]*/status; do sleep 0.1; i=$((i + 1)); done # a busy machine has its time
        grep -ls "^State:.Z" /proc/[0-9]*/status; exit 5'
    assert_status 5
    assert_output ruche-init
}

@test "--init hands on as many arguments as there are" {
    # shellcheck disable=SC2046,SC2016 # many words; the shell inside
    for n in 1019 1020 1021 1022 5000; do
        run ruche run --rm --init busybox sh -c 'echo $#' _ $(seq $n)
        assert_output "$n"
    done
}

@test "--rootfs runs a directory, and :O throws away what changes" {
    # In the same user namespace as files on disk are: nothing needs to be mapped.
    mkdir -p "$BATS_TEST_TMPDIR/rootfs"
    ruche run --rm busybox sh -c 'tar c -C / bin etc tmp root usr' | tar x --no-same-owner -C "$BATS_TEST_TMPDIR/rootfs"
    run --separate-stderr ruche run --rm --rootfs "$BATS_TEST_TMPDIR/rootfs:O" sh -c 'echo changed >/file; cat /file'
    assert_status 0
    assert_output changed
    [[ ! -e $BATS_TEST_TMPDIR/rootfs/file ]]
    run --separate-stderr ruche run --rm --rootfs "$BATS_TEST_TMPDIR/rootfs" sh -c 'echo changed >/file; stat -c %u /file'
    assert_status 0
    assert_output 0
    [[ $(<"$BATS_TEST_TMPDIR/rootfs/file") == changed ]]
    [[ -O $BATS_TEST_TMPDIR/rootfs/file ]] || fail "on disk it is not ours: $(stat -c %u "$BATS_TEST_TMPDIR/rootfs/file")"
}

@test "--rootfs needs a directory" {
    run --separate-stderr ruche run --rm --rootfs "$BATS_TEST_TMPDIR/nosuch" true
    assert_error 125 '*nosuch*'
    touch "$BATS_TEST_TMPDIR/file"
    run --separate-stderr ruche run --rm --rootfs "$BATS_TEST_TMPDIR/file" true
    assert_error 125 '*file*'
}

@test "--cidfile holds the id, also of a detached one" {
    name=$(random_name)
    id=$(ruche run -d --name "$name" --cidfile "$BATS_TEST_TMPDIR/id" busybox true)
    [[ $(<"$BATS_TEST_TMPDIR/id") == "$id" ]]
    [[ $id =~ ^[0-9a-f]{64}$ ]]
    [[ $(ruche inspect "$name" | jq -r '.[0].Id') == "$id" ]]
}

@test "labels and annotations are kept" {
    name=$(random_name)
    printf 'from=file\n# comment\n' >"$BATS_TEST_TMPDIR/labels"
    ruche create --name "$name" -l one=1 -l bare --label-file "$BATS_TEST_TMPDIR/labels" --annotation io.example=x busybox \
        >/dev/null
    [[ $(ruche inspect "$name" | jq -cS '.[0].Config.Labels | {one, bare, from}') == '{"bare":"","from":"file","one":"1"}' ]]
}

@test "two containers share nothing that they write" {
    box -- sh -c 'echo mine >/file; cat /file'
    assert_output mine
    box -- sh -c 'cat /file'
    assert_status 1
}

@test "ten at once, all right" {
    ruche images >/dev/null
    for i in {1..10}; do
        ruche run --rm busybox sh -c "echo $i; exit $i" >"$BATS_TEST_TMPDIR/out.$i" 2>&1 &
        pids[i]=$!
    done
    for i in {1..10}; do
        wait "${pids[i]}" && code=0 || code=$?
        ((code == i)) || fail "$i ended with $code:" "$(<"$BATS_TEST_TMPDIR/out.$i")"
        [[ $(<"$BATS_TEST_TMPDIR/out.$i") == "$i" ]]
    done
}

@test "--rm leaves nothing, whatever the end" {
    box -- true
    box -- false
    box -- nosuch-command
    box --init -- sh -c 'kill -KILL $$'
    [[ -z $(ruche ps -aq) ]]
    is_empty "$ROOT/containers"
}

@test "descriptors of the caller do not get in" {
    exec 7<"$BATS_TEST_DIRNAME" 8</etc/passwd
    # Into no pipe and no file, of which the shell would have something open for the moment.
    run ruche run --rm busybox sh -c 'for fd in /proc/1/fd/*; do readlink "$fd"; done; echo open:; ls /proc/1/fd; :'
    exec 7<&- 8<&-
    assert_status 0
    assert_match $'*open:\n0\n1\n2'
    [[ $output != *"$BATS_TEST_DIRNAME"* && $output != */etc/passwd* ]] || fail "$output"
}

@test "signals are as a program expects them" {
    trap '' HUP INT USR1
    run ruche run --rm busybox grep -E '^Sig(Blk|Ign)' /proc/self/status
    trap - HUP INT USR1
    assert_output $'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000'
}

@test "the umask is 022, whatever ours is" {
    umask 077
    box -- sh -c umask
    assert_output 0022
}

@test "streams that are closed are not taken for others" {
    try bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" run --rm busybox echo fine <&-'
    assert_status 0
    assert_output fine
    try bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" run --rm -i busybox sh -c "cat; exit 3" <&- >&- 2>&-'
    assert_status 3
    try bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" run --rm -d busybox sh -c "exit 0" >&- 2>&-'
    assert_status 0
}
