#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats sets stderr and its lines
#
# What is wrong with a command line is found before anything is done, said in one line that names it, and ends with 125.

load helpers

# usage PATTERN ARGUMENT...
usage() {
    local pattern=$1
    shift
    run --separate-stderr ruche "$@"
    assert_usage_error "$pattern"
}

@test "an unknown command is named, and the one that was meant" {
    usage "unknown command: rnu; did you mean run? (see 'ruche --help')" rnu
    usage "unknown command: xyzzy (see 'ruche --help')" xyzzy
    usage "unknown command: image frobnicate (see 'ruche image --help')" image frobnicate
    usage "unknown command: image pul; did you mean image pull? (see 'ruche image --help')" image pul
    usage "unknown command: contaner; did you mean container? (see 'ruche --help')" contaner ls
    usage "unknown flag: --nosuch (see 'ruche image --help')" image --nosuch
    usage "unknown command: image frobnicate (see 'ruche help --help')" help image frobnicate
    usage "image needs a subcommand (see 'ruche man --help')" man image
}

@test "a command is called what was typed" {
    usage "image rm needs at least 1 argument: * ?see 'ruche image rm --help'?" image rm
    usage "image remove needs at least 1 argument: * ?see 'ruche image remove --help'?" image remove
    usage "rmi needs at least 1 argument: * ?see 'ruche rmi --help'?" rmi
    usage 'container ls takes no arguments, but there is "one"*' container ls one
    usage 'image tag takes at most 2 arguments, and "three" is one more*' image tag one two three
    usage "unknown flag: --nosuch (see 'ruche container kill --help')" container kill --nosuch x
    usage "unknown flag: --nosuch (see 'ruche kill --help')" kill --nosuch x
}

@test "an unknown flag is named, and the one that was meant" {
    usage "unknown flag: --nosuch (see 'ruche ps --help')" ps --nosuch
    usage "unknown flag: --no-trnc; did you mean --no-trunc? (see 'ruche ps --help')" ps --no-trnc
    usage "unknown shorthand flag: 'x' in -x (see 'ruche rm --help')" rm -x a
    usage "unknown flag: --nosuch (see 'ruche --help')" --nosuch ps
}

@test "flags of docker that are not there yet are errors, and not passed over" {
    usage 'unknown flag: --size*' image inspect --size x
    usage 'unknown flag: --publish*' run --publish 80:80 busybox
    usage 'unknown flag: --detach-keys*' run --detach-keys ctrl-p busybox
    usage 'unknown flag: --volumes*' rm --volumes x
}

@test "operands are counted" {
    usage "rm needs at least 1 argument: * ?see 'ruche rm --help'?" rm
    usage "tag needs exactly 2 arguments: *" tag one
    usage 'tag takes at most 2 arguments, and "three" is one more*' tag one two three
    usage 'ps takes no arguments, but there is "one"*' ps one
    usage 'exec needs at least 2 arguments: *' exec container
    usage 'no image was given; *' run --rm
    usage 'no image was given; *' create
}

@test "a flag needs its value" {
    usage 'flag needs a value: --name*' run --name
    usage '*--memory*' run -m lots busybox
    usage '*--debug*neither true nor false*' --debug=perhaps ps
    usage '*--type*container, image*' inspect --type volume x
    usage '*--signal*NOPE*' kill -s NOPE x
    usage '*--tail*' logs --tail many x
}

@test "values of run are checked before an image is looked for" {
    usage '--volume: "data" is the name of a volume*directory*' run -v data:/data nosuch
    usage '--volume: "b" is not absolute*' run -v /a:b nosuch
    usage '--mount: *type=bind*' run --mount src=/a,dst=/b nosuch
    usage '--network: "bridge" is not supported*' run --network bridge nosuch
    usage '--cap-add*' run --cap-add FLY nosuch
    usage '--security-opt: apparmor=unconfined is not supported*' run --security-opt apparmor=unconfined nosuch
    usage '--memory-swap*--memory too*' run --memory-swap 1g nosuch
    usage '--cpus is a quota by itself*' run --cpus 1 --cpu-quota 1000 nosuch
    usage '--ulimit*' run --ulimit files=1 nosuch
    usage '--env-file*no such file*' run --env-file "$BATS_TEST_TMPDIR/nosuch" nosuch
    usage '--device*' run --device fuse nosuch
    usage '--ipc: "all" is not one of private, host, none, container:NAME*' run --ipc all nosuch
}

@test "a terminal is needed to read keys from" {
    run --separate-stderr ruche run -it nosuch </dev/null
    assert_usage_error 'the input device is not a TTY*'
}

@test "what a terminal would act on is escaped" {
    usage 'unknown command: a?x1b?2Jb*' $'a\e[2Jb'
    usage '*?x1b*' run -v $'/a:\e[2J' busybox
    [[ $stderr != *$'\e'* ]]
}

@test "only one container can be attached to" {
    usage 'only one container can be attached to*' start -a one two
}

@test "errors go by operand, and the status is 1" {
    for command in stop kill rm pause unpause wait rmi inspect start; do
        run --separate-stderr ruche "$command" nosuch-one nosuch-two
        assert_status 1
        ((${#stderr_lines[@]} == 2)) || fail "$command: $stderr"
        [[ ${stderr_lines[0]} == 'ruche: '*nosuch-one* ]] || fail "$command: $stderr"
        [[ ${stderr_lines[1]} == 'ruche: '*nosuch-two* ]] || fail "$command: $stderr"
    done
}

@test "rm -f of what is not there is no failure, and is said" {
    run --separate-stderr ruche rm -f nosuch
    assert_status 0
    assert_output ''
    assert_stderr 'ruche: no such container: nosuch'
}

@test "inspect prints an array even if nothing is found" {
    run --separate-stderr ruche inspect nosuch
    assert_status 1
    assert_output '[]'
    assert_stderr 'ruche: no such object: nosuch'
    run --separate-stderr ruche inspect --type image nosuch
    assert_stderr 'ruche: no image nosuch here'
}

@test "lists of nothing have their headers" {
    run ruche ps
    assert_status 0
    assert_output 'CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES'
    run ruche images
    assert_status 0
    assert_output 'REPOSITORY   TAG       IMAGE ID   CREATED   SIZE'
    run ruche ps -aq
    assert_output ''
}

@test "an image that is not there is 125, and leaves nothing" {
    run --separate-stderr ruche run --rm --pull never "localhost/$(random_name)"
    assert_status 125
    assert_stderr 'ruche: image * is not on this machine; *'
}

@test "--cidfile refuses a file that is there" {
    echo mine >"$BATS_TEST_TMPDIR/cid"
    run --separate-stderr ruche create --cidfile "$BATS_TEST_TMPDIR/cid" nosuch
    assert_usage_error '--cidfile: * is there already*'
    [[ $(<"$BATS_TEST_TMPDIR/cid") == mine ]]
    run --separate-stderr ruche create --cidfile "$BATS_TEST_TMPDIR/other" nosuch
    assert_status 125
    [[ ! -e $BATS_TEST_TMPDIR/other ]]
}

@test "load needs an archive" {
    run --separate-stderr ruche load -i "$BATS_TEST_TMPDIR/nosuch"
    assert_usage_error 'open *nosuch: No such file or directory'
}

@test "--debug says where state lies, and what kind an error is of" {
    run --separate-stderr ruche --debug logs nosuch
    assert_status 125
    assert_stderr "*debug: *root $ROOT, run $RUN*"
    assert_stderr '*debug: *not found*exit status 125*'
}
