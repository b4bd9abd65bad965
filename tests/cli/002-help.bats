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
    for name in run create start exec ps logs inspect wait stop kill pause unpause rm images 'image ls' load tag rmi \
        version help man completion; do
        assert_line "$name"
    done
    [[ $output != *__* ]]
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
    [[ -s $BATS_TEST_TMPDIR/man/man1/ruche-image-ls.1 ]]
    pages=("$BATS_TEST_TMPDIR"/man/man1/*)
    ((${#pages[@]} == $(commands | wc -l) + 1))
    ruche man run | cmp - "$BATS_TEST_TMPDIR/man/man1/ruche-run.1"
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
}
