#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# system df, check, gc and prune, image prune: what the store takes, whether it is whole, and what goes.

load registry

# The layouts one (layers a and b) and two (layers a and c), and their archives one.tar and two.tar.
setup_file() {
    need_all busybox jq python3 tar
    cd "$BATS_FILE_TMPDIR"
    local letter
    make_rootfs a
    mkdir -p b/srv c/srv
    for letter in a b c; do
        mkdir -p $letter/srv
        head -c 30000 /dev/urandom >$letter/srv/$letter
        make_tar $letter.tar $letter
    done
    make_layout one example.org/one:1 '{"Cmd":["sh","-c","echo one"],"Labels":{"kind":"first","x":"y"}}' a.tar b.tar
    make_layout two example.org/two:1 '{"Cmd":["sh","-c","echo two"],"Labels":{"kind":"second"}}' a.tar c.tar
    tar -C one -cf one.tar .
    tar -C two -cf two.tar .
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    F=$BATS_FILE_TMPDIR
}

# A registry that a test has started goes, however the test ends.
teardown() {
    registry_stop hive
    containers_teardown
}

# load NAME...: of one and two
load_images() {
    local name
    for name in "$@"; do
        ruche "${STORAGE[@]}" load -qi "$F/$name.tar" >/dev/null
    done
}
STORAGE=()

# flip FILE BYTE BIT
flip() {
    python3 - "$@" <<'PYTHON'
import os, sys
times = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte ^ 1 << int(sys.argv[3])]))
os.utime(sys.argv[1], ns=(times.st_atime_ns, times.st_mtime_ns))
PYTHON
}

id_of() {
    ruche images -q --no-trunc "$1" | head -1
}

assert_clean() {
    try ruche system check
    assert_status 0
    assert_match '*: no faults'
}

allocated() {
    local path=() directory
    for directory in "$@"; do
        [[ ! -e $ROOT/$directory ]] || path+=("$ROOT/$directory")
    done
    ((${#path[@]} > 0)) || path=(/dev/null)
    du -c --block-size=1 "${path[@]}" | tail -1 | cut -f1
}

# df FILTER: of the line of Images or Containers
df_bytes() {
    ruche system df --format '{{.Type}} {{.Bytes}}' | awk -v type="$1" '$1 == type { print $2 }'
}

assert_df() {
    [[ $(df_bytes Images) == "$(allocated oci layers ingest partial loose trash)" ]] || fail "Images: $(df_bytes Images)"
    [[ $(df_bytes Containers) == "$(allocated containers names)" ]] || fail "Containers: $(df_bytes Containers)"
}

# ---- df ----

@test "df agrees with du, to the block" {
    ruche system df >/dev/null
    load_images one two
    assert_df
    local id
    id=$(ruche create example.org/one:1)
    ruche start "$id" >/dev/null
    ruche wait "$id" >/dev/null
    assert_df
    # a hard link is no more room
    ln "$ROOT/oci/index.json" "$ROOT/oci/link"
    assert_df
    rm "$ROOT/oci/link"
    try ruche system df
    [[ ${lines[0]} == TYPE*TOTAL*ACTIVE*SIZE*RECLAIMABLE* ]]
    [[ ${lines[1]} == Images*2*1* ]]
    [[ ${lines[2]} == Containers*1*0* ]]
    try ruche system df -v
    assert_match '*example.org/one:1*yes*'
    assert_match '*example.org/two:1*no*'
}

@test "df of directories as layers" {
    STORAGE=(--storage-driver overlay)
    load_images one two
    assert_df
}

@test "what df says can be reclaimed is what prune frees" {
    load_images one two
    ruche create example.org/one:1 >/dev/null
    local before after promised
    promised=$(ruche system df --format '{{.Type}} {{.ReclaimableBytes}}' | awk '/^Images/ { print $2 }')
    before=$(df_bytes Images)
    ruche image prune -af >/dev/null
    after=$(df_bytes Images)
    # index.json is shorter too, by less than a block
    ((before - after - promised >= 0 && before - after - promised <= 8192)) || fail "$before $after $promised"
}

# ---- check ----

@test "check finds nothing where nothing is" {
    assert_clean
    load_images one two
    ruche tag example.org/one:1 other
    ruche rmi example.org/one:1 >/dev/null
    assert_clean
    ruche run --rm other true
    assert_clean
}

# every_flip FILE...: a bit at some offsets, first and last byte among them, is found
every_flip() {
    local file size i at
    for file in "$@"; do
        size=$(stat -c %s "$file")
        for ((i = 0; i <= 4; i++)); do
            at=$(((size - 1) * i / 4))
            flip "$file" $at $((i + 1))
            run ruche system check -q
            ((status == 1)) || fail "byte $at of $file" "$output"
            flip "$file" $at $((i + 1))
        done
    done
}

@test "check finds a flipped bit in every blob, and in the layers" {
    load_images one
    every_flip "$ROOT"/oci/blobs/sha256/* "$ROOT"/oci/oci-layout
    # a layer that is one file
    local file
    for file in "$ROOT"/layers/*.erofs; do
        [[ ! -f $file ]] || every_flip "$file"
    done
    assert_clean
}

@test "check finds a flipped bit in directories as layers, and other changes" {
    need_root
    STORAGE=(--storage-driver overlay)
    load_images one
    local tree
    tree=$(dirname "$(dirname "$(find "$ROOT/layers" -path '*/srv/b')")")
    every_flip "$tree/srv/b"
    chmod 640 "$tree/srv/b"
    run ruche system check -q
    assert_status 1
    chmod 644 "$tree/srv/b"
    assert_clean
    touch -d @1 "$tree/srv/b"
    run ruche system check -q
    assert_status 1
    try ruche system check --repair --offline
    assert_status 0
    assert_clean
    tree=$(dirname "$(dirname "$(find "$ROOT/layers" -path '*/srv/b')")")
    rm "$tree/srv/b"
    run ruche system check -q
    assert_status 1
    ruche system check --repair --offline >/dev/null
    [[ -f $tree/srv/b ]]
    touch "$tree/srv/more"
    run ruche system check -q
    assert_status 1
    ruche system check --repair --offline >/dev/null
    assert_clean
}

@test "check finds every flipped bit of the index" {
    load_images one
    ruche tag example.org/one:1 two
    # all bits of all bytes, by one program
    RUCHE=$RUCHE ROOT=$ROOT RUN=$RUN python3 - <<'PYTHON'
import os, subprocess, sys
path = os.environ["ROOT"] + "/oci/index.json"
good = open(path, "rb").read()
missed = []
for at in range(len(good)):
    for bit in ([at % 8] if at % 3 else range(8)):
        bad = bytearray(good)
        bad[at] ^= 1 << bit
        open(path, "wb").write(bad)
        done = subprocess.run([os.environ["RUCHE"], "--root", os.environ["ROOT"], "--run", os.environ["RUN"],
            "system", "check", "--quick", "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode != 1:
            missed.append((at, bit, bytes(bad[max(0, at - 10):at + 10]), done.returncode))
open(path, "wb").write(good)
if missed:
    sys.exit(f"{len(missed)} of {len(good)} bytes: {missed[:5]}")
PYTHON
    assert_clean
}

# ---- repair ----

@test "what cannot be looked at just now is not repaired away" {
    need_all strace
    load_images one two
    local before
    before=$(ruche images --no-trunc --digests; find "$ROOT/oci" "$ROOT/layers" -type f | sort)
    run --separate-stderr strace -f -qq -o /dev/null -e inject=clone,clone3,fork,vfork:error=EAGAIN:when=1+ \
        "$RUCHE" --root "$ROOT" --run "$RUN" system check --repair --offline
    assert_status 125
    # processes start, and those that read do not
    local i
    for i in 1 2 3; do
        run --separate-stderr strace -f -qq -o /dev/null -e "inject=clone,clone3,fork,vfork:error=EAGAIN:when=$i+" \
            "$RUCHE" --root "$ROOT" --run "$RUN" system check --repair --offline
        assert_status 125
        [[ $stderr != *damaged* ]]
    done
    [[ $(ruche images --no-trunc --digests; find "$ROOT/oci" "$ROOT/layers" -type f | sort) == "$before" ]]
    assert_clean
}

@test "a damaged layer is unpacked again" {
    load_images one
    local file
    file=$(find "$ROOT/layers" -type f -size +20k | sort | tail -1)
    flip "$file" 9000 3
    try ruche system check
    assert_status 1
    assert_match '*layer sha256:* is not what its blob unpacks to*1 fault, 0 repaired'
    try ruche system check --repair --offline
    assert_status 0
    assert_match '*unpacked again*1 fault, 1 repaired'
    assert_clean
    try ruche run --rm example.org/one:1
    assert_output one
}

@test "a layer of a running container is not exchanged under it" {
    load_images one
    local file
    ruche run -d --name box example.org/one:1 sleep 10000 >/dev/null
    file=$(find "$ROOT/layers" -type f -size +20k | sort | tail -1)
    flip "$file" 9000 3
    try ruche system check --repair --offline
    assert_status 1
    assert_match '*in use by container box*'
    ruche rm -f box >/dev/null
    ruche system check --repair --offline >/dev/null
    assert_clean
}

@test "a damaged blob is moved away, and what has to be brought again is said" {
    load_images one two
    local blob
    blob=$(sha256sum "$F/b.tar" | cut -d' ' -f1)
    flip "$ROOT/oci/blobs/sha256/$blob" 5000 1
    try ruche system check --repair --offline
    assert_status 1
    assert_match "*blob sha256:$blob is damaged; moved away*pull or load it again: example.org/one:1*"
    [[ $output != *two* ]]
    # what is unpacked still runs
    try ruche run --rm example.org/one:1
    assert_output one
    try ruche save -o x.tar example.org/one:1
    assert_error 125 "*$blob is missing*"
    load_images one
    assert_clean
}

@test "what is damaged is pulled again, and only that" {
    need_all docker-registry
    local address name blob id before
    registry_start hive
    address=$(registry hive)
    name=$address/one:1
    mkdir -p config
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$address" >config/registries.conf
    export CONTAINERS_REGISTRIES_CONF=$PWD/config/registries.conf
    load_images one two
    ruche tag example.org/one:1 "$name"
    ruche push -q "$name" >/dev/null
    ruche rmi "$name" example.org/one:1 >/dev/null
    ruche pull -q "$name" >/dev/null
    id=$(id_of "$name")
    for blob in "$(sha256sum "$F/b.tar" | cut -d' ' -f1)" "${id#sha256:}"; do
        flip "$ROOT/oci/blobs/sha256/$blob" 20 1
        before=$(registry_asked hive '"GET /v2/one/blobs/')
        try ruche system check --repair
        [[ $status == 0 && $output == *"pulled again: $name"* ]] || fail "$output" "$stderr"
        (($(registry_asked hive '"GET /v2/one/blobs/') == before + 1)) || fail "$(registry_log hive)"
        [[ $(id_of "$name") == "$id" ]]
    done
    registry_stop hive
    assert_clean
    [[ $(ruche images -q | wc -l) == 2 ]]
    # from where nobody answers
    flip "$ROOT/oci/blobs/sha256/${id#sha256:}" 20 1
    try ruche system check --repair
    assert_status 1
    assert_match "*pull or load it again: $name*"
    [[ $stderr == *"$address"* ]]
}

@test "a damaged manifest or configuration takes its image along, and no other" {
    local kind
    for kind in manifest config; do
        load_images one two
        local digest id
        id=$(id_of example.org/one:1)
        digest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "example.org/one:1") | .digest' "$ROOT/oci/index.json")
        [[ $kind == manifest ]] || digest=$id
        flip "$ROOT/oci/blobs/sha256/${digest#sha256:}" 30 0
        try ruche system check --repair --offline
        assert_status 1
        assert_match '*pull or load it again: example.org/one:1*'
        [[ -z $(id_of example.org/one:1) ]]
        try ruche run --rm example.org/two:1
        assert_output two
        load_images one
        assert_clean
        try ruche run --rm example.org/one:1
        assert_output one
    done
}

@test "a damaged index is taken from its copy" {
    load_images one two
    local before
    before=$(ruche images --no-trunc --digests)
    : >"$ROOT/oci/index.json"
    try ruche images
    assert_status 125
    try ruche system check --repair --offline
    assert_status 0
    assert_match '*index.json is damaged; taken from its copy*'
    [[ $(ruche images --no-trunc --digests) == "$before" ]]
    assert_clean
    rm "$ROOT/oci/index.json"
    run ruche system check
    assert_status 1
    ruche system check --repair --offline >/dev/null
    [[ $(ruche images --no-trunc --digests) == "$before" ]]
    # one row of it: the name of an image
    sed -i 's/example.org\/one:1/example.org\/onf:1/' "$ROOT/oci/index.json"
    try ruche system check --repair --offline
    assert_status 0
    [[ $(ruche images --no-trunc --digests) == "$before" ]]
    assert_clean
}

@test "what is missing is said" {
    load_images one
    local id
    ruche create --name box example.org/one:1 >/dev/null
    id=$(id_of example.org/one:1)
    mv "$ROOT/layers" layers
    mkdir "$ROOT/layers"
    try ruche system check
    assert_status 1
    assert_match '*container box: its image*layer sha256:* is missing*'
    rmdir "$ROOT/layers"
    mv layers "$ROOT/layers"
    assert_clean
    mv "$ROOT/oci/blobs/sha256/${id#sha256:}" config
    try ruche system check
    assert_status 1
    assert_match "*blob $id of example.org/one:1 is missing*"
    mv config "$ROOT/oci/blobs/sha256/${id#sha256:}"
    assert_clean
}

@test "what crashes leave is no fault, and goes" {
    load_images one
    printf x >"$ROOT/oci/blobs/sha256/.$(printf '0%.0s' {1..64}).0123456789abcdef"
    cp "$F/c.tar" "$ROOT/oci/blobs/sha256/$(sha256sum "$F/c.tar" | cut -d' ' -f1)"
    mkdir -p "$ROOT/layers/$(printf '1%.0s' {1..64})/tree" "$ROOT/ingest/0123456789abcdef"
    try ruche system check
    assert_status 0
    assert_match '*no faults*3 blobs or layers are left over*'
    ruche image prune -f >/dev/null
    assert_clean
    [[ $(find "$ROOT/oci/blobs/sha256" -type f | wc -l) == 4 ]]
    [[ $(find "$ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l) == 2 ]]
}

@test "other tools' rows are no fault" {
    need_all skopeo
    load_images one
    skopeo copy -q "oci-archive:$F/two.tar" "oci:$ROOT/oci:example.org/two:1"
    assert_clean
    try ruche run --rm example.org/two:1
    assert_output two
    ruche tag example.org/two:1 three
    assert_clean
}

# ---- prune ----

@test "image prune: what has no name, or no container" {
    load_images one two
    ruche untag example.org/two:1 >/dev/null
    try ruche image prune -f
    assert_status 0
    assert_match 'Deleted Images:*deleted: sha256:*Total reclaimed space: *'
    [[ $(ruche images -q | wc -l) == 1 ]]
    load_images two
    ruche create example.org/one:1 >/dev/null
    try ruche image prune -a -f
    assert_match '*untagged: example.org/two:1*'
    [[ $(ruche images -q | wc -l) == 1 ]]
    remove_all
    ruche image prune -af >/dev/null
    store_is_empty
}

@test "image prune: filters" {
    load_images one two
    ruche image prune -af --filter label=kind=third >/dev/null
    [[ $(ruche images -q | wc -l) == 2 ]]
    ruche image prune -af --filter 'label!=kind' >/dev/null
    [[ $(ruche images -q | wc -l) == 2 ]]
    ruche image prune -af --filter label=kind --filter 'label!=kind=first' >/dev/null
    [[ -n $(id_of example.org/one:1) && -z $(id_of example.org/two:1) ]]
    ruche import -q "$F/b.tar" new:1 >/dev/null
    ruche image prune -af --filter until=1h >/dev/null
    [[ -n $(id_of new:1) ]]
    sleep 1.1
    ruche image prune -af --filter until=1s >/dev/null
    [[ -z $(id_of new:1) ]]
    try ruche image prune -f --filter until=never
    assert_error 125 '*until*'
    try ruche image prune -f --filter nothing=1
    assert_error 125 '*there is no "nothing"*'
}

@test "prune asks a terminal, and nobody else" {
    load_images one
    local words
    for words in 'image prune' 'system prune'; do
        # shellcheck disable=SC2086
        run --separate-stderr ruche $words </dev/null
        assert_status 125
        assert_stderr '*there is no terminal to ask*--force*'
    done
    command -v script >/dev/null || skip "there is no script"
    run script -qec "'$RUCHE' --root '$ROOT' --run '$RUN' image prune -a" /dev/null <<<n
    [[ -n $(id_of example.org/one:1) ]]
    run script -qec "'$RUCHE' --root '$ROOT' --run '$RUN' image prune -a" /dev/null <<<y
    assert_match '*WARNING! This will remove:*Total reclaimed space*'
    [[ -z $(id_of example.org/one:1) ]]
}

@test "system prune: containers that ended, then images" {
    load_images one two
    ruche run --name ended example.org/one:1 >/dev/null
    ruche create --name created --label keep=me example.org/one:1 >/dev/null
    ruche run -d --name running example.org/two:1 sleep 10000 >/dev/null
    try ruche system prune -af --filter 'label!=keep'
    assert_status 0
    assert_match 'Deleted Containers:*Total reclaimed space: *'
    [[ $(ruche ps -a --format '{{.Names}}' | sort | tr '\n' ' ') == 'created running ' ]]
    ruche system prune -af >/dev/null
    [[ $(ruche ps -a --format '{{.Names}}') == running ]]
    [[ -z $(id_of example.org/one:1) && -n $(id_of example.org/two:1) ]]
    assert_clean
}

# ---- mounts ----

@test "image mount: of files and of directories, of one layer and of two" {
    need_root
    local storage path
    for storage in erofs overlay; do
        STORAGE=(--storage-driver "$storage")
        load_images one two || continue
        ruche "${STORAGE[@]}" import -q "$F/b.tar" single >/dev/null
        path=$(ruche image mount example.org/one:1)
        cmp "$path/srv/b" "$F/b/srv/b"
        cmp "$path/srv/a" "$F/a/srv/a"
        [[ $(readlink "$path/bin/sh") == busybox ]]
        run touch "$path/new"
        ((status != 0))
        [[ $(ruche image mount example.org/one:1) == "$path" ]]
        [[ $(grep -c " $path " /proc/self/mountinfo) == 1 ]]
        cmp "$(ruche image mount single)/srv/b" "$F/b/srv/b"
        try ruche image mount
        assert_match "IMAGE*PATH*example.org/one:1*$path*"
        try ruche rmi example.org/one:1
        assert_status 1
        [[ $stderr == *"is mounted at $path; unmount it first, by \"ruche image unmount example.org/one:1\""* ]]
        ruche image prune -af >/dev/null
        cmp "$path/srv/b" "$F/b/srv/b"
        ruche image unmount -a >/dev/null
        [[ ! -e $path ]]
        ! grep -q " $RUN/mounts" /proc/self/mountinfo || fail "a mount is left"
        try ruche image unmount example.org/one:1
        assert_status 1
        ruche image prune -af >/dev/null
        store_is_empty
    done
    try ruche image unmount
    assert_error 125 '*name an image*'
    try ruche image mount none
    assert_status 1
}

@test "image mount is root's" {
    ((EUID == 0)) || {
        load_images one
        try ruche image mount example.org/one:1
        assert_status 1
        [[ $stderr == *'only root can mount images'* ]]
        return 0
    }
    skip "needs an ordinary user"
}

# ---- gc ----

# used_days_ago NAME DAYS
used_days_ago() {
    local id
    id=$(id_of "$1")
    touch -a -d "-$2 days" "$ROOT/oci/blobs/sha256/${id#sha256:}"
}

@test "gc: nothing below the high mark, the longest unused first above it" {
    load_images one two
    try ruche system gc --high-watermark 100%
    assert_status 0
    assert_match 'The file system is *% full'
    [[ $(ruche images -q | wc -l) == 2 ]]
    try ruche system gc --high-watermark 0 --low-watermark 0 --dry-run
    assert_match 'Would untag: *Would delete: sha256:*'
    [[ $(ruche images -q | wc -l) == 2 ]]
    ruche create --name box example.org/one:1 >/dev/null
    ruche system gc --high-watermark 0 --low-watermark 0 >/dev/null
    [[ $(ruche images -q) == "$(ruche images -q example.org/one:1)" ]]
    ruche rm box >/dev/null
    ruche system gc --high-watermark 0 --low-watermark 0 --keep-days 1 >/dev/null
    [[ -n $(id_of example.org/one:1) ]]
    ruche system gc --high-watermark 0 --low-watermark 0 >/dev/null
    store_is_empty
    try ruche system gc --high-watermark 10 --low-watermark 20
    assert_error 125 '*--low-watermark is above --high-watermark*'
    try ruche system gc --high-watermark 101
    assert_error 125 '*--high-watermark*'
}

@test "gc on a file system of its own: down to the low mark, and no further" {
    need_root
    mkdir small
    unshare -m true || skip "mounts are not possible"
    # 3 images of 2 MB each and more on 12 MiB
    for n in 1 2 3; do
        mkdir -p "big$n"
        head -c 1500000 /dev/urandom >"big$n/data"
        make_tar "big$n.tar" "big$n"
    done
    run unshare -m sh -ec '
        mount -t tmpfs -o size=12m,mode=755 tmpfs small
        r() { "$RUCHE" --root "$PWD/small/root" --run "$PWD/small/run" "$@"; }
        for n in 1 2 3; do r import -q "big$n.tar" "big:$n" >/dev/null; sleep 1.1; done
        before=$(df --output=pcent small | tail -1 | tr -d " %")
        r system gc --high-watermark "$((before - 1))" --low-watermark "$((before - 5))"
        r images --format "{{.Tag}}"
    '
    assert_status 0
    assert_match 'Untagged: big:1*Deleted: sha256:*The file system is*'
    [[ ${lines[-2]}${lines[-1]} == 32 || ${lines[-2]}${lines[-1]} == 23 ]] || fail "$output"
}
