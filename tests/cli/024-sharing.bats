#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# Containers that share namespaces: whose user namespace and ids they have, and for how long.

load containers

setup() {
    common_setup
    ONE=$(random_name)
    TWO=$(random_name)
}

# The namespace of a container's first process: namespace_of NAME FILE
namespace_of() {
    readlink "/proc/$(pid_of "$1")/ns/$2"
}

# Who has leased ranges of ids, by the beginnings of their ids.
holders() {
    local link
    for link in "$RUN"/subids/*; do
        [[ -L $link ]] || continue
        readlink "$link" | cut -c 1-12
    done
}

id_of() {
    ruche inspect --type container "$1" | jq -r '.[0].Id[:12]'
}

monitor_of() {
    ps -o ppid= -p "$(pid_of "$1")" | tr -d ' '
}

@test "--ipc container: is the other one's memory, /dev/shm and queues too" {
    stay "$ONE"
    ruche exec "$ONE" sh -c 'echo first >/dev/shm/one'
    box --ipc "container:$ONE" -- sh -c 'readlink /proc/self/ns/ipc; cat /dev/shm/one; echo second >/dev/shm/two; stat -c "%u %a" /dev/shm; ls -d /dev/mqueue'
    assert_status 0
    assert_line "$(namespace_of "$ONE" ipc)"
    assert_line first
    assert_line '0 1777'
    [[ $(ruche exec "$ONE" cat /dev/shm/two) == second ]]
    [[ $(namespace_of "$ONE" ipc) != "$(readlink /proc/self/ns/ipc)" ]]
}

@test "a link in the place of its /dev/shm leads nowhere but in its own root" {
    stay "$ONE" --privileged
    ruche exec "$ONE" sh -c 'umount /dev/shm && rmdir /dev/shm && ln -s / /dev/shm && touch /mark'
    box --ipc "container:$ONE" -- ls /dev/shm
    assert_status 0
    assert_line mark
}

@test "a mount of one's own on /dev/shm is not the other one's" {
    stay "$ONE"
    ruche exec "$ONE" touch /dev/shm/one
    box --ipc "container:$ONE" --tmpfs /dev/shm -- ls -A /dev/shm
    assert_status 0
    assert_output ''
}

@test "--ipc none is a memory of its own without /dev/shm, --ipc shareable what each one is" {
    box --ipc none -- sh -c 'grep -c " /dev/shm " /proc/self/mountinfo; grep -c " /dev/mqueue " /proc/self/mountinfo'
    [[ $output == $'0\n1' ]] || fail "$output"
    box --ipc shareable -- grep -c ' /dev/shm ' /proc/self/mountinfo
    assert_output 1
}

@test "who shares a namespace has the other one's user namespace, and none of the host's ids" {
    stay "$ONE"
    for flag in --network --pid --ipc --userns; do
        box "$flag" "container:$ONE" -- sh -c 'readlink /proc/self/ns/user; cat /proc/self/uid_map; id -u'
        assert_status 0
        assert_line "$(namespace_of "$ONE" user)"
        assert_line "$(cat "/proc/$(pid_of "$ONE")/uid_map")"
        assert_line 0
    done
    [[ $(namespace_of "$ONE" user) != "$(readlink /proc/self/ns/user)" ]]
}

@test "exec into one that shares is in its namespaces" {
    stay "$ONE"
    stay "$TWO" --network "container:$ONE" --ipc "container:$ONE"
    try ruche exec "$TWO" sh -c 'for ns in net ipc user; do readlink /proc/self/ns/$ns; done; hostname'
    assert_status 0
    for ns in net ipc user; do
        assert_line "$(namespace_of "$ONE" "$ns")"
    done
    assert_line "$(id_of "$TWO")"
    ruche inspect "$TWO" | jq -e --arg one "$ONE" '.[0].Ruche.UserNamespace.Mode // .[0].Ruche | tostring | contains($one)'
}

@test "who has the host's user namespace shares that" {
    need_root
    stay "$ONE" --userns host
    box --network "container:$ONE" -- sh -c 'readlink /proc/self/ns/net; readlink /proc/self/ns/user'
    assert_status 0
    assert_line "$(namespace_of "$ONE" net)"
    assert_line "$(readlink /proc/self/ns/user)"
}

@test "--privileged and --userns host stay with the host's" {
    need_root
    stay "$ONE"
    for flag in --privileged --userns=host; do
        box "$flag" --pid "container:$ONE" -- sh -c 'readlink /proc/self/ns/pid; readlink /proc/self/ns/user'
        assert_status 0
        assert_line "$(namespace_of "$ONE" pid)"
        assert_line "$(readlink /proc/self/ns/user)"
    done
}

@test "namespaces of strangers are not mixed" {
    stay "$ONE"
    stay "$TWO"
    try ruche run --rm --network "container:$ONE" --ipc "container:$TWO" busybox true
    assert_error 125 "containers $ONE and $TWO have different user namespaces; *"
    ruche rm -f "$TWO"
    stay "$TWO" --network "container:$ONE"
    box --network "container:$ONE" --ipc "container:$TWO" -- readlink /proc/self/ns/ipc
    assert_status 0
    assert_output "$(namespace_of "$TWO" ipc)"
}

@test "the network's names are those of the container whose it is" {
    need_root
    stay "$ONE" --network host
    box --network "container:$ONE" -- sh -c 'cat /etc/resolv.conf; echo; echo hosts; cat /etc/hosts'
    assert_status 0
    [[ $output == "$(cat /etc/resolv.conf; echo; echo hosts; cat /etc/hosts)" ]] || fail "$output"
    ruche rm -f "$ONE"
    stay "$ONE"
    box --network "container:$ONE" -- cat /etc/hosts
    assert_line "127.0.0.1"$'\t'"localhost $(id_of "$ONE")"
}

@test "a range of ids is taken as long as anyone has it, whoever ends first" {
    need_root
    stay "$ONE"
    [[ $(holders) == "$(id_of "$ONE")" ]] || fail "$(holders)"
    stay "$TWO" --ipc "container:$ONE"
    [[ $(holders) == "$(id_of "$TWO")" ]] || fail "$(holders)"
    ruche rm -f "$TWO"
    [[ $(holders) == "$(id_of "$ONE")" ]] || fail "$(holders)"
    stay "$TWO" --ipc "container:$ONE"
    ruche rm -f "$ONE"
    [[ $(holders) == "$(id_of "$TWO")" ]] || fail "$(holders)"
    stay "$ONE" --ipc "container:$TWO"
    ruche rm -f "$TWO" "$ONE"
    [[ -z $(holders) ]] || fail "$(holders)"
}

@test "who shares processes ends with the first of them, and no range of ids stays taken" {
    stay "$ONE"
    stay "$TWO" --pid "container:$ONE"
    ruche kill "$ONE"
    eventually has_status "$TWO" exited
    eventually has_status "$ONE" exited
    run ruche ps -a --format '{{.Status}}'
    assert_match 'Exited (137) *'$'\n''Exited (137) *'
    [[ $(ruche wait "$TWO") == 137 ]]
    is_empty "$RUN/subids" || fail "$(holders)"
    ruche start "$ONE" "$TWO"
    ruche rm -f "$ONE" "$TWO"
    is_empty "$RUN/subids" || fail "$(holders)"
}

@test "what a container leaves behind in others' pid namespace ends with it" {
    need_root
    stay "$ONE"
    for pid in host "container:$ONE"; do
        for kept in --rm "--name=$TWO"; do
            try ruche run "$kept" --pid "$pid" busybox sh -c 'sleep 54321 & echo started'
            assert_status 0
            assert_output started
            ! pgrep -xf 'sleep 54321' || fail "it lives"
        done
        ruche rm "$TWO"
    done
    [[ $(status_of "$ONE") == running ]]
}

@test "a private user namespace cannot share" {
    stay "$ONE"
    for flag in --network --pid --ipc; do
        try ruche run --rm --userns private "$flag" "container:$ONE" busybox true
        assert_error 125 'a namespace of another container does not go with a private user namespace: *'
    done
}

@test "bash completes the containers whose namespaces can be shared" {
    # shellcheck disable=SC1090
    source <(ruche completion bash)
    PATH=$(dirname "$RUCHE"):$PATH
    stay "$ONE"
    for flag in --network --pid --ipc --userns; do
        for part in '' "${ONE:0:7}"; do
            COMP_WORDS=(ruche --root "$ROOT" --run "$RUN" run "$flag" container :) # as bash takes them apart
            [[ -z $part ]] || COMP_WORDS+=("$part")
            COMP_LINE="ruche --root $ROOT --run $RUN run $flag container:$part"
            COMP_POINT=${#COMP_LINE} COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
            _ruche || true # its status means nothing
            [[ ${COMPREPLY[*]} == "$ONE" ]] || fail "$flag $part: ${COMPREPLY[*]}"
        done
    done
    [[ $(ruche __complete modes) == host$'\n'"container:$ONE" ]]
}

@test "so it is if their monitors are killed, or a start fails" {
    need_root
    stay "$ONE"
    stay "$TWO" --ipc "container:$ONE"
    kill -9 "$(monitor_of "$TWO")"
    ruche rm -f "$TWO"
    [[ $(holders) == "$(id_of "$ONE")" ]] || fail "$(holders)"
    try ruche run --rm --ipc "container:$ONE" busybox nosuch
    assert_status 127
    [[ $(holders) == "$(id_of "$ONE")" ]] || fail "$(holders)"
    ruche rm -f "$ONE"
    [[ -z $(holders) ]] || fail "$(holders)"
}

@test "who shares is not started before the other one" {
    ruche create --name "$ONE" busybox sleep 10000
    ruche create --name "$TWO" --ipc "container:$ONE" busybox true
    try ruche start -a "$TWO"
    assert_error 125 "container $TWO: container $ONE, whose namespace is to be shared, is not running; start it first"
    try ruche run --network "container:$ONE" busybox true
    assert_error 125 "container $ONE, whose namespace is to be shared, is not running; start it first"
    [[ $(ruche ps -aq | wc -l) == 2 ]]
    ruche start "$ONE"
    try ruche start -a "$TWO"
    assert_status 0
}
