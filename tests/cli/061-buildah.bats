#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2164 # what is in single quotes is for other shells; bats ends at a cd that fails
#
# buildah with `--runtime ruche-runtime`, which it executes for each RUN and for `buildah run`.

load engines

setup_file() {
    engine_file buildah_begin
}

buildah_begin() {
    engine_needs buildah && machine_open || return 1
    machine_in machine sh -c 'mkdir -p /etc/containers && echo "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >/etc/containers/policy.json'
    on_machine pull -q "oci-archive:$(dirname "$RUCHE")/busybox.tar" >"$BATS_FILE_TMPDIR/image" 2>"$BATS_FILE_TMPDIR/buildah.log" ||
        unavailable "buildah does not work here: $(tail -n 1 "$BATS_FILE_TMPDIR/buildah.log")" || return 1
    on_machine tag "$(<"$BATS_FILE_TMPDIR/image")" localhost/bee
}

teardown_file() {
    closes_well 'buildah ruche-runtime'
}

setup() {
    engine_setup
}

teardown() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || return 0
    on_machine rm -a >/dev/null
    ends_well /run/ruche-runtime 'buildah ruche-runtime'
}

# buildah COMMAND... on the file's storage
on_machine() {
    machine_in machine env BUILDAH_ISOLATION=oci buildah --root "$BATS_FILE_TMPDIR/root" --runroot "$BATS_FILE_TMPDIR/runroot" "$@"
}

# build [OPTION...]: of the Containerfile here, without a network and with limits that a user without CAP_SYS_RESOURCE may set
build() {
    on_machine build -q --runtime "$RUNTIME" --network none --cgroup-parent "/$GROUPS_TOP" --ulimit nofile=1024:20000 --ulimit nproc=1024:1024 \
        "$@" . >/dev/null
}

# from IMAGE [OPTION...]: the test's working container
from() {
    local image=$1
    shift
    on_machine from --pull-never --name "$NAME" --network none --cgroup-parent "/$GROUPS_TOP" --ulimit nofile=1024:20000 --ulimit nproc=1024:1024 \
        "$@" "$image" >/dev/null
}

# run_in [OPTION...] -- COMMAND...
run_in() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    try on_machine run --runtime "$RUNTIME" "${options[@]}" "$NAME" -- "$@"
}

@test "buildah build: RUN as root and as a user, with environment, directory and mounts" {
    mkdir sources
    echo honey >sources/comb
    cat >Containerfile <<'END'
FROM localhost/bee AS first
ARG COLOUR
ENV BEE=maja
RUN echo "$BEE $COLOUR $(id -u)" >/built
RUN --mount=type=bind,source=sources,target=/mnt cat /mnt/comb >>/built
RUN --mount=type=tmpfs,target=/mnt touch /mnt/file && grep -c ' /mnt tmpfs ' /proc/mounts >>/built
USER 33
WORKDIR /tmp/work
RUN id -u >/tmp/uid; pwd >>/tmp/uid
FROM localhost/bee
COPY --from=first /built /tmp/uid /
RUN ["chmod", "600", "/built"]
END
    build --build-arg COLOUR=yellow -t "localhost/$NAME"
    from "localhost/$NAME"
    run_in -- sh -c 'stat -c %a /built; cat /built /uid'
    on_machine rmi -f "localhost/$NAME" >/dev/null 2>&1
    assert_output $'600\nmaja yellow 0\nhoney\n1\n33\n/tmp/work'
}

@test "buildah build: a RUN that fails ends it with its status" {
    printf 'FROM localhost/bee\nRUN echo before; exit 9\nRUN echo never\n' >Containerfile
    try build
    ((status == 9)) || fail "$status" "$stderr"
    [[ $stderr == *'exit status 9'* && $stderr != *never* ]] || fail "$stderr"
    printf 'FROM localhost/bee\nRUN ["nosuch"]\n' >Containerfile
    try build
    ((status != 0))
    [[ $stderr == *'no such file'* || $stderr == *'not found'* ]] || fail "$stderr"
}

@test "buildah run: streams, status, user, binds, capabilities" {
    from localhost/bee
    run_typed() {
        on_machine run --runtime "$RUNTIME" "$NAME" -- sh -c 'cat; echo to-err >&2; exit 7' <<<typed
    }
    try run_typed
    assert_status 7
    [[ $output == typed ]] || fail "$output"
    [[ $stderr == *to-err* ]] || fail "$stderr"
    mkdir data
    echo honey >data/file
    run_in --user 33:33 --env BEE=maja --workingdir /tmp -v "$PWD/data:/data:ro" -- \
        sh -c 'id -u; echo $BEE; pwd; cat /data/file; (echo x >/data/file) 2>/dev/null || echo no'
    assert_status 0
    assert_output $'33\nmaja\n/tmp\nhoney\nno'
    run_in --cap-drop CAP_CHOWN -- sh -c 'touch /file && chown 33 /file 2>/dev/null || echo no'
    assert_output no
    on_machine config --cmd 'cat /file' "$NAME"
    run_in -- sh -c 'echo kept >/file'
    run_in -- cat /file
    assert_output kept
}

@test "buildah run -t: a terminal" {
    from localhost/bee
    on_a_terminal() {
        on_machine run -t --runtime "$RUNTIME" "$NAME" -- sh -c 'tty; exit 5'
    }
    on_terminal on_a_terminal
    ((status == 5)) || fail "$output"
    [[ $output == */dev/pts/0* ]] || fail "$output"
}

@test "buildah run: ids of its own" {
    from localhost/bee --userns-uid-map 0:100000:65536 --userns-gid-map 0:100000:65536
    run_in -- sh -c 'id -u; cat /proc/self/uid_map; touch /tmp/mine; stat -c %u /tmp/mine /bin/busybox'
    assert_status 0
    [[ ${lines[0]} == 0 && ${lines[1]} =~ ^\ +0\ +100000\ +65536$ && ${lines[2]} == 0 && ${lines[3]} == 0 ]] || fail "$output"
}
