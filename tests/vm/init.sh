#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# The first program in the guest, in its initramfs: finds the disk, and goes on from there.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sys /sys
$busybox mount -t devtmpfs dev /dev
# In the order of their dependencies.
for module in virtio_ring virtio virtio_mmio virtio_blk; do
    $busybox insmod "/modules/$module.ko"
done
waited=0
until [ -b /dev/vda ] || [ $waited -gt 3000 ]; do
    $busybox sleep 0.1
    waited=$((waited + 1))
done
if ! $busybox mount -t ext4 /dev/vda /new; then
    echo "# the guest has no disk"
    $busybox reboot -f
fi
for directory in proc sys dev; do
    $busybox mount --move /$directory /new/$directory
done
init=/tests/guest.sh
for word in $($busybox cat /new/proc/cmdline); do
    case $word in vm.init=*) init=${word#vm.init=} ;; esac
done
exec $busybox switch_root /new "$init"
# Not reached unless it failed: the kernel panics, and the machine ends.
