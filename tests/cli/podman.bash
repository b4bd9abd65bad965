# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# podman on a storage of the test's own. Load with `load podman`.

podman() {
    command podman --root "$BATS_TEST_TMPDIR/podman" --runroot "$BATS_TEST_TMPDIR/podman.run" --storage-driver vfs \
        --cgroup-manager cgroupfs "$@"
}
