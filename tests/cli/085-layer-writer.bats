#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Layers that another version of ruche has written: what it makes of the same archive may differ, and is no damage.

load images

setup_file() {
    need_root
    need_all python3 busybox
    cd "$BATS_FILE_TMPDIR"
    make_rootfs rootfs
    mkdir rootfs/srv
    seq 100000 >rootfs/srv/numbers
    make_tar rootfs.tar rootfs
}

setup() {
    common_setup
    ruche import -q "$BATS_FILE_TMPDIR/rootfs.tar" layer:1 >/dev/null
    LAYER=$(echo "$ROOT"/layers/*.erofs)
    [[ -f $LAYER ]] || skip "layers are no files here"
}

# patch KIND: the layer's superblock becomes that of another writer, with the right checksum ("writer"), and its UUID another one
# ("uuid"); or the writer without the checksum ("name"); or a byte of a file is another one ("data")
patch() {
    python3 - "$LAYER" "$1" <<'end'
import struct, sys
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc
with open(sys.argv[1], "r+b") as file:
    data = bytearray(file.read())
    block = data[1024:4096]
    if sys.argv[2] == "uuid":
        block[48] ^= 1
    if sys.argv[2] in ("writer", "uuid", "name"):
        assert block[64:72] == b"ruche 1\0", bytes(block[64:80])
        block[64:72] = b"ruche 0\0"
    if sys.argv[2] in ("writer", "uuid"):
        was, = struct.unpack_from("<I", block, 4)
        block[4:8] = bytes(4)
        struct.pack_into("<I", block, 4, crc32c(block))
    data[1024:4096] = block
    if sys.argv[2] == "data":
        data[data.index(b"\n77777\n") + 1] ^= 1
    file.seek(0)
    file.write(data)
end
}

clean() {
    try ruche system check
    [[ $status == 0 && $output == *'no faults'* ]] || fail "$output" "$stderr"
}

@test "the layer says who has written it" {
    [[ $(head -c 1096 "$LAYER" | tail -c 8 | tr -d '\0') == 'ruche 1' ]]
    clean
}

@test "another writer's layer is compared by what is in it" {
    patch uuid
    clean
    [[ $(ruche run --rm layer:1 /bin/tail -n 1 /srv/numbers) == 100000 ]]
    patch data
    try ruche system check
    assert_status 1
    [[ ${lines[0]} == 'layer sha256:'*' is not what its blob unpacks to' ]] || fail "$output"
    try ruche system check --repair --offline
    assert_status 0
    [[ $(head -c 1096 "$LAYER" | tail -c 8 | tr -d '\0') == 'ruche 1' ]] || fail "it was not written anew"
    clean
}

@test "a damaged name of the writer is damage" {
    patch name
    try ruche system check
    assert_status 1
    [[ ${lines[0]} == 'layer sha256:'*' cannot be read: '* ]] || fail "$output"
    ruche system check --repair --offline >/dev/null
    clean
}

@test "the same writer's is compared byte by byte" {
    printf x | dd of="$LAYER" bs=1 seek=100 conv=notrunc status=none # before the superblock nothing means anything
    try ruche system check
    assert_status 1
    ruche system check --repair --offline >/dev/null
    clean
}
