#!/bin/sh
# namespace.sh COMMAND...: runs a command as root of a user name space with 65536 users, where it may change root and own files
# as anybody, and where programs for the Pi run under qemu-user. Nothing of it is left on this machine.
set -eu

if [ "${1:-}" = --inside ]; then
    # The other side writes which users this name space has.
    read -r _ <"$2"
    shift 2
    # Since Linux 6.7 a name space has its own table of foreign programs; before, the machine's own has to have them.
    if mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc 2>/dev/null && [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
        # As Debian's own, in either release: an ELF program, 64 bits, for AArch64; the emulator is opened here and now.
        printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$(command -v qemu-aarch64-static)"':F' \
            >/proc/sys/fs/binfmt_misc/register
    fi
    [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || {
        echo "error: this kernel does not run programs for arm64: install binfmt-support, or start systemd-binfmt.service" >&2
        exit 1
    }
    # In a shell that is root of the name space since its users are known.
    exec "$@"
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/go"
unshare --user --mount --pid --fork --kill-child "$0" --inside "$dir/go" "$@" &
child=$!
until [ "$(readlink "/proc/$child/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do
    kill -0 "$child" 2>/dev/null || { echo "error: user name spaces are not to be had here" >&2; exit 1; }
    sleep 0.05
done
if [ "$(id -u)" = 0 ]; then
    echo 0 0 65536 >"/proc/$child/uid_map"
    echo 0 0 65536 >"/proc/$child/gid_map"
else
    # shellcheck disable=SC2046 # start and count
    set -- $(sed -n "s/^$(id -un)://p" /etc/subuid | tr : ' ' | head -n 1)
    [ $# = 2 ] || { echo "error: /etc/subuid has no users for $(id -un): usermod --add-subuids 100000-165535 --add-subgids 100000-165535" >&2; exit 1; }
    newuidmap "$child" 0 "$(id -u)" 1 1 "$1" "$2"
    newgidmap "$child" 0 "$(id -g)" 1 1 "$1" "$2"
fi
echo >"$dir/go"
wait "$child"
