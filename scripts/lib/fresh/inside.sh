#!/bin/sh
# inside.sh ROOT USER HOME COMMAND...: the first process of the new system's name spaces. Makes ROOT the root, and runs the command.
# By pivot_root, since the kernel gives no user name spaces to who is in a chroot.
set -eu
root=$1 user=$2 home=$3
shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -p "$root/run/lock"
chmod 1777 "$root/run/lock"
cd "$root"
mkdir -p .before
pivot_root . .before
umount --lazy /.before
rmdir /.before
cd "$home/src/listener"
if [ "$user" = root ]; then
    path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
else
    path=/usr/local/bin:/usr/bin:/bin
fi
setsid --wait setpriv --reuid "$user" --regid "$user" --init-groups \
    env -i HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/sh LANG=C.UTF-8 PATH="$path" "$@" </dev/null
