#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# builtin-image.sh BUSYBOX ARCHITECTURE OUTPUT: packs a static busybox into an oci-archive with one image,
# docker.io/library/busybox:latest. The same busybox gives the same bytes, whoever runs this and whenever.
# Needs GNU tar, coreutils, sed, and binutils' readelf.
set -eu
umask 022
LC_ALL=C
export LC_ALL

if [ $# -ne 3 ]; then
    echo "usage: builtin-image.sh BUSYBOX ARCHITECTURE OUTPUT" >&2
    exit 2
fi
busybox=$1
architecture=$2
output=$3
name=docker.io/library/busybox:latest

if readelf -lW "$busybox" | grep -q INTERP; then
    echo "builtin-image.sh: $busybox is not static; install Debian's busybox-static" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tree=$work/tree
layout=$work/layout
blobs=$layout/blobs/sha256
mkdir -p "$tree" "$blobs"

seconds=${SOURCE_DATE_EPOCH:-$(stat -L -c %Y "$busybox")}
created=$(date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ)
version=$("$busybox" | sed -n '1s/^BusyBox v\([^ ]*\).*/\1/p')

# ---- the root file system ----

for directory in bin dev etc home opt proc root run sbin sys tmp usr usr/bin usr/lib usr/sbin \
    var var/cache var/log var/spool var/tmp; do
    mkdir -p "$tree/$directory"
done
chmod 0700 "$tree/root"
chmod 1777 "$tree/tmp" "$tree/var/tmp"
ln -s ../run "$tree/var/run"

cp "$busybox" "$tree/bin/busybox"
chmod 0755 "$tree/bin/busybox"
"$busybox" --list-full | while IFS= read -r applet; do
    case $applet in
    bin/busybox | linuxrc) continue ;;
    bin/*) target=busybox ;;
    sbin/*) target=../bin/busybox ;;
    usr/bin/* | usr/sbin/*) target=../../bin/busybox ;;
    *) continue ;;
    esac
    ln -s "$target" "$tree/$applet"
done

cat >"$tree/etc/passwd" <<'EOF'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
EOF
cat >"$tree/etc/group" <<'EOF'
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
kmem:x:9:
wheel:x:10:root
cdrom:x:11:
dialout:x:18:
floppy:x:19:
video:x:28:
www-data:x:33:
operator:x:37:
utmp:x:43:
users:x:100:
nogroup:x:65534:
EOF
cat >"$tree/etc/shadow" <<'EOF'
root:*:::::::
daemon:*:::::::
bin:*:::::::
sys:*:::::::
sync:*:::::::
mail:*:::::::
www-data:*:::::::
operator:*:::::::
nobody:*:::::::
EOF
chmod 0600 "$tree/etc/shadow"
cat >"$tree/etc/hosts" <<'EOF'
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
EOF
# Places for what a container is told of its network: where there is none, each start has to make one.
: >"$tree/etc/hostname"
: >"$tree/etc/resolv.conf"
# /etc/hosts before the DNS, said here and not left to what the C library takes for granted.
cat >"$tree/etc/nsswitch.conf" <<'EOF'
passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
EOF
cat >"$tree/etc/profile" <<'EOF'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PS1='\u@\h:\w\$ '
EOF

pack() { # DIRECTORY, to standard output
    tar -c --format=gnu --sort=name --mtime="@$seconds" --owner=0 --group=0 --numeric-owner \
        -C "$1" .
}

# ---- the image layout ----

put() { # FILE: moves it among the blobs, sets digest and size
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    size=$(stat -c %s "$1")
    mv "$1" "$blobs/$digest"
}

pack "$tree" >"$work/layer"
put "$work/layer"
layer_digest=$digest
layer_size=$size

printf '{"created":"%s","architecture":"%s","os":"linux","config":{"Env":["PATH=%s"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"%s","created_by":"busybox %s, static, all applets"}]}' \
    "$created" "$architecture" /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "$layer_digest" "$created" "$version" >"$work/config"
put "$work/config"
config_digest=$digest
config_size=$size

manifest_type=application/vnd.oci.image.manifest.v1+json
printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
    "$manifest_type" "$config_digest" "$config_size" "$layer_digest" "$layer_size" \
    >"$work/manifest"
put "$work/manifest"

printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"%s","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
    "$manifest_type" "$digest" "$size" "$name" >"$layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"

pack "$layout" >"$output.tmp"
mv "$output.tmp" "$output"
