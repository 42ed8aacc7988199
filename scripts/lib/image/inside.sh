#!/bin/sh
# inside.sh ROOT COMMAND...: runs a command in another root, with what it needs of the kernel mounted for as long as it takes.
set -eu
if [ "${1:-}" != --mount ]; then
    exec unshare --mount "$0" --mount "$@"
fi
root=$2
shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
# Nothing of this machine's surroundings reaches in there.
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    DEBCONF_NONINTERACTIVE_SEEN=true SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" chroot "$root" "$@" </dev/null
