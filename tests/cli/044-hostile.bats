#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Images and arguments that mean harm. Each test runs in a throw-away mount and network namespace, in which a canary lies where an
# escape would land; and one oracle serves them all: the host before and after, in which nothing may differ.

load images

setup_file() {
    need_root
    need_all jq python3 busybox unshare
    unshare -mn true || skip "no mount and network namespaces"
    make_rootfs "$BATS_FILE_TMPDIR/rootfs"
    make_tar "$BATS_FILE_TMPDIR/base.tar" "$BATS_FILE_TMPDIR/rootfs"
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    mkdir canary
    echo canary >canary/file
    ln -s file canary/link
    mkfifo canary/fifo
    chmod 640 canary/file
    export CANARY=$PWD/canary
    host_state >before
}

teardown() {
    containers_teardown
}

# What no container may change: mounts, control groups, links, processes without a parent that knows them, kernel parameters, keys,
# shared memory and queues, /dev, and the canary: inode, mode, owner, time, content.
host_state() {
    grep -vF "$BATS_TEST_TMPDIR" /proc/self/mountinfo | grep -v '/bats-run-' | sort
    ip -o link 2>/dev/null | sed 's/@.*//' || true
    cat /proc/sys/kernel/{core_pattern,hostname,domainname,modprobe,poweroff_cmd,shmmax,msgmax,sem,printk} \
        /proc/sys/fs/binfmt_misc/status /proc/sys/vm/overcommit_memory /proc/sys/net/ipv4/ip_forward 2>/dev/null || true
    stat -c '%n %F %a %u:%g %t:%T' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/ptmx /dev/console 2>/dev/null || true
    cat /proc/sysvipc/{shm,sem,msg} | wc -l
    stat -c '%n %i %a %u:%g %s' /etc /etc/passwd /etc/hosts /etc/hostname /etc/resolv.conf /tmp/.. 2>/dev/null || true
    sha256sum /etc/passwd /etc/hosts /etc/resolv.conf 2>/dev/null || true
    find "$CANARY" -printf '%p %i %y %m %U:%G %T@ %s %l\n'
    cat "$CANARY/file"
}

host_is_unharmed() {
    host_state >after
    diff before after || fail "the host has changed"
    nothing_left || eventually nothing_left
}

# Tries ruche in namespaces of its own. PATH of the canary is in $CANARY.
hostile() {
    try timeout -k 1 600 unshare -mn --propagation private "$RUCHE" --root "$ROOT" --run "$RUN" "$@"
    [[ $status != 124 && $status != 137 ]] || fail "it did not end" "$output" "$stderr"
    [[ $stderr != *$'\e'* ]] || fail "an escape sequence came through"
    # A crash is 128 + SIGSEGV, SIGABRT, SIGBUS or SIGFPE.
    case $status in 134 | 135 | 136 | 139) fail "it crashed with $status" "$stderr" ;; 152) fail "it took too long" "$stderr" ;; esac
}

# image NAME [TAR...]: loads busybox's layer and these
image() {
    local name=$1
    shift
    rm -rf layout
    make_layout layout "$name" "${CONFIG:-{\}}" "$BATS_FILE_TMPDIR/base.tar" "$@"
    hostile load -qi layout
}

# layer FILE MEMBER...: a layer of what tar tools do not make. A member is a Python dict for tarfile's TarInfo, with `data`.
layer() {
    python3 - "$@" <<'PYTHON'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as archive:
    for text in sys.argv[2:]:
        values = dict(eval(text, {"t": tarfile}))
        data = values.pop("data", b"")
        info = tarfile.TarInfo(values.pop("name"))
        info.size = len(data)
        info.mode = 0o755
        for key, value in values.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(data))
PYTHON
}

symlink() {
    printf '{"name": "%s", "type": t.SYMTYPE, "linkname": "%s"}' "$1" "$2"
}

# ---- what lies in the way of the engine's own mounts and files ----

# place NAME KIND: a layer `layer.tar` in which NAME is a thing of that kind
place() {
    local removed
    removed=$(printf '{"name": "%s/.wh.%s"}' "$(dirname "$1")" "$(basename "$1")")
    layer gone.tar "$removed"
    case $2 in
    outside) layer layer.tar "$(symlink "$1" "$CANARY")" ;;
    file-outside) layer layer.tar "$(symlink "$1" "$CANARY/file")" ;;
    upward) layer layer.tar "$(symlink "$1" "../../../../../../../..$CANARY/file")" ;;
    dangling) layer layer.tar "$(symlink "$1" nosuch/nosuch)" ;;
    loop) layer layer.tar "$(symlink "$1" "$(basename "$1")")" ;;
    magic) layer layer.tar "$(symlink "$1" /proc/self/fd/3)" ;;
    root) layer layer.tar "$(symlink "$1" /)" ;;
    fifo) layer layer.tar "{'name': '$1', 'type': t.FIFOTYPE}" ;;
    file) layer layer.tar "{'name': '$1', 'data': b'fake'}" ;;
    directory) layer layer.tar "{'name': '$1', 'type': t.DIRTYPE}" ;;
    device) layer layer.tar "{'name': '$1', 'type': t.CHRTYPE, 'devmajor': 1, 'devminor': 3}" ;;
    esac
}

# What is true of every container that starts, whatever its image put in the way.
look='
    [ "$(stat -f -c %T /proc 2>/dev/null)" = proc ] || grep -q " /proc proc " /proc/mounts || echo "no proc"
    grep -q " /dev tmpfs " /proc/mounts || echo "no dev"
    [ -c /dev/null ] || echo "no null"
    echo x >/dev/null || echo "null cannot be written"
    read -r a b c </proc/self/uid_map; [ "$b" != 0 ] || echo "uid 0 of the host"
    [ "$(cat /proc/1/comm 2>/dev/null)" ] || echo "proc is a fake"
    grep -q " /proc/sys proc ro," /proc/mounts || echo "kernel parameters can be written"
    echo done'

@test "hostile: /proc, /dev, /sys and what is in them as links, fifos, files, devices" {
    local name kind n=0
    for name in proc dev sys; do
        for kind in outside upward loop magic root fifo file; do
            [[ $name == proc || $kind != @(upward|magic|file) ]] || continue
            place "$name" "$kind"
            image "h$((++n))" gone.tar layer.tar
            ((status == 0)) || continue # refused as an image is as good
            hostile run --rm "h$n" sh -c "$look"
            [[ $output == 'done' || ($status == 12[56] && -z $output) ]] || fail "/$name as $kind:" "$output" "$stderr"
        done
    done
    host_is_unharmed
}

@test "hostile: /dev/null, pts, ptmx, console, shm, stdin of the image do not count" {
    local name n=0
    for name in null pts ptmx console shm; do
        place "dev/$name" file-outside
        image "h$((++n))" layer.tar
        ((status == 0)) || continue
        hostile run --rm "h$n" sh -c "$look; readlink /dev/$name"
        assert_status_or_refused
        [[ $output != *canary* ]] || fail "/dev/$name is the image's"
    done
    host_is_unharmed
}

assert_status_or_refused() {
    [[ $output == 'done'* || ($status == 12[56] && -z $output) ]] || fail "status $status" "$output" "$stderr"
}

@test "hostile: /etc/hosts, hostname, resolv.conf, passwd, group and /etc as links, fifos, directories" {
    local name kind n=0
    mkdir volume
    for name in etc/hosts etc/hostname etc/resolv.conf etc/passwd etc/group etc; do
        for kind in file-outside upward dangling loop magic fifo directory device; do
            # All of them for one, the most telling for the others.
            [[ $name == etc/hosts || $kind == @(file-outside|fifo|loop) ]] || continue
            place "$name" "$kind"
            image "h$((++n))" gone.tar layer.tar
            ((status == 0)) || continue
            hostile run --rm -v "$PWD/volume:/etc/volume" "h$n" sh -c "$look"
            assert_status_or_refused
            [[ $name == etc/passwd || $name == etc/group ]] || continue
            hostile run --rm -u bee "h$n" id -u
            [[ $output == 1000 || $status == 12[56] ]] || fail "$name as $kind: user bee is" "$output"
        done
    done
    host_is_unharmed
}

@test "hostile: targets of volumes through links stay inside" {
    layer layer.tar "$(symlink out "$CANARY")" "$(symlink up ../../../../../..)" "$(symlink self /proc/self/root)" \
        "$(symlink fd /proc/self/fd)" "$(symlink cwd /proc/self/cwd)" "$(symlink loop loop)"
    image links layer.tar
    assert_status 0
    mkdir volume
    echo volume >volume/file
    local target
    for target in out out/new up/new/deep self/x fd/3 cwd/x loop/x ../../../x up/up/up; do
        hostile run --rm -v "$PWD/volume:/${target#/}" --tmpfs "/${target#/}/t" links sh -c "$look"
        assert_status_or_refused
        hostile run --rm --mount "type=tmpfs,dst=/${target#/}" links sh -c "$look"
        assert_status_or_refused
    done
    host_is_unharmed
}

# ---- the working directory and the command ----

@test "hostile: no working directory leads out" {
    local n=0 directory
    layer layer.tar "$(symlink out "$CANARY")" "$(symlink magic /proc/self/fd/7)" "$(symlink one /proc/1/root)" "$(symlink up ../../../..)"
    for directory in /proc/self/fd/{3..8} /proc/self/cwd /proc/1/cwd /proc/1/root/../../.. /out /magic /one /up/.. /out/new; do
        CONFIG=$(printf '{"WorkingDir":"%s"}' "$directory") image "w$((++n))" layer.tar
        assert_status 0
        hostile run --rm "w$n" sh -c 'cat file ../file ../canary/file ../../etc/shadow 2>/dev/null; ls -d root proc 2>/dev/null; echo done'
        [[ $status == 12[567] || $output == *done ]] || fail "$directory: $status" "$output" "$stderr"
        [[ $output != *canary* && $output != *'root:'* ]] || fail "$directory leads out" "$output"
        hostile run --rm -w "$directory" busybox sh -c 'cat file ../canary/file 2>/dev/null; echo done'
        [[ $output != *canary* ]] || fail "$directory leads out" "$output"
    done
    host_is_unharmed
}

@test "hostile: no descriptor of ours is open in a container" {
    hostile run --rm busybox ls -l /proc/self/fd
    assert_status 0
    (($(grep -c -- '->' <<<"$output") <= 4)) || fail "$output"
    [[ $output != *"$BATS_TEST_TMPDIR"* && $output != *cgroup* && $output != *memfd* ]] || fail "$output"
    host_is_unharmed
}

@test "hostile: the running program cannot be executed or written from inside" {
    layer layer.tar "{'name': 'self', 'data': b'#!/proc/self/exe\\n'}" "{'name': 'exe', 'data': b'#!/proc/1/exe -c\\n'}" \
        "$(symlink linked /proc/self/exe)" "$(symlink libc.so.6 /proc/self/exe)"
    image self layer.tar
    assert_status 0
    # The program under attack is a copy, for whoever lets it through.
    mkdir bin
    cp "$RUCHE" "$(dirname "$RUCHE")"/ruche-{init,sleep} bin/
    RUCHE=$PWD/bin/ruche
    sha256sum bin/* >sums
    local command userns i
    for command in /self /exe /linked /proc/self/exe /proc/1/exe /proc/self/fd/3 /proc/self/fd/6; do
        hostile run --rm self "$command"
        hostile run --rm --entrypoint "$command" self -c ':'
    done
    # While somebody joins, and is ruche a second time: one waits for it, and writes to it then and when it has ended.
    for userns in private host; do
        hostile run -d --name "victim-$userns" --userns "$userns" self sh -c '
            while :; do
                for p in /proc/[0-9]*; do
                    (exec 9<$p/exe && readlink $p/exe; echo overwritten >/proc/self/fd/9 || echo overwritten >$p/exe) 2>/dev/null
                done
            done'
        assert_status 0
        for ((i = 0; i < 10; i++)); do
            hostile exec "victim-$userns" /linked help
            hostile exec "victim-$userns" true
            assert_status 0
        done
        [[ $(ruche logs "victim-$userns") != *ruche* ]] || fail "the program is within reach"
        ruche rm -f "victim-$userns" >/dev/null
    done
    sha256sum --quiet -c sums
    host_is_unharmed
}

@test "hostile: names and numbers of users never become uid 0" {
    layer layer.tar "{'name': 'etc/passwd', 'data': b'root:x:0:0::/:/bin/sh\\n1000:x:0:0::/:/bin/sh\\nbig:x:4294967296:0::/:\\nneg:x:-1:0::/:\\nempty:x::::\\nhex:x:0x0:0::/:\\nplus:x:+0:0::/:\\n'}"
    image users layer.tar
    assert_status 0
    local user
    for user in 4294967296 4294967295 -1 0x0 +0 '1:' ' 0' '0 ' 18446744073709551616 big neg empty hex plus nosuch 1000:nosuch \
        $'0\n' ':0' '::' '0:0:0' 00000000000000000000000000x; do
        hostile run --rm -u "$user" users id -u
        [[ $output != 0 ]] || fail "user $(printf %q "$user") is root"
    done
    hostile run --rm -u 1000 users id -u
    assert_output 1000
    host_is_unharmed
}

@test "hostile: a huge /etc/passwd and /etc/group, long lines, and no line end" {
    python3 -c '
import sys
with open("passwd", "w") as f:
    for i in range(1000000): f.write("user%d:x:%d:%d::/:/bin/sh\n" % (i, i + 1, i + 1))
with open("line", "w") as f: f.write("a" * 20000000 + ":x:0:0::/:\nbee:x:1000:1000::/:/bin/sh\n")'
    local file
    for file in passwd line; do
        mkdir -p "tree-$file/etc"
        cp "$file" "tree-$file/etc/passwd"
        cp "$file" "tree-$file/etc/group"
        make_tar layer.tar "tree-$file"
        image "huge-$file" layer.tar
        assert_status 0
        ulimit -v 1000000
        hostile run --rm -u bee "huge-$file" id -u
        [[ $output == 1000 || $status == 125 ]] || fail "$status $output" "$stderr"
        hostile run --rm -u 5:7 "huge-$file" true
    done
    host_is_unharmed
}

@test "hostile: kernel parameters and control groups are not reached by names with paths" {
    local value
    for value in kernel.core_pattern=x kernel/../kernel/core_pattern=x ../../etc/passwd=x net.ipv4/../../kernel/hostname=x \
        kernel.shm_rmid_forced/../core_pattern=1 net.=1 =1 net.ipv4..ip_forward=1 fs.mqueue.../x=1; do
        hostile run --rm --sysctl "$value" busybox true
        assert_status 125
    done
    for value in ../../../x a/b . .. '' '-x' $'a\nb' 'a b' $'\e[31m'; do
        hostile run --rm --name "$value" busybox true
        [[ $status == 125 || -z $value ]] || fail "name $(printf %q "$value") is accepted"
    done
    host_is_unharmed
}

@test "hostile: labels and annotations of an image steer nothing" {
    CONFIG='{"Labels":{"ruche.privileged":"true","run.oci.keep_original_groups":"1","org.opencontainers.image.ref.name":"x","io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel":"true"},"Volumes":{"/proc":{},"/../../etc":{}},"Env":["LD_PRELOAD=/x.so","PATH=/bin","NOEQUALS","=x","RUCHE_ROOT=/x"],"ExposedPorts":{"x/y":{}},"StopSignal":"SIGNONE"}' \
        image labels
    ((status == 0)) || return 0
    hostile run --rm labels sh -c "$look"
    assert_status_or_refused
    hostile run --rm busybox cat /proc/self/status
    assert_match '*NoNewPrivs:?1*'
    host_is_unharmed
}

# ---- what is shown on a terminal ----

@test "hostile: escape sequences are shown, not sent: ps, images, inspect, errors" {
    CONFIG='{"Cmd":["/bin/sh","-c","sleep 100 # \u001b[2Jcleared \u0007\u009b31m\r\n"],"Labels":{"a\u001b]0;title\u0007":"\u001b[31mred"},"Env":["X=\u001b[2J"],"User":"","WorkingDir":"/\u001b[1m"}' \
        image escape
    assert_status 0
    hostile run -d --name escape -l $'x=\e[31m' escape
    [[ $output != *$'\e'* ]]
    local arguments
    for arguments in 'ps -a' 'ps -a --no-trunc' images 'images --no-trunc' 'inspect escape' 'inspect --type image escape'; do
        # shellcheck disable=SC2086 # words
        hostile $arguments
        [[ $output != *$'\e'* && $output != *$'\a'* && $output != *$'\r'* && $output != *$'\xc2\x9b'* ]] ||
            fail "$arguments lets it through: $(printf %q "$output")"
    done
    for arguments in $'\e[2Jimage' $'x\e]0;t\a'; do
        hostile run --rm "$arguments"
        hostile inspect "$arguments"
        hostile rm "$arguments"
        hostile run --rm busybox "$arguments"
        hostile run --rm -v "$arguments:/x" busybox true
        hostile run --rm -u "$arguments" busybox true
        hostile run --rm -w "/$arguments/.." busybox true
        hostile load -i "$arguments"
        hostile rmi "$arguments"
        hostile "$arguments"
        hostile run "--$arguments"
    done
    layer layer.tar "{'name': 'a/\\x1b[2J/../../x'}"
    image name layer.tar
    layer layer.tar "{'name': '\\x1b[2J', 'type': t.LNKTYPE, 'linkname': '\\x1b[2Jnosuch'}"
    image name layer.tar
    ruche rm -f escape >/dev/null || true
    host_is_unharmed
}

# ---- archives ----

# stays_inside NAME MEMBER...: whether such a layer is refused or not, all of it lies below its root
stays_inside() {
    local name=$1
    shift
    layer layer.tar "$@"
    image "$name" layer.tar
    [[ $status == 0 || $status == 125 ]] || fail "$name: status $status" "$stderr"
    if ((status == 0)); then
        hostile run --rm "$name" sh -c '
            for f in /file /x /out/* /a /b /link; do [ ! -f $f ] || grep -l canary $f; done; '"$look"
        assert_status_or_refused
        [[ $output == 'done' || $status == 12[56] ]] || fail "$name: the canary was read" "$output"
    else
        [[ $(wc -l <<<"$stderr") == 1 ]] || fail "$name: more than a line" "$stderr"
        is_empty "$ROOT/ingest"
    fi
    diff <(cat before) <(host_state) || fail "$name changed the host"
}

@test "hostile: members with .., absolute, or through links" {
    local up=../../../../../../../../../../..
    stays_inside dotdot "{'name': '$up$CANARY/file', 'data': b'evil'}"
    stays_inside inner "{'name': 'a/../..$up$CANARY/new', 'data': b'evil'}"
    stays_inside absolute "{'name': '$CANARY/file', 'data': b'evil'}"
    stays_inside parent "$(symlink out "$CANARY")" "{'name': 'out/file', 'data': b'evil'}" "{'name': 'out/new', 'data': b'evil'}"
    stays_inside upward "$(symlink out "$up$CANARY")" "{'name': 'out/file', 'data': b'evil'}"
    stays_inside chain "$(symlink a "$up")" "$(symlink b "a$CANARY")" "{'name': 'b/file', 'data': b'evil'}"
    stays_inside directory "$(symlink out "$CANARY")" "{'name': 'out', 'type': t.DIRTYPE, 'mode': 0o777, 'uid': 5}"
    stays_inside replaced "{'name': 'out', 'type': t.DIRTYPE}" "$(symlink out "$CANARY")" "{'name': 'out/file', 'data': b'evil'}"
    stays_inside over "$(symlink file "$CANARY/file")" "{'name': 'file', 'data': b'evil'}"
    stays_inside root-link "$(symlink . "$CANARY")"
    stays_inside root-slash "$(symlink / "$CANARY")" "{'name': '/file', 'data': b'evil'}"
    stays_inside root-file "{'name': './', 'data': b'evil'}"
    stays_inside magic "$(symlink out /proc/self/cwd)" "{'name': 'out/x', 'data': b'evil'}"
    stays_inside cwd "$(symlink out /proc/self/fd/4)" "{'name': 'out/x', 'data': b'evil'}"
    host_is_unharmed
}

@test "hostile: hard links to outside, to links, to nothing" {
    local up=../../../../../../../../../../.. target
    for target in "$CANARY/file" "$up$CANARY/file" file ../file /proc/self/exe out/file out . .. /; do
        stays_inside "hard" "$(symlink out "$CANARY")" "{'name': 'link', 'type': t.LNKTYPE, 'linkname': '$target'}" \
            "{'name': 'link', 'data': b'evil'}"
    done
    stays_inside self "{'name': 'link', 'type': t.LNKTYPE, 'linkname': 'link'}"
    host_is_unharmed
}

@test "hostile: whiteouts that point elsewhere" {
    local up=../../../../../../../../../../..
    stays_inside dotdot "{'name': '$up$CANARY/.wh.file'}"
    stays_inside absolute "{'name': '$CANARY/.wh.file'}"
    stays_inside parent "$(symlink out "$CANARY")" "{'name': 'out/.wh.file'}"
    stays_inside opaque "$(symlink out "$CANARY")" "{'name': 'out/.wh..wh..opq'}"
    stays_inside dots "{'name': 'bin/.wh...'}"
    stays_inside dot "{'name': 'bin/.wh..'}"
    stays_inside nothing "{'name': 'bin/.wh.'}"
    stays_inside root "{'name': '.wh..wh..opq'}" || true
    stays_inside aufs "{'name': '.wh..wh.plnk/1.2', 'data': b'x'}" "{'name': 'link', 'type': t.LNKTYPE, 'linkname': '.wh..wh.plnk/1.2'}"
    stays_inside directory "{'name': 'etc/.wh.passwd', 'type': t.DIRTYPE}" "{'name': 'etc/.wh.passwd/x', 'data': b'x'}"
    stays_inside link "$(symlink etc/.wh.passwd "$CANARY/file")"
    host_is_unharmed
}

@test "hostile: device nodes, attributes of overlay's and the host's, odd types" {
    stays_inside disk "{'name': 'disk', 'type': t.BLKTYPE, 'devmajor': 8, 'devminor': 0}" \
        "{'name': 'mem', 'type': t.CHRTYPE, 'devmajor': 1, 'devminor': 1}" "{'name': 'kmsg', 'type': t.CHRTYPE, 'devmajor': 1, 'devminor': 11}"
    if ((status == 0)); then
        hostile run --rm disk sh -c 'head -c 1 /disk; head -c 1 /mem; echo x >/kmsg'
        assert_output ''
        ((status != 0))
    fi
    local attribute
    for attribute in trusted.overlay.opaque trusted.overlay.redirect trusted.overlay.metacopy user.overlay.opaque \
        user.overlay.redirect user.overlay.whiteout security.selinux system.posix_acl_access user.overlay.origin; do
        stays_inside attribute "{'name': 'x', 'type': t.DIRTYPE, 'pax_headers': {'SCHILY.xattr.$attribute': '/../../..$CANARY'}}"
    done
    stays_inside fifo "{'name': 'pipe', 'type': t.FIFOTYPE}" "{'name': 'pipe', 'data': b'x'}"
    stays_inside contiguous "{'name': 'x', 'type': t.CONTTYPE, 'data': b'x'}"
    stays_inside unknown "{'name': 'x', 'type': b'Q', 'data': b'x'}"
    stays_inside setuid "{'name': 'x', 'mode': 0o6777, 'uid': 0, 'data': b'x'}" "{'name': 'y', 'mode': 0o7777777, 'data': b'x'}"
    stays_inside owners "{'name': 'x', 'uid': 4294967295, 'data': b'x'}"
    stays_inside huge-owners "{'name': 'x', 'uid': 1 << 40, 'data': b'x'}"
    stays_inside times "{'name': 'x', 'mtime': 1 << 60, 'data': b'x'}" "{'name': 'y', 'mtime': -(1 << 40), 'data': b'x'}"
    host_is_unharmed
}

@test "hostile: names that are long, deep, duplicate, empty" {
    stays_inside long "{'name': 'x' * 256, 'data': b'x'}"
    stays_inside longer "{'name': 'x/' * 3000, 'data': b'x'}"
    stays_inside target "{'name': 'x', 'type': t.SYMTYPE, 'linkname': 'y' * 70000}"
    stays_inside empty "{'name': '', 'data': b'x'}"
    stays_inside zero "{'name': 'a', 'pax_headers': {'path': ''}, 'data': b'x'}"
    stays_inside types "{'name': 'x', 'type': t.DIRTYPE}" "{'name': 'x/y', 'data': b'x'}" "{'name': 'x', 'data': b'x'}" "$(symlink x /)" \
        "{'name': 'x', 'type': t.DIRTYPE}" "{'name': 'x', 'type': t.FIFOTYPE}" "{'name': 'x', 'type': t.LNKTYPE, 'linkname': 'x'}"
    host_is_unharmed
}

# bounded COMMAND...: as hostile, and the memory and the processor's time of each that it starts are bounded; in the store is
# little afterwards. (A clock would tell how busy the machine is.)
bounded() {
    local used
    ulimit -v 1500000
    ulimit -St 20
    hostile "$@"
    ulimit -St unlimited
    used=$(du -sm "$ROOT" | cut -f 1)
    ((used < 200)) || fail "the store has $used MiB"
    is_empty "$ROOT/ingest" || fail "something is left of it"
}

@test "hostile: bombs are stopped in bounded time, memory and space" {
    # Some that are small until they are unpacked, where documents should be; one that is deep, one of many entries.
    python3 - <<'PYTHON'
import gzip, io, json, tarfile
def add(archive, name, size, fill):
    info = tarfile.TarInfo(name); info.size = size
    archive.addfile(info, fill)
class Brackets:
    def read(self, n): return b"[" * n
for name in ("index.json", "manifest.json", "oci-layout", "blobs/sha256/" + "0" * 64):
    with gzip.open("bomb-" + name.replace("/", "-") + ".tar.gz", "wb", 1) as out, tarfile.open(fileobj=out, mode="w|") as archive:
        add(archive, name, 1 << 26, Brackets())
deep = b"[" * 5000000
with tarfile.open("deep.tar", "w") as archive: add(archive, "index.json", len(deep), io.BytesIO(deep))
many = json.dumps({"schemaVersion": 2, "manifests": [{"digest": "sha256:" + "0" * 64, "size": 1, "mediaType": "x"}] * 300000}).encode()
with tarfile.open("many.tar", "w") as archive:
    add(archive, "oci-layout", 30, io.BytesIO(b'{"imageLayoutVersion":"1.0.0"}'))
    add(archive, "index.json", len(many), io.BytesIO(many))
with tarfile.open("members.tar", "w") as archive:
    for i in range(5000): archive.addfile(tarfile.TarInfo("f%d" % i))
PYTHON
    local bomb
    for bomb in bomb-*.tar.gz deep.tar many.tar members.tar; do
        bounded load -qi "$bomb"
        assert_status 125
        (($(wc -l <<<"$stderr") == 1 && ${#stderr} < 2000)) || fail "$bomb:" "$stderr"
    done
    host_is_unharmed
}

@test "hostile: sizes and sparse maps that lie" {
    # 8 EiB in a header, of which nothing comes; a sparse file of as much, with one byte; maps that go back or past the end.
    python3 - <<'PYTHON'
import tarfile
def member(file, size, pax, data):
    info = tarfile.TarInfo("x"); info.size = size; info.pax_headers = pax
    with open(file, "wb") as out: out.write(info.tobuf(tarfile.PAX_FORMAT) + data.ljust(512, b"\0") + bytes(1024))
def sparse(size, numbers): return {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "x",
    "GNU.sparse.size": str(size), "GNU.sparse.numblocks": str(len(numbers) // 2), "GNU.sparse.map": ",".join(map(str, numbers))}
member("huge.tar", (1 << 63) - 1, {}, b"x")
member("negative.tar", 1, {"size": "-1"}, b"x")
member("sparse.tar", 1, sparse((1 << 63) - 1, [1 << 62, 1]), b"x")
member("back.tar", 2, sparse(10, [5, 1, 0, 1]), b"xy")
member("past.tar", 2, sparse(10, [50, 2]), b"xy")
member("wrap.tar", 2, sparse(10, [(1 << 64) - 1, 2]), b"xy")
member("lies.tar", 1, sparse(10, [0, 1000000]), b"x")
PYTHON
    local file
    for file in huge negative sparse back past wrap lies; do
        rm -rf layout
        make_layout layout "$file" '{}' "$BATS_FILE_TMPDIR/base.tar" "$file.tar"
        bounded load -qi layout
        [[ $status == 0 || $status == 125 ]]
        [[ $file != @(huge|past|wrap|lies) || $status == 125 ]] || fail "$file is accepted"
    done
    host_is_unharmed
}

@test "hostile: the helper that reads archives is killed: a clean error" {
    mkfifo pipe
    "$RUCHE" --root "$ROOT" --run "$RUN" load -q <pipe >out 2>&1 3>&- &
    local load=$! transfer=
    exec 8>pipe
    find_transfer() {
        transfer=$(pgrep -P "$load" -x ruche-transfer | head -n 1)
        [[ $transfer ]]
    }
    eventually find_transfer
    kill -KILL "$transfer"
    exec 8>&-
    status=0
    wait "$load" || status=$?
    assert_status 125
    (($(wc -l <out) == 1)) || fail "$(<out)"
    grep -q '^ruche: ' out
    store_is_empty
    host_is_unharmed
}
