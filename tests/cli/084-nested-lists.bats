#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Lists in lists, in archives and layouts: what would be a thousand times a thousand members, or take hours to read, is refused
# at once, and leaves nothing.

load images

# layouts/NAME, image layouts: "honest" (a list of two lists of one image each), "fan" (three levels of lists, each naming the
# next one 4,000 times: 64 * 10^9), "wide" (4,100 manifests in two lists), "rows" (an index.json of 20,000 rows, each of the
# same large list), "configs" (2,000 rows of an image with a configuration of 1 MiB), "deep" (six levels)
setup_file() {
    need_all python3 busybox
    cd "$BATS_FILE_TMPDIR"
    make_rootfs rootfs
    make_tar rootfs.tar rootfs
    python3 - <<'end'
import hashlib, json, os
LIST, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
CONFIG, LAYER = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"
tar = open("rootfs.tar", "rb").read()

class Layout:
    def __init__(self, name):
        self.path = os.path.join("layouts", name)
        os.makedirs(self.path + "/blobs/sha256")
        self.write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    def write(self, path, data):
        with open(os.path.join(self.path, path), "wb") as out:
            out.write(data)
    def blob(self, data, kind):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        digest = hashlib.sha256(data).hexdigest()
        self.write("blobs/sha256/" + digest, data)
        return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}
    def image(self, note="", architecture="amd64"):
        layer = self.blob(tar, LAYER)
        config = self.blob({"architecture": architecture, "os": "linux", "author": note, "config": {"Cmd": ["/bin/echo", "nested"]},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}, CONFIG)
        row = self.blob({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}, MANIFEST)
        return dict(row, platform={"os": "linux", "architecture": architecture})
    def list(self, rows):
        return self.blob({"schemaVersion": 2, "mediaType": LIST, "manifests": rows}, LIST)
    def end(self, rows, name="nested:1"):
        rows = [dict(row, annotations={"org.opencontainers.image.ref.name": name}) for row in rows]
        self.write("index.json", json.dumps({"schemaVersion": 2, "manifests": rows}).encode())

to = Layout("honest")
to.end([to.list([to.list([to.image()]), to.list([to.image(architecture="arm64")])])])
to = Layout("fan")
inner = to.image()
for _ in range(3):
    inner = to.list([{key: inner[key] for key in ("mediaType", "digest", "size")}] * 4000)
to.end([inner])
to = Layout("wide")
to.end([to.list([to.list([to.image(str(i)) for i in range(10)]), to.list([to.image(str(i)) for i in range(10, 4100)])])])
to = Layout("rows")
inner = to.list([to.image()] * 15000)
to.write("index.json", json.dumps({"schemaVersion": 2, "manifests": [inner] * 20000}).encode())
to = Layout("fewer-rows")
inner = to.list([to.image()] * 15000)
to.end([inner] * 4000)
to = Layout("configs")
to.end([to.image("x" * (1 << 20))] * 2000)
to = Layout("deep")
inner = to.image()
for _ in range(6):
    inner = to.list([inner])
to.end([inner])
end
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    L=$BATS_FILE_TMPDIR/layouts
}

@test "lists in a list, as they should be" {
    try ruche load -qi "$L/honest"
    assert_status 0
    assert_output 'Loaded image: nested:1'
    [[ $(ruche run --rm nested:1) == nested ]]
    ruche rmi nested:1 >/dev/null
    try ruche image copy -q --all "oci:$L/honest" oci:copy:1
    [[ $status == 0 ]] || fail "$stderr"
    [[ $(find copy/blobs -type f | wc -l) == $(find "$L/honest/blobs" -type f | wc -l) ]]
}

@test "a list that names the next one thousands of times is read once" {
    local before=$SECONDS
    try ruche load -qi "$L/fan"
    assert_status 0
    ruche rmi nested:1 >/dev/null
    try ruche image copy -q --all "oci:$L/fan" oci:copy:1
    [[ $status == 0 ]] || fail "$stderr"
    [[ $(find copy/blobs -type f | wc -l) == 6 ]]
    ((SECONDS - before < 120)) || fail "it took $((SECONDS - before)) s"
}

@test "more manifests than one list may have" {
    try ruche image copy -q --all "oci:$L/wide" oci:copy:1
    assert_refused '*it is a list of more than 4096 manifests*; choose one by --platform'
    # Of one member it is as good as any.
    try ruche load -qi "$L/wide"
    assert_status 0
    ruche rmi nested:1 >/dev/null
}

@test "the same large documents again and again" {
    try ruche load -qi "$L/rows"
    assert_refused 'load: index.json: more than 4096 manifests'
    try ruche load -qi "$L/fewer-rows"
    assert_refused 'load: image * of 4000: its documents come to more than 64 MiB'
    try ruche load -qi "$L/configs"
    assert_refused 'load: image * of 2000: *its documents come to more than 64 MiB'
}

@test "too deep" {
    try ruche load -qi "$L/deep"
    assert_refused 'load: image 1 of 1: indexes lie in one another deeper than 4'
    try ruche image copy -q --all "oci:$L/deep" oci:copy:1
    assert_refused '*indexes lie in one another deeper than 4'
}
