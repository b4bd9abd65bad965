#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers

# Every command that --help lists, one a line.
commands() {
    ruche --help | sed -n '/^Commands:/,/^$/s/^  \([a-z ]*[a-z]\)   .*/\1/p'
}

@test "no arguments show the same help as --help, and so does help" {
    ruche --help >"$BATS_TEST_TMPDIR/help"
    ruche >"$BATS_TEST_TMPDIR/none"
    ruche help >"$BATS_TEST_TMPDIR/command"
    cmp "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/none"
    cmp "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/command"
}

@test "help lists the commands and no hidden ones" {
    run commands
    for name in run create start exec ps logs inspect wait stop kill pause unpause rm images load tag rmi \
        'image prune' version help man completion; do
        assert_line "$name"
    done
    [[ $output != *__* ]]
}

@test "help lists a command once, by its first name" {
    run commands
    for name in 'image ls' 'image pull' 'image rm' 'container run' 'container ls' 'container rm'; do
        ! grep -qxF "$name" <<<"$output" || fail "$name"
    done
    run --separate-stderr uniq -d <(ruche --help | sed -n '/^Commands:/,/^$/s/.*   //p' | sort)
    assert_output ''
}

# Every first word of a command of two.
families() {
    ruche --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) [a-z][a-z]*   .*/\1/p' | sort -u
}

@test "a family shows its commands, by its name, --help and help" {
    while read -r family; do
        run --separate-stderr ruche "$family"
        assert_status 0
        assert_stderr ''
        assert_match "Usage:  ruche $family COMMAND*"
        cmp <(ruche "$family") <(ruche "$family" --help)
        cmp <(ruche "$family") <(ruche help "$family")
        while read -r word; do
            run --separate-stderr ruche "$family" "$word" --help
            assert_status 0
            assert_match "Usage:  ruche $family $word*"
        done < <(ruche "$family" | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)   .*/\1/p')
    done < <(families)
    run ruche image
    assert_line '  ls          List images'
    assert_line '  rm          Remove images'
    assert_line '  prune       Remove images that no container uses'
    ! grep -E '^  (list|remove|images|rmi) ' <<<"$output" || fail 'a command is there twice'
}

@test "help of a command tells its other names" {
    run ruche pull --help
    assert_match 'Usage:  ruche pull *'
    assert_line 'Also: ruche image pull'
    for line in 'help image pull' 'image pull --help' 'image pull -h'; do
        # shellcheck disable=SC2086 # words
        run ruche $line
        assert_status 0
        assert_match 'Usage:  ruche image pull *'
        assert_line 'Also: ruche pull'
    done
    run ruche ps --help
    assert_line 'Also: ruche container ls, ruche container list, ruche container ps'
    run ruche version --help
    [[ $output != *Also:* ]]
}

@test "both names of a command do the same" {
    for pair in 'ps:container ls' 'ps:container list' 'ps:container ps' 'images:image ls' 'images:image list'; do
        # shellcheck disable=SC2086 # words
        cmp <(ruche ${pair%%:*}) <(ruche ${pair#*:})
    done
    run --separate-stderr ruche container logs nosuch
    assert_status 125
    assert_stderr "$(ruche logs nosuch 2>&1)"
}

@test "each command has help, on standard output, with an example" {
    while read -r -a words; do
        run --separate-stderr ruche "${words[@]}" --help
        assert_status 0
        assert_match "Usage:  ruche ${words[*]}*"
        assert_stderr ''
        run --separate-stderr ruche help "${words[@]}"
        assert_match "Usage:  ruche ${words[*]}*"
    done < <(commands)
}

@test "help needs no operands, and has no effect" {
    run ruche rm -f --help nosuch
    assert_status 0
    assert_match 'Usage:  ruche rm *'
    [[ ! -e $ROOT ]]
}

@test "-h is the host name of run, and help of others" {
    run ruche ps -h
    assert_status 0
    assert_match 'Usage:  ruche ps *'
    run --separate-stderr ruche run -h
    assert_usage_error '*--hostname*'
}

@test "help fits into 100 columns" {
    while read -r -a words; do
        run ruche "${words[@]}" --help
        for line in "${lines[@]}"; do
            ((${#line} <= 100)) || [[ $line == '  '* ]] || fail "$line"
        done
    done < <(commands)
}

@test "man prints a page of each command" {
    while read -r -a words; do
        run ruche man "${words[@]}"
        assert_status 0
        assert_match '.TH "ruche*'
    done < <(commands)
    run ruche man
    assert_match '.TH "ruche"*'
}

@test "man writes all pages into a directory" {
    ruche man -d "$BATS_TEST_TMPDIR/man/man1"
    [[ -s $BATS_TEST_TMPDIR/man/man1/ruche.1 ]]
    [[ -s $BATS_TEST_TMPDIR/man/man1/ruche-run.1 ]]
    [[ -s $BATS_TEST_TMPDIR/man/man1/ruche-image-prune.1 ]]
    pages=$(find "$BATS_TEST_TMPDIR/man/man1" -type f | wc -l)
    ((pages == $(commands | wc -l) + 1))
    ruche man run | cmp - "$BATS_TEST_TMPDIR/man/man1/ruche-run.1"
}

@test "a manual page by another name is a link" {
    local man1=$BATS_TEST_TMPDIR/man1
    mkdir "$man1"
    echo old >"$man1/ruche-image-ls.1"
    ruche man -d "$man1"
    ruche man -d "$man1"
    [[ $(readlink "$man1/ruche-image-ls.1") == ruche-images.1 ]]
    [[ $(readlink "$man1/ruche-container-remove.1") == ruche-rm.1 ]]
    for page in "$man1"/*; do
        [[ -s $page ]] || fail "$page"
    done
    ruche man image ls | cmp - "$man1/ruche-images.1"
    grep -q '^Also: .fBruche image ls.fR, .fBruche image list.fR$' "$man1/ruche-images.1"
}

@test "manual pages have no error" {
    command -v mandoc >/dev/null || command -v groff >/dev/null || skip "neither mandoc nor groff"
    ruche man -d "$BATS_TEST_TMPDIR/man1"
    for page in "$BATS_TEST_TMPDIR"/man1/*.1; do
        if command -v mandoc >/dev/null; then
            run mandoc -T lint -W error "$page"
        else
            run groff -man -Tutf8 -ww -z "$page"
        fi
        assert_status 0
        assert_output ''
    done
}

@test "completion scripts are shell" {
    for shell in bash zsh fish; do
        run ruche completion "$shell"
        assert_status 0
        assert_match '*ruche*'
        command -v "$shell" >/dev/null || continue
        "$shell" -n <(ruche completion "$shell")
    done
}

@test "bash completes commands and options" {
    # shellcheck disable=SC1090
    source <(ruche completion bash)
    PATH=$(dirname "$RUCHE"):$PATH
    complete_line() {
        COMP_LINE=$1 COMP_POINT=${#1}
        read -r -a COMP_WORDS <<<"$1"
        [[ $1 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        COMPREPLY=()
        _ruche || true # its status means nothing
        output=${COMPREPLY[*]}
    }
    complete_line 'ruche unp'
    assert_output 'unpause'
    complete_line 'ruche run --read'
    assert_output '--read-only'
    complete_line 'ruche image ins'
    assert_output 'inspect'
    complete_line 'ruche conta'
    assert_output 'container'
    complete_line 'ruche container '
    for word in run create start exec ls ps list logs inspect wait stop kill pause unpause rm remove export; do
        [[ " $output " == *" $word "* ]] || fail "$word"
    done
    complete_line 'ruche container unp'
    assert_output 'unpause'
    complete_line 'ruche container run --read'
    assert_output '--read-only'
    complete_line 'ruche image rm --fo'
    assert_output '--force'
    complete_line 'ruche container run --pull n'
    assert_output 'never'
}
