#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# -t: in a pseudo-terminal of script(1), and in a window of tmux.

load containers

setup() {
    common_setup
    need script
    BOX=$(random_name)
    RUCHE_COMMAND="'$RUCHE' --root '$ROOT' --run '$RUN'"
    TMUX_SOCKET=$BATS_TEST_TMPDIR/tmux
}

teardown() {
    tmux -S "$TMUX_SOCKET" kill-server 2>/dev/null || true
    containers_teardown
}

# In a terminal, whose output comes without carriage returns: in_terminal COMMAND
in_terminal() {
    status=0
    output=$(set -o pipefail; script -qec "$1" /dev/null </dev/null | tr -d '\r') || status=$?
    output=${output//$'^D\b\b'/}
    mapfile -t lines <<<"$output"
}

# window COMMAND: in tmux, 80 by 24
window() {
    need tmux
    tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x 80 -y 24 "$1; echo \"ended with \$?\"; sleep 10000"
}

keys() {
    tmux -S "$TMUX_SOCKET" send-keys "$@"
}

shows() {
    tmux -S "$TMUX_SOCKET" capture-pane -p | grep -q -- "$1"
}

# The shell there is asked once more.
has_size() {
    keys 'stty size' Enter
    sleep 0.2
    shows "^$1"
}

@test "-t is a terminal inside, without one at our side" {
    box -t -- sh -c 'test -t 0 && test -t 1 && test -t 2 && tty && stat -c %t:%T /dev/console'
    assert_match $'/dev/pts/0\r*'
    box -- sh -c 'test -t 0 || test -t 1 || test -t 2'
    assert_status 1
}

@test "with -t all goes to the standard output" {
    box -t -- sh -c 'echo out; echo err >&2'
    assert_output $'out\r\nerr\r'
    assert_stderr ''
}

@test "-it in a terminal: a shell that is asked and answers" {
    window "$RUCHE_COMMAND run --rm -it busybox sh"
    eventually shows '/ #'
    keys 'tty; echo $((6 * 7))' Enter
    eventually shows '^42'
    eventually shows '/dev/pts/0'
    keys 'exit 3' Enter
    eventually shows 'ended with 3'
}

@test "ctrl-c, ctrl-d and ctrl-z are keys for the other side" {
    window "$RUCHE_COMMAND run --rm -it busybox sh"
    eventually shows '/ #'
    keys 'sh -c "echo first; exec sleep 10000"' Enter
    eventually shows '^first'
    keys C-c
    keys 'echo status $?' Enter
    eventually shows '^status 130'
    keys 'sh -c "echo second; exec sleep 10000"' Enter
    eventually shows '^second'
    keys C-z
    eventually shows 'Stopped'
    # The shell does not end while it has a job that stands still.
    keys 'kill -KILL %1' Enter
    keys 'while jobs >/jobs; [ -s /jobs ]; do sleep 0.1; done; echo killed' Enter
    eventually shows '^killed'
    keys C-d
    eventually shows 'ended with'
}

@test "the window's size, and its changes" {
    window "$RUCHE_COMMAND run --rm -it busybox sh"
    eventually shows '/ #'
    keys 'stty size' Enter
    eventually shows '^24 80'
    tmux -S "$TMUX_SOCKET" resize-window -x 100 -y 30
    eventually has_size '30 100'
    keys 'exit' Enter
    eventually shows 'ended with 0'
}

@test "exec -it" {
    stay "$BOX"
    window "$RUCHE_COMMAND exec -it $BOX sh"
    eventually shows '/ #'
    keys 'stty size; tty; test -t 2 && echo all' Enter
    eventually shows '^24 80'
    eventually shows '^all'
    keys C-d
    eventually shows 'ended with 0'
    has_status "$BOX" running
    try ruche exec -t "$BOX" sh -c 'tty && exit 9'
    assert_status 9
}

@test "our terminal is as it was before" {
    window "stty -a >'$BATS_TEST_TMPDIR/before'; $RUCHE_COMMAND run --rm -it busybox true; stty -a >'$BATS_TEST_TMPDIR/after'"
    eventually shows 'ended with 0'
    diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "our terminal is as it was, also if we are killed by a signal" {
    window "stty -a >'$BATS_TEST_TMPDIR/before'; $RUCHE_COMMAND run --name $BOX -it busybox sh; stty -a >'$BATS_TEST_TMPDIR/after'"
    eventually shows '/ #'
    client=$(pgrep -f -- "run --name $BOX -it" | while read -r pid; do
        [[ $(readlink "/proc/$pid/fd/0") == /dev/pts/* && $(readlink "/proc/$pid/exe") == "$RUCHE" ]] && echo "$pid"
    done | head -n 1)
    kill -TERM "$client"
    eventually shows 'ended with'
    diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "exit statuses come through a terminal" {
    in_terminal "$RUCHE_COMMAND run --rm -t busybox sh -c 'exit 42'"
    assert_status 42
    in_terminal "$RUCHE_COMMAND run --rm -it busybox nosuch"
    assert_status 127
    assert_match 'ruche: *nosuch*'
}

@test "a user other than root has the terminal" {
    box -t -u 1000 -- sh -c 'stat -c %u $(tty); echo x >/dev/tty; echo y >/dev/stdout'
    assert_output $'1000\r\nx\r\ny\r'
}

@test "what was typed ahead arrives" {
    in_terminal "printf 'echo early\nexit 4\n' | script -qec \"$RUCHE_COMMAND run --rm -it busybox sh\" /dev/null"
    assert_status 4
    [[ $output == *early* ]]
}

@test "a terminal's log is what it showed" {
    ruche run -t --name "$BOX" busybox sh -c 'echo one; echo two >&2' >/dev/null
    [[ $(ruche logs "$BOX") == $'one\r\ntwo\r' ]]
}

@test "TIOCSTI into the terminal is refused" {
    box -t -- sh -c 'cat /proc/self/status | grep -c "Seccomp:.2"'
    assert_output $'1\r'
}

@test "five megabytes through a terminal" {
    ruche run --rm -t busybox sh -c 'stty -opost; head -c 5000000 /dev/zero | tr "\0" x' >"$BATS_TEST_TMPDIR/data"
    [[ $(stat -c %s "$BATS_TEST_TMPDIR/data") == 5000000 ]]
}
